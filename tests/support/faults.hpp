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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
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
  end
};

constexpr int for_ever = std::numeric_limits<int>::max();

/// As long as it lives, calls number `first` to `first + times - 1` of one kind fail with `error`.
/// Not thread-safe.
class Fault {
 public:
  Fault(Call call, int error, int first = 1, int times = 1) : plan_(plan(call)) {
    plan_ = {error, first, times, 0, 0, {}, false};
  }
  ~Fault() { plan_ = {}; }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  /// As long as it lives, `before(nth)` is called before each call of one kind; none fails.
  Fault(Call call, std::function<void(int)> before) : plan_(plan(call)) {
    plan_ = {};
    plan_.before = std::move(before);
  }

  /// How many calls have failed.
  [[nodiscard]] int hits() const { return plan_.hits; }

  /// What each of the functions below does.
  template <class... Arguments>
  static long forward(Call call, long number, Arguments... arguments) {
    Plan& plan = Fault::plan(call);
    ++plan.calls;
    if (plan.before && !std::exchange(plan.is_before, true)) {  // what that does itself is not told
      plan.before(plan.calls);
      plan.is_before = false;
    }
    if (plan.error != 0 && plan.calls >= plan.first && plan.calls - plan.first < plan.times) {
      ++plan.hits;
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
    int calls = 0;
    int hits = 0;
    std::function<void(int)> before{};
    bool is_before = false;
  };
  static Plan& plan(Call call) {
    static std::array<Plan, static_cast<std::size_t>(Call::end)> plans;
    return plans[static_cast<std::size_t>(call)];
  }

  Plan& plan_;
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
      test::Fault::forward(test::Call::fstatat, SYS_newfstatat, fd, path, status, flags));
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  return static_cast<int>(test::Fault::forward(test::Call::poll, SYS_poll, fds, count, timeout));
}

ssize_t read(int fd, void* buffer, std::size_t size) {
  return test::Fault::forward(test::Call::read, SYS_read, fd, buffer, size);
}

}  // extern "C"
