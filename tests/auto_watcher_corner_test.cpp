// A4-A10, A13, A15 where two of them meet: exchanges of names that are in doubt, changes in the gap
// of an overflow and while it is repaired, filters that throw, roots that move into roots, aliases,
// mounts, trees larger than the queue, and others who never rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>

#include <chrono>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/limits.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"

namespace corner {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;

using inotify::OverflowPolicy;
using test::Events;
using test::exchange;
using test::lines;
using test::move;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::contract_mask;

class CornerTest : public testing::Test {
 protected:
  CornerTest() {
    fs::create_directory(root_);
    fs::create_directory(other_);
  }

  std::string in(std::string_view name) const { return root_ + '/' + std::string(name); }
  std::string other(std::string_view name) const { return other_ + '/' + std::string(name); }
  void make(std::string_view name) { fs::create_directories(in(name)); }
  void make_other(std::string_view name) { fs::create_directories(other(name)); }
  void write(std::string_view name) { test::write_file(in(name), "text"); }
  test::Lines told(Probe& watcher) { return lines(test::drain(watcher), root_); }

  // Both, with all below.
  test::Lines both() const {
    test::Lines all = test::directories(root_);
    for (const std::string& path : test::directories(other_)) all.push_back(path);
    return all;
  }
  test::Tree both_on_disk() const {
    test::Tree all = test::tree_on_disk(root_);
    all.merge(test::tree_on_disk(other_));
    return all;
  }

  static void expect_whole(Probe& watcher, const test::Lines& directories) {
    test::expect_watched(watcher, directories);
    test::expect_heard(watcher, directories);
  }
  void expect_whole(Probe& watcher) { expect_whole(watcher, test::directories(root_)); }

  // What is below `root` by a replay of `events` is what is on disk.
  static void expect_replayed(const Events& events, const std::string& root) {
    Replay replay;
    test::apply(replay, events);
    test::Tree ours;
    for (const auto& [path, is_dir] : replay.tree()) {
      if (path.starts_with(root + '/')) ours[path] = is_dir;
    }
    EXPECT_EQ(test::difference(ours, test::tree_on_disk(root)), "") << test::show(events);
  }

