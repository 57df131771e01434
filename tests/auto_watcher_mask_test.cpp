// A9: only what was asked for is told, and what is added by hand narrows nothing. A11: a tree that nobody touches is silent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <inotify/watcher.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "support/auto_watcher_checks.hpp"

namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using inotify::Mask;
using test::Events;
using test::lines;
using test::Probe;
namespace fs = std::filesystem;

class MaskTest : public testing::Test {
 protected:
  // What is told from now on, briefly.
  test::Lines told() { return lines(test::drain(watcher_), root_); }
  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void make(const std::string& name) { fs::create_directories(path(name)); }
  void touch(const std::string& name) { test::write_file(path(name)); }
  void look_into(const std::string& name) {
    std::ifstream file(path(name));
    ASSERT_TRUE(file.is_open()) << name;
  }

  test::TempDir dir_;
  std::string root_ = dir_.str();
  Probe watcher_;
};

// ---- A9: what is told

TEST_F(MaskTest, A9_CloseWriteAloneTellsNothingElse) {
  make("old/deep");
  watcher_.add_all(root_, IN_CLOSE_WRITE);
  EXPECT_THAT(told(), IsEmpty());
  make("a/b/c");
  EXPECT_THAT(told(), IsEmpty());
  touch("a/b/c/f");
  EXPECT_THAT(told(), ElementsAre("IN_CLOSE_WRITE a/b/c/f"));
  fs::rename(path("a"), path("old/a"));
  EXPECT_THAT(told(), IsEmpty());
  touch("old/a/b/c/g");
  touch("old/deep/g");
  EXPECT_THAT(told(), ElementsAre("IN_CLOSE_WRITE old/a/b/c/g", "IN_CLOSE_WRITE old/deep/g"));
  fs::rename(path("old/a/b"), path("b"));
  fs::rename(path("old"), path("new"));
  touch("b/c/h");
  touch("new/a/h");
  EXPECT_THAT(told(), ElementsAre("IN_CLOSE_WRITE b/c/h", "IN_CLOSE_WRITE new/a/h"));
  fs::remove(path("b/c/h"));
  fs::rename(path("b/c/g"), path("b/c/i"));
  fs::remove_all(path("new"));
  EXPECT_THAT(told(), IsEmpty());
  test::expect_watched(watcher_, test::directories(root_));
}

// A file that was written before its directory was watched is told as far as it was asked for.
TEST_F(MaskTest, A9_AListingTellsOnlyWhatWasAskedFor) {
  watcher_.add_all(root_, IN_CLOSE_WRITE);
  make("a/b");
  touch("a/b/f");
  fs::create_symlink("f", path("a/b/link"));
  EXPECT_THAT(told(), ElementsAre("synthetic IN_CLOSE_WRITE a/b/f"));
  Probe creates;
  creates.add_all(root_, IN_CREATE);
  make("c");
  touch("c/f");
  EXPECT_THAT(lines(test::drain(creates), root_),
              ElementsAre("IN_CREATE|IN_ISDIR c", "synthetic IN_CREATE c/f"));
}

TEST_F(MaskTest, A9_ModifyAloneKeepsCoverageThroughAMoveOutAndIn) {
  const test::TempDir outside;
  watcher_.add_all(root_, IN_MODIFY);
  make("a/b");
  EXPECT_THAT(told(), IsEmpty());
  fs::rename(path("a"), outside / "a");
  EXPECT_THAT(told(), IsEmpty());
  test::expect_watched(watcher_, {root_});
  test::write_file(outside / "a/b/f", "text");
  EXPECT_THAT(told(), IsEmpty());
  fs::rename(outside / "a", path("c"));
  EXPECT_THAT(told(), IsEmpty());
  test::write_file(path("c/b/f"), "more text");
  EXPECT_THAT(told(), Contains("IN_MODIFY c/b/f"));
  test::expect_watched(watcher_, test::directories(root_));
}

