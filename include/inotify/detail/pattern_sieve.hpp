// Which texts no pattern can match, by a look at their ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <inotify/detail/pattern_syntax.hpp>

namespace inotify::inline v0::detail {

/// For each byte, the patterns that what they match can begin with it, and those that it can end
/// with it; patterns share 64 bits. So two look-ups show that most names match none of them.
///
/// Invariant: if a pattern matches a text, they have a bit in common at its first and last byte.
class PatternSieve {
 public:
  void add(const PatternEdges& edges) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (count_++ % 64);
    for (std::size_t byte = 0; byte < first_.size(); ++byte) {
      if (edges.first[byte]) first_[byte] |= bit;
      if (edges.last[byte]) last_[byte] |= bit;
    }
  }

  /// Whether a text that is not empty and has these ends may be matched.
  [[nodiscard]] bool may_match(char first, char last) const noexcept {
    return (first_[static_cast<unsigned char>(first)] & last_[static_cast<unsigned char>(last)]) !=
           0;
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  std::array<std::uint64_t, 256> first_{};
  std::array<std::uint64_t, 256> last_{};
  std::size_t count_ = 0;
};

}  // namespace inotify::inline v0::detail