  // Renames `from` the first time the filter is asked for it after `is_armed` was set.
  Options rename_when_asked(const std::string& from, const std::string& to, bool& is_armed) {
    return {.add_filter = [=, &is_armed](const inotify::Event& event) {
      if (is_armed && event.fullpath == from) {
        is_armed = false;
        move(from, to);
      }
      return true;
    }};
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::string other_ = dir_ / "other";
};

// ---- A7: names in doubt

// Of two files an exchange cannot be told from two renames [19]; meanwhile a directory takes the
// name that is in doubt, and the directory above is renamed.
using Unsettled = test::ContractTest;

TEST_F(Unsettled, A7_ADirectoryIsExchangedOntoANameInDoubt) {
  test::make_dirs(in("p/z"));
  for (const char* file : {"p/z/f", "p/x", "p/y"}) test::write_file(in(file));
  start();
  exchange(in("p/x"), in("p/y"));
  exchange(in("p/z"), in("p/y"));
  move(in("p"), in("q"));
  drain();
  check();
}

TEST_F(Unsettled, A7_ANameInDoubtIsExchangedOntoADirectory) {
  test::make_dirs(in("p/z"));
  for (const char* file : {"p/z/f", "p/x", "p/y"}) test::write_file(in(file));
  start();
  exchange(in("p/x"), in("p/y"));
  exchange(in("p/y"), in("p/z"));
  move(in("p"), in("q"));
  drain();
  check();
}

// Hundreds of renames there and back are unread, and below each stands a new directory.
TEST_F(Unsettled, A4_ABurstOfRenamesAboveNewDirectories) {
  test::make_dirs(in("a"));
  start();
  for (int i = 0; i < 200; ++i) {
    move(in("a"), in("c"));
    test::make_dirs(in("c/" + std::to_string(i)));
    move(in("c"), in("a"));
  }
  drain();
  check();
}

// ---- A10: what happens in the gap

// Whether the root that is left is repaired before the one that is entered; which of the two was
// busy; what is told then.
using Gap = std::tuple<bool, bool, OverflowPolicy>;

class GapTest : public CornerTest, public testing::WithParamInterface<Gap> {};

std::string gap_name(const testing::TestParamInfo<Gap>& info) {
  const auto& [forth, busy_first, policy] = info.param;
  return std::string(forth ? "Forth" : "Back") + (busy_first ? "FirstBusy" : "SecondBusy") +
         (policy == OverflowPolicy::report ? "Reported" : "Announced");
}

INSTANTIATE_TEST_SUITE_P(All, GapTest,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Values(OverflowPolicy::report,
                                                          OverflowPolicy::announce)),
                         gap_name);

TEST_P(GapTest, A10_ADirectoryMovesBetweenRoots) {
  const auto& [forth, busy_first, policy] = GetParam();
  const std::string from = forth ? root_ : other_;
  const std::string to = forth ? other_ : root_;
  make("quiet");
  make_other("quiet");
  fs::create_directories(from + "/d/sub");
  test::write_file(from + "/d/sub/f");
  Probe watcher(Options{.overflow = policy});
  watcher.add_all(root_, mask);
  watcher.add_all(other_, mask);
  Replay replay(both_on_disk());
  if (!test::overrun((busy_first ? root_ : other_) + "/quiet")) GTEST_SKIP() << "a long queue";
  move(from + "/d", to + "/d");
  const Events events = test::drain(watcher);
  EXPECT_EQ(test::with(events, IN_Q_OVERFLOW).size(), 2U);
  EXPECT_THAT(test::holes(events, root_), IsEmpty());
  if (policy == OverflowPolicy::announce) {
    test::apply(replay, events);
    EXPECT_EQ(test::difference(replay.tree(), both_on_disk()), "");
  }
  expect_whole(watcher, both());
}

// [1]: two names of one file are one watch, which the repair finds under both or ends aloud.
TEST_F(CornerTest, A10_HandAddedHardLinks) {
  write("a");
  fs::create_hard_link(in("a"), in("b"));
  make("quiet");
  Probe watcher;
  watcher.add_all(root_, mask);
  const int wd = watcher.add(in("a"), IN_MODIFY);
  ASSERT_EQ(watcher.add(in("b"), IN_MODIFY), wd);
  test::drain(watcher);
  if (!test::overrun(in("quiet"))) GTEST_SKIP() << "a long queue";
  const bool is_ended = !test::with(test::drain(watcher), IN_IGNORED).empty();
  write("a");
  const Events modified = test::with(test::drain(watcher), IN_MODIFY);
  EXPECT_NE(is_ended, !modified.empty()) << "neither told nor heard, or both";
}

TEST_F(CornerTest, A10_ANestedRootIsRenamedWhileTheGapIsRepaired) {
  make("d/sub");
  make("quiet");
  bool is_armed = false;
  Probe watcher(rename_when_asked(in("d"), in("e"), is_armed));
  watcher.add_all(root_, mask);
  watcher.add_all(in("d"), mask | IN_MODIFY);
  if (!test::overrun(in("quiet"))) GTEST_SKIP() << "a long queue";
  is_armed = true;
  const Events repair = test::drain(watcher);
  EXPECT_FALSE(is_armed) << "not asked";
  write("e/f");
  write("e/sub/f");
  const test::Lines all = told(watcher);
  EXPECT_THAT(all, IsSupersetOf({"IN_CREATE e/f", "IN_CREATE e/sub/f"})) << test::show(repair);
  EXPECT_THAT(all, IsSupersetOf({"IN_MODIFY e/f", "IN_MODIFY e/sub/f"})) << test::show(repair);
  expect_whole(watcher);
}

TEST_F(CornerTest, A10_AHandAddedDirectoryIsRenamedWhileTheGapIsRepaired) {
  make("d/sub");
  make("quiet");
  bool is_armed = false;
  Probe watcher(rename_when_asked(in("d"), in("e"), is_armed));
  watcher.add_all(root_, mask);
  watcher.add(in("d"), IN_MODIFY);
  if (!test::overrun(in("quiet"))) GTEST_SKIP() << "a long queue";
  is_armed = true;
  const Events repair = test::drain(watcher);
  EXPECT_FALSE(is_armed) << "not asked";
  const bool is_ended = !test::with(repair, IN_IGNORED).empty();
  write("e/f");
  const Events events = test::drain(watcher);
  EXPECT_EQ(test::with(events, IN_CREATE).size(), 1U) << "deaf\n" << test::show(repair);
  EXPECT_NE(is_ended, !test::with(events, IN_MODIFY).empty()) << "neither told nor heard, or both";
  expect_whole(watcher);
}

// ---- A13: filters that throw; what was left out then is made good later

class ThrowingFilterTest : public CornerTest {
 protected:
  bool is_bad_ = false;
  Probe watcher_{Options{.add_filter = [this](const inotify::Event&) {
    if (is_bad_) throw std::runtime_error("no answer");
    return true;
  }}};
};

// The call has failed and may leave nothing, or a root that works.
TEST_F(ThrowingFilterTest, A13_InAddAll) {
  make("d/sub");
  is_bad_ = true;
  EXPECT_THROW(watcher_.add_all(root_, mask), std::runtime_error);
  is_bad_ = false;
  make("e/f");
  make("g/f");
  write("g/f/x");
  test::drain(watcher_);
  EXPECT_EQ(test::audit(watcher_), "");
  watcher_.add_all(root_, mask);
  test::drain(watcher_);
  expect_whole(watcher_);
}

TEST_F(ThrowingFilterTest, A13_InRead) {
  watcher_.add_all(root_, mask);
  is_bad_ = true;
  make("d/e");
  EXPECT_THROW(watcher_.read(test::at_once), std::runtime_error);
  is_bad_ = false;
  test::drain(watcher_);
  EXPECT_EQ(watcher_.retry_holes(), 0U);
  test::drain(watcher_);
  expect_whole(watcher_);
}

TEST_F(ThrowingFilterTest, A13_WhileAGapIsRepaired) {
  make("d/sub");
  make("quiet");
  watcher_.add_all(root_, mask);
  if (!test::overrun(in("quiet"))) GTEST_SKIP() << "a long queue";
  is_bad_ = true;
  int thrown = 0;
  for (bool is_over = false; !is_over;) {
    try {
      is_over = watcher_.read(test::at_once).empty();
    } catch (const std::runtime_error&) {
      ++thrown;
      is_bad_ = false;
    }
  }
  EXPECT_EQ(thrown, 1);
  make("d/sub/new");
  make("new/below");
  test::drain(watcher_);
  expect_whole(watcher_);
}

// ---- A13: what was refused and added by hand

class RefusedTest : public CornerTest {
 protected:
  Probe watcher_{
      Options{.add_filter = [](const inotify::Event& event) { return event.name != "no"; }}};
};

TEST_F(RefusedTest, A13_AddedByHandAndRenamedToAccepted) {
  make("no/sub");
  write("no/f");
  watcher_.add_all(root_, mask);
  watcher_.add(in("no"), IN_MODIFY);
  move(in("no"), in("yes"));
  test::drain(watcher_);
  expect_whole(watcher_);
}

TEST_F(RefusedTest, A13_AddedByHandAndMovedOut) {
  make("no/sub");
  watcher_.add_all(root_, mask);
  watcher_.add(in("no"), IN_MODIFY);
  move(in("no"), other("no"));
  const bool is_ended = !test::with(test::drain(watcher_), IN_IGNORED).empty();
  EXPECT_EQ(test::audit(watcher_), "");
  test::write_file(other("no/f"), "text");
  const Events modified = test::with(test::drain(watcher_), IN_MODIFY);
  EXPECT_NE(is_ended, !modified.empty()) << "neither told nor heard, or both";
}

// ---- A15: roots that move into roots

TEST_F(CornerTest, A15_ARootMovesIntoAnother) {
  make_other("r/sub");
  test::write_file(other("r/f"));
  Probe watcher;
  watcher.add_all(root_, mask);
  const int wd = watcher.add_all(other("r"), mask).front();
  move(other("r"), in("r"));
  expect_replayed(test::drain(watcher), root_);
  watcher.remove(wd);  // what is left lies in the tree of the other root
  test::drain(watcher);
  expect_whole(watcher);
}

TEST_F(CornerTest, A15_ARootMovesIntoAnotherAndIsReplaced) {
  make_other("r");
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add_all(other("r"), mask);
  move(other("r"), in("r"));
  test::drain(watcher);
  make_other("r");
  watcher.add_all(other("r"), mask);
  test::drain(watcher);
  write("r/f");
  test::write_file(other("r/g"));
  const Events events = test::with(test::drain(watcher), IN_CREATE);
  ASSERT_EQ(events.size(), 2U) << test::show(events);
  EXPECT_THAT(events[0].fullpath, testing::EndsWith("r/f"));
  EXPECT_EQ(events[1].fullpath, other("r/g"));
}

// ---- A6, A9: what was added by hand outside moves into the tree

TEST_F(CornerTest, A6_AHandAddedDirectoryMovesIn) {
  make_other("d/sub");
  test::write_file(other("d/f"));
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add(other("d"), IN_MODIFY);
  move(other("d"), in("d"));
  expect_replayed(test::drain(watcher), root_);
  make("d/new");
  EXPECT_THAT(told(watcher), ElementsAre("IN_CREATE|IN_ISDIR d/new"));
  test::expect_heard(watcher, test::directories(root_));
}

TEST_F(CornerTest, A6_ADirectoryMovesInWithAHandAddedOneBelowIt) {
  make_other("p/d/sub");
  test::write_file(other("p/d/f"));
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add(other("p/d"), IN_MODIFY);
  move(other("p"), in("p"));
  expect_replayed(test::drain(watcher), root_);
  make("p/d/new");
  EXPECT_THAT(told(watcher), ElementsAre("IN_CREATE|IN_ISDIR p/d/new"));
  test::expect_heard(watcher, test::directories(root_));
}

// ---- A9: aliases

// What is known by another name before its tree is followed is entered like the rest.
TEST_F(CornerTest, A1_ADirectoryAddedByHandThroughALinkBeforeItsTree) {
  make("d/sub");
  fs::create_directory_symlink(in("d"), dir_ / "link");
  Probe watcher;
  watcher.add(dir_ / "link", IN_MODIFY);
  watcher.add_all(root_, mask);
  EXPECT_THAT(test::drain(watcher), IsEmpty());
  for (const std::string& path : test::directories(root_)) {
    EXPECT_TRUE(test::is_watched(watcher, path)) << path;
  }
  make("d/sub/new/below");
  test::drain(watcher);
  EXPECT_TRUE(test::is_watched(watcher, in("d/sub/new/below")));
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

TEST_F(CornerTest, A9_AHandAddedAliasIsRemoved) {
  make("d/sub");
  fs::create_directory_symlink(in("d"), dir_ / "link");
  for (const bool alias_first : {false, true}) {
    SCOPED_TRACE(alias_first ? "the alias first" : "the tree first");
    Probe watcher;
    if (alias_first) watcher.add(dir_ / "link", IN_MODIFY);
    watcher.add_all(root_, mask);
    if (!alias_first) watcher.add(dir_ / "link", IN_MODIFY);
    watcher.remove_path(dir_ / "link");
    test::drain(watcher);
    EXPECT_FALSE(watcher.path(dir_ / "link"));
    write("d/f");
    EXPECT_THAT(told(watcher), Contains("IN_CREATE d/f"));
    fs::remove(in("d/f"));
  }
}

TEST_F(CornerTest, A9_RemovingOneHardLinkKeepsTheOther) {
  test::write_file(other("a"));
  fs::create_hard_link(other("a"), other("b"));
  Probe watcher;
  watcher.add(other("a"), IN_MODIFY);
  watcher.add(other("b"), IN_MODIFY);
  watcher.remove_path(other("a"));
  test::write_file(other("b"), "text");
  EXPECT_THAT(lines(test::drain(watcher), other_), Contains("IN_MODIFY b"));
}

TEST_F(CornerTest, A9_ADirectoryAddedByHandThroughALinkMovesOut) {
  make("d");
  fs::create_directory_symlink(in("d"), dir_ / "link");
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add(dir_ / "link", IN_MODIFY);
  move(in("d"), other("d"));
  const bool is_ended = !test::with(test::drain(watcher), IN_IGNORED).empty();
  test::write_file(other("d/f"), "text");
  const Events later = test::drain(watcher);
  EXPECT_NE(is_ended, !test::with(later, IN_MODIFY).empty()) << "neither told nor heard, or both";
  EXPECT_THAT(test::with(later, IN_CREATE), IsEmpty()) << "the tree's interest has ended";
  if (is_ended) test::expect_watched(watcher, {root_});
}

// ---- A1: mounts

TEST_F(CornerTest, A1_AnUnmountedDirectoryIsFollowedOn) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("m/hidden");
    write("m/hidden/f");
    test::mount_tmpfs(in("m"));
    make("m/x/y");
    Probe watcher;
    watcher.add_all(root_, mask);
    ASSERT_EQ(::umount(in("m").c_str()), 0);
    test::drain(watcher);
    make("m/new");
    EXPECT_THAT(told(watcher), Contains("IN_CREATE|IN_ISDIR m/new"));
    expect_whole(watcher);
  });
}

