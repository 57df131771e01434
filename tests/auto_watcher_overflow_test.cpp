// A10: what a gap in the stream may cost the consumer, and what not. The queue is overrun at its default size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <inotify/limits.hpp>
#include <string>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"

namespace overflow {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using inotify::OverflowPolicy;
using test::Churn;
using test::Events;
using test::lines;
using test::overrun;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

class OverflowTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(root_);
    fs::create_directory(outside_);
    if (inotify::max_queued_events().value_or(0) > 1 << 17) {
      GTEST_SKIP() << "a queue too long to be overrun";
    }
  }

  std::string in(const std::string& name) const { return root_ + "/" + name; }
  void make(const std::string& name) { fs::create_directories(in(name)); }

  static test::Lines overflows(const Events& events) {
    test::Lines paths;
    for (const auto& event : test::with(events, IN_Q_OVERFLOW)) paths.push_back(event.fullpath);
    return paths;
  }

  static void expect_whole(Probe& watcher, const test::Lines& roots) {
    test::Lines all;
    for (const std::string& root : roots) {
      for (const std::string& path : test::directories(root)) all.push_back(path);
    }
    test::expect_watched(watcher, all);
    test::expect_heard(watcher, all);
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::string outside_ = dir_ / "out";
};

// The stream after the gap: nothing of before it is told after it.
Events after_overflow(const Events& events) {
  auto it = events.end();
  while (it != events.begin() && !std::prev(it)->is_overflow()) --it;
  return {it, events.end()};
}

TEST_F(OverflowTest, A10_OneOverflowEventPerRoot) {
  const std::string other = dir_ / "other";
  fs::create_directories(other + "/x");
  make("a/b");
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add_all(other, mask);
  overrun(in("a"));
  make("lost/below");
  fs::rename(in("a/b"), in("lost/b"));
  fs::create_directories(other + "/x/lost");
  const Events told = test::drain(watcher);
  EXPECT_THAT(overflows(told), UnorderedElementsAre(root_, other));
  for (const auto& event : test::with(told, IN_Q_OVERFLOW)) {
    EXPECT_EQ(event.mask, inotify::Mask{IN_Q_OVERFLOW});
    EXPECT_EQ(event.path, event.fullpath);
    EXPECT_EQ(event.name, "");
    EXPECT_FALSE(event.synthetic || event.error);
  }
  EXPECT_THAT(lines(after_overflow(told), root_), IsEmpty()) << "the consumer is to list";
  expect_whole(watcher, {root_, other});
}

TEST_F(OverflowTest, A10_AnnounceTellsAllThatExists) {
  make("a/b");
  test::write_file(in("a/b/f"));
  make("leaves/below");
  Probe watcher(Options{.announce = true, .overflow = OverflowPolicy::announce});
  watcher.add_all(root_, mask);
  overrun(in("a"));
  fs::rename(in("a/b"), in("b"));
  make("lost/below");
  test::write_file(in("lost/below/f"));
  fs::rename(in("leaves"), outside_ + "/leaves");
  const Events told = test::drain(watcher);
  EXPECT_THAT(overflows(told), ElementsAre(root_));
  const Events announced = after_overflow(told);
  for (const auto& event : announced) EXPECT_TRUE(event.synthetic && event.is_create()) << event;
  EXPECT_EQ(announced.size(), test::tree_on_disk(root_).size());
  Replay replay;
  test::apply(replay, told);
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "");
  EXPECT_THAT(replay.twice(), IsEmpty());
  expect_whole(watcher, {root_});
}

TEST_F(OverflowTest, A10_ReportedAndListedTheReplayGoesOn) {
  make("a/b");
  Probe watcher;
  watcher.add_all(root_, mask);
  overrun(in("a"));
  make("lost/below");
  EXPECT_THAT(overflows(test::drain(watcher)), ElementsAre(root_));
  Replay replay(test::tree_on_disk(root_));  // what report means: list
  fs::rename(in("lost"), in("a/b/found"));
  make("a/b/found/below/new");
  test::write_file(in("a/b/found/below/new/f"));
  fs::rename(in("a/b"), in("b"));
  test::apply(replay, test::drain(watcher));
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "");
  EXPECT_THAT(replay.twice(), IsEmpty());
  expect_whole(watcher, {root_});
}

TEST_F(OverflowTest, A10_WhatIsQueuedBeforeTheGapIsNotToldAfterIt) {
  make("a");
  Probe watcher(Options{.overflow = OverflowPolicy::announce});
  watcher.add_all(root_, mask);
  Replay replay(test::tree_on_disk(root_));
  test::write_file(in("first"));
  overrun(in("a"));
  fs::remove(in("first"));
  const Events told = test::drain(watcher);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(test::line(told[0], root_), "IN_CREATE first");
  EXPECT_THAT(lines(after_overflow(told), root_),
              UnorderedElementsAre("synthetic IN_CREATE|IN_ISDIR a",
                                   "synthetic IN_CREATE|IN_CLOSE_WRITE a/overrun1"));
  test::apply(replay, told);
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "");
}

