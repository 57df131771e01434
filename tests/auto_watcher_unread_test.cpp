// A1-A3, A9, A15: what a user asks of an AutoWatcher while events are unread. Each call meets a tree
// that has changed since the last read().
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "support/auto_watcher_checks.hpp"

namespace unread {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using test::Events;
using test::lines;
using test::move;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::contract_mask;

class UnreadTest : public testing::Test {
 protected:
  UnreadTest() {
    fs::create_directory(root_);
    fs::create_directory(outside_);
  }

  std::string in(std::string_view name) const { return root_ + '/' + std::string(name); }
  std::string out(std::string_view name) const { return outside_ + '/' + std::string(name); }
  void make(std::string_view name) { fs::create_directories(in(name)); }
  void write(std::string_view name) { test::write_file(in(name), "text"); }
  test::Lines told() { return lines(test::drain(watcher_), root_); }

  void expect_whole() {
    test::expect_watched(watcher_, test::directories(root_));
    test::expect_heard(watcher_, test::directories(root_));
  }

  // What `events` lead to is what is on disk.
  void expect_replayed(const Events& events, const test::Tree& before = {}) {
    Replay replay(before);
    test::apply(replay, events);
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "") << test::show(events);
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::string outside_ = dir_ / "out";
  Probe watcher_;
};

// ---- add

TEST_F(UnreadTest, A9_AddOfADirectoryWhoseCreateIsUnread) {
  watcher_.add_all(root_, mask);
  make("d");
  watcher_.add(in("d"), IN_MODIFY);
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR d"));
  move(in("d"), in("e"));
  told();
  write("e/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE e/f", "IN_MODIFY e/f", "IN_CLOSE_WRITE e/f"));
  expect_whole();
}

TEST_F(UnreadTest, A9_AddUnderANameWhoseRenameIsUnread) {
  make("d");
  watcher_.add_all(root_, mask);
  move(in("d"), in("e"));
  watcher_.add(in("e"), IN_MODIFY);
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM|IN_ISDIR d to e", "IN_MOVED_TO|IN_ISDIR e from d"));
  write("e/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE e/f", "IN_MODIFY e/f", "IN_CLOSE_WRITE e/f"));
  expect_whole();
  move(in("e"), out("e"));
  told();
  test::expect_watched(watcher_, {root_});
}

TEST_F(UnreadTest, A9_AddOfANamesakeOfADirectoryWhoseRenameIsUnread) {
  make("d/sub");
  watcher_.add_all(root_, mask);
  move(in("d"), in("e"));
  make("d");
  watcher_.add(in("d"), IN_MODIFY);
  told();
  write("e/f");
  write("d/g");
  write("e/sub/h");
  EXPECT_THAT(told(),
              ElementsAre("IN_CREATE e/f", "IN_CLOSE_WRITE e/f", "IN_CREATE d/g", "IN_MODIFY d/g",
                          "IN_CLOSE_WRITE d/g", "IN_CREATE e/sub/h", "IN_CLOSE_WRITE e/sub/h"));
  expect_whole();
}

// ---- add_all

// Making a tree of what was added by hand loses nothing that it has to tell.
TEST_F(UnreadTest, A9_WhatAHandAddedWatchHasQueuedSurvivesAddAllOfIt) {
  watcher_.add(root_, IN_CREATE);
  write("f");
  watcher_.add_all(root_, mask);
  EXPECT_THAT(told(), Contains("IN_CREATE f"));
  expect_whole();
}

TEST_F(UnreadTest, A9_WhatAHandAddedWatchHasQueuedSurvivesAddAllAboveIt) {
  make("d");
  watcher_.add(in("d"), IN_CREATE | IN_DELETE);
  write("d/f");
  fs::remove(in("d/f"));
  watcher_.add_all(root_, mask);
  EXPECT_THAT(told(), ElementsAre("IN_CREATE d/f", "IN_DELETE d/f"));
  expect_whole();
}

