#include <gtest/gtest.h>

#include <inotify/detail/event_batch.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

using inotify::Event;
using inotify::detail::EventBatch;
using inotify::detail::PathCache;
using inotify::detail::PathKey;
using inotify::detail::PathParts;

constexpr auto no_path = [](PathKey) -> PathParts { throw "it is known"; };

TEST(EventBatch, PutsPathsTogether) {
  EventBatch batch;
  const auto text = [&](const Event& event) {
    return std::string(event.path) + " + " + std::string(event.name) + " = " +
           std::string(event.fullpath);
  };
  EXPECT_EQ(text(batch.add("/a/b", "c")), "/a/b + c = /a/b/c");
  EXPECT_EQ(text(batch.add("/a/b", "")), "/a/b +  = /a/b");
  EXPECT_EQ(text(batch.add("/", "c")), "/ + c = /c");
  EXPECT_EQ(text(batch.add("", "c")), " + c = c") << "of a watch that is not known";
  EXPECT_EQ(text(batch.add("", {})), " +  = ");
  const auto parts = [](PathKey) { return PathParts{"/a/", "b"}; };
  EXPECT_EQ(text(batch.add({1, 1}, "c", parts)), "/a/b + c = /a/b/c");
  EXPECT_EQ(batch.size(), 6U);
  for (const Event& event : batch.events()) {
    EXPECT_EQ(event.fullpath, event.fullpath.data()) << "NUL-terminated";
    EXPECT_EQ(event.name, event.name.data());
  }
}

TEST(EventBatch, AsksForAPathOnceUntilItMayBeAnother) {
  EventBatch batch;
  batch.add("/warm", "up");  // making room, it forgets what it was told
  int asked = 0;
  const auto path_of = [&](PathKey key) {
    ++asked;
    return PathParts{"/", key.node == 1 ? "one" : "two"};
  };
  EXPECT_EQ(batch.add({1, 1}, "a", path_of).fullpath, "/one/a");
  EXPECT_EQ(batch.add({1, 1}, "b", no_path).fullpath, "/one/b");
  EXPECT_EQ(batch.add({1, 1}, {}, no_path).fullpath, "/one");
  EXPECT_EQ(batch.add({2, 1}, "b", path_of).fullpath, "/two/b");
  EXPECT_EQ(batch.add({2, 2}, "b", path_of).fullpath, "/two/b") << "the table has changed";
  EXPECT_EQ(asked, 3);
  batch.add("/other", "b");
  EXPECT_EQ(batch.add({2, 2}, "b", path_of).fullpath, "/two/b");
  batch.clear();
  EXPECT_EQ(batch.add({2, 2}, "b", path_of).fullpath, "/two/b") << "its text is gone";
  EXPECT_EQ(asked, 5);
}

TEST(EventBatch, RepeatsTheTextsOfTheLastAndNothingElse) {
  EventBatch batch;
  Event& first = batch.add("/a", "b");
  first.mask = IN_MOVED_TO;
  first.cookie = 7;
  first.synthetic = true;
  first.moved_from = batch.keep("/elsewhere");
  const Event& again = batch.add_again();
  EXPECT_EQ(again.fullpath, "/a/b");
  EXPECT_EQ(again.path, "/a");
  EXPECT_EQ(again.name, "b");
  EXPECT_EQ(again.cookie, 0U);
  EXPECT_FALSE(again.synthetic);
  EXPECT_EQ(again.moved_from, "");
}

TEST(EventBatch, KeepsItsTextsHoweverManyThereAre) {
  EventBatch batch;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> expected;
    for (int i = 0; i < 3000; ++i) {
      const std::string path(i == 1000 ? 100'000 : 100, static_cast<char>('a' + i % 26));
      expected.push_back(path + "/" + std::to_string(i));
      batch.add(path, std::to_string(i));
    }
    ASSERT_EQ(batch.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(batch[i].fullpath, expected[i]);
    }
    batch.clear();
    EXPECT_TRUE(batch.empty());
    EXPECT_TRUE(batch.events().empty());
  }
}

TEST(EventBatch, IsEmptyOnceMovedFromAndUsableAgain) {
  EventBatch one;
  one.add({1, 1}, "a", [](PathKey) { return PathParts{"/", "one"}; });
  EventBatch other(std::move(one));
  EXPECT_EQ(other[0].fullpath, "/one/a");
  EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): it says so
  EXPECT_TRUE(one.events().empty());
  one.add("/two", "b");
  EXPECT_EQ(one[0].fullpath, "/two/b");
  other = std::move(one);
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(other[0].fullpath, "/two/b");
  EXPECT_TRUE(one.empty());
  one.add("/three", "c");
  std::swap(one, other);
  EXPECT_EQ(one[0].fullpath, "/two/b");
  EXPECT_EQ(other[0].fullpath, "/three/c");
}

TEST(PathCache, FindsWhatWasPutUntilItMayHaveChanged) {
  PathCache cache;
  EXPECT_EQ(cache.find(1), "");
  EXPECT_EQ(cache.put(1, "/one/"), "/one/");
  EXPECT_EQ(cache.put(2, "/two/"), "/two/");
  EXPECT_EQ(cache.find(1), "/one/");
  EXPECT_EQ(cache.find(3), "");
  cache.forget(1);
  EXPECT_EQ(cache.find(1), "");
  EXPECT_EQ(cache.find(2), "/two/");
  cache.clear();
  EXPECT_EQ(cache.find(2), "");
  cache.put(2, "/new/");
  EXPECT_EQ(cache.find(2), "/new/");
}

TEST(PathCache, KeepsWhatIsFoundAgainAndAgain) {
  PathCache cache;
  constexpr unsigned step = 1 << 16;  // they are in each other's way
  cache.put(1, "/often/");
  for (unsigned i = 1; i < 100; ++i) {
    EXPECT_EQ(cache.find(1), "/often/");
    EXPECT_EQ(cache.put(1 + i * step, "/once/"), "/once/");
  }
  EXPECT_EQ(cache.find(1), "/often/");
  cache.put(1 + step, "/once/");
  cache.put(1 + step, "/now/");
  EXPECT_EQ(cache.find(1 + step), "/now/") << "nobody has asked for the other any more";
  EXPECT_EQ(cache.find(1), "");
}

}  // namespace