// [15]: while the record of the first gap is unread, a second gap leaves none.
TEST_F(OverflowTest, A10_ASecondGapWhileTheFirstRecordIsUnread) {
  make("a/b");
  Probe watcher(Options{.overflow = OverflowPolicy::announce});
  watcher.add_all(root_, mask);
  Replay replay(test::tree_on_disk(root_));
  Events told;
  overrun(in("a"));
  for (int gap = 0; gap < 3; ++gap) {
    make("lost" + std::to_string(gap) + "/below");
    for (const auto& event : watcher.read(test::at_once)) told.emplace_back(event);
    make("found" + std::to_string(gap) + "/below");
    fs::rename(in("found" + std::to_string(gap) + "/below"), in("a/b/" + std::to_string(gap)));
    overrun(in("a/b"));
    fs::remove(in("a/b/" + std::to_string(gap)));
    fs::rename(in("lost" + std::to_string(gap)), in("a/moved" + std::to_string(gap)));
  }
  for (const auto& event : test::drain(watcher)) told.push_back(event);
  EXPECT_THAT(overflows(told), Contains(root_));
  test::apply(replay, told);
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "");
  expect_whole(watcher, {root_});
}

TEST_F(OverflowTest, A10_ToldWhateverTheMask) {
  make("a");
  Probe watcher;
  watcher.add_all(root_, IN_CLOSE_WRITE);
  overrun(in("a"));
  make("lost/below");
  EXPECT_THAT(overflows(test::drain(watcher)), ElementsAre(root_));
  test::expect_watched(watcher, test::directories(root_));
  test::write_file(in("lost/below/f"));
  EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_CLOSE_WRITE lost/below/f"));
}

// Without a tree there is no path to tell it of, but it is told.
TEST_F(OverflowTest, A10_ToldWithoutARoot) {
  Probe watcher;
  watcher.add(root_, mask);
  overrun(root_);
  EXPECT_THAT(overflows(test::drain(watcher)), ElementsAre(""));
  test::write_file(in("f"));
  EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_CREATE f", "IN_CLOSE_WRITE f"));
}

// A second overflow after the first was dealt with is a new one.
TEST_F(OverflowTest, A10_OverflowAfterOverflow) {
  make("a");
  Probe watcher(Options{.overflow = OverflowPolicy::announce});
  watcher.add_all(root_, mask);
  Replay replay(test::tree_on_disk(root_));
  for (int i = 0; i < 3; ++i) {
    overrun(in("a"));
    make("lost" + std::to_string(i) + "/below");
    const Events told = test::drain(watcher);
    EXPECT_THAT(overflows(told), ElementsAre(root_));
    test::apply(replay, told);
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "");
  }
  expect_whole(watcher, {root_});
}

TEST_F(OverflowTest, A10_HandAddedWatchesSurvive) {
  make("a/b");
  test::write_file(in("a/f"));
  test::write_file(outside_ + "/f");
  Probe watcher;
  watcher.add_all(root_, mask);
  const int directory = watcher.add(in("a"), IN_OPEN);
  const int file = watcher.add(in("a/f"), IN_MODIFY);
  watcher.add(outside_, IN_OPEN);
  overrun(in("a/b"));
  const Events gap = test::drain(watcher);
  EXPECT_THAT(test::with(gap, IN_IGNORED), IsEmpty());

  test::write_file(in("a/f"), "text");
  test::Lines told = lines(test::drain(watcher), root_);
  EXPECT_EQ(std::ranges::count(told, "IN_OPEN a/f"), 1) << "of the directory";
  EXPECT_GE(std::ranges::count(told, "IN_MODIFY a/f"), 1) << "of the file";
  std::ifstream(outside_ + "/f");
  EXPECT_THAT(lines(test::drain(watcher), outside_), ElementsAre("IN_OPEN f"));

  // They are taken back as ever.
  ASSERT_TRUE(watcher.wd(file));
  watcher.remove(directory);
  watcher.remove(file);
  EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_IGNORED a/f"));
  watcher.remove_path(outside_);
  test::drain(watcher);
  expect_whole(watcher, {root_});
}

// The wider mask of a root inside a root holds for what was created in the gap, too.
TEST_F(OverflowTest, A10_ANestedRootKeepsItsMask) {
  make("inner/old");
  make("other");
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add_all(in("inner"), mask | IN_OPEN);
  overrun(in("other"));
  make("inner/new/below");
  test::write_file(in("inner/new/below/f"));
  EXPECT_THAT(overflows(test::drain(watcher)), Contains(root_));
  for (const char* file : {"inner/old/g", "inner/new/below/g", "other/g"})
    test::write_file(in(file));
  const test::Lines told = lines(test::with(test::drain(watcher), IN_OPEN), root_);
  EXPECT_THAT(told, UnorderedElementsAre("IN_OPEN inner/old/g", "IN_OPEN inner/new/below/g"));
  expect_whole(watcher, {root_});
}

