// WatchTable: how a path is put together from names.
#include <cstring>

#include <inotify/detail/watch_table.hpp>

namespace inotify::inline v0::detail {

// Of the top, and of "/" and ".", it is empty.
std::string_view WatchTable::prefix_of_parent(NodeId id) const {
  const NodeId parent = nodes_[id].parent;
  if (is_top(parent)) return "";
  if (long_path_.ends_with(parent)) return long_path_.text();
  const std::string_view text = prefix(parent);
  return text.data() == long_path_.text().data() ? text : known_paths_.put(parent, text);
}

void WatchTable::path(NodeId id, std::string& path) const {
  const auto [above, name] = parts(id);
  path.reserve(above.size() + name.size());
  path.assign(above).append(name);
}

// The path of a directory as that of something in it begins, from the last name to the first, in one
// pass: with one more for the size, and std::ranges::copy, it was 1,350 instructions. Room for a margin
// before it, so that a name of up to 16 bytes is one move of 16 that ends where it ends; what that
// writes before the name is overwritten by what comes next.
std::string_view WatchTable::prefix(NodeId id) const {
  constexpr std::size_t margin = NamePool::margin;
  constexpr std::size_t longest = 1024;
  const NodeId directory = id;
  if (scratch_.empty()) scratch_.resize(longest);
  char* const begin = scratch_.data();
  char* const end = begin + longest;
  char* at = end;
  *--at = '/';
  const auto has = [&](std::size_t room) { return static_cast<std::size_t>(at - begin) >= room; };
  for (NodeId parent = nodes_[id].parent; !is_top(parent);
       id = parent, parent = nodes_[id].parent) {
    const std::string_view name = names_.get(nodes_[id].name);
    if (!has(name.size() + 2 * margin)) return long_prefix(directory);
    const char* name_end = name.data() + name.size();
    std::memcpy(at - margin, name_end - margin, margin);
    if (name.size() > margin) std::memcpy(at - name.size(), name.data(), name.size() - margin);
    at -= name.size();
    if (const std::string_view above = known_paths_.find(parent); !above.empty()) {
      if (!has(above.size())) return long_prefix(directory);
      at -= above.size();
      std::memcpy(at, above.data(), above.size());
      return {at, end};
    }
    *--at = '/';
  }
  // `id` is now "/", whose name is the first slash, or ".", which is told only if it is watched.
  if (names_.get(nodes_[id].name) != "/") {
    if (nodes_[id].wd >= 0) {
      *--at = '.';
    } else {
      ++at;
    }
  }
  return {at, end};
}

// The same, of any length: from the last name that is in the long path, if one near is.
std::string_view WatchTable::long_prefix(NodeId id) const {
  constexpr std::size_t near = 8;
  fetched_.clear();
  while (!(fetched_.size() < near && long_path_.cut(id))) {
    fetched_.push_back(id);
    id = nodes_[id].parent;
    if (!is_top(id)) continue;
    long_path_.clear();
    break;
  }
  for (auto it = fetched_.rbegin(); it != fetched_.rend(); ++it) {
    const Node& node = nodes_[*it];
    const std::string_view name = names_.get(node.name);
    if (!is_top(node.parent)) {
      long_path_.append(*it, name, "/");
    } else if (name == "/" || node.wd >= 0) {
      long_path_.append(*it, name == "/" ? "" : name, "/");
    } else {
      long_path_.append(*it, "", "");
    }
  }
  return long_path_.text();
}

// Level by level: while one is on its way from memory, the others are asked for. Higher up the paths
// have met.
void WatchTable::prefetch(std::span<const int> wds) const {
  constexpr int levels = 3;
  fetched_.clear();
  for (const int wd : wds) {
    if (guess(wd) < nodes_.size()) fetched_.push_back(guess(wd));
  }
  for (const NodeId id : fetched_) __builtin_prefetch(&nodes_[id]);
  for (int level = 0; level < levels; ++level) {
    for (NodeId& id : fetched_) {
      const Node& node = nodes_[id];
      names_.prefetch(node.name);
      if (node.parent < nodes_.size()) id = node.parent;
      __builtin_prefetch(&nodes_[id]);
    }
  }
}

std::string WatchTable::path(NodeId id) const {
  std::string text;
  path(id, text);
  return text;
}

}  // namespace inotify::inline v0::detail
