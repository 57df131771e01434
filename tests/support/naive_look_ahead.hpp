// LookAhead as simple as can be.
#pragma once

#include <sys/inotify.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <inotify/detail/look_ahead.hpp>
#include <string>
#include <utility>
#include <vector>

namespace test {

constexpr inotify::Mask name_bits = IN_CREATE | IN_DELETE | IN_MOVE;

/// Every question walks all events ever pushed, from the first.
struct NaiveLookAhead {
  struct Item {
    int wd;
    inotify::Mask mask;
    std::uint32_t cookie;
    std::string name;
    std::uint64_t end = 0;  // in the stream
    bool taken = false;

    [[nodiscard]] std::size_t size() const {
      return 16 + (name.empty() ? 0 : (name.size() + 16) / 16 * 16);
    }
  };
  std::vector<Item> items;
  std::uint64_t end = 0;
  std::size_t current = 0;  // numbers, from 1: items[current - 1]
  std::size_t handed_out = 0;

  [[nodiscard]] const Item& at(std::size_t number) const { return items[number - 1]; }
  [[nodiscard]] bool is_name_event(std::size_t number) const {
    return (at(number).mask & name_bits) != 0;
  }

  template <class Is>
  [[nodiscard]] std::size_t first_after(std::size_t number, Is is) const {
    for (std::size_t i = std::max(number, handed_out) + 1; i <= items.size(); ++i) {
      if (!at(i).taken && is(at(i))) return i;
    }
    return 0;
  }
  [[nodiscard]] std::size_t number(const inotify::detail::LookAhead::Entry* entry) const {
    if (entry == nullptr) return 0;
    const auto found = std::ranges::lower_bound(items, entry->position, {}, &Item::end);
    return static_cast<std::size_t>(found - items.begin()) + 1;
  }
  void push(Item item) {
    item.end = end += item.size();
    items.push_back(std::move(item));
  }
  bool next() {
    current = first_after(0, [](const Item&) { return true; });
    handed_out = current != 0 ? current : items.size();
    return current != 0;
  }
  void clear() {
    current = 0;
    items.resize(handed_out);  // what was not handed out has never been
  }
};

}  // namespace test
