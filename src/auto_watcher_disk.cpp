// From a node of the table to the directory on disk, which may be elsewhere by now.
#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <climits>
#include <new>
#include <utility>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::Directory;
using detail::no_node;

// Puts what is in a watched directory into `found_`. If its watch has just been set, as `fresh_wd`
// says (else -1), that may have been in the middle of a rename, so that only some of its events
// were seen. The fence lets that come to its end, and all that was queued of the directory by then
// is left to the listing, which must be younger, even where it shows a snapshot of when the directory
// was opened: watch, fence, rewind, list [38].
void AutoWatcher::list(Directory& directory, int fresh_wd, std::error_code& ec) {
  if (fresh_wd >= 0) {
    directory.fence();
    pull_queued();
    tell_taken(fresh_wd);
    directory.rewind();
  }
  found_.clear();
  const auto keep = [&](const char* name, unsigned char type) {
    if (announce_ || type == DT_DIR || type == DT_UNKNOWN)
      found_.push({no_node, fresh_wd, type, name});
  };
  directory.list(keep, ec);
}

void AutoWatcher::release(int wd) {
  std::error_code gone;
  instance_.rm_watch(wd, gone);  // EINVAL: the kernel was faster
  if (gone) return;
  try {
    released_.insert(wd);
  } catch (const std::bad_alloc&) {  // then its end is told of a watch that nobody knows
  }
  // A large tree that goes must not fill the queue with the ends of its watches.
  constexpr std::size_t many = 256;
  if (released_.size() % many == 0) pull_queued();
}

// Once it returns, a rename that had begun in `parent` is in the look-ahead whole [18].
void AutoWatcher::barrier(NodeId parent) {
  std::error_code ec;
  may_go_on();  // to be asked before the next event
  if (const Directory* directory = open(parent, ec)) directory->fence();
  pull_queued();
}

int AutoWatcher::watch_open(const Directory& directory, Mask mask, std::error_code& ec) {
  const Mask flags =
      IN_ONLYDIR | IN_MASK_ADD;  // never without IN_MASK_ADD on what might be watched [33]
  const int wd =
      instance_.add_watch(detail::DescriptorPath(directory.fd()).c_str(), mask | flags, ec);
  if (!ec) note_mask(wd, mask);
  return wd;
}

// The kernel has added `mask` to the mask of a watch, whoever's it is: the table's is never narrower.
void AutoWatcher::note_mask(int wd, Mask mask) {
  if (const NodeId node = table_.by_wd(wd); node != no_node) {
    table_.set_mask(node, table_.mask(node) | mask);
  } else if (const auto old = old_.find(wd); old != old_.end()) {
    auto& bits = old->second.bits;
    bits.events = (bits.events | mask) & IN_ALL_EVENTS;
    if ((mask & IN_EXCL_UNLINK) != 0) bits.excl = 1;
  }
}

// A path is no identity: that it leads to the directory we know is proved by the watch descriptor
// it yields [1, 32].
void AutoWatcher::verify(NodeId node, const Directory& directory, std::error_code& ec) {
  const Mask mask = table_.mask(node);
  const int wd = watch_open(directory, mask, ec);
  if (ec || wd == table_.wd(node)) return;
  ec = make_error(ESTALE);
  refuse(wd, mask);
}

// A path has led to another inode than expected, and `mask` was added to what is watched there.
void AutoWatcher::refuse(int wd, Mask mask) {
  note_mask(wd, mask);
  if (table_.by_wd(wd) == no_node && !old_.contains(wd)) release(wd);
}

// The directory of a watched node, verified, to look up names in; null if it is not to be had.
// Valid until the next call. A directory that is not found under its name is being renamed, or one
// above it is: when that is over it is found where it has gone.
const Directory* AutoWatcher::open(NodeId node, std::error_code& ec) {
  if (opened_.is_open() && opened_wd_ == table_.wd(node)) return &opened_;
  if (opened_.is_open() && open_below(node)) return &opened_;
  for (;; ++waits_) {
    table_.path(node, path_);
    if (open_as(node, path_, ec) || (path_now(node, path_) && open_as(node, path_, ec)))
      return &opened_;
    if (!has_patience() || !pull_rename(node)) return nullptr;
  }
}

// Whether the call under way may wait for one more rename: some, and one for each event that it has
// interpreted. Whoever renames faster than that must not hold it; what it could not reach is deferred to
// the next call.
bool AutoWatcher::has_patience() const noexcept {
  constexpr std::uint64_t most_waits = 64;
  return waits_ < most_waits + (look_ahead_.passed() - begin_) / sizeof(inotify_event);
}

