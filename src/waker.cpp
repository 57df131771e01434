#include <inotify/detail/waker.hpp>

#include <poll.h>
#include <sys/epoll.h>
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

namespace {

// As poll(2) and epoll_wait(2) take it.
int left_until(const Deadline& deadline) noexcept {
  if (deadline.is_endless()) return -1;
  return static_cast<int>(std::min<std::int64_t>(deadline.left().count(), INT_MAX));
}

}  // namespace

Wake Waker::wait(int fd, int urgent, bool& is_urgent, std::chrono::milliseconds timeout,
                 std::error_code& ec) const noexcept {
  const Deadline deadline(timeout);
  std::array<pollfd, 3> fds{{{fd, POLLIN, 0}, {fd_.get(), POLLIN, 0}, {urgent, POLLPRI, 0}}};
  int ready = 0;
  do {
    ready = ::poll(fds.data(), urgent < 0 ? 2 : 3, left_until(deadline));
  } while (ready < 0 && errno == EINTR);
  ec = ready < 0 ? make_error(errno) : std::error_code{};
  is_urgent = ready > 0 && fds[2].revents != 0;
  if (ready <= 0) return Wake::timeout;
  if ((fds[1].revents & POLLIN) != 0) {
    take_interrupts();
    return Wake::interrupt;
  }
  if ((fds[0].revents & POLLNVAL) != 0) ec = make_error(EBADF);
  return Wake::events;
}

Wake Waker::wait_for_more(int fd, int urgent, bool& is_urgent, std::chrono::milliseconds timeout,
                          std::error_code& ec) noexcept {
  if (!set_ || urgent != urgent_) {
    if (!make_set(fd, urgent)) return wait(fd, urgent, is_urgent, timeout, ec);
    // What `urgent` had to say before it was in the set has been used up by putting it there [51].
    is_urgent = urgent >= 0;
    if (is_urgent) {
      ec.clear();
      return Wake::events;
    }
  }
  const Deadline deadline(timeout);
  std::array<epoll_event, 3> ready{};
  int count = 0;
  do {
    count = ::epoll_wait(set_.get(), ready.data(), ready.size(), left_until(deadline));
  } while (count < 0 && errno == EINTR);
  ec = count < 0 ? make_error(errno) : std::error_code{};
  std::array<bool, 3> is_ready{};
  for (int i = 0; i < count; ++i) is_ready[ready[static_cast<std::size_t>(i)].data.u32] = true;
  is_urgent = is_ready[urgency];
  if (count <= 0) return Wake::timeout;
  if (!is_ready[interrupts]) return Wake::events;
  take_interrupts();
  // Nobody reads now: the next wait is to be told of it again.
  if (is_ready[more] && !put(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, more)) set_.reset();
  return Wake::interrupt;
}

bool Waker::make_set(int fd, int urgent) noexcept {
  set_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  urgent_ = urgent;
  const bool is_made = set_ && put(EPOLL_CTL_ADD, fd_.get(), EPOLLIN, interrupts) &&
                       put(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, more) &&
                       (urgent < 0 || put(EPOLL_CTL_ADD, urgent, EPOLLPRI, urgency));
  if (!is_made) set_.reset();
  return is_made;
}

bool Waker::put(int operation, int fd, std::uint32_t events, Source source) const noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u32 = source;
  return ::epoll_ctl(set_.get(), operation, fd, &event) == 0;
}

void Waker::take_interrupts() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd_.get(), &count, sizeof count);
}

void Waker::interrupt() const noexcept {
  const int saved = errno;  // a signal handler must leave it alone
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof one);
  errno = saved;
}

}  // namespace inotify::inline v0::detail
