// How much one call may do before it returns.
#pragma once

#include <chrono>
#include <cstddef>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Bounds the steps of a call, lest others hold it who make work faster than it is done. A step is a
/// directory that is come to: some dozen system calls.
///
/// A call that is to be back in time has so much time, which begins with its first step, and a few steps
/// in any case: so each call gets on, and what is small is done at once, on however slow a machine. Any
/// other has about as many steps as it could need: each directory takes a watch, and the kernel gives out
/// only so many.
class Allowance {
 public:
  using milliseconds = std::chrono::milliseconds;

  void begin_timed() noexcept { begin(true); }
  void begin_counted() noexcept { begin(false); }
  void begin_again() noexcept { begin(is_timed_); }

  /// Takes `steps`; no more are left after that if they have taken longer than `most`.
  void spend(std::size_t steps, milliseconds most) noexcept;
  [[nodiscard]] bool is_used_up() const noexcept { return is_used_up_; }

 private:
  using clock = std::chrono::steady_clock;

  void begin(bool is_timed) noexcept {
    steps_ = 0;
    most_steps_ = 0;
    is_timed_ = is_timed;
    is_used_up_ = false;
  }

  std::size_t steps_ = 0;
  std::size_t most_steps_ = 0;  // if it is not timed; 0: not asked for yet
  clock::time_point begin_{};
  bool is_timed_ = false;
  bool is_used_up_ = false;
};

}  // namespace inotify::inline v0::detail
