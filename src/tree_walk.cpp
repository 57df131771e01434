// Watcher::add_all: what is plain is watched in bulk, and the rest by a walk step by step.
#include <dirent.h>

#include <cerrno>
#include <exception>
#include <new>
#include <unordered_set>
#include <utility>

#include <inotify/detail/crew.hpp>
#include <inotify/detail/directory.hpp>
#include <inotify/detail/given_path.hpp>
#include <inotify/detail/tree_scan.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;
using detail::NodeId;
using detail::TreeScan;

// Watches in bulk what is below the root of a walk, as long as nothing happens there: then it does
// not matter when each watch began, and a name means what it meant when it was listed. What is known
// already, what is too deep and what has failed is left to the walk; and all of it once an event has
// come, or where one always will.
class Watcher::Bulk {
 public:
  Bulk(Watcher& watcher, WalkRange& walk, std::vector<int>& wds)
      : watcher_(watcher), walk_(walk), wds_(wds) {}
  Bulk(const Bulk&) = delete;
  Bulk& operator=(const Bulk&) = delete;
  // Ends the watches that are nobody's: not believed, and not met again by the walk.
  ~Bulk() {
    for (const TreeScan::Note& note : notes_.list) end(note.wd);
    for (const int wd : disowned_) end(wd);
  }

  void run();
  // Whether the walk, which may go where this has been, has a watch that this has not.
  bool is_new(int wd) { return met_.empty() || met_.insert(wd).second; }

 private:
  void end(int wd) const noexcept {
    std::error_code gone;
    if (wd >= 0 && table().by_wd(wd) == no_node) watcher_.instance_.rm_watch(wd, gone);
  }
  [[nodiscard]] detail::WatchTable& table() const noexcept { return watcher_.table_; }
  [[nodiscard]] std::uint64_t mark() const { return watcher_.mark(table().mask(root_)); }
  [[nodiscard]] std::string path_in(NodeId directory, std::string_view name) const;
  [[nodiscard]] WalkRange::Place place_of(NodeId directory) const;
  [[nodiscard]] bool can_be_still() const noexcept;
  std::vector<std::string> list(detail::Directory& directory, std::error_code& ec) const;
  void scan(detail::Directory above, NodeId node, const std::vector<std::string>& names);
  void scan_deeper();
  void give_up();
  void keep(const TreeScan::Note& note, std::string_view name);
  void disown(int wd);

  Watcher& watcher_;
  WalkRange& walk_;
  std::vector<int>& wds_;
  std::unordered_set<int> met_;
  std::vector<int> disowned_;
  NodeId root_ = no_node;
  TreeScan::Notes notes_;
  std::vector<NodeId> nodes_;  // the directories, by the numbers of the scan
  std::vector<std::pair<std::string, std::error_code>> failed_;
  std::vector<WalkRange::Place> unlisted_;  // too deep
  std::uint64_t begin_ = 0;                 // where in the stream all the watches begin
};

std::vector<int> Watcher::add_all(const std::filesystem::path& path, Mask mask,
                                  const OnError& onerror) {
  WalkRange walk(*this, path.native(), mask, onerror);
  if (walk.done_) return {};
  walk.keeps_open_ = true;
  std::vector<int> wds{walk.wd_};
  Bulk bulk(*this, walk, wds);
  try {
    bulk.run();
  } catch (const std::bad_alloc&) {
    std::error_code ignored;
    end_unknown_watches(ignored);
    throw;
  }
  for (auto it = ++walk.begin(); it != walk.end(); ++it) {
    if (bulk.is_new(*it)) wds.push_back(*it);
  }
  return wds;
}

// A mask under which our own listing makes events, or under which a watch cannot be set twice.
bool Watcher::Bulk::can_be_still() const noexcept {
  const Mask mask = walk_.mask_ | table().mask(root_);
  const bool is_noisy = (mask & (IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE)) != 0;
  return (mask & (IN_MASK_CREATE | IN_ONESHOT)) == 0 && !(is_noisy && (mask & name_bits) != 0);
}

void Watcher::Bulk::run() {
  root_ = table().find(walk_.root_);
  if (!can_be_still()) return;
  begin_ = mark();
  std::error_code ec;
  detail::Directory root = walk_.open_root(detail::Directory::Use::list, ec);
  std::vector<std::string> names;
  if (!ec) names = list(root, ec);
  if (ec) return;  // the walk will meet it, too
  scan(std::move(root), root_, names);
  while (met_.empty() && !unlisted_.empty()) scan_deeper();
  if (met_.empty()) walk_.take_over(failed_);
}

