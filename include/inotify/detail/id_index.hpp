// A hash set of small integers whose keys live elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// The index of a node in the watch table. Reused after the node is gone.
using NodeId = std::uint32_t;
inline constexpr NodeId no_node = UINT32_MAX;

/// Open addressing with linear probing over 4-byte ids; the key of an id is asked of the owner
/// (`hash_of`), so that it is stored once. Erasing shifts back, hence no tombstones: it stays as
/// fast after any amount of churn.
///
/// Only insert(), find_or_insert() and reserve() may throw, and have then changed nothing.
///
/// A slot has eight bits of the hash beside the id, as long as ids fit into the rest, so that a look-up
/// asks for the key of nearly no id but the right one: when it is 3/4 full, a name that is not there
/// meets some nine others on its way.
class IdIndex {
 public:
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// The id with this hash for which `is_it(id)` holds, or no_node.
  template <class IsIt>
  [[nodiscard]] NodeId find(std::uint32_t hash, IsIt is_it) const noexcept {
    if (slots_.empty()) return no_node;
    const std::uint32_t slot = slots_[probe(hash, is_it)];
    return slot == none ? no_node : slot & id_bits_;
  }

  /// The same; but if there is none, what `make()` returns, which is in the set from then on and has
  /// this hash.
  template <class IsIt, class Make, class HashOf>
  NodeId find_or_insert(std::uint32_t hash, IsIt is_it, Make make, HashOf hash_of) {
    if ((count_ + 1) * 8 > slots_.size() * 7) reserve(1, hash_of);
    const std::size_t i = probe(hash, is_it);
    if (slots_[i] != none) return slots_[i] & id_bits_;
    const NodeId id = make();
    if (id >= id_bits_) drop_tags();
    slots_[i] = id | tag_of(hash);
    ++count_;
    return id;
  }

  /// `id` must not be in the set.
  template <class HashOf>
  void insert(NodeId id, HashOf hash_of) {
    reserve(1, hash_of);
    if (id >= id_bits_) drop_tags();
    place(id, hash_of(id));
    ++count_;
  }

  /// The next `more` insertions will not throw, if nothing is erased before them.
  template <class HashOf>
  void reserve(std::size_t more, HashOf hash_of) {
    std::size_t size = slots_.empty() ? 16 : slots_.size();
    while ((count_ + more) * 8 > size * 7) size *= size < few ? 4 : 2;
    if (size != slots_.size()) rehash(size, hash_of);
  }

  /// `id` must be in the set. Of what is erased in a row, up to three can be inserted again without a
  /// failure.
  template <class HashOf>
  void erase(NodeId id, HashOf hash_of) noexcept {
    const std::uint32_t hash = hash_of(id);
    std::size_t hole = home(hash);
    while (slots_[hole] != (id | tag_of(hash))) hole = next(hole);
    for (std::size_t i = next(hole); slots_[i] != none; i = next(i)) {
      // An id may move back into the hole unless its home lies between the hole and itself.
      const std::size_t distance_home =
          (i - home(hash_of(slots_[i] & id_bits_))) & (slots_.size() - 1);
      const std::size_t distance_hole = (i - hole) & (slots_.size() - 1);
      if (distance_home < distance_hole) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = none;
    --count_;
    if (slots_.size() > 16 && count_ * 8 < slots_.size()) shrink(hash_of);
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  // Fewer slots than these, 16 KiB, grow fourfold: to hash all of them anew at each doubling was a
  // twelfth of what it takes to watch a tree of 2,000 directories.
  static constexpr std::size_t few = 4096;

  // Fibonacci hashing: the high bits of the product are the well-mixed ones.
  static std::uint64_t mix(std::uint32_t hash) noexcept {
    return hash * std::uint64_t{0x9E3779B97F4A7C15};
  }
  [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept {
    return static_cast<std::size_t>(mix(hash) >> 32) & (slots_.size() - 1);
  }
  [[nodiscard]] std::uint32_t tag_of(std::uint32_t hash) const noexcept {
    return static_cast<std::uint32_t>(mix(hash) >> 32) & ~id_bits_;
  }
  [[nodiscard]] std::size_t next(std::size_t i) const noexcept {
    return (i + 1) & (slots_.size() - 1);
  }

  // The slot of the id with this hash for which `is_it(id)` holds, or the free one where it would be.
  template <class IsIt>
  [[nodiscard]] std::size_t probe(std::uint32_t hash, IsIt is_it) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    std::size_t i = home(hash);
    while (slots_[i] != none && ((slots_[i] & ~id_bits_) != tag || !is_it(slots_[i] & id_bits_)))
      i = next(i);
    return i;
  }

  void place(NodeId id, std::uint32_t hash) noexcept {
    std::size_t i = home(hash);
    while (slots_[i] != none) i = next(i);
    slots_[i] = id | tag_of(hash);
  }

  template <class HashOf>
  void shrink(HashOf hash_of) noexcept {
    try {
      rehash(slots_.size() / 4, hash_of);
    } catch (const std::bad_alloc&) {  // then it stays as large as it is, until the next erase()
    }
  }
  // No slot has bits of a hash any more: an id has become too large. All stay where they are.
  void drop_tags() noexcept {
    for (std::uint32_t& slot : slots_) {
      if (slot != none) slot &= id_bits_;
    }
    id_bits_ = UINT32_MAX;
  }
  template <class HashOf>
  void rehash(std::size_t size, HashOf hash_of) {
    std::vector<std::uint32_t> old(size, none);
    slots_.swap(old);
    for (const std::uint32_t slot : old) {
      if (slot != none) place(slot & id_bits_, hash_of(slot & id_bits_));
    }
  }

  std::vector<std::uint32_t> slots_;  // a power of two of them, at most 7/8 full
  std::size_t count_ = 0;
  std::uint32_t id_bits_ = 0xFFFFFF;  // of a slot; all ids are smaller
};

}  // namespace inotify::inline v0::detail
