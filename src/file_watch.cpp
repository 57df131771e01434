// Where a path leads is never concluded from an event: it puts the path in doubt, which is then
// followed anew.
//
// A watch descriptor identifies an inode as long as the watch is not given up, and is not used
// again [4]: the file is the same if and only if its watch is.
#include <inotify/file_watch.hpp>

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <inotify/detail/bell.hpp>
#include <inotify/detail/deadline.hpp>
#include <inotify/detail/name_graph.hpp>
#include <inotify/detail/path_walk.hpp>

namespace inotify::inline v0 {

using detail::Doubt;
using detail::Doubts;
using detail::FollowedName;
using detail::NameGraph;
using Path = detail::FollowedPath;

namespace {

constexpr std::size_t buffer_size = 16 * 1024;

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

struct FileWatch::State {
  NameGraph graph;
  detail::UniqueFd start;  // where a relative path begins
  detail::Bell bell;       // for what one read() leaves to the next, if there are several paths
  const Path* current = nullptr;  // the one that was told of last
};

// What one read() leaves to the next, whichever way it ends, is to be seen by who polls.
class FileWatch::Leftover {
 public:
  explicit Leftover(State& state) noexcept : state_(state) {}
  Leftover(const Leftover&) = delete;
  Leftover& operator=(const Leftover&) = delete;
  ~Leftover() {
    if (state_.graph.next_pending() != nullptr) state_.bell.ring();
  }

