// Why a thread that waits is woken.
#pragma once

#include <atomic>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Beside a Waker, which tells no reasons: whoever wakes says why first, and then wakes; the thread that
/// is woken takes what has been said. If that is nothing, the reason was taken before, and it waits on.
///
/// Thread safety: add() from any thread and from a signal handler.
class WakeReasons {
 public:
  enum Reason : unsigned { interrupt = 1, wake = 2 };

  WakeReasons() = default;
  WakeReasons(WakeReasons&& other) noexcept : reasons_(other.take()) {}
  WakeReasons& operator=(WakeReasons&& other) noexcept {
    reasons_ = other.take();
    return *this;
  }

  void add(Reason reason) noexcept { reasons_ |= reason; }
  [[nodiscard]] bool empty() const noexcept { return reasons_ == 0; }
  /// Takes all; a set of Reason.
  unsigned take() noexcept { return reasons_.exchange(0); }

 private:
  static_assert(std::atomic<unsigned>::is_always_lock_free);
  std::atomic<unsigned> reasons_ = 0;
};

}  // namespace inotify::inline v0::detail
