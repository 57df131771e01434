// A hash set of small integers whose keys live elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace inotify::inline v0::detail {

/// The index of a node in the watch table. Reused after the node is gone.
using NodeId = std::uint32_t;
inline constexpr NodeId no_node = UINT32_MAX;

/// Open addressing with linear probing over 4-byte ids; the key of an id is asked of the owner
/// (`hash_of`), so that it is stored once. Erasing shifts back, hence no tombstones: it stays as
/// fast after any amount of churn.
class IdIndex {
 public:
  /// The id with this hash for which `is_it(id)` holds, or no_node.
  template <class IsIt>
  [[nodiscard]] NodeId find(std::uint32_t hash, IsIt is_it) const noexcept {
    if (slots_.empty()) return no_node;
    for (std::size_t i = home(hash);; i = next(i)) {
      if (slots_[i] == no_node || is_it(slots_[i])) return slots_[i];
    }
  }

  /// `id` must not be in the set.
  template <class HashOf>
  void insert(NodeId id, HashOf hash_of) {
    if ((count_ + 1) * 8 > slots_.size() * 7)
      rehash(slots_.empty() ? 16 : slots_.size() * 2, hash_of);
    place(id, hash_of(id));
    ++count_;
  }

  /// `id` must be in the set.
  template <class HashOf>
  void erase(NodeId id, HashOf hash_of) {
    std::size_t hole = home(hash_of(id));
    while (slots_[hole] != id) hole = next(hole);
    for (std::size_t i = next(hole); slots_[i] != no_node; i = next(i)) {
      // An id may move back into the hole unless its home lies between the hole and itself.
      const std::size_t distance_home = (i - home(hash_of(slots_[i]))) & (slots_.size() - 1);
      const std::size_t distance_hole = (i - hole) & (slots_.size() - 1);
      if (distance_home < distance_hole) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = no_node;
    --count_;
    if (slots_.size() > 16 && count_ * 8 < slots_.size()) rehash(slots_.size() / 4, hash_of);
  }

 private:
  // Fibonacci hashing: the high bits of the product are the well-mixed ones.
  [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept {
    return ((hash * std::uint64_t{0x9E3779B97F4A7C15}) >> 32) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t i) const noexcept {
    return (i + 1) & (slots_.size() - 1);
  }

  void place(NodeId id, std::uint32_t hash) noexcept {
    std::size_t i = home(hash);
    while (slots_[i] != no_node) i = next(i);
    slots_[i] = id;
  }

  template <class HashOf>
  void rehash(std::size_t size, HashOf hash_of) {
    const std::vector<NodeId> old = std::exchange(slots_, std::vector<NodeId>(size, no_node));
    for (const NodeId id : old) {
      if (id != no_node) place(id, hash_of(id));
    }
  }

  std::vector<NodeId> slots_;  // a power of two of them, at most 7/8 full
  std::size_t count_ = 0;
};

}  // namespace inotify::inline v0::detail
