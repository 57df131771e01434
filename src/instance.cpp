#include <inotify/instance.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <string_view>
#include <utility>

#include <inotify/detail/directory.hpp>
#include <inotify/detail/kernel_watches.hpp>
#include <inotify/detail/uninterrupted.hpp>

namespace inotify::inline v0 {

using detail::require;

namespace {

static_assert(PATH_MAX == 4096);

// The result of a system call, and its errno in `ec` if it failed.
template <class Result>
Result checked(Result result, std::error_code& ec) noexcept {
  ec = result < 0 ? make_error(errno) : std::error_code{};
  return result;
}

bool is_inotify(int fd) noexcept {
  std::array<char, 32> target{};
  const ssize_t n = ::readlink(detail::DescriptorPath(fd).c_str(), target.data(), target.size());
  return n > 0 &&
         std::string_view(target.data(), static_cast<std::size_t>(n)) == "anon_inode:inotify";
}

}  // namespace

std::size_t bytes_readable(int fd) {
  std::error_code ec;
  const std::size_t n = bytes_readable(fd, ec);
  require(ec, "readable");
  return n;
}

std::size_t bytes_readable(int fd, std::error_code& ec) noexcept {
  int n = 0;
  return checked(::ioctl(fd, FIONREAD, &n), ec) < 0 ? 0 : static_cast<std::size_t>(n);
}

Instance::Instance() {
  std::error_code ec;
  *this = Instance(ec);
  require(ec, "Instance");
}

Instance::Instance(std::error_code& ec) noexcept {
  detail::UniqueFd fd(checked(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), ec));
  if (ec) return;
  detail::Waker waker(ec);
  if (!ec) *this = Instance(std::move(fd), std::move(waker));
}

Instance Instance::from_fd(int fd) {
  std::error_code ec;
  Instance instance = from_fd(fd, ec);
  require(ec, "Instance::from_fd: not an inotify descriptor");
  return instance;
}

Instance Instance::from_fd(int fd, std::error_code& ec) noexcept {
  Instance nothing({}, {});
  const int flags = checked(::fcntl(fd, F_GETFL), ec);
  if (ec) return nothing;
  if (!is_inotify(fd)) {
    ec = make_error(EINVAL);
    return nothing;
  }
  detail::Waker waker(ec);
  if (!ec) checked(::fcntl(fd, F_SETFD, FD_CLOEXEC), ec);
  if (!ec) checked(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), ec);
  return ec ? std::move(nothing) : Instance(detail::UniqueFd(fd), std::move(waker));
}

int Instance::add_watch(const char* path, Mask mask) {
  std::error_code ec;
  const int wd = add_watch(path, mask, ec);
  if (ec) detail::throw_error("add_watch", path, ec);
  return wd;
}

int Instance::add_watch(const char* path, Mask mask, std::error_code& ec) noexcept {
  const int wd = ::inotify_add_watch(fileno(), path, mask);
  if (wd >= 0) [[likely]] {
    if (ec) ec.clear();  // a call, for a code that is clear already as often as not
    return wd;
  }
  const int error = errno;
  if (error == EINTR) return add_watch(path, mask, ec);
  // It is not that what is to be watched does not exist.
  const bool lacks_proc = error == ENOENT && detail::DescriptorPath::lacks_proc(path);
  ec = make_error(lacks_proc ? ENOSYS : error);
  return -1;
}

void Instance::rm_watch(int wd) {
  std::error_code ec;
  rm_watch(wd, ec);
  require(ec, "rm_watch");
}

void Instance::rm_watch(int wd, std::error_code& ec) noexcept {
  checked(::inotify_rm_watch(fileno(), wd), ec);
}

RawEvents Instance::read(std::span<std::byte> buffer) {
  std::error_code ec;
  const RawEvents events = read(buffer, ec);
  require(ec, "read");
  return events;
}

RawEvents Instance::read(std::span<std::byte> buffer, std::error_code& ec) noexcept {
  const ssize_t n = checked(
      detail::uninterrupted([&] { return ::read(fileno(), buffer.data(), buffer.size()); }), ec);
  if (n >= 0) return RawEvents(buffer.first(static_cast<std::size_t>(n)));
  if (errno == EAGAIN) ec.clear();
  return {};
}

std::size_t Instance::readable() const { return bytes_readable(fileno()); }

std::size_t Instance::readable(std::error_code& ec) const noexcept {
  return bytes_readable(fileno(), ec);
}

std::vector<int> Instance::watch_descriptors() const {
  std::error_code ec;
  std::vector<int> wds = watch_descriptors(ec);
  require(ec, "watch_descriptors");
  return wds;
}

std::vector<int> Instance::watch_descriptors(std::error_code& ec) const {
  std::vector<int> wds;
  if (!is_open()) {
    ec = make_error(EBADF);
    return wds;
  }
  for (const detail::KernelWatch& watch : detail::kernel_watches(fileno(), ec))
    wds.push_back(watch.wd);
  return wds;
}

Instance::Wake Instance::wait(std::chrono::milliseconds timeout) {
  std::error_code ec;
  const Wake wake = wait(timeout, ec);
  require(ec, "wait");
  return wake;
}

Instance::Wake Instance::wait(std::chrono::milliseconds timeout, std::error_code& ec) noexcept {
  if (is_open()) return waker_.wait(fileno(), timeout, ec);
  ec = make_error(EBADF);  // poll(2) would ignore a negative descriptor and wait for ever
  return Wake::timeout;
}

Instance::Wake Instance::wait_for_more(int urgent, bool& is_urgent,
                                       std::chrono::milliseconds timeout,
                                       std::error_code& ec) noexcept {
  if (!is_open()) return wait(timeout, ec);
  if (timeout > std::chrono::milliseconds::zero())
    return waker_.wait_for_more(fileno(), urgent, is_urgent, timeout, ec);
  return waker_.wait(fileno(), urgent, is_urgent, timeout, ec);
}

}  // namespace inotify::inline v0
