// wd <-> path: every watch and its place in the tree of names.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <inotify/detail/id_index.hpp>
#include <inotify/detail/name_hash.hpp>
#include <inotify/detail/name_pool.hpp>
#include <inotify/detail/path_cache.hpp>
#include <inotify/mask.hpp>

namespace inotify::inline v0::detail {

/// A tree of names in which some nodes carry a watch. A path is never stored: it is the names from
/// the top down, so that the rename of a directory is one relinked node however much lies below. It
/// knows nothing of system calls.
///
/// Below the one top, which has no name and is made with the first node, stand "/" and ".". "/a//b/./c" is the nodes a, b, c below
/// "/", and "a" or "./a" is a below "."; it is told as "./a" if "." is watched, else as "a".
///
/// Invariants
///   1. A wd belongs to one watch. `by_wd` leads to the node with the first of its names; its other
///      names (aliases: hard links, bind mounts, symlinks followed) are nodes with the same wd,
///      listed in `aliases_`.
///   2. (parent, name) leads to at most one node, the *named* one: what is there now. A node that
///      lost its name to a younger one (superseded: its watch outlives its place) keeps its parent
///      and so its last path, but only its wd leads to it.
///   3. A node without a watch, a child or a flag does not exist (but for the top): whoever takes
///      the last of them away prunes.
///   4. A node's path changes only by rename() and swap() of it or of a node above it, and if it is
///      below ".", when the watch of that begins or ends; `version()` then changes.
///   5. The watch w is found at the node w - `lead_`, if that has w, else by the hash `by_wd_`: in a
///      first walk both are given out in order. No node but the first of a watch's names may be at
///      that place. The first of several names is in the hash as well.
///   6. wd -> node and (parent, name) -> node are changed nowhere but in bind/forget_wd and
///      ensure_child/add_name/remove_name.
///   7. Memory is proportional to the live nodes: ids, names and index slots of erased nodes are
///      reused [4].
class WatchTable {
 public:
  /// What the owner wants to know of a node, packed.
  struct Bits {
    std::uint32_t events : 12 = 0;  // of the kernel's mask: IN_ALL_EVENTS
    std::uint32_t asked : 12 = 0;   // of what the consumer asked for
    std::uint32_t excl : 1 = 0;     // of the kernel's mask: IN_EXCL_UNLINK
    std::uint32_t oneshot : 1 = 0;  // of the kernel's mask: IN_ONESHOT
    std::uint32_t named : 1 = 0;    // invariant 2
    std::uint32_t is_root : 1 = 0;  // given by the user to be followed, with all below
    std::uint32_t is_hand : 1 = 0;  // given by the user, for itself alone
    std::uint32_t wanted : 1 = 0;   // a directory that should be watched and is not yet
    std::uint32_t untold : 1 = 0;  // ... and of which the consumer does not know yet that it exists
    std::uint32_t hole : 1 =
        0;  // a directory that could not be watched; the consumer has been told
  };

  WatchTable() = default;
  WatchTable(WatchTable&& other) noexcept;  // leaves an empty table
  WatchTable& operator=(WatchTable&& other) noexcept;

  // ---- looking up

  [[nodiscard]] NodeId by_wd(int wd) const noexcept {
    if (wd < 0) return no_node;
    const NodeId id = guess(wd);
    if (id < nodes_.size() && nodes_[id].wd == wd) return id;
    return by_wd_.empty() ? no_node : by_hash(wd);
  }
  [[nodiscard]] NodeId child(NodeId parent, std::string_view name) const noexcept;
  /// The named node of a path, watched or not.
  [[nodiscard]] NodeId find(std::string_view path) const noexcept;

  [[nodiscard]] int wd(NodeId id) const noexcept { return nodes_[id].wd; }
  [[nodiscard]] NodeId parent(NodeId id) const noexcept { return nodes_[id].parent; }
  [[nodiscard]] std::string_view name(NodeId id) const noexcept {
    return names_.get(nodes_[id].name);
  }
  [[nodiscard]] Bits& bits(NodeId id) noexcept { return nodes_[id].bits; }
  [[nodiscard]] const Bits& bits(NodeId id) const noexcept { return nodes_[id].bits; }
  [[nodiscard]] static bool is_top(NodeId id) noexcept { return id == top; }
  [[nodiscard]] bool is_live(NodeId id) const noexcept {
    return id < nodes_.size() && nodes_[id].parent != no_node;
  }
  [[nodiscard]] bool has_children(NodeId id) const noexcept {
    return nodes_[id].first_child != no_node;
  }