 private:
  State& state_;
};

// ---- the paths

// Ends a watch that the graph needs no more; one that the kernel has dropped already is no error.
auto FileWatch::unused() noexcept {
  return [this](int wd) {
    std::error_code gone;
    instance_.rm_watch(wd, gone);
  };
}

FileWatch::FileWatch(std::filesystem::path path) : FileWatch(Paths(&path, 1)) {}

FileWatch::FileWatch(std::filesystem::path path, std::error_code& ec)
    : FileWatch(Paths(&path, 1), ec) {}

FileWatch::FileWatch(Paths paths) {
  std::error_code ec;
  begin(paths, ec);
  if (ec) detail::throw_error("FileWatch", path().native(), ec);
}

FileWatch::FileWatch(Paths paths, std::error_code& ec) : instance_(ec) {
  std::error_code other;
  begin(paths, ec ? other : ec);
}

FileWatch::FileWatch(FileWatch&& other) noexcept = default;
FileWatch& FileWatch::operator=(FileWatch&& other) noexcept = default;
FileWatch::~FileWatch() = default;

void FileWatch::begin(Paths paths, std::error_code& ec) {
  state_ = std::make_unique<State>();
  state_->start = detail::open_at(AT_FDCWD, ".", ec);
  for (const std::filesystem::path& path : paths) {
    if (state_->graph.find(path) != nullptr) continue;
    Path& added = state_->graph.add(path);
    if (state_->current == nullptr) state_->current = &added;
    std::error_code own;
    hang_bell(own);
    if (!own) look_again(added, own);
    if (!own) continue;
    state_->graph.fail(added);
    if (ec) continue;
    state_->current = &added;
    ec = own;
  }
}

void FileWatch::add(const std::filesystem::path& path) {
  std::error_code ec;
  add(path, ec);
  if (ec) detail::throw_error("FileWatch: add", path.native(), ec);
}

void FileWatch::add(const std::filesystem::path& path, std::error_code& ec) {
  ec = is_open() ? std::error_code{} : make_error(EBADF);
  if (ec || state_->graph.find(path) != nullptr) return;
  Path& added = state_->graph.add(path);
  try {
    hang_bell(ec);
    if (!ec) look_again(added, ec);
  } catch (...) {
    forget(added);
    throw;
  }
  if (ec) return forget(added);
  if (state_->current == nullptr) state_->current = &added;
}

void FileWatch::remove(const std::filesystem::path& path) {
  std::error_code ec;
  remove(path, ec);
  if (ec) detail::throw_error("FileWatch: remove", path.native(), ec);
}

void FileWatch::remove(const std::filesystem::path& path, std::error_code& ec) {
  Path* const found = is_open() ? state_->graph.find(path) : nullptr;
  ec = found != nullptr ? std::error_code{} : make_error(is_open() ? ENOENT : EBADF);
  if (found != nullptr) forget(*found);
}

void FileWatch::forget(Path& path) noexcept {
  if (state_->current == &path) state_->current = nullptr;
  state_->graph.remove(path, unused());
}

std::vector<std::filesystem::path> FileWatch::paths() const {
  std::vector<std::filesystem::path> paths;
  paths.reserve(size());
  if (state_) state_->graph.for_each_path([&](const Path& path) { paths.push_back(path.path); });
  return paths;
}

std::size_t FileWatch::size() const noexcept { return state_ ? state_->graph.size() : 0; }

const std::filesystem::path& FileWatch::path() const noexcept {
  static const std::filesystem::path none;
  return state_ && state_->current != nullptr ? state_->current->path : none;
}

bool FileWatch::exists() const noexcept {
  return state_ && state_->current != nullptr && state_->current->file >= 0;
}

bool FileWatch::exists(const std::filesystem::path& path) const noexcept {
  const Path* const found = state_ ? state_->graph.find(path) : nullptr;
  return found != nullptr && found->file >= 0;
}

void FileWatch::close() noexcept {
  instance_.close();
  if (state_) state_->bell.close();
}

// One path leaves nothing to the next read().
void FileWatch::hang_bell(std::error_code& ec) noexcept {
  if (size() > 1 && !state_->bell.is_hung()) state_->bell.hang(instance_, ec);
}

// ---- reading

FileChange FileWatch::read(milliseconds timeout) {
  std::error_code ec;
  const FileChange change = read(timeout, ec);
  if (ec) detail::throw_error("FileWatch: read", path().native(), ec);
  return change;
}

FileChange FileWatch::read(milliseconds timeout, std::error_code& ec) {
  ec = is_open() ? std::error_code{} : make_error(EBADF);
  if (ec) return FileChange::none;
  const Leftover ring(*state_);
  const detail::Deadline deadline(timeout);
  std::error_code no_bell;
  hang_bell(no_bell);
  take_queued(ec);
  retry_failed(!no_bell);  // after what there is of the others
  for (;;) {
    const FileChange change = ec ? FileChange::none : next_change(ec);
    if (ec || change != FileChange::none) return change;
    if (no_bell) {
      ec = no_bell;
      state_->current = state_->graph.first_failed();
      return FileChange::none;
    }
    if (deadline.left() == milliseconds::zero()) return FileChange::none;
    if (deadline.is_endless() && empty()) {
      ec = make_error(ENODATA);
      return FileChange::none;
    }
    if (instance_.wait(deadline.left(), ec) != Instance::Wake::events) return FileChange::none;
    take_queued(ec);
  }
}

// Without a bell one path is followed, which leaves nothing to the next read(); others have failed.
void FileWatch::retry_failed(bool has_bell) noexcept {
  NameGraph& graph = state_->graph;
  if (!has_bell && !graph.have_all_failed()) return;
  while (Path* const path = graph.first_failed()) {
    graph.retry(*path);
    if (!has_bell) return;
  }
}

// Of the paths in doubt, each once: who changes them meanwhile is told of by the next read().
FileChange FileWatch::next_change(std::error_code& ec) {
  NameGraph& graph = state_->graph;
  while (Path* const path = graph.next_pending()) {
    const FileChange change = look_again(*path, ec);
    if (!ec && change == FileChange::none) continue;
    state_->current = path;
    if (ec) graph.fail(*path);
    return change;
  }
  return FileChange::none;
}

// From what is in doubt to what is so now. On an error, or if something is thrown, the doubt stays.
FileChange FileWatch::look_again(Path& path, std::error_code& ec) {
  NameGraph& graph = state_->graph;
  const int before = path.file;
  if ((path.doubts & Doubt::lead) != 0) {
    detail::PathWalk walk(instance_, graph);
    walk.follow(path.path.native(), state_->start.get(), ec);
    if (ec) return FileChange::none;
    graph.reroute(path, walk.route(), walk.file(), unused());
  }
  const Doubts doubts = graph.rest(path);
  if (before != path.file) {
    if (before < 0) return FileChange::appeared;
    return path.file < 0 ? FileChange::disappeared : FileChange::replaced;
  }
  if ((doubts & (Doubt::content | Doubt::attributes)) == 0) return FileChange::none;
  if (path.file < 0) return FileChange::disappeared;
  return (doubts & Doubt::content) != 0 ? FileChange::modified : FileChange::attributes;
}

// ---- events: what they put in doubt

// All that was queued when it was called; what others do meanwhile may never end.
void FileWatch::take_queued(std::error_code& ec) {
  std::size_t taken = take_events(ec);
  if (ec || taken + Instance::max_event_size <= buffer_size) return;
  std::size_t backlog = instance_.readable(ec);
  while (!ec && backlog > 0 && taken > 0) {
    taken = take_events(ec);
    backlog -= std::min(backlog, taken);
  }
}

// Returns how many bytes it took.
std::size_t FileWatch::take_events(std::error_code& ec) {
  alignas(inotify_event) std::array<std::byte, buffer_size> buffer;
  const RawEvents events = instance_.read(buffer, ec);
  for (const RawEvent& event : events) take(event);
  return events.bytes().size();
}

void FileWatch::take(const RawEvent& event) {
  NameGraph& graph = state_->graph;
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    state_->bell.on_overflow();
    graph.doubt_all(Doubt::lead | Doubt::content);
  } else if (state_->bell.hears(event)) {
    return;
  } else if (event.name.empty()) {
    take_self(event);
  } else if (FollowedName* const name = graph.find(event.wd, event.name)) {
    // The path may have led elsewhere for a while, and the reader may have read that: even if it
    // leads where it did, this is to be told. What goes away where no file was shows none.
    constexpr Mask departure = IN_DELETE | IN_MOVED_FROM;
    const Doubts more = (event.mask & departure) != 0   ? Doubt::departure
                        : (event.mask & IN_ATTRIB) != 0 ? Doubt::attributes
                                                        : Doubt::content;
    graph.doubt(*name, Doubt::lead | more);
  }
}

// About what is watched itself: a file that paths lead to, a directory on the way, or both.
void FileWatch::take_self(const RawEvent& event) {
  NameGraph& graph = state_->graph;
  constexpr Mask written = IN_MODIFY | IN_CLOSE_WRITE;
  // The file's last name may be gone, its mode forbid to read it, its file system be unmounted.
  constexpr Mask doubtful = IN_ATTRIB | IN_IGNORED | IN_UNMOUNT;
  if (FollowedName* const file = graph.find(event.wd, {})) {
    Doubts doubts = (event.mask & doubtful) != 0 ? Doubt::lead : 0;
    if ((event.mask & IN_ATTRIB) != 0) doubts |= Doubt::attributes;
    if ((event.mask & written) != 0) doubts |= Doubt::content;
    if (doubts != 0) graph.doubt(*file, doubts);
  }
  if ((event.mask & ~(written | IN_ISDIR)) != 0) graph.doubt_names_in(event.wd);
}

}  // namespace inotify::inline v0
