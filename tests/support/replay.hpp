// The oracle: what a consumer who replays the stream by the documented rules believes to be on disk.
#pragma once

#include <filesystem>
#include <inotify/event.hpp>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// Path -> whether it is a directory, of everything below a root.
using Tree = std::map<std::string, bool>;

/// What is on disk below `root`, as far as it may be read.
inline Tree tree_on_disk(const std::filesystem::path& root) {
  Tree tree;
  constexpr auto options = std::filesystem::directory_options::skip_permission_denied;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, options)) {
    tree[entry.path().string()] = !entry.is_symlink() && entry.is_directory();
  }
  return tree;
}

/// The rules of examples/README.md, "Replaying the stream".
class Replay {
 public:
  explicit Replay(Tree start = {}) : tree_(std::move(start)) {}

  void apply(std::span<const inotify::Event> events) {
    for (const inotify::Event& event : events) apply(event);
  }

  void apply(const inotify::Event& event) {
    log_.push_back(inotify::to_string(event));
    const std::string path(event.fullpath);
    if (event.is_overflow() || event.error) {
      take(path, false);
    } else if (event.is_create() || (event.is_moved_to() && event.moved_from.empty())) {
      if (event.is_create() && tree_.contains(path)) twice_.push_back(path);
      take(path, true);
      tree_[path] = event.is_dir();
    } else if (event.is_moved_from() && event.is_moved_to()) {  // of coalesce()
      Tree taken = take(std::string(event.moved_from), true);
      take(path, true);
      if (taken.empty()) taken[""] = event.is_dir();
      for (const auto& [below, is_dir] : taken) tree_[path + below] = is_dir;
    } else if (event.is_moved_from()) {
      Tree taken = take(path, true);
      if (!event.moved_to.empty() && !taken.empty()) hand_[event.cookie] = std::move(taken);
    } else if (event.is_moved_to()) {
      take(path, true);
      const std::string old(event.moved_from);
      if (auto held = hand_.extract(event.cookie); !held.empty()) {
        for (const auto& [below, is_dir] : held.mapped()) tree_[path + below] = is_dir;
      } else {
        tree_[path] = event.is_dir();
      }
    } else if (event.is_delete()) {
      take(path, true);
    }
  }

  [[nodiscard]] const Tree& tree() const { return tree_; }
  /// What was reported as created though it was known.
  [[nodiscard]] const std::vector<std::string>& twice() const { return twice_; }
  [[nodiscard]] const std::vector<std::string>& log() const { return log_; }

 private:
  // Removes what is below `path` and, if `itself`, that too; returns it with the paths relative to `path`.
  Tree take(const std::string& path, bool itself) {
    Tree taken;
    const auto move = [&](Tree::iterator it) {
      taken[it->first.substr(path.size())] = it->second;
      return tree_.erase(it);
    };
    if (const auto it = tree_.find(path); itself && it != tree_.end()) move(it);
    const std::string prefix = path + '/';
    for (auto it = tree_.lower_bound(prefix); it != tree_.end() && it->first.starts_with(prefix);)
      it = move(it);
    return taken;
  }

  Tree tree_;
  std::map<std::uint32_t, Tree> hand_;
  std::vector<std::string> twice_;
  std::vector<std::string> log_;
};

}  // namespace test
