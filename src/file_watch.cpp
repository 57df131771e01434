// The path is followed as the kernel does it, a name at a time. Each directory is watched before
// the name is looked up in it, and the file before the path's state is told: so whatever changes
// later than it was looked at leaves an event, which makes the path be followed anew. Where it
// leads is never concluded from an event.
//
// A watch descriptor identifies an inode as long as the watch is not given up, and is not used
// again [4]: the file is the same if and only if its watch is.
#include <inotify/file_watch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <inotify/detail/deadline.hpp>
#include <inotify/detail/directory.hpp>

namespace inotify::inline v0 {
namespace {

constexpr Mask directory_mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_DELETE_SELF |
                                IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
constexpr Mask file_mask = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MASK_ADD;
constexpr std::size_t buffer_size = 16 * 1024;
constexpr int max_symlinks = 40;  // the kernel's limit: path_resolution(7)

// A look-up that failed as a reader's would.
bool leads_nowhere(const std::error_code& ec) noexcept {
  const int cause = ec.value();
  return cause == ENOENT || cause == ENOTDIR || cause == EACCES || cause == ENAMETOOLONG;
}

bool contains(const std::vector<int>& wds, int wd) noexcept {
  return std::find(wds.begin(), wds.end(), wd) != wds.end();
}

// O_PATH needs no permission on what it opens and leaves no event.
detail::UniqueFd open_at(int directory, const char* name, std::error_code& ec) noexcept {
  detail::UniqueFd fd(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  ec = fd ? std::error_code{} : make_error(errno);
  return fd;
}

}  // namespace

std::string_view to_string(FileChange change) noexcept {
  switch (change) {
    case FileChange::none:
      return "none";
    case FileChange::appeared:
      return "appeared";
    case FileChange::disappeared:
      return "disappeared";
    case FileChange::replaced:
      return "replaced";
    case FileChange::modified:
      return "modified";
    case FileChange::attributes:
      return "attributes";
  }
  return "?";
}

// ---- the watch

FileWatch::FileWatch(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ec;
  begin(ec);
  if (ec) detail::throw_error("FileWatch", path_.native(), ec);
}

FileWatch::FileWatch(std::filesystem::path path, std::error_code& ec)
    : path_(std::move(path)), instance_(ec) {
  if (!ec) begin(ec);
}

void FileWatch::begin(std::error_code& ec) {
  start_ = open_at(AT_FDCWD, ".", ec);
  if (!ec) settle(ec);
}

FileChange FileWatch::read(milliseconds timeout) {
  std::error_code ec;
  const FileChange change = read(timeout, ec);
  if (ec) detail::throw_error("FileWatch: read", path_.native(), ec);
  return change;
}

FileChange FileWatch::read(milliseconds timeout, std::error_code& ec) {
  const detail::Deadline deadline(timeout);
  // What was queued when it was called is always taken; what others do meanwhile may never end.
  std::size_t backlog = 0;
  for (bool is_first = true;; is_first = false) {
    const std::size_t taken = take_events(ec);
    const bool may_have_more = taken + Instance::max_event_size > buffer_size;
    if (!ec && is_first && may_have_more) backlog = instance_.readable(ec);
    if (!is_first) backlog -= std::min(backlog, taken);
    if (ec) return FileChange::none;
    const FileChange change = is_stale_ ? settle(ec) : tell_touched();
    if (ec || change != FileChange::none) return change;
    if (backlog > 0) continue;
    if (deadline.left() == milliseconds::zero()) return FileChange::none;
    if (instance_.wait(deadline.left(), ec) != Instance::Wake::events) return FileChange::none;
  }
}

// ---- events: what they put in doubt

// Returns how many bytes it took.
std::size_t FileWatch::take_events(std::error_code& ec) {
  alignas(inotify_event) std::array<std::byte, buffer_size> buffer;
  const RawEvents events = instance_.read(buffer, ec);
  for (const RawEvent& event : events) take(event);
  return events.bytes().size();
}

void FileWatch::take(const RawEvent& event) {
  const bool is_overflow = (event.mask & IN_Q_OVERFLOW) != 0;
  const bool is_file = file_ >= 0 && event.wd == file_ && event.name.empty();
  if (is_overflow || (is_file && (event.mask & (IN_MODIFY | IN_CLOSE_WRITE)) != 0)) {
    touch(FileChange::modified);
  } else if (is_file && (event.mask & IN_ATTRIB) != 0) {
    touch(FileChange::attributes);
  }
  const bool is_route = is_on_route(event);
  // The path may have led elsewhere for a while, and the reader may have read that: even if it
  // leads where it did, this is to be told. What goes away where no file was shows none.
  constexpr Mask departure = IN_DELETE | IN_MOVED_FROM;
  if (is_route && !event.name.empty() && (file_ >= 0 || (event.mask & departure) == 0)) {
    touch((event.mask & IN_ATTRIB) != 0 ? FileChange::attributes : FileChange::modified);
  }
  // The file's last name may be gone, its mode forbid to read it, its file system be unmounted.
  constexpr Mask doubt = IN_ATTRIB | IN_IGNORED | IN_UNMOUNT;
  if (is_overflow || is_route || (is_file && (event.mask & doubt) != 0)) is_stale_ = true;
}

void FileWatch::touch(FileChange change) noexcept {
  if (touched_ != FileChange::modified) touched_ = change;
}

// Without a name it is about the directory itself.
bool FileWatch::is_on_route(const RawEvent& event) const {
  return std::any_of(look_ups_.begin(), look_ups_.end(), [&](const LookUp& look_up) {
    return look_up.wd == event.wd && (event.name.empty() || event.name == look_up.name);
  });
}

// ---- transitions

// From "the path may lead elsewhere" to where it leads now. On an error, or if something is thrown, the
// doubt stays.
FileChange FileWatch::settle(std::error_code& ec) {
  is_stale_ = true;
  Route route = follow(ec);
  if (ec) return FileChange::none;
  const FileChange change = rebind(std::move(route));
  is_stale_ = false;
  return change;
}

FileChange FileWatch::rebind(Route route) {
  std::vector<int> needed;  // what allocates comes first
  needed.reserve(route.look_ups.size() + 1);
  if (route.file >= 0) needed.push_back(route.file);
  for (const LookUp& look_up : route.look_ups) {
    if (look_up.wd >= 0) needed.push_back(look_up.wd);
  }
  for (const int wd : watches_) {
    std::error_code gone;  // the kernel has dropped it already
    if (!contains(needed, wd)) instance_.rm_watch(wd, gone);
  }
  watches_ = std::move(needed);
  look_ups_ = std::move(route.look_ups);
  const int before = std::exchange(file_, route.file);
  if (before == file_) return tell_touched();
  touched_ = FileChange::none;
  if (before < 0) return FileChange::appeared;
  return file_ < 0 ? FileChange::disappeared : FileChange::replaced;
}

FileChange FileWatch::tell_touched() {
  const FileChange change = std::exchange(touched_, FileChange::none);
  return file_ >= 0 || change == FileChange::none ? change : FileChange::disappeared;
}

// ---- following the path

struct FileWatch::Walk {
  detail::UniqueFd directory;      // where the next name is looked up
  std::vector<std::string> names;  // still to be looked up, the next one last
  int symlinks = 0;