// The same from the directory that is open, if the node is not far below that: the whole path of a
// directory that lies deep takes as many look-ups as it has names. False says nothing.
bool AutoWatcher::open_below(NodeId node) {
  constexpr std::size_t most_levels = 128;  // a TreeScan goes down 100
  std::vector<NodeId> nodes;
  NodeId at = node;
  for (; table_.wd(at) != opened_wd_; at = table_.parent(at)) {
    if (nodes.size() == most_levels || table_.is_top(table_.parent(at))) return false;
    nodes.push_back(at);
  }
  path_.clear();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    if (!path_.empty()) path_ += '/';
    path_ += table_.name(*it);
  }
  std::error_code ec;
  const auto& bits = table_.bits(node);
  const bool follow = bits.is_root != 0 || bits.is_hand != 0;
  Directory directory(opened_.fd(), path_.c_str(), Directory::Use::name_only, follow, ec);
  if (!ec) verify(node, directory, ec);
  if (ec) return false;
  opened_ = std::move(directory);
  opened_wd_ = table_.wd(node);
  return true;
}

bool AutoWatcher::open_as(NodeId node, const std::string& path, std::error_code& ec) {
  const auto& bits = table_.bits(node);
  const bool follow = bits.is_root != 0 || bits.is_hand != 0;  // the user's names may be symlinks
  opened_ = Directory(AT_FDCWD, path.c_str(), Directory::Use::name_only, follow, ec);
  if (!ec) verify(node, opened_, ec);
  if (ec) opened_ = {};
  opened_wd_ = table_.wd(node);
  return !ec;
}

// The rename that hides a node holds the lock of the deepest directory above it that is still in
// its place: its parent, most often, or else one that is halved for. Returns whether taking that lock
// brought anything new.
bool AutoWatcher::pull_rename(NodeId node) {
  std::vector<NodeId> above;
  for (node = table_.parent(node); is_watched(node); node = table_.parent(node))
    above.push_back(node);
  std::error_code ec;
  std::size_t hidden = 0;  // of the first so many none is in its place
  for (std::size_t end = above.size(); hidden < end;) {
    const std::size_t middle = hidden == 0 ? 0 : hidden + (end - hidden) / 2;
    table_.path(above[middle], path_);
    if (open_as(above[middle], path_, ec)) {
      end = middle;
    } else {
      hidden = middle + 1;
    }
  }
  const auto is_open = [&] { return opened_.is_open() && opened_wd_ == table_.wd(above[hidden]); };
  if (hidden < above.size() && !is_open()) {
    table_.path(above[hidden], path_);
    open_as(above[hidden], path_, ec);
  }
  if (opened_.is_open()) opened_.fence();
  // The IN_IGNORED of a watch that was refused, as at each try under a mount, is no news.
  const std::size_t before = look_ahead_.bytes();
  pull_queued();
  return look_ahead_.bytes() > before;
}

// Where a node is by now, if renames that are still to come have moved it or a directory above it:
// follows each name from its MOVED_FROM to its MOVED_TO through the look-ahead. False if that leads
// nowhere new, or out of the tree.
bool AutoWatcher::path_now(NodeId node, std::string& path) {
  // Whoever renames more often than this before it is read is found when it has been read.
  constexpr int most_moves = 4096;
  int moves = 0;
  std::vector<std::string_view> names;
  bool is_moved = false;
  while (!table_.is_top(node)) {
    NodeId parent = table_.parent(node);
    std::string_view name = table_.name(node);
    const Entry* from =
        is_watched(parent) ? look_ahead_.departure(table_.wd(parent), name, nullptr) : nullptr;
    while (from != nullptr) {
      const Entry* to = look_ahead_.arrival(from->raw.cookie);
      if (to == nullptr || table_.by_wd(to->raw.wd) == no_node || ++moves > most_moves)
        return false;
      is_moved = true;
      parent = table_.by_wd(to->raw.wd);
      name = to->raw.name;
      from = look_ahead_.departure(to->raw.wd, name, to);
    }
    names.push_back(name);
    if (names.size() > PATH_MAX)
      return false;  // two directories said to be in one another: events of different times
    node = parent;
  }
  if (!is_moved) return false;
  path = names.back();  // "/" or "."
  for (auto it = names.rbegin() + 1; it != names.rend(); ++it) {
    if (!path.ends_with('/')) path += '/';
    path += *it;
  }
  return true;
}

}  // namespace inotify::inline v0
