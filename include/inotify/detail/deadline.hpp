// A timeout that has begun.
#pragma once

#include <algorithm>
#include <chrono>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// What is left of a timeout. A clock has an end: from a year on it counts as endless. A negative
/// one counts as none.
class Deadline {
 public:
  using milliseconds = std::chrono::milliseconds;

  explicit Deadline(milliseconds timeout) noexcept
      : is_endless_(timeout >= limit),
        end_(clock::now() + std::clamp(timeout, milliseconds::zero(), milliseconds(limit))) {}

  [[nodiscard]] bool is_endless() const noexcept { return is_endless_; }

  /// Rounded up, so that who waits so long never wakes early; milliseconds::max() if endless.
  [[nodiscard]] milliseconds left() const noexcept {
    if (is_endless_) return milliseconds::max();
    return std::max(std::chrono::ceil<milliseconds>(end_ - clock::now()), milliseconds::zero());
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::hours limit{24 * 365};

  bool is_endless_;
  clock::time_point end_;
};

}  // namespace inotify::inline v0::detail
