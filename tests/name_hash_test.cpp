#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <inotify/detail/name_hash.hpp>
#include <map>
#include <string>
#include <unordered_set>

namespace {

using inotify::detail::hash_name;

TEST(NameHash, DependsOnTheDirectoryAndOnEachByteOfTheName) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const std::string name(size, 'x');
    std::unordered_set<std::uint32_t> hashes{hash_name(1, name), hash_name(2, name)};
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = name;
      other[i] = 'y';
      hashes.insert(hash_name(1, other));
    }
    EXPECT_EQ(hashes.size(), size + 2) << size;
  }
}

// Names as programs make them, in as many directories as it takes, spread like random numbers.
TEST(NameHash, HashesNoMoreOfSuchNamesAlikeThanChanceDoes) {
  using std::to_string;
  const auto in_many = [](std::size_t digits) {
    return [digits](std::uint32_t i) {
      const std::uint32_t names = digits < 3 ? 100 : 1'000;
      const std::string number = to_string(i % names);
      return hash_name(i / names, std::string(digits - number.size(), '0') + number);
    };
  };
  const std::map<std::string, std::function<std::uint32_t(std::uint32_t)>> sets{
      {"a number", [](std::uint32_t i) { return hash_name(5, to_string(i)); }},
      {"a letter and a number", [](std::uint32_t i) { return hash_name(5, "a" + to_string(i)); }},
      {"a long prefix",
       [](std::uint32_t i) {
         return hash_name(5, "a-name-of-more-than-sixteen-bytes-" + to_string(i));
       }},
      {"one name in many directories", [](std::uint32_t i) { return hash_name(i, "src"); }},
      {"a byte in many directories", [](std::uint32_t i) { return hash_name(i, "x"); }},
      {"two digits", in_many(2)},
      {"three digits", in_many(3)},
      {"five digits", in_many(5)},
      {"eight digits", in_many(8)},
      {"nine digits", in_many(9)},
  };
  constexpr std::uint32_t names = 300'000;
  constexpr std::size_t many = 40;  // by chance they are 10.5 +- 3.2
  for (const auto& [what, hash_of] : sets) {
    std::unordered_set<std::uint32_t> hashes;
    for (std::uint32_t i = 0; i < names; ++i) hashes.insert(hash_of(i));
    EXPECT_LT(names - hashes.size(), many) << what;
  }
}

}  // namespace