TEST_F(UnreadTest, A15_AddAllOfADirectoryWhoseCreateIsUnread) {
  watcher_.add_all(root_, mask);
  make("d/sub");
  watcher_.add_all(in("d"), mask | IN_MODIFY);
  EXPECT_THAT(told(), Not(Contains("IN_IGNORED d")));
  write("d/f");
  write("d/sub/f");
  EXPECT_THAT(told(), testing::IsSupersetOf({"IN_MODIFY d/f", "IN_MODIFY d/sub/f"}));
  expect_whole();
}

TEST_F(UnreadTest, A15_AddAllUnderANameWhoseRenameIsUnread) {
  make("d/sub");
  watcher_.add_all(root_, mask);
  const test::Tree before = test::tree_on_disk(root_);
  move(in("d"), in("e"));
  watcher_.add_all(in("e"), mask | IN_MODIFY);
  expect_replayed(test::drain(watcher_), before);
  write("e/sub/f");
  EXPECT_THAT(told(), Contains("IN_MODIFY e/sub/f"));
  expect_whole();
}

TEST_F(UnreadTest, A15_AddAllOfANamesakeOfADirectoryWhoseRenameIsUnread) {
  make("d/sub");
  watcher_.add_all(root_, mask);
  const test::Tree before = test::tree_on_disk(root_);
  move(in("d"), in("e"));
  make("d");
  watcher_.add_all(in("d"), mask | IN_MODIFY);
  expect_replayed(test::drain(watcher_), before);
  write("e/sub/f");
  write("d/g");
  EXPECT_THAT(told(), UnorderedElementsAre("IN_CREATE e/sub/f", "IN_CLOSE_WRITE e/sub/f",
                                           "IN_CREATE d/g", "IN_MODIFY d/g", "IN_CLOSE_WRITE d/g"));
  expect_whole();
}

// ---- announce

// A root that is announced again, or in part, leaves the replay right: what is announced is there.
class AnnounceTest : public UnreadTest {
 protected:
  AnnounceTest() {
    watcher_ = Probe(Options{.announce = true});
    make("d/e/g");
    write("d/e/g/f");
  }
};

TEST_F(AnnounceTest, A2_AnnouncedTwice) {
  watcher_.add_all(root_, mask);
  Events all = test::drain(watcher_);
  expect_replayed(all);
  watcher_.add_all(root_, mask);
  for (const auto& event : test::drain(watcher_)) all.push_back(event);
  expect_replayed(all);
}

TEST_F(AnnounceTest, A2_AnnouncedTwiceWithAChangeUnread) {
  watcher_.add_all(root_, mask);
  move(in("d/e"), in("e"));
  watcher_.add_all(root_, mask);
  make("e/new");
  fs::remove_all(in("e/g"));
  watcher_.add_all(root_, mask);
  expect_replayed(test::drain(watcher_));
  expect_whole();
}

TEST_F(AnnounceTest, A2_TheWholeThenAPart) {
  watcher_.add_all(root_, mask);
  watcher_.add_all(in("d"), mask | IN_MODIFY);
  expect_replayed(test::drain(watcher_));
  expect_whole();
}

TEST_F(AnnounceTest, A2_APartThenTheWhole) {
  watcher_.add_all(in("d"), mask | IN_MODIFY);
  watcher_.add_all(root_, mask);
  expect_replayed(test::drain(watcher_));
  expect_whole();
}

// ---- remove

TEST_F(UnreadTest, A15_ARootIsRemovedAndAddedAgain) {
  make("a/b");
  const int wd = watcher_.add_all(root_, mask).front();
  make("a/c");
  watcher_.remove(wd);
  make("a/d");
  watcher_.add_all(root_, mask);
  make("a/e");
  const test::Lines all = told();
  EXPECT_THAT(all, Contains("IN_CREATE|IN_ISDIR a/e")) << testing::PrintToString(all);
  expect_whole();
}

