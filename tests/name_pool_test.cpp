#include <gtest/gtest.h>

#include <algorithm>
#include <inotify/detail/name_pool.hpp>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using inotify::detail::NamePool;

TEST(NamePool, KeepsNamesOfEveryLength) {
  NamePool pool;
  std::vector<NamePool::Ref> refs;
  for (std::size_t length = 0; length <= 255; ++length) {  // NAME_MAX
    refs.push_back(pool.add(std::string(length, static_cast<char>(length))));
  }
  for (std::size_t length = 0; length <= 255; ++length) {
    EXPECT_EQ(pool.get(refs[length]), std::string(length, static_cast<char>(length)));
  }
}

TEST(NamePool, KeepsEveryByte) {
  using namespace std::string_literals;
  NamePool pool;
  const std::string name = "a\0b\xff\n/"s;
  EXPECT_EQ(pool.get(pool.add(name)), name);
}

TEST(NamePool, GivesEqualNamesARefEach) {
  NamePool pool;
  const auto one = pool.add("same");
  const auto other = pool.add("same");
  EXPECT_NE(one, other);
  pool.remove(one);
  EXPECT_EQ(pool.get(other), "same");
}

TEST(NamePool, NamesStayWhereTheyAreWhileOthersCome) {
  NamePool pool;
  const auto first = pool.get(pool.add("first"));
  for (int i = 0; i < 50'000; ++i) pool.add("another");  // several chunks
  EXPECT_EQ(first, "first");
}

TEST(NamePool, ReusesWhatWasFreed) {
  NamePool pool;
  const auto old = pool.add("abcdefg");
  pool.add("something else");
  pool.remove(old);
  EXPECT_EQ(pool.add("ABCDEFG"), old);
  EXPECT_EQ(pool.get(old), "ABCDEFG");
}

TEST(NamePool, DoesNotGrowUnderChurn) {
  NamePool pool;
  std::vector<NamePool::Ref> refs;
  for (std::size_t i = 0; i < 1000; ++i) refs.push_back(pool.add(std::string(i % 256, 'x')));
  const auto highest = *std::ranges::max_element(refs);
  for (std::size_t round = 0; round < 200; ++round) {
    for (const auto ref : refs) pool.remove(ref);
    for (std::size_t i = 0; i < refs.size(); ++i)
      refs[i] = pool.add(std::string((i + round) % 256, 'y'));
    // 1000 names are not quite the same lengths in each round; a leak of one round would be far
    // beyond.
    ASSERT_LE(*std::ranges::max_element(refs), highest + highest / 4) << "round " << round;
  }
}

TEST(NamePool, AgreesWithAMap) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    NamePool pool;
    std::map<NamePool::Ref, std::string> model;
    for (int step = 0; step < 20'000; ++step) {
      if (model.empty() || model.size() < random() % 1000) {
        std::string name(random() % 4 == 0 ? random() % 256 : random() % 20, '\0');
        std::ranges::generate(name, [&] { return static_cast<char>(random()); });
        const auto ref = pool.add(name);
        ASSERT_TRUE(model.emplace(ref, name).second)
            << "step " << step << ": two names in one place";
      } else {
        const auto victim =
            std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
        ASSERT_EQ(pool.get(victim->first), victim->second) << "step " << step;
        pool.remove(victim->first);
        model.erase(victim);
      }
      if (step % 500 != 0) continue;
      for (const auto& [ref, name] : model) ASSERT_EQ(pool.get(ref), name) << "step " << step;
    }
  }
}

}  // namespace
