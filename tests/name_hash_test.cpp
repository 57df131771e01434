#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <inotify/detail/id_index.hpp>
#include <inotify/detail/name_hash.hpp>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using inotify::detail::hash_name;
using inotify::detail::HashKey;
using inotify::detail::IdIndex;
using inotify::detail::multiply_fold;
using inotify::detail::TextHash;

HashKey random_key(std::mt19937_64& random) { return {random(), random()}; }

std::string random_name(std::mt19937_64& random, std::size_t size) {
  std::array<std::uint64_t, 5> words;
  for (std::size_t i = 0; 8 * i < size; ++i) words.at(i) = random();
  return {reinterpret_cast<const char*>(words.data()), size};
}

// ---- names as programs make them

TEST(NameHash, DependsOnTheDirectoryAndOnEachByteOfTheName) {
  const HashKey key = HashKey::make();
  for (std::size_t size = 0; size <= 70; ++size) {
    const std::string name(size, 'x');
    std::unordered_set<std::uint32_t> hashes{hash_name(key, 1, name), hash_name(key, 2, name)};
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = name;
      other[i] = 'y';
      hashes.insert(hash_name(key, 1, other));
    }
    EXPECT_EQ(hashes.size(), size + 2) << size;
  }
}

// Names as programs make them, in as many directories as it takes, spread like random numbers.
TEST(NameHash, HashesNoMoreOfSuchNamesAlikeThanChanceDoes) {
  using std::to_string;
  const HashKey key = HashKey::make();
  const auto in_many = [&](std::size_t digits) {
    return [digits, key](std::uint32_t i) {
      const std::uint32_t names = digits < 3 ? 100 : 1'000;
      const std::string number = to_string(i % names);
      return hash_name(key, i / names, std::string(digits - number.size(), '0') + number);
    };
  };
  const auto in_one = [&](const char* prefix) {
    return [=](std::uint32_t i) { return hash_name(key, 5, prefix + to_string(i)); };
  };
  const auto of_many = [&](const char* name) {
    return [=](std::uint32_t i) { return hash_name(key, i, name); };
  };
  const std::map<std::string, std::function<std::uint32_t(std::uint32_t)>> sets{
      {"a number", in_one("")},
      {"a letter and a number", in_one("a")},
      {"a long prefix", in_one("a-name-of-more-than-sixteen-bytes-")},
      {"one name in many directories", of_many("src")},
      {"a byte in many directories", of_many("x")},
      {"two digits", in_many(2)},
      {"three digits", in_many(3)},
      {"five digits", in_many(5)},
      {"eight digits", in_many(8)},
      {"nine digits", in_many(9)},
  };
  constexpr std::uint32_t names = 200'000;
  constexpr std::size_t many = 25;  // by chance they are 4.7 +- 2.2
  for (const auto& [what, hash_of] : sets) {
    std::unordered_set<std::uint32_t> hashes;
    for (std::uint32_t i = 0; i < names; ++i) hashes.insert(hash_of(i));
    EXPECT_LT(names - hashes.size(), many) << what;
  }
}

// ---- names as an enemy makes them

// The hash that was here before: a multiplication with a known constant, and no key.
std::uint32_t unkeyed_hash(std::uint32_t directory, std::string_view name) {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
  std::uint64_t hash = (directory + (std::uint64_t{name.size()} << 32)) * odd;
  for (std::size_t at = 0; at < name.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data() + at, 8);
    hash = (hash ^ word) * odd;
    hash ^= hash >> 32;
  }
  return static_cast<std::uint32_t>(hash);
}

// Names that collide under it in any directory. The highest bit of a word stays the highest bit in a
// product with an odd number, and hash ^= hash >> 32 copies it to bit 31; both are taken back by the
// next word. So the eighth byte of any word but the last may have its highest bit turned, if that is
// taken back: seventeen words make 2^16 names.
std::vector<std::string> colliding_names(std::size_t count) {
  constexpr std::size_t words = 17;
  constexpr char high = '\x80';
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    std::string name(8 * words, 'a');
    for (std::size_t word = 0; word + 1 < words; ++word) {
      if ((i >> word & 1) == 0) continue;
      for (const std::size_t at : {8 * word + 7, 8 * word + 11, 8 * word + 15})
        name[at] = static_cast<char>(name[at] ^ high);
    }
    names.push_back(std::move(name));
  }
  return names;
}