  /// The kernel's mask of a node's watch.
  [[nodiscard]] Mask mask(NodeId id) const noexcept;
  void set_mask(NodeId id, Mask mask) noexcept;  // of all names of its wd

  /// Whether `id` is `ancestor` or lies below it.
  [[nodiscard]] bool is_below(NodeId id, NodeId ancestor) const noexcept;

  /// The path of a node, empty for no_node: what is above it, valid until the next call, and its
  /// name, valid until it changes.
  [[nodiscard]] PathParts parts(NodeId id) const {
    if (id == no_node || is_top(id)) return {};
    const Node& node = nodes_[id];
    const std::string_view above = known_paths_.find(node.parent);
    return {above.empty() ? prefix_of_parent(id) : above, names_.get(node.name)};
  }
  void path(NodeId id, std::string& path) const;
  [[nodiscard]] std::string path(NodeId id) const;

  /// Fetches what the paths of these watches will need into the processor's cache. What a path is
  /// made of lies about in memory: to wait for each piece was a fifth of the time it took to read
  /// the events of 100,000 directories.
  void prefetch(std::span<const int> wds) const;
  /// Whether that pays: a small table stays in the cache by itself.
  [[nodiscard]] bool is_large() const noexcept { return nodes_.size() >= 4096; }

  /// Frees what it keeps of long paths.
  void give_back() const noexcept { long_path_.clear(); }

  /// Changes whenever a path may have changed.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

  /// The number of watches: of wds, not of names.
  [[nodiscard]] std::size_t size() const noexcept { return watches_; }

  /// Whether a watch has more than one name.
  [[nodiscard]] bool has_alias(int wd) const noexcept { return aliases_.contains(wd); }
  /// Whether a watch has another name that it is reported under.
  [[nodiscard]] bool is_alias(NodeId id) const noexcept {
    return !aliases_.empty() && wd(id) >= 0 && by_wd(wd(id)) != id;
  }
  /// The names of a watch, the one it is reported under first.
  [[nodiscard]] std::vector<NodeId> names_of(int wd) const;

  /// A node that lost the name to the one that is named so now; the last to do so, or no_node.
  [[nodiscard]] NodeId superseded(NodeId parent, std::string_view name) const noexcept;
  /// The named node of the directory that a path lies in.
  [[nodiscard]] NodeId find_above(std::string_view path) const noexcept;

  /// Calls `visit(id)` for `first` and everything below it, parents first. `visit` must not add or
  /// erase nodes.
  template <class Visit>
  void for_each_below(NodeId first, Visit visit) const;
  /// The same for the children of `parent` alone.
  template <class Visit>
  void for_each_child(NodeId parent, Visit visit) const {
    for (NodeId id = nodes_[parent].first_child; id != no_node; id = nodes_[id].next) visit(id);
  }
  /// The same for all nodes but the top.
  template <class Visit>
  void for_each(Visit visit) const {
    if (nodes_.size() == 0) return;
    for_each_child(top, [&](NodeId id) { for_each_below(id, visit); });
  }

  // ---- changing: whatever throws has changed nothing

  /// The named node of a path, made with all that leads to it if need be.
  NodeId ensure(std::string_view path);
  NodeId ensure_child(NodeId parent, std::string_view name);

  /// Gives an unwatched node its watch; if `wd` is known already, as a further name of it. If it
  /// throws, the node is pruned if nothing else needs it.
  void bind(NodeId id, int wd, Mask mask);
  /// Takes a name away from its watch: the next alias is then the first name, and inherits what was
  /// asked for. Returns whether the wd has no name left. The node is pruned if nothing else needs
  /// it.
  bool unbind(NodeId id) noexcept;

  /// Moves a node with all below to another place, in place of what is there, which is superseded.
  /// O(1).
  void rename(NodeId id, NodeId new_parent, std::string_view new_name);
  /// The two nodes take each other's place.
  void swap(NodeId a, NodeId b) noexcept;
  /// Takes the node's name from it (invariant 2).
  void supersede(NodeId id) noexcept;
  /// The reverse: it bears its name again, and who bore it is superseded.
  void reinstate(NodeId id);

  /// Erases a node and all below; calls `visit(id)` for each, children first, while it can still be
  /// looked at. What that throws ends it there.
  template <class Visit>
  void erase(NodeId id, Visit visit);

