// One inotify instance: the descriptor and the system calls on it, each forwarded and nothing more.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <inotify/detail/unique_fd.hpp>
#include <inotify/detail/waker.hpp>
#include <inotify/error.hpp>
#include <inotify/mask.hpp>
#include <inotify/raw_event.hpp>

namespace inotify::inline v0 {

/// The bytes that can be read from a descriptor at this moment (FIONREAD), of any kind that knows
/// it. Errors: EBADF, ENOTTY.
INOTIFY_API std::size_t bytes_readable(int fd);
INOTIFY_API std::size_t bytes_readable(int fd, std::error_code& ec) noexcept;

class AutoWatcher;

/// Owns an inotify descriptor (close-on-exec, non-blocking) and an eventfd that wakes a waiting
/// thread. Move-only; a moved-from or closed instance answers every call with EBADF.
///
/// Errors: each call that can fail throws std::system_error, or sets the std::error_code& given and
/// is noexcept (but for watch_descriptors(), which may throw std::bad_alloc).
///
/// Thread safety: interrupt() may be called from any thread and from a signal handler, as long as
/// the instance is neither moved, closed nor destroyed meanwhile. add_watch, rm_watch, wait and
/// readable are as thread-safe as the system calls behind them.
///
/// Attention: after fork(2) both processes read from one queue and steal each other's events. Make
/// a new instance in the child. Source: inotify(7).
class INOTIFY_API Instance {
 public:
  /// inotify_init1(2). Errors: EMFILE (the instances of this user, or the descriptors of this
  /// process, are used up), ENFILE, ENOMEM.
  Instance();
  explicit Instance(std::error_code& ec) noexcept;

  /// Takes ownership of a descriptor made elsewhere, such as one inherited over execve(2), and
  /// makes it non-blocking. Errors: EBADF if it is not open, EINVAL if it is not an inotify
  /// descriptor: then it stays the caller's.
  static Instance from_fd(int fd);
  static Instance from_fd(int fd, std::error_code& ec) noexcept;

  /// The inotify descriptor, for poll(2), epoll(7) and event loops; -1 when closed.
  [[nodiscard]] int fileno() const noexcept { return fd_.get(); }
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }

  /// Closes it; all its watches go with it. Closing twice is fine.
  void close() noexcept {
    fd_.reset();
    waker_.reset();
  }

  /// inotify_add_watch(2): watches the inode behind `path`, or changes the mask of its watch;
  /// returns the watch descriptor, which is the same for all names of one inode. Errors: as in the
  /// man page; ENOSPC is the limit on watches.
  int add_watch(const char* path, Mask mask);
  int add_watch(const char* path, Mask mask, std::error_code& ec) noexcept;

  /// inotify_rm_watch(2): what is queued stays readable, IN_IGNORED follows. Errors: EINVAL if
  /// there is no such watch.
  void rm_watch(int wd);
  void rm_watch(int wd, std::error_code& ec) noexcept;

  /// Reads as many whole events as are queued and fit, without waiting: empty when there are none.
  /// The result points into `buffer`. Errors: EINVAL if not even the next event fits;
  /// `max_event_size` bytes are always enough.
  RawEvents read(std::span<std::byte> buffer);
  RawEvents read(std::span<std::byte> buffer, std::error_code& ec) noexcept;

  /// Bytes queued at this moment (FIONREAD): a hint and a mark ("the next n bytes were queued
  /// before now"). The kernel walks the queue to find it.
  [[nodiscard]] std::size_t readable() const;
  std::size_t readable(std::error_code& ec) const noexcept;

  /// The watches the kernel holds for this instance, in ascending order, from its fdinfo in
  /// /proc. Errors: ENOENT if there is no /proc, EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] std::vector<int> watch_descriptors() const;
  std::vector<int> watch_descriptors(std::error_code& ec) const;

  /// Why wait() returned.
  using Wake = detail::Wake;  // events, interrupt, timeout

  /// A timeout that never ends.
  static constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();

  /// Waits until events are queued, interrupt() is called or `timeout` has passed (a negative one
  /// counts as none). An interrupt is consumed by the wait that it ends; one that came while nobody
  /// waited ends the next wait. Signals do not end it.
  Wake wait(std::chrono::milliseconds timeout = forever);
  Wake wait(std::chrono::milliseconds timeout, std::error_code& ec) noexcept;

  /// Ends a wait() of another thread, or the next one. Async-signal-safe; does nothing when closed.
  void interrupt() const noexcept { waker_.interrupt(); }

  /// The bytes of the largest event there can be: a buffer of this size always takes at least one.
  /// NAME_MAX, 255 bytes, is not the limit of every file system: a name on vfat or exfat may have 765,
  /// and one on FUSE as many as a path, 4095 and the NUL.
  static constexpr std::size_t max_event_size = sizeof(inotify_event) + 4096;

 private:
  friend class AutoWatcher;
  friend class Watcher;
  // wait() for another descriptor as well, and, if it may sleep, for who reads all there is: see Waker.
  Wake wait_for_more(int urgent, bool& is_urgent, std::chrono::milliseconds timeout,
                     std::error_code& ec) noexcept;

  Instance(detail::UniqueFd fd, detail::Waker waker) noexcept
      : fd_(std::move(fd)), waker_(std::move(waker)) {}

  detail::UniqueFd fd_;
  detail::Waker waker_;
};

}  // namespace inotify::inline v0
