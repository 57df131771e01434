// A hash for names in directories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace inotify::inline v0::detail {

/// A hash of a directory, by whatever number it goes, and a name in it. Eight bytes at a time, so that
/// a name of 5 to 18 bytes takes some 30 instructions, where std::hash takes 70. Not for keys that an
/// enemy chooses; neither is std::hash.
inline std::uint32_t hash_name(std::uint32_t directory, std::string_view name) noexcept {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
  std::uint64_t hash = (directory + (std::uint64_t{name.size()} << 32)) * odd;
  const auto add = [&hash](const char* from, std::size_t size) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, size);
    hash = (hash ^ word) * odd;
    hash ^= hash >> 32;
  };
  const char* at = name.data();
  std::size_t left = name.size();
  for (; left > 8; at += 8, left -= 8) add(at, 8);
  if (name.size() >= 8) {
    add(at + left - 8, 8);
  } else if (left >= 4) {
    add(at, 4);
    add(at + left - 4, 4);
  } else {
    for (; left > 0; ++at, --left) add(at, 1);
  }
  return static_cast<std::uint32_t>(hash);
}

}  // namespace inotify::inline v0::detail
