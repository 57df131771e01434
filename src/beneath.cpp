#include <inotify/detail/beneath.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include <inotify/detail/uninterrupted.hpp>
#include <inotify/error.hpp>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

namespace inotify::inline v0::detail {
namespace {

// The whole path in one call; since Linux 5.6, and where no seccomp filter forbids it.
[[maybe_unused]] UniqueFd open_at_once(int at, const std::string& path) noexcept {
#ifdef RESOLVE_NO_SYMLINKS
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
  return UniqueFd(static_cast<int>(
      uninterrupted([&] { return ::syscall(SYS_openat2, at, path.c_str(), &how, sizeof how); })));
#else
  errno = ENOSYS;
  return {};
#endif
}

UniqueFd open_by_name(int at, const std::string& path) noexcept {
  constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  return UniqueFd(uninterrupted([&] { return ::openat(at, path.c_str(), flags); }));
}

// Whether an error says that the call, not the path, is the matter.
bool is_refused(int error) noexcept {
  return error == ENOSYS || error == EPERM || error == EINVAL || error == EAGAIN;
}

// As much of the front of `path` as one call takes, without a slash at its end.
std::string_view piece_of(std::string_view path, bool is_one_name) noexcept {
  if (is_one_name) return path.substr(0, path.find('/'));
  if (path.size() < PATH_MAX) return path;
  const auto slash = path.rfind('/', PATH_MAX - 1);
  return path.substr(0, slash);  // all of it if that is a name that long: the kernel will say so
}

}  // namespace

Identity identity_of(int fd, std::error_code& ec) noexcept {
  struct stat status {};
  ec = ::fstat(fd, &status) == 0 ? std::error_code{} : make_error(errno);
  return {status.st_dev, status.st_ino};
}

Directory open_beneath(const Directory& root, std::string_view path, std::error_code& ec) {
  UniqueFd reached;
  bool is_one_name = false;
  ec.clear();
  while (!path.empty()) {
    const std::string piece(piece_of(path, is_one_name));
    const int at = reached ? reached.get() : root.fd();
    UniqueFd next = is_one_name ? open_by_name(at, piece) : open_at_once(at, piece);
    if (!next && !is_one_name && is_refused(errno)) {
      is_one_name = true;
      continue;
    }
    if (!next) {
      ec = make_error(errno == ELOOP ? ENOTDIR : errno);
      return {};
    }
    reached = std::move(next);
    path.remove_prefix(std::min(piece.size() + 1, path.size()));
  }
  return Directory(std::move(reached));
}

}  // namespace inotify::inline v0::detail