// [37]: a mount over a directory gives no event and hides it; it is followed all the same (A16).
TEST_F(CornerTest, A4_ADirectoryAboveAMountedOverOneIsRenamed) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/m/sub");
    Probe watcher;
    watcher.add_all(root_, mask);
    test::mount_tmpfs(in("d/m"));
    make("d/m/on_the_mount");
    move(in("d"), in("e"));
    make("e/new");
    EXPECT_THAT(test::holes(test::drain(watcher), root_), IsEmpty());
    ASSERT_EQ(::umount2(in("e/m").c_str(), MNT_DETACH), 0);
    make("e/m/sub/deep");
    EXPECT_THAT(told(watcher),
                testing::IsSupersetOf({"synthetic IN_CREATE|IN_ISDIR e/m",
                                       "synthetic IN_CREATE|IN_ISDIR e/m/sub",
                                       "synthetic IN_CREATE|IN_ISDIR e/m/sub/deep"}));
    expect_whole(watcher);
  });
}

// The directory has a second name in the tree by a bind mount, and loses its first one, unread.
TEST_F(CornerTest, A4_TheFirstNameOfABindMountIsRenamed) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("a/sub");
    Probe watcher;
    watcher.add_all(root_, mask);
    make("n/b");
    if (::mount(in("a").c_str(), in("n/b").c_str(), nullptr, MS_BIND, nullptr) != 0) {
      throw test::Forbidden("bind mounts");
    }
    move(in("a"), in("c"));
    test::drain(watcher);
    write("c/g");
    EXPECT_THAT(lines(test::with(test::drain(watcher), IN_CREATE), root_),
                ElementsAre(testing::AnyOf("IN_CREATE c/g", "IN_CREATE n/b/g")));
    // Unmounting it says nothing [29]; it leaves the other name whole, or says that it cannot.
    ASSERT_EQ(::umount(in("n/b").c_str()), 0);
    make("c/new");
    const Events events = test::drain(watcher);
    EXPECT_TRUE(test::is_watched(watcher, in("c/new")) || !test::holes(events, root_).empty())
        << test::show(events);
    EXPECT_EQ(test::audit(watcher), "");
  });
}

