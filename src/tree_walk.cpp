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

WalkRange Watcher::add_iter(const std::filesystem::path& path, Mask mask, OnError onerror) {
  return {*this, path.native(), mask, std::move(onerror)};
}

std::vector<int> Watcher::add_all(const std::filesystem::path& path, Mask mask,
                                  const OnError& onerror) {
  WalkRange walk = add_iter(path, mask, onerror);
  std::vector<int> wds{walk.wd_};
  scan(walk, wds);
  for (auto it = ++walk.begin(); it != walk.end(); ++it) wds.push_back(*it);
  return wds;
}

// Watches in bulk what is below the root of a walk, and leaves to that what is too deep.
void Watcher::scan(WalkRange& walk, std::vector<int>& wds) {
  std::error_code ec;
  detail::Directory root(AT_FDCWD, walk.current_.c_str(), detail::Directory::Use::list,
                         (walk.mask_ & IN_DONT_FOLLOW) == 0, ec);
  std::vector<std::string> names;
  const auto keep_name = [&](std::string_view name, unsigned char type) {
    if (type == DT_DIR) names.emplace_back(name);
  };
  if (!ec) root.list(keep_name, ec);
  if (ec) return;  // the walk will meet it, too
  if (names.empty()) return walk.take_over({});
  const bool create = (walk.mask_ & IN_MASK_CREATE) != 0;
  TreeScan::Options options;
  options.mask = walk.mask_ | IN_ONLYDIR | IN_DONT_FOLLOW | (create ? 0U : IN_MASK_ADD);
  detail::Crew crew(1);
  options.is_at_home = crew.is_at_home();
  TreeScan scan(instance_, std::move(options));
  scan.begin(std::move(root), walk.wd_, {}, names);

  std::vector<NodeId> nodes{table_.find(walk.current_)};
  std::vector<std::pair<std::string, std::error_code>> failed;
  TreeScan::Notes notes;
  for (bool has_more = true; has_more;) {
    const std::uint64_t begin = mark(walk.mask_);
    std::exception_ptr error;
    crew.start(0, [&] { has_more = scan.fill(notes); });
    crew.wait(error);
    if (error != nullptr) std::rethrow_exception(error);
    for (const TreeScan::Note& note : notes.list) {
      if (nodes.size() <= note.number) nodes.resize(note.number + nodes.size(), no_node);
      const NodeId directory = nodes[note.directory];
      const std::string_view name = notes.name(note);
      if (note.error != 0) {
        failed.emplace_back(table_.path(directory), make_error(note.error));
        if (!name.empty()) failed.back().first.append("/").append(name);
      } else if (!name.empty()) {
        nodes[note.number] = keep_watch(directory, name, note.wd, walk.mask_);
        if (begin > position_) begin_of_[note.wd] = begin;
        wds.push_back(note.wd);
      }
    }
  }
  walk.take_over(failed);
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
