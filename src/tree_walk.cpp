// Watcher::add_iter, a plain walk over paths, and add_all, which needs it only for what is not plain.
#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <exception>
#include <utility>

#include <inotify/detail/crew.hpp>
#include <inotify/detail/directory.hpp>
#include <inotify/detail/tree_scan.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;
using detail::NodeId;
using detail::TreeScan;

// ---- add_all

// Watches in bulk what is below the root of a walk, and leaves to that what is not plain: what is
// known already, under that name or another, what is too deep, and what has failed.
class Watcher::Bulk {
 public:
  Bulk(Watcher& watcher, WalkRange& walk, std::vector<int>& wds)
      : watcher_(watcher), walk_(walk), wds_(wds) {}
  Bulk(const Bulk&) = delete;
  Bulk& operator=(const Bulk&) = delete;
  // Ends the watches that were set under a name that is not believed and that the walk has not met
  // again.
  ~Bulk() {
    std::error_code ignored;
    for (const int wd : disowned_) {
      if (table().by_wd(wd) == no_node) watcher_.instance_.rm_watch(wd, ignored);
    }
  }

  void run();

 private:
  [[nodiscard]] detail::WatchTable& table() const noexcept { return watcher_.table_; }
  [[nodiscard]] std::uint64_t mark() const { return watcher_.mark(table().mask(nodes_.front())); }
  [[nodiscard]] std::string path_in(NodeId directory, std::string_view name) const;
  void keep(const TreeScan::Notes& notes);
  void keep(const TreeScan::Note& note, std::string_view name);
  bool confirm(const std::string& path, int wd);

  Watcher& watcher_;
  WalkRange& walk_;
  std::vector<int>& wds_;
  std::vector<int> disowned_;
  std::vector<NodeId> nodes_;  // the directories, by the numbers of the scan
  std::vector<std::pair<std::string, std::error_code>> failed_;
  std::uint64_t begin_ = 0;  // where in the stream the watches begin
  bool is_still_ = true;     // nothing has happened between the first of them and the last
};

std::vector<int> Watcher::add_all(const std::filesystem::path& path, Mask mask,
                                  const OnError& onerror) {
  WalkRange walk = add_iter(path, mask, onerror);
  std::vector<int> wds{walk.wd_};
  Bulk bulk(*this, walk, wds);
  bulk.run();
  for (auto it = ++walk.begin(); it != walk.end(); ++it) wds.push_back(*it);
  return wds;
}

void Watcher::Bulk::run() {
  std::error_code ec;
  detail::Directory root(AT_FDCWD, walk_.current_.c_str(), detail::Directory::Use::list,
                         (walk_.mask_ & IN_DONT_FOLLOW) == 0, ec);
  std::vector<std::string> names;
  const auto keep_name = [&](std::string_view name, unsigned char type) {
    if (type == DT_DIR) names.emplace_back(name);
  };
  if (!ec) root.list(keep_name, ec);
  if (ec) return;  // the walk will meet it, too
  if (names.empty()) return walk_.take_over(failed_);
  nodes_ = {table().find(walk_.current_)};
  const bool create = (walk_.mask_ & IN_MASK_CREATE) != 0;
  TreeScan::Options options;
  options.mask = walk_.mask_ | IN_ONLYDIR | IN_DONT_FOLLOW | (create ? 0U : IN_MASK_ADD);
  detail::Crew crew(1);
  options.is_at_home = crew.is_at_home();
  TreeScan scan(watcher_.instance_, std::move(options));
  scan.begin(std::move(root), walk_.wd_, {}, names);
  TreeScan::Notes notes;
  for (bool has_more = true; has_more;) {
    begin_ = mark();
    std::exception_ptr error;
    crew.start(0, [&] { has_more = scan.fill(notes); });
    crew.wait(error);
    if (error != nullptr) std::rethrow_exception(error);
    is_still_ = mark() == begin_;
    keep(notes);
  }
  walk_.take_over(failed_);
}

void Watcher::Bulk::keep(const TreeScan::Notes& notes) {
  for (const TreeScan::Note& note : notes.list) {
    if (nodes_.size() <= note.number) nodes_.resize(note.number + nodes_.size(), no_node);
    const NodeId directory = nodes_[note.directory];
    const std::string_view name = notes.name(note);
    if (directory == no_node) {  // the walk will list it
      if (note.wd >= 0) disowned_.push_back(note.wd);
    } else if (note.error != 0) {
      failed_.emplace_back(path_in(directory, name), make_error(note.error));
    } else if (!name.empty()) {
      keep(note, name);
    }
  }
}