// ---- A5: a tree larger than the queue

// Each watch that ends leaves an IN_IGNORED in the queue [5]; they must not overflow it.
TEST_F(CornerTest, A5_ABigTreeLeavesWithoutAnOverflow) {
  const long queue = inotify::max_queued_events().value_or(0);
  const long watches = inotify::max_user_watches().value_or(0);
  if (queue <= 0 || queue > 1 << 15 || watches < 2 * queue) GTEST_SKIP() << "limits do not fit";
  make("big");
  for (long i = 0; i < queue + 600; ++i) fs::create_directory(in("big/" + std::to_string(i)));
  make("stays");
  Probe watcher;
  watcher.add_all(root_, mask);
  EXPECT_GT(watcher.num_watches(), static_cast<std::size_t>(queue));
  move(in("big"), other("big"));
  EXPECT_THAT(told(watcher), ElementsAre("IN_MOVED_FROM|IN_ISDIR big"));
  expect_whole(watcher);
}

// ---- A9: a tree moves to a root that asks for more

// It is renamed once more while it is looked at again: whenever that is.
TEST_F(CornerTest, A9_TheWiderMaskIsNotLostByARenameMeanwhile) {
  for (int moment = 1; moment <= 4; ++moment) {
    SCOPED_TRACE("at question " + std::to_string(moment));
    make("d/sub");
    bool is_armed = false;
    int asked = 0;
    Probe watcher(Options{.add_filter = [&](const inotify::Event& event) {
      if (is_armed && event.fullpath == other("d") && ++asked == moment) {
        move(other("d"), other("e"));
      }
      return true;
    }});
    watcher.add_all(root_, mask);
    watcher.add_all(other_, mask | IN_MODIFY);
    is_armed = true;
    move(in("d"), other("d"));
    test::drain(watcher);
    is_armed = false;
    EXPECT_GE(asked, 1);
    const std::string now = fs::exists(other("e")) ? "e" : "d";
    test::write_file(other(now + "/f"), "text");
    test::write_file(other(now + "/sub/f"), "text");
    EXPECT_THAT(lines(test::drain(watcher), other_),
                IsSupersetOf({"IN_MODIFY " + now + "/f", "IN_MODIFY " + now + "/sub/f"}));
    expect_whole(watcher, both());
    fs::remove_all(other(now));
  }
}

