// Makes a list that fails shorter.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace test {

/// The shortest list found by leaving out parts of `list` for which `fails(list)` still holds: first
/// halves of it, then ever smaller parts, then single elements (Zeller's ddmin). It ends when no
/// element can be left out, or at `until`.
template <class Element, class Fails>
std::vector<Element> shrink(std::vector<Element> list, Fails fails,
                            std::chrono::steady_clock::time_point until) {
  const auto without = [&](std::size_t begin, std::size_t end) {
    std::vector<Element> rest(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(begin));
    rest.insert(rest.end(), list.begin() + static_cast<std::ptrdiff_t>(end), list.end());
    return rest;
  };
  std::size_t size = (list.size() + 1) / 2;
  while (size > 0) {
    bool is_shorter = false;
    for (std::size_t begin = 0; begin < list.size();) {
      if (std::chrono::steady_clock::now() > until) return list;
      std::vector<Element> rest = without(begin, std::min(begin + size, list.size()));
      if (fails(std::as_const(rest))) {
        list = std::move(rest);
        is_shorter = true;
      } else {
        begin += size;
      }
    }
    if (size == 1 && !is_shorter) break;
    size = size == 1 ? 1 : (size + 1) / 2;
  }
  return list;
}

}  // namespace test
