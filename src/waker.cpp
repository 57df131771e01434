#include <inotify/detail/waker.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <inotify/detail/deadline.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0::detail {

Waker::Waker(std::error_code& ec) noexcept : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ec = fd_ ? std::error_code{} : make_error(errno);
}

Wake Waker::wait(int fd, int urgent, bool& is_urgent, std::chrono::milliseconds timeout,
                 std::error_code& ec) const noexcept {
  const Deadline deadline(timeout);
  const auto left = [&]() -> int {
    if (deadline.is_endless()) return -1;
    return static_cast<int>(std::min<std::int64_t>(deadline.left().count(), INT_MAX));
  };
  std::array<pollfd, 3> fds{{{fd, POLLIN, 0}, {fd_.get(), POLLIN, 0}, {urgent, POLLPRI, 0}}};
  int ready = 0;
  do {
    ready = ::poll(fds.data(), urgent < 0 ? 2 : 3, left());
  } while (ready < 0 && errno == EINTR);
  ec = ready < 0 ? make_error(errno) : std::error_code{};
  is_urgent = ready > 0 && fds[2].revents != 0;
  if (ready <= 0) return Wake::timeout;
  if ((fds[1].revents & POLLIN) != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(fd_.get(), &count, sizeof count);
    return Wake::interrupt;
  }
  if ((fds[0].revents & POLLNVAL) != 0) ec = make_error(EBADF);
  return Wake::events;
}

void Waker::interrupt() const noexcept {
  const int saved = errno;  // a signal handler must leave it alone
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof one);
  errno = saved;
}

}  // namespace inotify::inline v0::detail