TEST_F(CornerTest, A9_NothingIsLeftToReadOnceTheWiderMaskIsSet) {
  make("d/sub");
  Probe watcher;
  watcher.add_all(root_, mask);
  watcher.add_all(other_, mask | IN_MODIFY);
  move(in("d"), other("d"));
  test::drain(watcher);
  pollfd entry{watcher.fileno(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
  EXPECT_EQ(watcher.readable(), 0U);
}

// Another process renames in the tree while it is looked at again.
TEST(CornerRace, A9_TheWiderMaskIsNotLost) {
  constexpr int width = 20;
  const int most = test::rounds(20);
  for (int round = 0; round < most && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const test::TempDir dir;
    const std::string one = dir / "one";
    const std::string two = dir / "two";
    for (int i = 0; i < width; ++i) fs::create_directories(one + "/d/" + std::to_string(i));
    fs::create_directory(two);
    Probe watcher;
    watcher.add_all(one, mask);
    watcher.add_all(two, mask | IN_MODIFY);
    {
      test::SecondProcess writer([&] {
        move(one + "/d", two + "/d");
        for (int turn = 0; turn < 20; ++turn) {
          for (int i = 0; i < width; ++i) {
            const std::string name = two + "/d/" + std::to_string(i);
            move(turn % 2 == 0 ? name : name + "x", turn % 2 == 0 ? name + "x" : name);
          }
        }
      });
      while (writer.is_running()) watcher.read(test::at_once);
    }
    test::drain(watcher);
    test::Lines all = test::directories(two);
    for (const std::string& path : all) {
      const auto known = watcher.path(path);
      EXPECT_TRUE(known && (known->mask & IN_MODIFY) != 0) << path;
    }
    all.push_back(one);
    test::expect_watched(watcher, all);  // the table's masks are the kernel's
  }
}

// ---- A4: growth beyond PATH_MAX while the directory above all is renamed

TEST_F(CornerTest, A4_GrowsBeyondPathMaxWhileItIsRenamed) {
  constexpr int depth = 40;  // of which 21 are PATH_MAX
  const std::string name(200, 'n');
  Probe watcher;
  watcher.add_all(root_, mask);
  Replay replay;
  const auto step = [&] {
    const auto events = watcher.read(test::at_once);
    for (const auto& event : events) EXPECT_FALSE(event.error) << event.error.message();
    replay.apply(events);
    return !events.empty();
  };
  test::SecondProcess writer([&] {
    make("top");
    fs::current_path(in("top"));
    for (int i = 0; i < depth; ++i) {
      fs::create_directory(name);
      fs::current_path(name);
      test::write_file("f");
      move(in(i % 2 == 0 ? "top" : "other"), in(i % 2 == 0 ? "other" : "top"));
    }
  });
  while (writer.is_running()) step();
  while (step()) {
  }
  EXPECT_EQ(watcher.num_watches(), depth + 2U);
  EXPECT_EQ(replay.tree().size(), 2U * depth + 1);
  for (const auto& [path, is_dir] : replay.tree()) {
    EXPECT_TRUE(path == in("top") || path.starts_with(in("top/" + name))) << path.substr(0, 100);
  }
}

// ---- nothing is to be told, and others never rest

// A process that renames for as long as it is let.
class RestlessTest : public CornerTest {
 protected:
  void SetUp() override {
    make("d");
    watcher_.add_all(root_, IN_DELETE_SELF);
    writer_ = std::make_unique<test::SecondProcess>([this] {
      const auto end = std::chrono::steady_clock::now() + 5 * most;
      write("d/a");
      for (bool is_first = true; std::chrono::steady_clock::now() < end; is_first = false) {
        for (int i = 0; i < 100; ++i) {
          move(in("d/a"), in("d/b"));
          move(in("d/b"), in("d/a"));
        }
        if (is_first) working_.give();
      }
    });
    working_.take();
  }

  // Whether `read` comes back in time. It may take long on a busy machine, but not for ever.
  template <class Read>
  static void expect_to_return(Read read) {
    const auto begin = std::chrono::steady_clock::now();
    read();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, most);
  }

  static constexpr std::chrono::seconds most{10};
  test::Signal working_;
  Probe watcher_;
  std::unique_ptr<test::SecondProcess> writer_;
};

TEST_F(RestlessTest, A9_AReadThatDoesNotWaitReturns) {
  for (int i = 0; i < 3 && !HasFailure(); ++i) {
    expect_to_return([&] { watcher_.read(test::at_once); });
  }
  EXPECT_TRUE(writer_->is_running());
}

TEST_F(RestlessTest, A9_InterruptIsHeard) {
  for (int i = 0; i < 2 && !HasFailure(); ++i) {
    expect_to_return([&] {
      std::thread caller([&] { watcher_.interrupt(); });
      watcher_.read(std::chrono::seconds(60));
      caller.join();
    });
  }
  EXPECT_TRUE(writer_->is_running());
}

// ---- A15: the object moves while much is pending

TEST_F(CornerTest, A15_MovedAgainAndAgainWhileEventsArePending) {
  make("a/b");
  auto watcher = std::make_unique<Probe>();
  watcher->add_all(root_, mask);
  Replay replay(test::tree_on_disk(root_));
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 20; ++k) {
      move(in("a"), in("c"));
      make("c/" + std::to_string(i) + '_' + std::to_string(k));
      move(in("c"), in("a"));
    }
    replay.apply(watcher->read(test::at_once));
    auto next = std::make_unique<Probe>(std::move(*watcher));
    if (i % 2 == 0) {
      watcher = std::move(next);
    } else {
      *watcher = std::move(*next);
    }
  }
  test::apply(replay, test::drain(*watcher));
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "");
  expect_whole(*watcher);
}

}  // namespace
}  // namespace corner