std::vector<std::string> Watcher::Bulk::list(detail::Directory& directory,
                                             std::error_code& ec) const {
  std::vector<std::string> names;
  const auto keep_name = [&](const char* name, unsigned char type) {
    if (type == DT_DIR || type == DT_UNKNOWN) names.emplace_back(name);
  };
  directory.list(keep_name, ec);
  return names;
}

// Goes on from where a scan had too many levels open. By the walk's steps, each of which looks its whole
// path up, 8,000 levels took 15 s.
void Watcher::Bulk::scan_deeper() {
  WalkRange::Place place = std::move(unlisted_.back());
  unlisted_.pop_back();
  std::error_code ec;
  detail::Directory directory;
  std::vector<std::string> names;
  walk_.reach(place, ec);
  if (!ec) {
    directory =
        detail::Directory(walk_.reached_.fd(), ".", detail::Directory::Use::list, false, ec);
  }
  if (!ec) names = list(directory, ec);
  if (ec) failed_.emplace_back(walk_.full(place.path), ec);
  scan(std::move(directory), table().by_wd(place.wd), names);
}

void Watcher::Bulk::scan(detail::Directory above, NodeId node,
                         const std::vector<std::string>& names) {
  if (names.empty() || node == no_node) return;
  nodes_ = {node};
  TreeScan::Options options;
  options.mask = walk_.mask_ | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD;
  const DirectoryFilter& filter = watcher_.add_filter;
  if (filter) {
    options.accepts = [&](int wd, std::string_view path, std::string_view name) {
      return filter(detail::event_of_found(wd, path, name).view());
    };
  }
  detail::Crew crew(filter ? 0 : 1);  // it is not asked in a thread that is not the user's
  options.is_at_home = crew.is_at_home();
  TreeScan scan(watcher_.instance_, std::move(options));
  scan.begin(std::move(above), table().wd(node), filter ? table().path(node) : "", names);
  for (bool has_more = true; has_more;) {
    std::exception_ptr error;
    crew.start(0, [&] { has_more = scan.fill(notes_); });
    crew.wait(error);
    if (error != nullptr) std::rethrow_exception(error);
    if (mark() != begin_) return give_up();
    for (const TreeScan::Note& note : notes_.list) {
      if (nodes_.size() <= note.number) nodes_.resize(note.number + nodes_.size(), no_node);
      keep(note, notes_.name(note));
    }
    notes_.list.clear();
  }
}

// Something has happened: maybe to a name between its watch and its listing, or to one above it. So
// all is walked, from the root, step by step.
void Watcher::Bulk::give_up() {
  for (const TreeScan::Note& note : notes_.list) disown(note.wd);
  met_.insert(wds_.begin(), wds_.end());
  walk_.todo_.clear();
}

void Watcher::Bulk::keep(const TreeScan::Note& note, std::string_view name) {
  const NodeId directory = nodes_[note.directory];
  if (directory == no_node) return disown(note.wd);  // the walk will list it
  if (note.error != 0) {
    if (note.error == EMFILE && name.empty()) return unlisted_.push_back(place_of(directory));
    failed_.emplace_back(path_in(directory, name), make_error(note.error));
    return;
  }
  if (name.empty() || note.wd < 0) return;  // or refused
  const NodeId node =
      table().by_wd(note.wd) == no_node ? table().ensure_child(directory, name) : no_node;
  if (node == no_node || table().wd(node) >= 0) {  // known already
    disown(note.wd);
    walk_.put_off(place_of(directory), name);
    return;
  }
  table().bind(node, note.wd, walk_.mask_ & kept_bits);
  nodes_[note.number] = node;
  if (begin_ > watcher_.position()) watcher_.begin_of_[note.wd] = begin_;
  wds_.push_back(note.wd);
}

// The kernel has added the mask, whoever's it is.
void Watcher::Bulk::disown(int wd) {
  const NodeId known = table().by_wd(wd);
  if (known != no_node) table().set_mask(known, table().mask(known) | (walk_.mask_ & kept_bits));
  disowned_.push_back(wd);
}

WalkRange::Place Watcher::Bulk::place_of(NodeId directory) const {
  std::string path = table().path(directory).substr(table().path(root_).size());
  if (path.starts_with('/')) path.erase(0, 1);
  return {std::move(path), table().wd(directory)};
}

std::string Watcher::Bulk::path_in(NodeId directory, std::string_view name) const {
  std::string path = table().path(directory);
  if (name.empty()) return path;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

}  // namespace inotify::inline v0