// How many names are compared to find each of them once in an index.
template <class Hash>
std::size_t comparisons(const std::vector<std::string>& names, Hash hash) {
  IdIndex index;
  const auto hash_of = [&](std::uint32_t id) { return hash(names[id]); };
  for (std::uint32_t id = 0; id < names.size(); ++id) index.insert(id, hash_of);
  std::size_t count = 0;
  for (std::uint32_t id = 0; id < names.size(); ++id) {
    const auto is_it = [&](std::uint32_t other) {
      ++count;
      return other == id;
    };
    EXPECT_EQ(index.find(hash_of(id), is_it), id);
  }
  return count;
}

TEST(NameHash, SpreadsNamesThatCollidedBeforeItHadAKey) {
  const std::vector<std::string> few = colliding_names(1'000);
  const auto before = [](std::string_view name) { return unkeyed_hash(77, name); };
  ASSERT_EQ(comparisons(few, before), few.size() * (few.size() + 1) / 2);  // a list

  const std::vector<std::string> names = colliding_names(50'000);
  std::unordered_set<std::uint32_t> olds;
  for (const std::string& name : names) olds.insert(before(name));
  ASSERT_EQ(olds.size(), 1U);
  const HashKey key = HashKey::make();
  const auto now = [&](std::string_view name) { return hash_name(key, 77, name); };
  EXPECT_LT(comparisons(names, now), names.size() * 11 / 10);
  std::unordered_set<std::uint32_t> hashes;
  for (const std::string& name : names) hashes.insert(now(name));
  EXPECT_GT(hashes.size() + 10, names.size());  // by chance 0.3 pairs collide
  const TextHash hash;
  const auto of_text = [&](std::string_view name) {
    return static_cast<std::uint32_t>(hash(name));
  };
  EXPECT_LT(comparisons(names, of_text), names.size() * 11 / 10);
}

// Whoever could learn which names collide in one table learns nothing of another.
TEST(NameHash, HasAnotherKeyForEachTable) {
  std::unordered_set<std::uint32_t> hashes;
  std::unordered_set<std::size_t> of_texts;
  for (int i = 0; i < 1'000; ++i) {
    hashes.insert(hash_name(HashKey::make(), 1, "name"));
    of_texts.insert(TextHash()("name"));
  }
  EXPECT_GT(hashes.size(), 995U);
  EXPECT_GT(of_texts.size(), 995U);
}

// Each bit of the input turns each bit of the hash in half of the cases: over 58 and 42 in 100 none
// comes, where a bit that is not mixed is at 0 or 100.
TEST(NameHash, HasNoBitThatFollowsAnother) {
  std::mt19937_64 random(3);
  constexpr int rounds = 2'000;
  constexpr int margin = rounds / 8;  // eleven standard deviations
  for (const std::size_t size :
       std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 24, 31, 40}) {
    const std::size_t bits = 8 * size + 32;  // those of the directory come last
    std::vector<std::array<int, 32>> turned(bits);
    for (int round = 0; round < rounds; ++round) {
      const HashKey key = random_key(random);
      std::string name = random_name(random, size);
      const auto directory = static_cast<std::uint32_t>(random());
      const std::uint32_t hash = hash_name(key, directory, name);
      for (std::size_t bit = 0; bit < bits; ++bit) {
        std::uint32_t elsewhere = directory;
        const auto turn = [&] {
          if (bit < 8 * size) {
            name[bit / 8] = static_cast<char>(name[bit / 8] ^ (1 << bit % 8));
          } else {
            elsewhere ^= std::uint32_t{1} << (bit - 8 * size);
          }
        };
        turn();
        const std::uint32_t difference = hash ^ hash_name(key, elsewhere, name);
        turn();
        for (std::size_t i = 0; i < 32; ++i) turned[bit][i] += (difference >> i & 1) != 0 ? 1 : 0;
      }
    }
    for (std::size_t bit = 0; bit < bits; ++bit) {
      const auto [least, most] = std::minmax_element(turned[bit].begin(), turned[bit].end());
      EXPECT_GT(*least, rounds / 2 - margin) << "size " << size << ", bit " << bit;
      EXPECT_LT(*most, rounds / 2 + margin) << "size " << size << ", bit " << bit;
    }
  }
}

// A difference that an enemy can choose: of the directory and of the bytes of a name.
struct Difference {
  std::uint32_t directory;
  std::string bytes;
};

std::vector<Difference> differences(std::size_t size) {
  std::vector<Difference> all;
  const auto add = [&](std::initializer_list<std::size_t> bits, std::uint32_t directory) {
    std::string bytes(size, '\0');
    for (const std::size_t bit : bits) {
      if (bit >= 8 * size) return;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    }
    all.push_back({directory, bytes});
  };
  for (std::size_t bit = 0; bit < 8 * size; ++bit) {
    add({bit}, 0);
    add({bit, bit + 1}, 0);
    add({bit, bit + 64}, 0);            // the same bit of two words
    add({bit, bit + 32, bit + 64}, 0);  // the difference above
    add({bit, bit + 64, bit + 96}, 0);
    add({bit, 8 * size - 1 - bit}, 0);
    add({bit}, std::uint32_t{1} << bit % 32);  // the directory's bit, and the name's
  }
  for (std::size_t word = 0; 8 * word + 8 <= size; ++word) {  // all bits of a word, and of two
    std::string bytes(size, '\0');
    bytes.replace(8 * word, 8, 8, '\xFF');
    all.push_back({0, bytes});
    all.push_back({UINT32_MAX, bytes});
    if (8 * word + 16 > size) continue;
    bytes.replace(8 * word + 8, 8, 8, '\xFF');
    all.push_back({0, bytes});
  }
  return all;
}

// Under a key that nobody knows, no difference makes two names collide more often than chance does,
// neither in all of the hash nor in the part that picks a slot. Of 32 names and as many keys, 1,024
// pairs for each difference, chance makes one collide in 10 bits.
TEST(NameHash, LetsNoDifferenceThrough) {
  std::mt19937_64 random(7);
  constexpr int keys = 32;
  constexpr int many = 16;  // of 1 +- 1; among some 10,000 differences chance makes 8 at most
  for (const std::size_t size : std::initializer_list<std::size_t>{3, 8, 11, 16, 24, 32, 40}) {
    for (const Difference& difference : differences(size)) {
      std::array<std::pair<std::string, std::string>, 32> names;
      for (auto& [name, other] : names) {
        other = name = random_name(random, size);
        for (std::size_t at = 0; at < size; ++at)
          other[at] = static_cast<char>(other[at] ^ difference.bytes[at]);
      }
      int low = 0;
      int high = 0;
      for (int i = 0; i < keys; ++i) {
        const HashKey key = random_key(random);
        for (const auto& [name, other] : names) {
          const std::uint32_t turned =
              hash_name(key, 5, name) ^ hash_name(key, 5 ^ difference.directory, other);
          low += static_cast<int>((turned & 0x3FF) == 0);
          high += static_cast<int>(turned >> 22 == 0);
        }
      }
      EXPECT_LT(low, many) << "size " << size;
      EXPECT_LT(high, many) << "size " << size;
    }
  }
}

// What is written out for machines without a product of 128 bits is checked against one digit at a
// time.
TEST(NameHash, FoldsTheWholeProduct) {
  const auto by_hand = [](std::uint64_t a, std::uint64_t b) {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    for (int bit = 63; bit >= 0; --bit) {  // double it, and add `a` if the bit is set
      high = high << 1 | low >> 63;
      low <<= 1;
      if ((b >> bit & 1) == 0) continue;
      low += a;
      high += low < a ? 1 : 0;
    }
    return low ^ high;
  };
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> numbers{0, 1, 2, UINT32_MAX, UINT64_MAX, std::uint64_t{1} << 63U};
  for (int i = 0; i < 200; ++i) numbers.push_back(random() >> (random() % 64));
  for (const std::uint64_t a : numbers) {
    for (const std::uint64_t b : numbers) ASSERT_EQ(multiply_fold(a, b), by_hand(a, b)) << a << b;
  }
}

}  // namespace
