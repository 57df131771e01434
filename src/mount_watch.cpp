#include <inotify/detail/mount_watch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <utility>

#include <inotify/error.hpp>

namespace inotify::inline v0::detail {
namespace {

// The namespace is that of a thread; an old kernel knows the process's alone [41].
UniqueFd open_list() noexcept {
  UniqueFd fd(::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC));
  return fd ? std::move(fd) : UniqueFd(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
}

// Takes the next field, and the space after it, off the front of `line`.
std::string_view take_field(std::string_view& line) noexcept {
  const auto end = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

bool is_octal(char digit) noexcept { return digit >= '0' && digit <= '7'; }

// Blanks, ends of lines and backslashes are written as a backslash and three octal digits.
void unescape(std::string_view field, std::string& text) {
  text.clear();
  for (std::size_t i = 0; i < field.size(); ++i) {
    const std::string_view rest = field.substr(i);
    if (rest.size() >= 4 && rest[0] == '\\' && is_octal(rest[1]) && is_octal(rest[2]) &&
        is_octal(rest[3])) {
      text += static_cast<char>((rest[1] - '0') * 64 + (rest[2] - '0') * 8 + (rest[3] - '0'));
      i += 3;
    } else {
      text += rest[0];
    }
  }
}

}  // namespace

void MountWatch::open(int epoll, std::error_code& ec) noexcept {
  ec.clear();
  UniqueFd ours = open_list();
  UniqueFd users = ours ? open_list() : UniqueFd();
  epoll_event event{};
  event.events = EPOLLPRI;
  if (users && ::epoll_ctl(epoll, EPOLL_CTL_ADD, users.get(), &event) == 0) {
    ours_ = std::move(ours);
    users_ = std::move(users);
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
    ec = make_error(errno);
  }
}

void MountWatch::close() noexcept {
  ours_.reset();
  users_.reset();
  is_changed_ = false;
}

bool MountWatch::has_changed() noexcept {
  if (!is_open()) return false;
  pollfd wait{fd(), POLLPRI, 0};
  const bool is_ready = ::poll(&wait, 1, 0) > 0;  // EINTR: it says so the next time
  return std::exchange(is_changed_, false) || is_ready;
}

void MountWatch::forget_wake_up(int epoll) const noexcept {
  std::array<epoll_event, 3> ready{};
  if (is_open()) ::epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), 0);
}

bool MountWatch::read() {
  text_.clear();
  if (!is_open() || ::lseek(fd(), 0, SEEK_SET) != 0) return false;
  std::array<char, 16 * 1024> piece;  // not filled with zeros, as a string is that grows
  for (;;) {
    const ssize_t n = ::read(fd(), piece.data(), piece.size());
    if (n > 0) text_.append(piece.data(), static_cast<std::size_t>(n));
    if (n == 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

// "36 35 98:0 /root /point options ...": its id, its parent's, the device, what of it is mounted, where.
bool MountWatch::parse(std::string_view line, Mount& mount, std::string& point) {
  std::string_view rest = line;
  for (int i = 0; i < 4; ++i) take_field(rest);
  const std::string_view field = take_field(rest);
  if (!field.starts_with('/')) return false;
  unescape(field, point);
  const auto size = static_cast<std::size_t>(field.data() + field.size() - line.data());
  mount = {std::hash<std::string_view>{}(line.substr(0, size)), point};
  return true;
}

}  // namespace inotify::inline v0::detail
