// Waking a thread that waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>

#include <inotify/detail/unique_fd.hpp>
#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Why a wait ended.
enum class Wake { events, interrupt, timeout };

/// An eventfd to wait for beside another descriptor, because close(2) in another thread does not
/// wake a blocked read(2) [16].
class Waker {
 public:
  Waker() = default;
  explicit Waker(std::error_code& ec) noexcept;

  /// Waits until `fd` is readable, interrupt() is called or `timeout` has passed; with a negative
  /// `fd`, for the latter two alone. An interrupt is consumed by the wait that it ends. Signals do
  /// not end it. Errors: EBADF.
  Wake wait(int fd, std::chrono::milliseconds timeout, std::error_code& ec) const noexcept {
    bool is_urgent = false;
    return wait(fd, -1, is_urgent, timeout, ec);
  }
  /// The same, but `urgent`, if it is not negative, ends it as well if it has something with POLLPRI;
  /// `is_urgent` says so.
  Wake wait(int fd, int urgent, bool& is_urgent, std::chrono::milliseconds timeout,
            std::error_code& ec) const noexcept;

  /// The same for who reads `fd` alone, and until nothing is left, between any two of these waits: it ends
  /// once for what has come since the last one, and that is cheaper. It sleeps in an epoll set, where `fd`
  /// is told by its edge, so that neither the way to sleep nor the way back asks each descriptor [57].
  /// Without a descriptor for the set it is wait(). The first says at once that `urgent` is ready.
  Wake wait_for_more(int fd, int urgent, bool& is_urgent, std::chrono::milliseconds timeout,
                     std::error_code& ec) noexcept;

  /// Ends a wait() of another thread, or the next one. Async-signal-safe. Exported, for inline functions
  /// of public classes call it.
  INOTIFY_API void interrupt() const noexcept;

  void reset() noexcept {
    fd_.reset();
    set_.reset();
  }

 private:
  enum Source : std::uint32_t { interrupts, more, urgency };

  bool make_set(int fd, int urgent) noexcept;
  [[nodiscard]] bool put(int operation, int fd, std::uint32_t events, Source source) const noexcept;
  void take_interrupts() const noexcept;

  UniqueFd fd_;
  UniqueFd set_;     // once wait_for_more() was called: of fd_, `fd` and `urgent`
  int urgent_ = -1;  // of set_
};

}  // namespace inotify::inline v0::detail