  /// Erases a node that nothing needs any more, and what becomes needless above it (invariant 3).
  void prune(NodeId id) noexcept;

  void clear() noexcept;

 private:
  struct Node {
    NodeId parent = no_node;  // no_node: the node is free
    NodeId first_child = no_node;
    NodeId next = no_node;  // sibling; of a free node: the next free one
    NodeId prev = no_node;
    int wd = -1;
    NamePool::Ref name = 0;
    Bits bits{};
  };
  static_assert(sizeof(Node) == 28);

  // Nodes in chunks that stay where they are: a reference is good until the node is destroyed, and
  // there is no spare half as in a vector that doubles. In a deque, which has 18 of them to a block,
  // each access was a division.
  class Nodes {
   public:
    Node& operator[](NodeId id) noexcept { return chunks_[id / chunk_size][id % chunk_size]; }
    const Node& operator[](NodeId id) const noexcept {
      return chunks_[id / chunk_size][id % chunk_size];
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    Node& add() noexcept { return (*this)[static_cast<NodeId>(size_++)]; }
    // Before add().
    void reserve() {
      if (size_ == chunks_.size() * chunk_size)
        chunks_.push_back(std::make_unique<Node[]>(chunk_size));
    }

   private:
    static constexpr std::size_t chunk_size = 256;
    std::vector<std::unique_ptr<Node[]>> chunks_;
    std::size_t size_ = 0;
  };

  static constexpr NodeId top = 0;
  static constexpr std::uint32_t no_lead = std::uint32_t{1} << 31;  // leads to no node

  NodeId create(NodeId parent, std::string_view name);
  void destroy(NodeId id) noexcept;
  [[nodiscard]] NodeId guess(int wd) const noexcept { return static_cast<NodeId>(wd) - lead_; }
  [[nodiscard]] NodeId by_hash(int wd) const noexcept;
  void add_alias(NodeId id, int wd);
  void give_up_lead();
  void set_own_mask(NodeId id, Mask mask) noexcept;
  bool forget_wd(NodeId id) noexcept;
  void link(NodeId id, NodeId parent) noexcept;
  void unlink(NodeId id) noexcept;
  void change_paths() noexcept {
    known_paths_.clear();
    long_path_.clear();
    ++version_;
  }
  [[nodiscard]] std::string_view prefix_of_parent(NodeId id) const;
  [[nodiscard]] std::string_view prefix(NodeId id) const;
  [[nodiscard]] std::string_view long_prefix(NodeId id) const;
  void add_name(NodeId id);
  void remove_name(NodeId id) noexcept;
  [[nodiscard]] NodeId walk(NodeId from, std::string_view path) const noexcept;
  [[nodiscard]] auto hash_of_name() const noexcept;
  [[nodiscard]] auto is_child(NodeId parent, std::string_view name) const noexcept;
  [[nodiscard]] auto hash_of_wd() const noexcept;
  [[nodiscard]] NodeId next_below(NodeId id, NodeId first) const noexcept;

  Nodes nodes_;
  NamePool names_;
  HashKey key_ = HashKey::make();  // of by_name_
  IdIndex by_name_;
  IdIndex by_wd_;
  std::uint32_t lead_ = no_lead;  // of wds over ids
  mutable std::vector<NodeId> fetched_;
  mutable std::vector<char> scratch_;  // where prefix() puts a short one together
  mutable PathCache known_paths_;      // with their slash; short ones
  mutable LongPath long_path_;         // the same of a long one
  std::unordered_map<int, std::vector<NodeId>> aliases_;
  NodeId free_ = no_node;
  std::size_t watches_ = 0;
  std::uint64_t version_ = 0;
};

template <class Visit>
void WatchTable::for_each_below(NodeId first, Visit visit) const {
  for (NodeId id = first; id != no_node; id = next_below(id, first)) visit(id);
}

template <class Visit>
void WatchTable::erase(NodeId id, Visit visit) {
  const NodeId above = nodes_[id].parent;
  for (NodeId at = id;;) {
    while (nodes_[at].first_child != no_node) at = nodes_[at].first_child;
    const NodeId up = nodes_[at].parent;
    try {
      visit(at);
    } catch (...) {
      prune(at);
      throw;
    }
    destroy(at);
    if (at == id) break;
    at = up;
  }
  prune(above);
}

}  // namespace inotify::inline v0::detail
