// System calls that fail on demand. To be included by one source file of a program: it defines the
// C library's functions anew, so that the whole program, the library under test included, calls
// these.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

namespace test {

enum class Call {
  init,
  add_watch,
  rm_watch,
  eventfd,
  epoll_create,
  getdents,
  openat,
  fstatat,
  unshare,
  poll,
  read,
  epoll_ctl,
  open,
  fstat,
  fstatfs,
  lseek,
  fcntl,
  ioctl,
  readlinkat,
  fchdir,
  write,
  close,
  end
};

inline const char* name_of(Call call) {
  static constexpr std::array<const char*, static_cast<std::size_t>(Call::end)> texts = {
      "inotify_init1",
      "inotify_add_watch",
      "inotify_rm_watch",
      "eventfd",
      "epoll_create1",
      "getdents64",
      "openat",
      "fstatat",
      "unshare",
      "poll",
      "read",
      "epoll_ctl",
      "open",
      "fstat",
      "fstatfs",
      "lseek",
      "fcntl",
      "ioctl",
      "readlinkat",
      "fchdir",
      "write",
      "close"};
  return texts[static_cast<std::size_t>(call)];
}

constexpr int for_ever = std::numeric_limits<int>::max();

// Machines of 32 bits have other calls for sizes of 64.
#ifdef SYS_fstatat64
constexpr long sys_fstatat = SYS_fstatat64;
constexpr long sys_fstat = SYS_fstat64;
#else
constexpr long sys_fstatat = SYS_newfstatat;
constexpr long sys_fstat = SYS_fstat;
#endif

/// As long as it lives, calls number `first` to `first + times - 1` of one kind fail with `error`; what
/// is freed by the call is free all the same, as in the kernel. To be made while no other thread calls.
class Fault {
 public:
  Fault(Call call, int error, int first = 1, int times = 1) : plan_(plan(call)) {
    plan_.clear();
    plan_.error = error;
    plan_.first = first;
    plan_.times = times;
  }
  ~Fault() { plan_.clear(); }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  /// As long as it lives, `before(nth)` is called before each call of one kind; none fails.
  Fault(Call call, std::function<void(int)> before) : plan_(plan(call)) {
    plan_.clear();
    plan_.before = std::move(before);
  }

  /// What is called meanwhile neither counts nor fails: the test's own work.
  class Suspended {
   public:
    Suspended() noexcept { ++suspended(); }
    ~Suspended() { --suspended(); }
    Suspended(const Suspended&) = delete;
    Suspended& operator=(const Suspended&) = delete;
  };

  /// The next read(2) that has events finds the record of an overflow in their place.
  static void lose_what_is_queued() { loses() = true; }

  /// How many calls have failed.
  [[nodiscard]] int hits() const { return plan_.hits; }

  /// What each of the functions below does.
  template <class... Arguments>
  static long forward(Call call, long number, Arguments... arguments) {
    Plan& plan = Fault::plan(call);
    if (suspended() > 0) return ::syscall(number, arguments...);
    const int nth = ++plan.calls;
    if (plan.before && !std::exchange(plan.is_before, true)) {  // what that does itself is not told
      plan.before(nth);
      plan.is_before = false;
    }
    if (plan.error != 0 && nth >= plan.first && nth - plan.first < plan.times) {
      ++plan.hits;
      const bool is_done = call == Call::close || (call == Call::rm_watch && plan.error == EINVAL);
      if (is_done) ::syscall(number, arguments...);
      errno = plan.error;
      return -1;
    }
    return ::syscall(number, arguments...);
  }

 private:
  struct Plan {
    int error = 0;
    int first = 0;
    int times = 0;
    std::atomic<int> calls = 0;
    std::atomic<int> hits = 0;
    std::function<void(int)> before{};
    bool is_before = false;

    void clear() {
      error = first = times = 0;
      calls = hits = 0;
      before = {};
    }
  };
  static std::atomic<int>& suspended() {
    static std::atomic<int> count = 0;
    return count;
  }
  static Plan& plan(Call call) {
    static std::array<Plan, static_cast<std::size_t>(Call::end)> plans;
    return plans[static_cast<std::size_t>(call)];
  }

  Plan& plan_;

 public:
  static bool& loses() {
    static bool value = false;
    return value;
  }
};

}  // namespace test

extern "C" {

int inotify_init1(int flags) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::init, SYS_inotify_init1, flags));
}

int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
  return static_cast<int>(
      test::Fault::forward(test::Call::add_watch, SYS_inotify_add_watch, fd, path, mask));
}

int inotify_rm_watch(int fd, int wd) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::rm_watch, SYS_inotify_rm_watch, fd, wd));
}

