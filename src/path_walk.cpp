#include <inotify/detail/path_walk.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include <inotify/detail/directory.hpp>

namespace inotify::inline v0::detail {
namespace {

constexpr Mask directory_mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_DELETE_SELF |
                                IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
constexpr Mask file_mask = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MASK_ADD;
constexpr int max_symlinks = 40;  // the kernel's limit: path_resolution(7)

// A look-up that failed as a reader's would.
bool leads_nowhere(const std::error_code& ec) noexcept {
  const int cause = ec.value();
  return cause == ENOENT || cause == ENOTDIR || cause == EACCES || cause == ENAMETOOLONG;
}

}  // namespace

UniqueFd open_at(int directory, const char* name, std::error_code& ec) noexcept {
  UniqueFd fd(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  ec = fd ? std::error_code{} : make_error(errno);
  return fd;
}

PathWalk::~PathWalk() {
  graph_.discard(route(), [&](int wd) {
    std::error_code gone;
    instance_.rm_watch(wd, gone);
  });
}

void PathWalk::follow(std::string_view path, int start, std::error_code& ec) {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    ec = make_error(EINVAL);
    return;
  }
  directory_ = open_at(start, ".", ec);
  if (!ec) push(path, ec);
  while (!ec && !names_.empty()) step(ec);
}

// What is to be looked up next: `path`, absolute or from `directory_` on.
void PathWalk::push(std::string_view path, std::error_code& ec) {
  if (path.starts_with('/')) directory_ = open_at(AT_FDCWD, "/", ec);
  if (path.ends_with('/')) names_.emplace_back(".");  // what is before it must be a directory
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    if (begin < path.size()) names_.emplace_back(path.substr(begin));
    path = path.substr(0, begin == 0 ? 0 : begin - 1);
  }
}

// Looks up the next name. Where it leads nowhere there is no next one.
void PathWalk::step(std::error_code& ec) {
  const std::string name = std::move(names_.back());
  names_.pop_back();
  watch(directory_.get(), directory_mask, name, ec);
  if (ec == std::errc::not_a_directory) return end(ec);
  const bool is_blind = ec == std::errc::permission_denied;
  if (ec && !is_blind) return;
  UniqueFd next = open_at(directory_.get(), name.c_str(), ec);
  // In a directory without a watch nothing would tell that the file is replaced, or that what is
  // missing appears. (That it may not be searched now will be told by the one it is in.)
  if (is_blind && (ec ? ec == std::errc::no_such_file_or_directory : names_.empty())) {
    ec = make_error(EACCES);
  } else if (!ec) {
    enter(std::move(next), ec);
  } else if (leads_nowhere(ec)) {
    end(ec);
  }
}

// Goes on from what was looked up: a symlink, the file, or a directory.
void PathWalk::enter(UniqueFd next, std::error_code& ec) {
  struct stat status {};
  if (::fstat(next.get(), &status) != 0) {
    ec = make_error(errno);
  } else if (S_ISLNK(status.st_mode)) {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlinkat(next.get(), "", target.data(), target.size());
    if (size < 0) {
      ec = make_error(errno);
    } else if (++symlinks_ > max_symlinks) {
      end(ec);
    } else {
      push({target.data(), static_cast<std::size_t>(size)}, ec);
    }
  } else if (names_.empty()) {
    file_ = watch(next.get(), file_mask, {}, ec);
    if (ec == std::errc::permission_denied) end(ec);
  } else {
    directory_ = std::move(next);
  }
}

// Watches what `fd` is open on, for the sake of a name in it.
int PathWalk::watch(int fd, Mask mask, std::string_view name, std::error_code& ec) {
  const int wd = instance_.add_watch(DescriptorPath(fd).c_str(), mask, ec);
  if (ec) return -1;
  try {
    graph_.hold(route_, wd, name);
  } catch (...) {  // the kernel shall have none that is not known here
    std::error_code gone;
    if (!graph_.knows(wd)) instance_.rm_watch(wd, gone);
    throw;
  }
  return wd;
}

}  // namespace inotify::inline v0::detail