void Watcher::Bulk::keep(const TreeScan::Note& note, std::string_view name) {
  const NodeId directory = nodes_[note.directory];
  const NodeId known = table().by_wd(note.wd);
  const NodeId bearer = table().child(directory, name);
  const Mask mask = walk_.mask_ & kept_bits;
  if (known != no_node) table().set_mask(known, table().mask(known) | mask);  // as the kernel did
  const bool is_plain = known == no_node && (bearer == no_node || table().wd(bearer) < 0);
  if (!is_plain || (!is_still_ && !confirm(path_in(directory, name), note.wd))) {
    disowned_.push_back(note.wd);
    walk_.todo_.push_back(path_in(directory, name));
    return;
  }
  const NodeId node = table().ensure_child(directory, name);
  table().bind(node, note.wd, mask);
  nodes_[note.number] = node;
  if (begin_ > watcher_.position_) watcher_.begin_of_[note.wd] = begin_;
  wds_.push_back(note.wd);
}

// What is queued may be older than a watch or younger, if it came while many were set. So each is set
// once more, by itself: if it is still the one that bears the name, all that was queued before is
// older.
bool Watcher::Bulk::confirm(const std::string& path, int wd) {
  begin_ = mark();
  std::error_code ec;
  const Mask flags = IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD;
  const int now =
      watcher_.instance_.add_watch(path.c_str(), (walk_.mask_ & ~Mask{IN_MASK_CREATE}) | flags, ec);
  if (!ec && now != wd) disowned_.push_back(now);
  return !ec && now == wd;
}

std::string Watcher::Bulk::path_in(NodeId directory, std::string_view name) const {
  std::string path = table().path(directory);
  if (name.empty()) return path;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

// ---- add_iter

WalkRange Watcher::add_iter(const std::filesystem::path& path, Mask mask, OnError onerror) {
  return {*this, path.native(), mask, std::move(onerror)};
}

WalkRange::WalkRange(Watcher& watcher, std::string root, Mask mask, OnError onerror)
    : watcher_(&watcher), mask_(mask), onerror_(std::move(onerror)), current_(std::move(root)) {
  wd_ = watcher_->add(current_, mask_);
}

void WalkRange::advance() {
  if (!current_.empty()) list(current_);
  is_root_ = false;
  // What a listing called a directory may be a file or a symlink when its turn comes [3].
  mask_ |= IN_ONLYDIR | IN_DONT_FOLLOW;
  while (!todo_.empty()) {
    current_ = std::move(todo_.back());
    todo_.pop_back();
    std::error_code ec;
    wd_ = watcher_->add(current_, mask_, ec);
    if (!ec) return;
    fail(current_, ec);
  }
  done_ = true;
  if (failures_ == 0) return;
  const std::string call = "add_all: " + std::to_string(failures_) +
                           (failures_ == 1 ? " directory" : " directories") +
                           " could not be watched, the rest is; the first failure";
  detail::throw_error(call.c_str(), failed_path_, failed_);
}

// The root alone may be reached through a symlink, and may be no directory.
void WalkRange::list(const std::string& path) {
  std::error_code ec;
  const bool follow = is_root_ && (mask_ & IN_DONT_FOLLOW) == 0;
  detail::Directory directory(AT_FDCWD, path.c_str(), detail::Directory::Use::list, follow, ec);
  if (is_root_ && ec == std::errc::not_a_directory) return;
  if (!ec) {
    const std::string prefix = path.ends_with('/') ? path : path + '/';
    directory.list(
        [&](std::string_view name, unsigned char type) {
          if (type == DT_DIR) todo_.push_back(prefix + std::string(name));
        },
        ec);
  }
  if (ec) fail(path, ec);
}

// What a scan has failed at. The root has been listed.
void WalkRange::take_over(const std::vector<std::pair<std::string, std::error_code>>& failed) {
  current_.clear();
  is_root_ = false;
  for (const auto& [path, ec] : failed) {
    if (ec == std::errc::too_many_files_open) {
      list(path);
    } else {
      fail(path, ec);
    }
  }
}

void WalkRange::fail(const std::string& path, std::error_code ec) {
  if (std::ranges::find(watcher_->ignored_errors, ec.value()) != watcher_->ignored_errors.end())
    return;
  if (onerror_) {
    onerror_(std::filesystem::filesystem_error("inotify: add_all", path, ec));
    return;
  }
  if (failures_++ > 0) return;
  failed_path_ = path;
  failed_ = ec;
}

}  // namespace inotify::inline v0