// [36]: truncating a setuid file is one event with two bits.
TEST_F(MaskTest, A9_OfAnEventWithTwoBitsOnlyTheAskedOneIsTold) {
  touch("f");
  test::in_child([&] {
    test::become_nobody(root_);
    test::write_file(path("f"), "text");
    inotify::Watcher plain;
    plain.add(root_, IN_MODIFY);
    Probe modify;
    modify.add_all(root_, IN_MODIFY);
    Probe attrib;
    attrib.add_all(root_, IN_ATTRIB);
    ASSERT_EQ(::chmod(path("f").c_str(), S_ISUID | 0755), 0);
    test::drain(attrib);
    ASSERT_EQ(::truncate(path("f").c_str(), 1), 0);
    const Events raw = test::drain(plain);
    if (raw.size() != 1 || raw[0].mask != (IN_MODIFY | IN_ATTRIB)) {
      throw test::Forbidden("an event with two bits");  // another kernel
    }
    EXPECT_THAT(lines(test::drain(modify), root_), ElementsAre("IN_MODIFY f"));
    EXPECT_THAT(lines(test::drain(attrib), root_), ElementsAre("IN_ATTRIB f"));
  });
}

TEST_F(MaskTest, A9_IgnoredOfSubdirectoriesStaysInside) {
  watcher_.add_all(root_, test::names);
  make("a/b");
  told();
  fs::remove(path("a/b"));
  fs::remove(path("a"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE|IN_ISDIR a/b", "IN_DELETE|IN_ISDIR a"));
  const test::TempDir outside;
  make("c/d");
  told();
  fs::rename(path("c"), outside / "c");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR c"));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MaskTest, A9_MoveSelfOfSubdirectoriesOnlyIfAsked) {
  make("a");
  watcher_.add_all(root_, test::names);
  fs::rename(path("a"), path("b"));
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM|IN_ISDIR a to b", "IN_MOVED_TO|IN_ISDIR b from a"));
  Probe asks;
  asks.add_all(root_, test::names | IN_MOVE_SELF);
  fs::rename(path("b"), path("c"));
  EXPECT_THAT(lines(test::drain(asks), root_),
              ElementsAre("IN_MOVED_FROM|IN_ISDIR b to c", "IN_MOVED_TO|IN_ISDIR c from b",
                          "IN_MOVE_SELF c"));
}

TEST_F(MaskTest, A9_MasksThatWouldLeaveHolesAreRefused) {
  for (const Mask bad : {Mask{IN_CREATE | IN_ONESHOT}, Mask{IN_CREATE | IN_MASK_CREATE}, Mask{0},
                         Mask{IN_ONLYDIR}, Mask{IN_CREATE | 0x00100000}}) {
    std::error_code ec;
    EXPECT_EQ(watcher_.add(root_, bad, ec), -1);
    EXPECT_EQ(ec, std::errc::invalid_argument) << inotify::to_string(bad);
    EXPECT_THROW(watcher_.add(root_, bad), fs::filesystem_error) << inotify::to_string(bad);
    try {
      watcher_.add_all(root_, bad);
      ADD_FAILURE() << "no throw: " << inotify::to_string(bad);
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument) << inotify::to_string(bad);
      EXPECT_EQ(error.path1(), root_);
    }
  }
  EXPECT_TRUE(watcher_.empty());
  EXPECT_THAT(test::kernel_table(watcher_.inotify_fd()), IsEmpty());
}

TEST_F(MaskTest, A9_FlagsOfTheMaskReachTheWholeTree) {
  make("a/b");
  watcher_.add_all(root_, IN_MODIFY | IN_EXCL_UNLINK | IN_ONLYDIR | IN_DONT_FOLLOW);
  make("a/c");
  EXPECT_THAT(told(), IsEmpty());
  for (const std::string& one : test::directories(root_)) {
    EXPECT_EQ(test::kernel_mask(watcher_, one) & (IN_MODIFY | IN_EXCL_UNLINK),
              Mask{IN_MODIFY | IN_EXCL_UNLINK})
        << one;
  }
  test::expect_watched(watcher_, test::directories(root_));
  touch("f");
  EXPECT_THROW(watcher_.add_all(path("f"), IN_MODIFY | IN_ONLYDIR), fs::filesystem_error);
}

// The mask that the table knows is the kernel's, whatever was asked for.
TEST_F(MaskTest, A9_TheTablesMaskIsTheKernels) {
  make("a/b");
  watcher_.add_all(root_, IN_CLOSE_WRITE);
  EXPECT_EQ(test::audit(watcher_), "");
  watcher_.add(path("a"), IN_OPEN);
  EXPECT_EQ(test::audit(watcher_), "");
  watcher_.add(path("a"), IN_ATTRIB);
  EXPECT_EQ(test::audit(watcher_), "");
  watcher_.add_all(path("a"), IN_MODIFY);
  make("a/b/c");
  told();
  EXPECT_EQ(test::audit(watcher_), "");
  watcher_.add_all(root_, IN_DELETE_SELF);
  told();
  EXPECT_EQ(test::audit(watcher_), "");
}

// ---- A9: added by hand

TEST_F(MaskTest, A9_AddingByHandAddsToWhatIsTold) {
  make("a/b");
  touch("a/f");
  touch("f");
  watcher_.add_all(root_, IN_CREATE);
  const Mask before = test::kernel_mask(watcher_, path("a"));
  const int wd = watcher_.add(path("a"), IN_OPEN);
  EXPECT_EQ(watcher_.path(path("a"))->wd, wd);
  EXPECT_EQ(test::kernel_mask(watcher_, path("a")), before | IN_OPEN);
  look_into("a/f");
  look_into("f");
  EXPECT_THAT(told(), ElementsAre("IN_OPEN a/f"));
  touch("a/new");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/new", "IN_OPEN a/new"));
  make("a/b/c");  // still followed
  make("a/d");
  fs::rename(path("a"), path("z"));
  told();
  look_into("z/f");
  EXPECT_THAT(told(), ElementsAre("IN_OPEN z/f"));
  test::expect_watched(watcher_, test::directories(root_));

  // Only that interest is taken back: no IN_IGNORED, for the watch goes on.
  watcher_.remove(wd);
  EXPECT_THAT(told(), IsEmpty());
  look_into("z/f");
  EXPECT_THAT(told(), IsEmpty());
  touch("z/more");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE z/more"));
  test::expect_watched(watcher_, test::directories(root_));
}

TEST_F(MaskTest, A9_RemovingByPathTakesOnlyThatInterestBack) {
  make("a");
  touch("a/f");
  watcher_.add_all(root_, IN_CREATE);
  watcher_.add(path("a"), IN_OPEN);
  watcher_.remove_path(path("a"));
  look_into("a/f");
  touch("a/g");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/g"));
  test::expect_watched(watcher_, test::directories(root_));
}

// Adding by hand again replaces what was asked for by hand, as for a Watcher; IN_MASK_ADD adds to it.
TEST_F(MaskTest, A9_AddingByHandAgainReplacesOnlyWhatWasAskedByHand) {
  make("a");
  touch("a/f");
  watcher_.add_all(root_, IN_CREATE);
  watcher_.add(path("a"), IN_OPEN);
  watcher_.add(path("a"), IN_ATTRIB);
  look_into("a/f");
  ASSERT_EQ(::chmod(path("a/f").c_str(), 0600), 0);
  touch("a/g");
  EXPECT_THAT(told(), ElementsAre("IN_ATTRIB a/f", "IN_CREATE a/g"));
  watcher_.add(path("a"), IN_OPEN | IN_MASK_ADD);
  look_into("a/f");
  ASSERT_EQ(::chmod(path("a/f").c_str(), 0644), 0);
  EXPECT_THAT(told(), ElementsAre("IN_OPEN a/f", "IN_ATTRIB a/f"));
  test::expect_watched(watcher_, test::directories(root_));
}

TEST_F(MaskTest, A9_AddedByHandBeforeItsTreeIsFollowed) {
  make("a/b");
  touch("a/f");
  const int wd = watcher_.add(path("a"), IN_OPEN);
  watcher_.add_all(root_, IN_CREATE);
  EXPECT_EQ(watcher_.path(path("a"))->wd, wd);
  EXPECT_THAT(told(), IsEmpty());
  look_into("a/f");
  EXPECT_THAT(told(), ElementsAre("IN_OPEN a/f"));
  make("a/b/c");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR a/b/c"));
  test::expect_watched(watcher_, test::directories(root_));
  watcher_.remove(wd);
  look_into("a/f");
  EXPECT_THAT(told(), IsEmpty());
  test::expect_watched(watcher_, test::directories(root_));
}

TEST_F(MaskTest, A9_AddedByHandUnderAnotherName) {
  const test::TempDir outside;
  make("a/b");
  touch("a/f");
  watcher_.add_all(root_, IN_CREATE);
  fs::create_directory_symlink(path("a"), outside / "link");
  const int wd = watcher_.add(outside / "link", IN_OPEN);
  EXPECT_EQ(wd, watcher_.path(path("a"))->wd);
  look_into("a/f");
  EXPECT_THAT(told(), ElementsAre("IN_OPEN a/f")) << "under the first name";
  make("a/b/c");
  make("a/d/e");
  told();
  EXPECT_EQ(test::kernel_mask(watcher_, path("a")) & test::names, test::names);
  EXPECT_EQ(test::kernel_table(watcher_.inotify_fd()).size(), test::directories(root_).size());
  test::expect_heard(watcher_, test::directories(root_));
}

TEST_F(MaskTest, A9_ADirectoryAddedByHandIsDeleted) {
  make("a");
  watcher_.add_all(root_, test::names);
  watcher_.add(path("a"), IN_DELETE_SELF);
  fs::remove(path("a"));
  EXPECT_THAT(told(),
              UnorderedElementsAre("IN_DELETE_SELF a", "IN_IGNORED a", "IN_DELETE|IN_ISDIR a"));
  EXPECT_FALSE(watcher_.path(path("a")));
  make("a");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR a"));
  fs::remove(path("a"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE|IN_ISDIR a")) << "the new one was not added by hand";
  test::expect_watched(watcher_, {root_});
}

// The contract is silent on a directory that was added by hand and leaves the tree with a subtree; that its watch ends must be told, or
// it must go on.
TEST_F(MaskTest, A9_ADirectoryAddedByHandLeavesTheTree) {
  const test::TempDir outside;
  make("a/b");
  watcher_.add_all(root_, test::names);
  watcher_.add(path("a/b"), IN_OPEN);
  fs::rename(path("a"), outside / "a");
  test::Lines all = told();
  test::write_file(outside / "a/b/f");
  const test::Lines later = told();
  EXPECT_NE(std::ranges::count(all, "IN_IGNORED a/b") == 1,
            std::ranges::count(later, "IN_OPEN a/b/f") == 1)
      << "neither told nor heard, or both";
  all.insert(all.end(), later.begin(), later.end());
  EXPECT_THAT(all, Contains("IN_MOVED_FROM|IN_ISDIR a"));
  EXPECT_THAT(all, Not(Contains("IN_CREATE a/b/f")));
}

TEST_F(MaskTest, A9_AFileAddedByHandIsDeleted) {
  make("a");
  touch("a/f");
  watcher_.add_all(root_, test::names);
  const int wd = watcher_.add(path("a/f"), IN_MODIFY | IN_DELETE_SELF);
  test::write_file(path("a/f"), "text");
  EXPECT_THAT(told(), Contains("IN_MODIFY a/f"));
  fs::remove(path("a/f"));
  EXPECT_THAT(told(),
              UnorderedElementsAre("IN_DELETE_SELF a/f", "IN_IGNORED a/f", "IN_DELETE a/f"));
  EXPECT_FALSE(watcher_.path(path("a/f")));
  EXPECT_FALSE(watcher_.wd(wd));
  test::expect_watched(watcher_, test::directories(root_));
}

// [8]: deleted at once, but its end comes with its last descriptor; meanwhile a namesake lives.
TEST_F(MaskTest, A9_AFileAddedByHandIsDeletedWhileOpen) {
  touch("f");
  watcher_.add_all(root_, test::names);
  watcher_.add(path("f"), IN_DELETE_SELF);
  std::ifstream held(path("f"));
  fs::remove(path("f"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE f"));
  touch("f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f"));
  held.close();
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF f", "IN_IGNORED f"));
  test::expect_watched(watcher_, {root_});
}

TEST_F(MaskTest, A9_AFileAddedByHandIsRenamed) {
  make("a");
  make("b");
  touch("a/f");
  watcher_.add_all(root_, test::names);
  const int wd = watcher_.add(path("a/f"), IN_MODIFY | IN_MOVE_SELF);
  fs::rename(path("a/f"), path("b/g"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM a/f to b/g", "IN_MOVED_TO b/g from a/f",
                                  "IN_MOVE_SELF b/g"));
  test::write_file(path("b/g"), "text");
  EXPECT_THAT(told(), Contains("IN_MODIFY b/g"));
  fs::rename(path("b"), path("c"));  // its directory
  told();
  test::write_file(path("c/g"), "text");
  EXPECT_THAT(told(), Contains("IN_MODIFY c/g"));
  EXPECT_EQ(watcher_.path(path("c/g"))->wd, wd);
  watcher_.remove(wd);
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED c/g"));
  test::expect_watched(watcher_, test::directories(root_));
}

TEST_F(MaskTest, A9_ATouchedFileReplacedByARename) {
  touch("f");
  touch("g");
  watcher_.add_all(root_, test::names);
  watcher_.add(path("f"), IN_DELETE_SELF);
  fs::rename(path("g"), path("f"));  // as an editor saves
  EXPECT_THAT(told(), UnorderedElementsAre("IN_MOVED_FROM g to f", "IN_MOVED_TO f from g",
                                           "IN_DELETE_SELF f", "IN_IGNORED f"));
  EXPECT_FALSE(watcher_.path(path("f")));
  test::expect_watched(watcher_, {root_});
}

// ---- A11

class QuietTest : public MaskTest {
 protected:
  static void grow(const std::string& root, int width) {
    for (int i = 0; i < width; ++i) {
      const std::string one = root + "/d" + std::to_string(i);
      fs::create_directories(one + "/x/y");
      test::write_file(one + "/f");
      test::write_file(one + "/x/y/f");
    }
  }

  // What a new tree's creates are, once each.
  static void expect_only_creates(const Events& events, const std::string& root) {
    std::set<std::string> expected;
    for (const auto& [path, is_dir] : test::tree_on_disk(root)) expected.insert(path);
    for (const auto& event : events) {
      const Mask bits = event.is_dir() ? IN_CREATE | IN_ISDIR : IN_CREATE | IN_CLOSE_WRITE;
      EXPECT_TRUE(event.synthetic && event.mask == bits) << event;
      EXPECT_EQ(expected.erase(event.fullpath), 1U) << event;
    }
    EXPECT_TRUE(expected.empty()) << "not told: " << *expected.begin();
  }
};

TEST_F(QuietTest, A11_AnUntouchedTreeIsSilent) {
  grow(root_, 100);
  watcher_.add_all(root_, IN_ALL_EVENTS);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(told(), IsEmpty());
  watcher_.add_all(root_, IN_ALL_EVENTS);  // once more
  EXPECT_THAT(told(), IsEmpty());
  watcher_.add_all(path("d1"), IN_ALL_EVENTS);  // a part of it
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(watcher_.retry_holes(), 0U);
  EXPECT_THAT(told(), IsEmpty());
  test::expect_watched(watcher_, test::directories(root_));
}

TEST_F(QuietTest, A11_APartThenTheWholeIsSilent) {
  grow(root_, 20);
  watcher_.add_all(path("d1"), IN_ALL_EVENTS);
  watcher_.add_all(path("d2/x"), IN_ALL_EVENTS);
  EXPECT_THAT(told(), IsEmpty());
  watcher_.add_all(root_, IN_ALL_EVENTS);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(QuietTest, A11_AnnouncingIsOnlyCreates) {
  grow(root_, 20);
  Probe watcher(inotify::AutoWatcher::Options{.announce = true});
  watcher.add_all(root_, IN_ALL_EVENTS);
  expect_only_creates(test::drain(watcher), root_);
}

TEST_F(QuietTest, A11_AMovedInTreeIsOnlyItsCreates) {
  const test::TempDir outside;
  fs::create_directory(outside / "new");
  grow(outside / "new", 100);
  make("old");
  watcher_.add_all(root_, IN_ALL_EVENTS);
  fs::rename(outside / "new", path("old/new"));
  Events events = test::drain(watcher_);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(test::line(events[0], root_), "IN_MOVED_TO|IN_ISDIR old/new");
  events.erase(events.begin());
  EXPECT_THAT(told(), IsEmpty());
  expect_only_creates(events, path("old/new"));
}

TEST_F(QuietTest, A11_ANewTreeIsOnlyItsCreates) {
  watcher_.add_all(root_, IN_ALL_EVENTS);
  make("a/b/c");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR a", "synthetic IN_CREATE|IN_ISDIR a/b",
                                  "synthetic IN_CREATE|IN_ISDIR a/b/c"));
}

TEST_F(QuietTest, A11_ARenamedDirectoryIsNotListedAloud) {
  grow(root_, 5);
  watcher_.add_all(root_, IN_ALL_EVENTS);
  fs::rename(path("d1"), path("d2/x/d1"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR d1 to d2/x/d1",
                                  "IN_MOVED_TO|IN_ISDIR d2/x/d1 from d1", "IN_MOVE_SELF d2/x/d1"));
}

TEST_F(QuietTest, A11_RetryingHolesIsOnlyTheirCreates) {
  make("closed/inner");
  make("open");
  touch("closed/inner/f");
  test::in_child([&] {
    test::become_nobody(root_);
    fs::permissions(path("closed"), fs::perms::none);
    Probe watcher;
    watcher.add_all(root_, IN_ALL_EVENTS);
    EXPECT_EQ(test::drain(watcher).size(), 1U);
    EXPECT_EQ(watcher.retry_holes(), 1U);
    for (const auto& event : test::drain(watcher)) EXPECT_TRUE(event.error) << event;
    fs::permissions(path("closed"), fs::perms::owner_all);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    Events found = test::drain(watcher);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(test::line(found[0], root_), "IN_ATTRIB|IN_ISDIR closed");
    found.erase(found.begin());
    expect_only_creates(found, path("closed"));
  });
}

// What others do is told, a listing included, once our own is over.
TEST_F(QuietTest, A11_WhatOthersDoIsTold) {
  grow(root_, 3);
  watcher_.add_all(root_, IN_ALL_EVENTS);
  for (const auto& entry : fs::directory_iterator(path("d1"))) ASSERT_TRUE(entry.exists());
  const test::Lines listing = told();
  EXPECT_THAT(listing, Contains("IN_OPEN|IN_ISDIR d1"));
  EXPECT_THAT(listing, Contains("IN_CLOSE_NOWRITE|IN_ISDIR d1"));
  look_into("d2/f");
  EXPECT_THAT(told(), ElementsAre("IN_OPEN d2/f", "IN_CLOSE_NOWRITE d2/f"));
}

}  // namespace
