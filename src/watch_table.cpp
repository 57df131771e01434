#include <inotify/detail/watch_table.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <inotify/detail/path_text.hpp>

namespace inotify::inline v0::detail {
namespace {

bool is_absolute(std::string_view path) noexcept { return path.starts_with('/'); }

}  // namespace

WatchTable::WatchTable(WatchTable&& other) noexcept { *this = std::move(other); }

WatchTable& WatchTable::operator=(WatchTable&& other) noexcept {
  if (this == &other) return *this;
  nodes_ = std::exchange(other.nodes_, {});
  names_ = std::move(other.names_);
  key_ = other.key_;
  by_name_ = std::move(other.by_name_);
  by_wd_ = std::move(other.by_wd_);
  lead_ = other.lead_;
  aliases_.swap(other.aliases_);
  free_ = other.free_;
  watches_ = other.watches_;
  known_paths_.clear();
  version_ += other.version_ + 1;
  other.clear();
  return *this;
}

void WatchTable::clear() noexcept {
  nodes_ = Nodes();
  names_ = NamePool();
  by_name_ = IdIndex();
  by_wd_ = IdIndex();
  lead_ = no_lead;
  aliases_.clear();
  free_ = no_node;
  watches_ = 0;
  known_paths_ = PathCache();
  change_paths();
}

auto WatchTable::hash_of_name() const noexcept {
  return
      [this](NodeId id) { return hash_name(key_, nodes_[id].parent, names_.get(nodes_[id].name)); };
}

auto WatchTable::is_child(NodeId parent, std::string_view name) const noexcept {
  return [=, this](NodeId id) {
    return nodes_[id].parent == parent && names_.get(nodes_[id].name) == name;
  };
}

auto WatchTable::hash_of_wd() const noexcept {
  return [this](NodeId id) { return static_cast<std::uint32_t>(nodes_[id].wd); };
}

// ---- looking up

NodeId WatchTable::by_hash(int wd) const noexcept {
  return by_wd_.find(static_cast<std::uint32_t>(wd),
                     [&](NodeId id) { return nodes_[id].wd == wd; });
}

NodeId WatchTable::child(NodeId parent, std::string_view name) const noexcept {
  return by_name_.find(hash_name(key_, parent, name), is_child(parent, name));
}

NodeId WatchTable::walk(NodeId from, std::string_view path) const noexcept {
  for (auto name = next_component(path); !name.empty() && from != no_node;
       name = next_component(path)) {
    from = child(from, name);
  }
  return from;
}

NodeId WatchTable::find(std::string_view path) const noexcept {
  if (path.empty()) return no_node;
  const NodeId first = child(top, is_absolute(path) ? "/" : ".");
  return first == no_node ? no_node : walk(first, path);
}

NodeId WatchTable::find_above(std::string_view path) const noexcept {
  NodeId above = no_node;
  NodeId at = child(top, is_absolute(path) ? "/" : ".");
  for (auto name = next_component(path); !name.empty(); name = next_component(path)) {
    above = at;
    if (at != no_node) at = child(at, name);
  }
  return above;
}

NodeId WatchTable::superseded(NodeId parent, std::string_view name) const noexcept {
  for (NodeId id = nodes_[parent].first_child; id != no_node; id = nodes_[id].next) {
    if (nodes_[id].bits.named == 0 && names_.get(nodes_[id].name) == name) return id;
  }
  return no_node;
}

Mask WatchTable::mask(NodeId id) const noexcept {
  const Bits bits = nodes_[id].bits;
  return bits.events | (bits.excl != 0 ? IN_EXCL_UNLINK : 0U) |
         (bits.oneshot != 0 ? IN_ONESHOT : 0U);
}

void WatchTable::set_mask(NodeId id, Mask mask) noexcept {
  const auto others = aliases_.find(nodes_[id].wd);
  set_own_mask(id, mask);
  if (others == aliases_.end()) return;
  set_own_mask(by_wd(nodes_[id].wd), mask);
  for (const NodeId other : others->second) set_own_mask(other, mask);
}

void WatchTable::set_own_mask(NodeId id, Mask mask) noexcept {
  Bits& bits = nodes_[id].bits;
  bits.events = mask & IN_ALL_EVENTS;
  bits.excl = (mask & IN_EXCL_UNLINK) != 0;
  bits.oneshot = (mask & IN_ONESHOT) != 0;
}

bool WatchTable::is_below(NodeId id, NodeId ancestor) const noexcept {
  while (id != ancestor && !is_top(id)) id = nodes_[id].parent;
  return id == ancestor;
}

std::vector<NodeId> WatchTable::names_of(int wd) const {
  std::vector<NodeId> names;
  const NodeId first = by_wd(wd);
  if (first == no_node) return names;
  names.push_back(first);
  const auto it = aliases_.find(wd);
  if (it != aliases_.end()) names.insert(names.end(), it->second.begin(), it->second.end());
  return names;
}

NodeId WatchTable::next_below(NodeId id, NodeId first) const noexcept {
  if (nodes_[id].first_child != no_node) return nodes_[id].first_child;
  while (id != first && nodes_[id].next == no_node) id = nodes_[id].parent;
  return id == first ? no_node : nodes_[id].next;
}

// ---- changing

NodeId WatchTable::ensure(std::string_view path) {
  if (nodes_.size() == 0) {
    nodes_.reserve();
    nodes_.add().parent = top;  // its own: neither free nor below anything
  }
  NodeId at = top;
  try {
    at = ensure_child(at, is_absolute(path) ? "/" : ".");
    for (auto name = next_component(path); !name.empty(); name = next_component(path)) {
      at = ensure_child(at, name);
    }
  } catch (...) {
    prune(at);
    throw;
  }
  return at;
}

NodeId WatchTable::ensure_child(NodeId parent, std::string_view name) {
  const NodeId id = by_name_.find_or_insert(
      hash_name(key_, parent, name), is_child(parent, name), [&] { return create(parent, name); },
      hash_of_name());
  nodes_[id].bits.named = 1;
  return id;
}

NodeId WatchTable::create(NodeId parent, std::string_view text) {
  NodeId id = free_;
  if (id == no_node) nodes_.reserve();
  const NamePool::Ref name = names_.add(text);
  if (id != no_node) {
    free_ = nodes_[id].next;
    nodes_[id] = Node{};
  } else {
    id = static_cast<NodeId>(nodes_.size());
    nodes_.add();
  }
  nodes_[id].name = name;
  link(id, parent);
  return id;
}

void WatchTable::destroy(NodeId id) noexcept {
  if (nodes_[id].wd >= 0) forget_wd(id);
  remove_name(id);
  unlink(id);
  names_.remove(nodes_[id].name);
  known_paths_.forget(id);
  long_path_.forget(id);
  nodes_[id] = Node{};
  nodes_[id].next = free_;
  free_ = id;
  ++version_;
}

void WatchTable::link(NodeId id, NodeId parent) noexcept {
  Node& node = nodes_[id];
  node.parent = parent;
  node.prev = no_node;
  node.next = nodes_[parent].first_child;
  if (node.next != no_node) nodes_[node.next].prev = id;
  nodes_[parent].first_child = id;
}

void WatchTable::unlink(NodeId id) noexcept {
  const Node& node = nodes_[id];
  (node.prev != no_node ? nodes_[node.prev].next : nodes_[node.parent].first_child) = node.next;
  if (node.next != no_node) nodes_[node.next].prev = node.prev;
}

void WatchTable::add_name(NodeId id) {
  by_name_.insert(id, hash_of_name());
  nodes_[id].bits.named = 1;
}

void WatchTable::remove_name(NodeId id) noexcept {
  if (nodes_[id].bits.named == 0) return;
  by_name_.erase(id, hash_of_name());
  nodes_[id].bits.named = 0;
}

void WatchTable::bind(NodeId id, int wd, Mask mask) {
  const bool is_alias = by_wd(wd) != no_node;
  try {
    if (is_alias) {
      if (guess(wd) == id) give_up_lead();
      add_alias(id, wd);
    } else {
      if (watches_ == 0) lead_ = static_cast<std::uint32_t>(wd) - id;
      if (guess(wd) != id) by_wd_.reserve(1, hash_of_wd());
      nodes_[id].wd = wd;
      if (guess(wd) != id) by_wd_.insert(id, hash_of_wd());
      ++watches_;
    }
  } catch (...) {
    prune(id);
    throw;
  }
  is_alias ? set_mask(id, mask) : set_own_mask(id, mask);
  if (is_top(nodes_[id].parent)) change_paths();  // ".", which is told if it is watched
}

// The first name is in the hash from now on, wherever it is found: so the hash has room for its heir
// when it goes.
void WatchTable::add_alias(NodeId id, int wd) {
  const NodeId first = by_wd(wd);
  const bool is_hashed = guess(wd) != first || has_alias(wd);
  if (!is_hashed) by_wd_.reserve(1, hash_of_wd());
  std::vector<NodeId>& others = aliases_[wd];
  try {
    others.push_back(id);
  } catch (...) {
    if (others.empty()) aliases_.erase(wd);
    throw;
  }
  if (!is_hashed) by_wd_.insert(first, hash_of_wd());
  nodes_[id].wd = wd;
}

// An alias has got the place where its watch would be looked for (invariant 5): from now on all are
// found by the hash.
void WatchTable::give_up_lead() {
  const auto for_each_led = [&](auto visit) {
    for (NodeId id = 0; id < nodes_.size(); ++id) {
      const int wd = nodes_[id].wd;
      if (wd >= 0 && guess(wd) == id && !has_alias(wd)) visit(id);
    }
  };
  std::size_t count = 0;
  for_each_led([&](NodeId) { ++count; });
  by_wd_.reserve(count, hash_of_wd());
  for_each_led([&](NodeId id) { by_wd_.insert(id, hash_of_wd()); });
  lead_ = no_lead;
}

bool WatchTable::unbind(NodeId id) noexcept {
  const bool last = forget_wd(id);
  prune(id);
  return last;
}

bool WatchTable::forget_wd(NodeId id) noexcept {
  const int wd = nodes_[id].wd;
  const auto others = aliases_.find(wd);
  const bool last = others == aliases_.end();
  if (last) {
    if (guess(wd) != id) by_wd_.erase(id, hash_of_wd());
    --watches_;
  } else if (by_wd(wd) == id) {
    const NodeId heir = others->second.front();
    const Bits& bits = nodes_[id].bits;
    nodes_[heir].bits.asked |= bits.asked;
    nodes_[heir].bits.is_root |= bits.is_root;
    nodes_[heir].bits.is_hand |= bits.is_hand;
    by_wd_.erase(id, hash_of_wd());
    by_wd_.insert(heir, hash_of_wd());
    others->second.erase(others->second.begin());
  } else {
    std::erase(others->second, id);
  }
  nodes_[id].wd = -1;
  if (!last && others->second.empty()) {
    const NodeId first = by_wd(wd);
    aliases_.erase(others);
    if (guess(wd) == first) by_wd_.erase(first, hash_of_wd());
  }
  if (is_top(nodes_[id].parent)) change_paths();
  set_own_mask(id, 0);
  return last;
}

void WatchTable::rename(NodeId id, NodeId new_parent, std::string_view new_name) {
  const NodeId victim = child(new_parent, new_name);
  if (victim == id) return;
  if (nodes_[id].bits.named == 0) by_name_.reserve(1, hash_of_name());
  const NamePool::Ref ref = names_.add(new_name);  // what follows does not throw
  if (victim != no_node) supersede(victim);
  const NodeId old_parent = nodes_[id].parent;
  remove_name(id);
  unlink(id);
  names_.remove(nodes_[id].name);
  nodes_[id].name = ref;
  link(id, new_parent);
  add_name(id);
  change_paths();
  prune(old_parent);
}

void WatchTable::swap(NodeId a, NodeId b) noexcept {
  const NodeId parent_a = nodes_[a].parent;
  const NodeId parent_b = nodes_[b].parent;
  for (const NodeId id : {a, b}) {
    remove_name(id);
    unlink(id);
  }
  std::swap(nodes_[a].name, nodes_[b].name);
  link(a, parent_b);
  link(b, parent_a);
  add_name(a);
  add_name(b);
  change_paths();
}

void WatchTable::supersede(NodeId id) noexcept {
  remove_name(id);
  prune(id);
}

void WatchTable::reinstate(NodeId id) {
  const NodeId bearer = child(nodes_[id].parent, names_.get(nodes_[id].name));
  if (bearer == id) return;
  if (bearer != no_node) remove_name(bearer);
  add_name(id);
  if (bearer != no_node) prune(bearer);
}

void WatchTable::prune(NodeId id) noexcept {
  while (!is_top(id)) {
    const Node& node = nodes_[id];
    const Bits& bits = node.bits;
    const bool needed = node.wd >= 0 || node.first_child != no_node || bits.is_root != 0 ||
                        bits.is_hand != 0 || bits.wanted != 0 || bits.hole != 0;
    if (needed) return;
    const NodeId parent = node.parent;
    destroy(id);
    id = parent;
  }
}

}  // namespace inotify::inline v0::detail
