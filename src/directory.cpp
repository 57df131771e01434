#include <inotify/detail/directory.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string>

#include <inotify/detail/uninterrupted.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0::detail {

namespace {

constexpr const char* descriptors = "/proc/thread-self/fd/";
constexpr const char* descriptors_before_3_17 = "/proc/self/fd/";

bool exists(const char* path) { return ::access(path, F_OK) == 0; }

// Where getdents64(2) stands at the end of a directory of ext4, and of tmpfs and XFS. Seen in the last
// entry, it saves the call that would return nothing. Elsewhere any offset may be followed by another.
bool is_end(std::int64_t offset) { return offset == INT64_MAX || offset == INT32_MAX; }

UniqueFd open_at(int at, const char* path, int flags) {
  return UniqueFd(uninterrupted([&] { return ::openat(at, path, flags); }));
}

bool is_dots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

}  // namespace

DescriptorPath::DescriptorPath(int fd) noexcept {
  // A fact about the kernel, which need not be asked again.
  static const bool is_old = !exists(descriptors) && exists(descriptors_before_3_17);
  const std::string_view prefix = is_old ? descriptors_before_3_17 : descriptors;
  prefix.copy(text_.data(), prefix.size());
  *std::to_chars(text_.data() + prefix.size(), text_.data() + text_.size() - 1, fd).ptr = '\0';
}

bool DescriptorPath::lacks_proc(const char* path) noexcept {
  const std::string_view text(path);
  const bool is_one = text.starts_with(descriptors) || text.starts_with(descriptors_before_3_17);
  return is_one && !exists(descriptors) && !exists(descriptors_before_3_17);
}

Directory::Directory(int at, const char* path, Use use, bool follow, std::error_code& ec) {
  const int flags = O_DIRECTORY | O_CLOEXEC | (use == Use::list ? O_RDONLY | O_NONBLOCK : O_PATH) |
                    (follow ? 0 : O_NOFOLLOW);
  // The kernel takes PATH_MAX bytes at a time: a longer path is walked in pieces.
  UniqueFd piece;
  while (std::strlen(path) >= PATH_MAX) {
    const std::string_view head(path, PATH_MAX - 1);
    const auto slash = head.rfind('/');
    if (slash == std::string_view::npos) break;  // a name that long: the kernel will say so
    UniqueFd next =
        open_at(at, std::string(head.substr(0, slash)).c_str(), O_DIRECTORY | O_CLOEXEC | O_PATH);
    if (!next) {
      ec = make_error(errno);
      return;
    }
    piece = std::move(next);
    at = piece.get();
    path += slash + 1;
  }
  fd_ = open_at(at, path, flags);
  if (!is_open()) {
    ec = make_error(errno);
  } else if (ec) {
    ec.clear();
  }
}

Directory Directory::duplicate(std::error_code& ec) const {
  Directory copy;
  copy.fd_ = UniqueFd(::fcntl(fd(), F_DUPFD_CLOEXEC, 0));
  copy.is_listed_ = is_listed_;
  ec = copy.is_open() ? std::error_code{} : make_error(errno);
  return copy;
}

unsigned char Directory::type_of(const char* name, std::error_code& ec) const noexcept {
  struct stat status {};
  const auto look = [&] { return ::fstatat(fd(), name, &status, AT_SYMLINK_NOFOLLOW); };
  ec.clear();
  if (uninterrupted(look) == 0) return static_cast<unsigned char>(IFTODT(status.st_mode));
  if (errno != ENOENT) ec = make_error(errno);
  return DT_UNKNOWN;
}

dev_t Directory::device() const noexcept {
  struct stat status {};
  return uninterrupted([&] { return ::fstat(fd(), &status); }) == 0 ? status.st_dev : dev_t{};
}

bool Directory::is_border(const char* name, dev_t device) const noexcept {
  struct statx status {};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  const auto look = [&] { return ::statx(fd(), name, flags, STATX_TYPE, &status); };
  if (uninterrupted(look) != 0) return false;
  return (status.stx_attributes & STATX_ATTR_AUTOMOUNT) != 0 ||
         (device != 0 && makedev(status.stx_dev_major, status.stx_dev_minor) != device);
}

void Directory::list_with(void (*visit)(void*, const char*, unsigned char), void* context,
                          std::error_code& ec, bool end_shows) {
  is_listed_ = true;
  alignas(dirent64) std::array<std::byte, 32 * 1024> buffer;
  if (ec) ec.clear();
  for (bool is_over = false; !is_over;) {
    const ssize_t size =
        uninterrupted([&] { return ::getdents64(fd(), buffer.data(), buffer.size()); });
    // ENOENT: removed while we held it open, so there is nothing in it.
    if (size < 0 && errno != ENOENT) ec = make_error(errno);
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      is_over = end_shows && is_end(entry->d_off);
      if (is_dots(entry->d_name)) continue;
      if (entry->d_type != DT_UNKNOWN) {
        visit(context, entry->d_name, entry->d_type);
        continue;
      }
      std::error_code unknown;  // some file systems leave the type out
      const unsigned char type = type_of(entry->d_name, unknown);
      const bool is_removed = type == DT_UNKNOWN && !unknown;
      if (!is_removed) visit(context, entry->d_name, type);
    }
  }
}

void Directory::rewind() const noexcept {
  [[maybe_unused]] const off_t begin = ::lseek(fd(), 0, SEEK_SET);
}

void Directory::fence() const noexcept {
  static constexpr auto name = [] {  // 256 bytes and a slash
    std::array<char, 258> text{};
    text.fill('x');
    text[256] = '/';
    text[257] = '\0';
    return text;
  }();
  if (is_listed_) {
    std::array<std::byte, 1024> nothing;
    if (::getdents64(fd(), nothing.data(), nothing.size()) == 0 || errno == ENOENT) return;
  }
  struct stat status {};
  const int found = uninterrupted([&] { return ::fstatat(fd(), name.data(), &status, 0); });
  if (found < 0 && errno == ENAMETOOLONG) return;
  uninterrupted([&] { return ::linkat(fd(), ".", fd(), name.data(), 0); });
}

}  // namespace inotify::inline v0::detail