TEST_F(OverflowTest, A10_TheFilterIsAskedAgain) {
  make("a");
  Probe watcher(
      Options{.add_filter = [](const inotify::Event& e) { return !e.name.starts_with("no"); }});
  watcher.add_all(root_, mask);
  overrun(in("a"));
  make("no/below");
  make("yes/below/no/deep");
  fs::create_directory(in("a/was"));
  fs::rename(in("a/was"), in("a/fine"));
  test::drain(watcher);
  test::expect_watched(watcher, {root_, in("a"), in("yes"), in("yes/below"), in("a/fine")});
}

TEST_F(OverflowTest, A10_ARootThatDiesInTheGapIsNoMore) {
  const std::string other = dir_ / "other";
  fs::create_directories(other);
  make("a");
  Probe watcher;
  watcher.add_all(root_, mask | IN_DELETE_SELF);
  watcher.add_all(other, mask);
  overrun(in("a"));
  fs::remove_all(root_);
  Events told = test::drain(watcher);
  EXPECT_THAT(overflows(told), Contains(other));
  test::expect_watched(watcher, {other});
  // That it is gone is told, somehow: as its end or as a hole.
  bool is_told = false;
  for (const auto& event : told) {
    is_told = is_told || (event.path == root_ && event.name.empty() &&
                          (event.is_delete_self() || event.is_ignored() || event.error));
  }
  EXPECT_TRUE(is_told) << test::show(after_overflow(told));
  fs::remove_all(other);
  for (int i = 0; i < 10 && !watcher.empty(); ++i) watcher.read(std::chrono::milliseconds(200));
  EXPECT_TRUE(watcher.empty());
}

TEST_F(OverflowTest, A10_ARootReplacedInTheGap) {
  make("a");
  Probe watcher;
  watcher.add_all(root_, mask);
  overrun(in("a"));
  fs::rename(root_, dir_ / "away");
  fs::create_directories(in("new/below"));
  const Events told = test::drain(watcher);
  // What bears its name now is another directory: never taken for it.
  EXPECT_FALSE(test::is_watched(watcher, in("new")));
  EXPECT_FALSE(test::is_watched(watcher, in("new/below")));
  EXPECT_THAT(test::holes(told, root_), Contains(".")) << "what is below cannot be found any more";
  EXPECT_EQ(test::audit(watcher), "");
}

// ---- our own doing

TEST_F(OverflowTest, A10_OurOwnListingCausesNoOverflow) {
  make("old");
  for (int i = 0; i < 4000; ++i) fs::create_directories(outside_ + "/new/d" + std::to_string(i));
  Probe watcher;
  watcher.add_all(root_, IN_ALL_EVENTS);
  fs::rename(outside_ + "/new", in("old/new"));
  const Events told = test::drain(watcher);
  EXPECT_EQ(told.size(), 4001U);  // MOVED_TO, and each once
  EXPECT_THAT(overflows(told), IsEmpty());
  EXPECT_EQ(watcher.num_watches(), 4003U);
  test::expect_watched(watcher, test::directories(root_));

  Probe whole;
  whole.add_all(root_, IN_ALL_EVENTS);
  EXPECT_THAT(lines(test::drain(whole), root_), IsEmpty());
  EXPECT_EQ(whole.num_watches(), 4003U);
}

// ---- others never rest

// Writers work while the reader stands still, and while it repairs.
TEST_F(OverflowTest, A10_AnnouncedThroughOverflowsWhileOthersWrite) {
  const int most = test::rounds(3);
  std::size_t gaps = 0;
  for (int round = 1; round <= most && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto seed = static_cast<std::uint64_t>(round);
    Churn(root_, outside_, seed).run(300);
    make("quiet");
    Probe watcher(Options{.overflow = OverflowPolicy::announce});
    watcher.add_all(root_, mask);
    Replay replay(test::tree_on_disk(root_));
    const auto read_on = [&] {
      const auto events = watcher.read(test::at_once);
      for (const auto& event : events) gaps += event.is_overflow();
      replay.apply(events);
    };
    overrun(in("quiet"));
    test::SecondProcess writer([&] { Churn(root_, outside_, seed * 7).run(3000); });
    int reads = 0;
    while (writer.is_running()) {
      read_on();
      if (++reads == 5) overrun(in("quiet"));  // once more, in the midst of it
    }
    const Events rest = test::drain(watcher);
    gaps += overflows(rest).size();
    test::apply(replay, rest);
    const std::string wrong = test::difference(replay.tree(), test::tree_on_disk(root_));
    EXPECT_EQ(wrong, "") << test::show(after_overflow(rest));
    EXPECT_THAT(test::holes(rest, root_), IsEmpty());
    expect_whole(watcher, {root_});
  }
  EXPECT_GE(gaps, static_cast<std::size_t>(most));
}

}  // namespace
}  // namespace overflow
