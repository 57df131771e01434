// The reverse of add_all.
#include <cerrno>
#include <new>
#include <string>
#include <vector>

#include <inotify/auto_watcher.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;
using detail::NodeId;

std::vector<NodeId> Watcher::watched_below(const std::filesystem::path& path,
                                           std::error_code& ec) const {
  std::vector<NodeId> nodes;
  const NodeId top = table_.find(path.native());
  if (top != no_node) {
    table_.for_each_below(top, [&](NodeId node) {
      if (table_.wd(node) >= 0) nodes.push_back(node);
    });
  }
  ec.clear();
  if (nodes.empty()) ec = make_error(is_open() ? ENOENT : EBADF);
  return nodes;
}

std::size_t Watcher::remove_all(const std::filesystem::path& path) {
  std::error_code ec;
  const std::size_t count = remove_all(path, ec);
  if (ec) detail::throw_error("remove_all: nothing is watched", path.native(), ec);
  return count;
}

std::size_t Watcher::remove_all(const std::filesystem::path& path, std::error_code& ec) {
  const std::vector<NodeId> nodes = watched_below(path, ec);
  for (const NodeId node : nodes) {
    if (table_.has_alias(table_.wd(node))) {
      table_.unbind(node);
    } else {
      remove(table_.wd(node), ec);
    }
    if (ec) return 0;
  }
  return nodes.size();
}

// What the user has given is removed as he would do it, from the top down, so that no root is taken into
// a tree which is to end as well. The rest goes with it.
std::size_t AutoWatcher::remove_all(const std::filesystem::path& path, std::error_code& ec) try {
  repair(ec);
  if (ec) return 0;
  const std::vector<NodeId> nodes = watched_below(path, ec);
  std::vector<std::string> given;
  for (const NodeId node : nodes) {
    const auto& bits = table_.bits(node);
    if (node == nodes.front() || bits.is_root != 0 || bits.is_hand != 0)
      given.push_back(table_.path(node));
  }
  for (const std::string& name : given) {
    // By add(), as a root, and as part of a larger tree: so many interests there may be in one directory.
    bool is_wanted = is_watched(table_.find(name));
    while (is_wanted && !ec) {
      remove_path(name, ec);
      const NodeId node = table_.find(name);
      is_wanted = is_watched(node) && table_.bits(node).asked != 0;
    }
    if (ec) return 0;
  }
  return nodes.size();
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

}  // namespace inotify::inline v0