  void end(std::error_code& ec) noexcept {
    names.clear();
    ec.clear();
  }

  // What is to be looked up next: `path`, absolute or from `directory` on.
  void push(std::string_view path, std::error_code& ec) {
    if (path.starts_with('/')) directory = open_at(AT_FDCWD, "/", ec);
    const auto at = static_cast<std::ptrdiff_t>(names.size());
    while (!path.empty()) {
      const std::size_t end = std::min(path.find('/'), path.size());
      if (end > 0) names.insert(names.begin() + at, std::string(path.substr(0, end)));
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    if (names.empty()) names.emplace_back(".");  // "/"
  }
};

FileWatch::Route FileWatch::follow(std::error_code& ec) {
  Route route;
  Walk walk;
  if (path_.empty()) {
    ec = make_error(EINVAL);
    return route;
  }
  walk.directory = open_at(start_.get(), ".", ec);
  if (!ec) walk.push(path_.native(), ec);
  while (!ec && !walk.names.empty()) step(walk, route, ec);
  return route;
}

// Looks up the next name. Where it leads nowhere there is no next one.
void FileWatch::step(Walk& walk, Route& route, std::error_code& ec) {
  const std::string name = std::move(walk.names.back());
  walk.names.pop_back();
  const int wd = watch(walk.directory.get(), directory_mask, ec);
  if (ec == std::errc::not_a_directory) return walk.end(ec);
  const bool is_blind = ec == std::errc::permission_denied;
  if (ec && !is_blind) return;
  route.look_ups.push_back({wd, name});
  detail::UniqueFd next = open_at(walk.directory.get(), name.c_str(), ec);
  // In a directory without a watch nothing would tell that the file is replaced, or that what is
  // missing appears. (That it may not be searched now will be told by the one it is in.)
  if (is_blind && (ec ? ec == std::errc::no_such_file_or_directory : walk.names.empty())) {
    ec = make_error(EACCES);
  } else if (!ec) {
    enter(walk, std::move(next), route, ec);
  } else if (leads_nowhere(ec)) {
    walk.end(ec);
  }
}

// Goes on from what was looked up: a symlink, the file, or a directory.
void FileWatch::enter(Walk& walk, detail::UniqueFd next, Route& route, std::error_code& ec) {
  struct stat status {};
  if (::fstat(next.get(), &status) != 0) {
    ec = make_error(errno);
  } else if (S_ISLNK(status.st_mode)) {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlinkat(next.get(), "", target.data(), target.size());
    if (size < 0) {
      ec = make_error(errno);
    } else if (++walk.symlinks > max_symlinks) {
      walk.end(ec);
    } else {
      walk.push({target.data(), static_cast<std::size_t>(size)}, ec);
    }
  } else if (walk.names.empty()) {
    route.file = watch(next.get(), file_mask, ec);
    if (ec == std::errc::permission_denied) walk.end(ec);
  } else {
    walk.directory = std::move(next);
  }
}

int FileWatch::watch(int fd, Mask mask, std::error_code& ec) {
  watches_.reserve(watches_.size() + 1);  // the kernel shall have none that is not known here
  const int wd = instance_.add_watch(detail::DescriptorPath(fd).c_str(), mask, ec);
  if (wd >= 0 && !contains(watches_, wd)) watches_.push_back(wd);
  return wd;
}

}  // namespace inotify::inline v0