// The IN_IGNORED of the old root waits to be told, and the descriptor says so.
TEST_F(UnreadTest, A15_ReadableWhenARootWasRemovedAndAddedAgain) {
  make("d/sub");
  const int wd = watcher_.add_all(root_, mask).front();
  watcher_.remove(wd);
  watcher_.add_all(root_, mask);
  pollfd entry{watcher_.fileno(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 1);
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED ."));
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
  EXPECT_EQ(watcher_.readable(), 0U);
}

TEST_F(UnreadTest, A15_ANestedRootIsRemovedWhoseRenameIsUnread) {
  make("d/sub");
  watcher_.add_all(root_, mask);
  const int wd = watcher_.add_all(in("d"), mask | IN_MODIFY).front();
  move(in("d"), in("e"));
  watcher_.remove(wd);
  told();
  test::expect_watched(watcher_, test::directories(root_));
  write("e/f");
  write("e/sub/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE e/f", "IN_CLOSE_WRITE e/f", "IN_CREATE e/sub/f",
                                  "IN_CLOSE_WRITE e/sub/f"));
}

TEST_F(UnreadTest, A15_ASubdirectoryIsRemovedOutOfWhichOneHasMoved) {
  make("d/s/t");
  make("z");
  watcher_.add_all(root_, mask);
  const test::Tree before = test::tree_on_disk(root_);
  move(in("d/s"), in("z/s"));
  watcher_.remove(watcher_.path(in("d"))->wd);
  expect_replayed(test::drain(watcher_), before);
  test::expect_watched(watcher_, {root_, in("z"), in("z/s"), in("z/s/t")});
}

// Until its rename has been read, a directory bears its old name.
TEST_F(UnreadTest, A9_RemovePathOfAHandAddedDirectoryWhoseRenameIsUnread) {
  make("d/sub");
  watcher_.add_all(root_, mask);
  watcher_.add(in("d"), IN_MODIFY);
  move(in("d"), in("e"));
  watcher_.remove_path(in("d"));
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM|IN_ISDIR d to e", "IN_MOVED_TO|IN_ISDIR e from d"));
  write("e/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE e/f", "IN_CLOSE_WRITE e/f"));
  expect_whole();
}

TEST_F(UnreadTest, A15_RemovePathOfADirectoryWhoseCreateIsUnread) {
  watcher_.add_all(root_, mask);
  make("d");
  std::error_code ec;
  watcher_.remove_path(in("d"), ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory) << "it is not watched yet";
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR d"));
  expect_whole();
}

TEST_F(UnreadTest, A15_ARootIsRemovedWithAllItHasQueued) {
  make("d/sub");
  const int wd = watcher_.add_all(root_, mask).front();
  make("new/below");
  move(in("d"), in("new/d"));
  watcher_.remove(wd);
  const test::Lines all = told();
  EXPECT_THAT(all, Contains("IN_IGNORED ."));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(watcher_.empty()) << testing::PrintToString(all);
  EXPECT_THAT(test::kernel_table(watcher_.inotify_fd()), IsEmpty());
}

// ---- against a second process, which never lets a name rest

class UnreadRace : public UnreadTest {
 protected:
  // d and e are exchanged without end while `call` adds them, one after the other.
  template <class Call>
  void race(Call call) {
    make("d/x");
    make("e/y");
    watcher_.add_all(root_, mask);
    for (int round = 0; round < test::rounds(20) && !HasFailure(); ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      test::SecondProcess other([&] {
        for (int i = 0; i < 300; ++i) test::exchange(in("d"), in("e"));
      });
      for (int i = 0; other.is_running(); ++i) {
        call(in(i % 2 == 0 ? "d" : "e"));
        if (i % 3 == 0) test::drain(watcher_);
      }
      test::drain(watcher_);
      expect_whole();
    }
  }
};

TEST_F(UnreadRace, A4_A9_AddedByHandWhileExchanged) {
  race([&](const std::string& path) {
    std::error_code ec;
    const int wd = watcher_.add(path, IN_MODIFY, ec);
    if (ec) {
      EXPECT_EQ(ec, std::errc::resource_unavailable_try_again) << ec.message();
    } else {
      EXPECT_TRUE(watcher_.wd(wd)) << "a watch that is not in the table";
    }
  });
}

TEST_F(UnreadRace, A4_A15_MadeARootWhileExchanged) {
  race([&](const std::string& path) {
    try {
      EXPECT_FALSE(watcher_.add_all(path, mask | IN_MODIFY).empty());
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again) << error.what();
    }
  });
}

}  // namespace
}  // namespace unread