int eventfd(unsigned count, int flags) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::eventfd, SYS_eventfd2, count, flags));
}

int epoll_create1(int flags) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::epoll_create, SYS_epoll_create1, flags));
}

int unshare(int flags) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::unshare, SYS_unshare, flags));
}

ssize_t getdents64(int fd, void* buffer, std::size_t size) noexcept {
  return test::Fault::forward(test::Call::getdents, SYS_getdents64, fd, buffer, size);
}

// Of the library's calls, which make no files.
int openat(int fd, const char* path, int flags, ...) {
  return static_cast<int>(test::Fault::forward(test::Call::openat, SYS_openat, fd, path, flags, 0));
}

int __openat_2(int fd, const char* path, int flags) {  // by that name if _FORTIFY_SOURCE is defined
  return ::openat(fd, path, flags);
}

int fstatat(int fd, const char* path, struct stat* status, int flags) noexcept {
  return static_cast<int>(
      test::Fault::forward(test::Call::fstatat, test::sys_fstatat, fd, path, status, flags));
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  // Newer machines have no poll(2).
  timespec time{timeout / 1000, timeout % 1000 * 1'000'000L};
  timespec* end = timeout < 0 ? nullptr : &time;
  return static_cast<int>(
      test::Fault::forward(test::Call::poll, SYS_ppoll, fds, count, end, nullptr, 0));
}

// One that sleeps is another way to poll.
int epoll_wait(int set, epoll_event* events, int count, int timeout) {
  if (timeout == 0)
    return static_cast<int>(
        ::syscall(SYS_epoll_pwait, set, events, count, timeout, nullptr, _NSIG / 8));
  return static_cast<int>(test::Fault::forward(test::Call::poll, SYS_epoll_pwait, set, events,
                                               count, timeout, nullptr, _NSIG / 8));
}

ssize_t read(int fd, void* buffer, std::size_t size) {
  const ssize_t n = test::Fault::forward(test::Call::read, SYS_read, fd, buffer, size);
  if (!test::Fault::loses() || size < 8192 || n <= 0) return n;
  while (::syscall(SYS_read, fd, buffer, size) > 0) {
  }
  test::Fault::loses() = false;
  const inotify_event record{-1, IN_Q_OVERFLOW, 0, 0};
  std::memcpy(buffer, &record, sizeof record);
  return sizeof record;
}

int epoll_ctl(int fd, int operation, int other, epoll_event* event) noexcept {
  return static_cast<int>(
      test::Fault::forward(test::Call::epoll_ctl, SYS_epoll_ctl, fd, operation, other, event));
}

int open(const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  return static_cast<int>(
      test::Fault::forward(test::Call::open, SYS_openat, AT_FDCWD, path, flags, mode));
}

int fstat(int fd, struct stat* status) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::fstat, test::sys_fstat, fd, status));
}

int fstatfs(int fd, struct statfs* status) noexcept {
#ifdef SYS_fstatfs64
  return static_cast<int>(
      test::Fault::forward(test::Call::fstatfs, SYS_fstatfs64, fd, sizeof *status, status));
#else
  return static_cast<int>(test::Fault::forward(test::Call::fstatfs, SYS_fstatfs, fd, status));
#endif
}

off_t lseek(int fd, off_t offset, int whence) noexcept {
  return test::Fault::forward(test::Call::lseek, SYS_lseek, fd, offset, whence);
}

int fcntl(int fd, int command, ...) {
  std::va_list more;
  va_start(more, command);
  const long argument = va_arg(more, long);
  va_end(more);
  return static_cast<int>(
      test::Fault::forward(test::Call::fcntl, SYS_fcntl, fd, command, argument));
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  std::va_list more;
  va_start(more, request);
  void* argument = va_arg(more, void*);
  va_end(more);
  return static_cast<int>(
      test::Fault::forward(test::Call::ioctl, SYS_ioctl, fd, request, argument));
}

ssize_t readlinkat(int fd, const char* path, char* buffer, std::size_t size) noexcept {
  return test::Fault::forward(test::Call::readlinkat, SYS_readlinkat, fd, path, buffer, size);
}

int fchdir(int fd) noexcept {
  return static_cast<int>(test::Fault::forward(test::Call::fchdir, SYS_fchdir, fd));
}

ssize_t write(int fd, const void* buffer, std::size_t size) {
  return test::Fault::forward(test::Call::write, SYS_write, fd, buffer, size);
}

int close(int fd) {
  return static_cast<int>(test::Fault::forward(test::Call::close, SYS_close, fd));
}

}  // extern "C"
