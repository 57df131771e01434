#include <gtest/gtest.h>

#include <cstdint>
#include <inotify/detail/id_index.hpp>
#include <iterator>
#include <random>
#include <string>
#include <unordered_map>

namespace {

using inotify::detail::IdIndex;
using inotify::detail::no_node;
using inotify::detail::NodeId;

// Ids and their keys, which live elsewhere, and the index over them. `hash_bits` makes a bad hash
// on purpose.
class Keyed {
  [[nodiscard]] auto hash_of() const {
    return [this](NodeId id) { return keys_.at(id) & hash_mask_; };
  }

 public:
  explicit Keyed(unsigned hash_bits = 32)
      : hash_mask_(hash_bits < 32 ? (1U << hash_bits) - 1 : ~0U) {}

  void insert(NodeId id, std::uint32_t key) {
    keys_[id] = key;
    index_.insert(id, hash_of());
  }
  // Under which id the key is there by now.
  NodeId find_or_insert(std::uint32_t key, NodeId id) {
    const auto is_it = [&](NodeId one) { return keys_.at(one) == key; };
    const auto make = [&] {
      keys_[id] = key;
      return id;
    };
    return index_.find_or_insert(key & hash_mask_, is_it, make, hash_of());
  }
  void erase(NodeId id) {
    index_.erase(id, hash_of());
    keys_.erase(id);  // later: nobody may ask for its key again
  }
  [[nodiscard]] NodeId find(std::uint32_t key) const {
    return index_.find(key & hash_mask_, [&](NodeId id) { return keys_.at(id) == key; });
  }
  [[nodiscard]] const std::unordered_map<NodeId, std::uint32_t>& keys() const { return keys_; }

 private:
  std::uint32_t hash_mask_;
  std::unordered_map<NodeId, std::uint32_t> keys_;
  IdIndex index_;
};

TEST(IdIndex, FindsNothingWhenEmpty) {
  const IdIndex index;
  EXPECT_EQ(index.find(1, [](NodeId) { return true; }), no_node);
}

TEST(IdIndex, FindsWhatWasInsertedUntilItIsErased) {
  Keyed index;
  index.insert(0, 100);
  index.insert(1, 200);
  EXPECT_EQ(index.find(100), 0U);
  EXPECT_EQ(index.find(200), 1U);
  EXPECT_EQ(index.find(300), no_node);
  index.erase(0);
  EXPECT_EQ(index.find(100), no_node);
  EXPECT_EQ(index.find(200), 1U);
}

TEST(IdIndex, TakesAnIdAgainUnderAnotherKey) {
  Keyed index;
  index.insert(5, 1);
  index.erase(5);
  index.insert(5, 2);
  EXPECT_EQ(index.find(1), no_node);
  EXPECT_EQ(index.find(2), 5U);
}

TEST(IdIndex, FindsOrInserts) {
  Keyed index;
  EXPECT_EQ(index.find_or_insert(100, 1), 1U);
  EXPECT_EQ(index.find_or_insert(100, 2), 1U);
  EXPECT_EQ(index.find_or_insert(200, 2), 2U);
  index.erase(1);
  EXPECT_EQ(index.find_or_insert(100, 3), 3U);
  EXPECT_EQ(index.find(200), 2U);
}

// Up to 24 bits of an id leave room for some of its hash in a slot.
TEST(IdIndex, TakesLargeIdsToo) {
  constexpr NodeId large = 0xFFFFFF;
  for (const bool at_once : {false, true}) {
    Keyed index;
    const auto insert = [&](NodeId id) {
      if (at_once) {
        EXPECT_EQ(index.find_or_insert(~id, id), id);
      } else {
        index.insert(id, ~id);
      }
    };
    for (NodeId id = 0; id < 100; ++id) insert(id);
    for (NodeId id = large - 50; id < large + 50; ++id) insert(id);
    for (NodeId id = 0; id < 100; ++id) ASSERT_EQ(index.find(~id), id);
    for (NodeId id = large - 50; id < large + 50; ++id) ASSERT_EQ(index.find(~id), id);
    for (NodeId id = large - 50; id < large + 50; id += 2) index.erase(id);
    for (NodeId id = large - 49; id < large + 50; id += 2) ASSERT_EQ(index.find(~id), id);
    EXPECT_EQ(index.find(~large), no_node);
    EXPECT_EQ(index.find_or_insert(~large, large), large);
  }
}

TEST(IdIndex, SurvivesKeysThatAllHashAlike) {
  Keyed index(0);
  for (NodeId id = 0; id < 200; ++id) index.insert(id, id * 3);
  for (NodeId id = 0; id < 200; id += 2) index.erase(id);
  for (NodeId id = 0; id < 200; ++id) {
    EXPECT_EQ(index.find(id * 3), id % 2 == 0 ? no_node : id);
  }
}

TEST(IdIndex, GrowsAndShrinksWithoutLosingAnything) {
  Keyed index;
  constexpr NodeId count = 5000;
  for (NodeId id = 0; id < count; ++id) index.insert(id, ~id);
  for (NodeId id = 0; id < count; ++id) ASSERT_EQ(index.find(~id), id);
  for (NodeId id = 0; id + 1 < count; ++id) {
    index.erase(id);
    ASSERT_EQ(index.find(~id), no_node);
    ASSERT_EQ(index.find(~(count - 1)), count - 1) << "after " << id << " was erased";
  }
  index.erase(count - 1);
  EXPECT_EQ(index.find(~(count - 1)), no_node);
  index.insert(7, 7);
  EXPECT_EQ(index.find(7), 7U);
}

// The worse the hash, the longer the runs, and the more an erase has to shift back.
TEST(IdIndex, AgreesWithAMapWhateverTheHash) {
  for (const unsigned hash_bits : {2U, 5U, 32U}) {
    for (const unsigned seed : {1U, 2U, 3U}) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", hash of " + std::to_string(hash_bits) +
                   " bits");
      std::mt19937 random(seed);
      Keyed index(hash_bits);
      std::unordered_map<std::uint32_t, NodeId> model;  // key -> id
      NodeId unused = 0;
      for (int step = 0; step < 4000; ++step) {
        const std::size_t wanted = (step / 500) % 2 == 0 ? 300 : 20;
        if (model.empty() || model.size() < random() % (2 * wanted)) {
          const std::uint32_t key = static_cast<std::uint32_t>(random() % 2000) * 0x9E3779B1U;
          if (model.contains(key)) continue;
          model[key] = unused;
          if (random() % 2 == 0) {
            index.insert(unused++, key);
          } else {
            ASSERT_EQ(index.find_or_insert(key, unused), unused);
            ASSERT_EQ(index.find_or_insert(key, unused + 1), unused);
            ++unused;
          }
        } else {
          const auto victim =
              std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
          index.erase(victim->second);
          model.erase(victim);
        }
        const std::uint32_t absent = static_cast<std::uint32_t>(random() % 2000) * 0x9E3779B1U;
        ASSERT_EQ(index.find(absent), model.contains(absent) ? model[absent] : no_node)
            << "step " << step;
        if (step % 50 != 0) continue;
        for (const auto& [key, id] : model) ASSERT_EQ(index.find(key), id) << "step " << step;
      }
    }
  }
}

}  // namespace
