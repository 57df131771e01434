// A16: mounts and unmounts in a tree are followed as they happen, and a directory with two names, by a bind mount, stays watched until
// the last of them is gone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"
#include "support/faults.hpp"
#include "support/threads.hpp"

namespace mounts {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

using test::Events;
using test::lines;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::contract_mask;

void bind_mount(const std::string& from, const std::string& to) {
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    throw test::Forbidden("bind mounts");
  }
}

class MountsTest : public testing::Test {
 protected:
  MountsTest() { fs::create_directory(root_); }

  std::string in(std::string_view name) const { return root_ + '/' + std::string(name); }
  std::string out(std::string_view name) const { return dir_ / name; }
  void make(std::string_view name) { fs::create_directories(in(name)); }
  void write(std::string_view name) { test::write_file(in(name), "text"); }

  // What is on disk below the root is what a replay of `events` has, that begins with `before`.
  void expect_replayed(const test::Tree& before, const Events& events) const {
    Replay replay(before);
    test::apply(replay, events);
    EXPECT_EQ(replay.tree(), test::tree_on_disk(root_)) << test::show(events);
  }
  void expect_whole(Probe& watcher) const {
    const test::Lines all = test::directories(root_);
    test::expect_watched(watcher, all);
    test::expect_heard(watcher, all);
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
};

// ---- one directory, two names

class AliasTest : public MountsTest {
 protected:
  // The root has the directory x, with all below, and b, which is another name of it and comes before
  // it: what happens is told under b.
  void bind_first(Probe& watcher) const {
    fs::create_directories(out("x/sub/deep"));
    fs::create_directories(in("b"));
    bind_mount(out("x"), in("b"));
    watcher.add_all(root_, mask);
    test::move(out("x"), in("x"));
    EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_MOVED_TO|IN_ISDIR x"));
    EXPECT_EQ(watcher.paths(watcher.path(in("x")).value().wd).size(), 2U);
  }
};

TEST_F(AliasTest, A16_TheSecondNameOfABindMountIsKept) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    bind_first(watcher);
    write("x/f");
    EXPECT_THAT(lines(test::with(test::drain(watcher), IN_CREATE), root_),
                ElementsAre("IN_CREATE b/f"));
    const test::Tree before = test::tree_on_disk(root_);
    ASSERT_EQ(::umount(in("b").c_str()), 0);
    fs::remove(in("b"));
    const Events events = test::drain(watcher);
    expect_replayed(before, events);
    expect_whole(watcher);
  });
}

TEST_F(AliasTest, A16_TheFirstNameStaysWhenTheSecondGoes) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("x/sub/deep");
    Probe watcher;
    watcher.add_all(root_, mask);
    make("b");
    bind_mount(in("x"), in("b"));
    write("b/f");
    EXPECT_THAT(lines(test::with(test::drain(watcher), IN_CREATE), root_),
                testing::IsSupersetOf({"IN_CREATE|IN_ISDIR b", "IN_CREATE x/f"}));
    ASSERT_EQ(::umount(in("b").c_str()), 0);
    fs::remove(in("b"));
    EXPECT_THAT(lines(test::drain(watcher), root_), Contains("IN_DELETE|IN_ISDIR b"));
    expect_whole(watcher);
  });
}

// The name under which it is reported leaves the tree; the bind mount keeps the directory in it.
TEST_F(AliasTest, A16_TheFirstNameMovesAway) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("x/sub/deep");
    write("x/sub/f");
    make("b");
    Probe watcher;
    watcher.add_all(root_, mask);
    fs::create_directories(in("c"));
    test::drain(watcher);
    bind_mount(in("x"), in("c"));
    Probe later;
    later.add_all(root_, mask);  // c is known from the beginning
    const test::Tree before = test::tree_on_disk(root_);
    const bool is_x_first = later.wd(later.path(in("x"))->wd)->path == in("x");
    test::move(in(is_x_first ? "x" : "b"), out("gone"));
    expect_replayed(before, test::drain(later));
    test::expect_heard(later, {in("c"), in("c/sub"), in("c/sub/deep")});
    EXPECT_EQ(test::audit_on_disk(later), "");
  });
}

TEST_F(AliasTest, A16_ASecondNameIsRenamedWithADirectoryAboveIt) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("n/b");
    make("x/sub");
    bind_mount(in("x"), in("n/b"));
    Probe watcher;
    watcher.add_all(root_, mask);
    test::move(in("n"), in("m"));
    EXPECT_THAT(test::holes(test::drain(watcher), root_), IsEmpty());
    EXPECT_EQ(test::audit_on_disk(watcher), "");
    EXPECT_TRUE(watcher.path(in("m/b")).has_value());
    EXPECT_TRUE(watcher.path(in("x")).has_value());
  });
}

// Two roots; the one under whose names it is told ends.
TEST_F(AliasTest, A16_ADirectoryOfTwoRootsOutlivesTheFirst) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(out("one/x/sub"));
    make("b");
    bind_mount(out("one/x"), in("b"));
    Probe watcher;
    const int one = watcher.add_all(out("one"), mask).front();
    watcher.add_all(root_, mask);
    const test::Tree before = test::tree_on_disk(root_);
    watcher.remove(one);
    expect_replayed(before, test::with(test::drain(watcher), test::names));
    expect_whole(watcher);
  });
}

// Both of its names are below a directory that goes.
TEST_F(AliasTest, A16_BothNamesGoAtOnce) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("top/x/sub");
    make("top/b");
    bind_mount(in("top/x"), in("top/b"));
    Probe watcher;
    watcher.add_all(root_, mask);
    test::move(in("top"), out("gone"));
    EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_MOVED_FROM|IN_ISDIR top"));
    expect_whole(watcher);
  });
}

// A file system that is mounted twice: the IN_UNMOUNT speaks of both names.
TEST_F(AliasTest, A16_AFileSystemOfTwoNamesIsUnmounted) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("one/hidden");
    make("two/hidden_too");
    test::mount_tmpfs(in("one"));
    make("one/sub");
    bind_mount(in("one"), in("two"));
    Probe watcher;
    watcher.add_all(root_, mask);
    const test::Tree before = test::tree_on_disk(root_);
    ASSERT_EQ(::umount(in("one").c_str()), 0);
    ASSERT_EQ(::umount(in("two").c_str()), 0);
    expect_replayed(before, test::drain(watcher));
    expect_whole(watcher);
  });
}

// The table finds it by its second name, should the user take the first away.
TEST_F(AliasTest, A16_TheFirstNameIsRemovedByTheUser) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    bind_first(watcher);
    watcher.remove_path(in("b"));
    test::drain(watcher);
    EXPECT_EQ(test::audit_on_disk(watcher), "");
    test::expect_heard(watcher, {in("x"), in("x/sub"), in("x/sub/deep")});
  });
}

// An overflow forgets all, and finds both names again.
TEST_F(AliasTest, A16_BothNamesAfterAnOverflow) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("a/sub");
    make("b");
    bind_mount(in("a"), in("b"));
    Probe watcher(Options{.overflow = inotify::OverflowPolicy::announce});
    watcher.add_all(root_, mask);
    if (!test::overrun(root_)) throw test::Forbidden("the queue is too long");
    test::drain(watcher);
    ASSERT_EQ(::umount(in("b").c_str()), 0);
    fs::remove(in("b"));
    test::drain(watcher);
    expect_whole(watcher);
  });
}

// ---- mounts that come and go

class FollowTest : public MountsTest {
 protected:
  // Has the watcher follow the tree, and a consumer who knows what is in it.
  void start(Probe& watcher) {
    watcher.add_all(root_, mask);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    before_ = test::tree_on_disk(root_);
  }
  // What has happened is told so that the replay is the disk, and nothing is deaf.
  void expect_followed(Probe& watcher) {
    const Events events = test::drain(watcher);
    EXPECT_THAT(test::holes(events, root_), IsEmpty()) << test::show(events);
    expect_replayed(before_, events);
    expect_whole(watcher);
    before_ = test::tree_on_disk(root_);
  }

  test::Tree before_;
};

TEST_F(FollowTest, A16_AMountAndItsUnmount) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/hidden/deep");
    write("d/hidden/f");
    Probe watcher;
    start(watcher);
    test::mount_tmpfs(in("d"));
    expect_followed(watcher);
    make("d/x/y");
    write("d/x/f");
    expect_followed(watcher);
    ASSERT_EQ(::umount(in("d").c_str()), 0);
    expect_followed(watcher);
  });
}

TEST_F(FollowTest, A16_AMountWithContent) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(out("source/x/y"));
    test::write_file(out("source/x/y/f"));
    make("d/hidden");
    Probe watcher;
    start(watcher);
    bind_mount(out("source"), in("d"));
    const Events events = test::drain(watcher);
    EXPECT_THAT(
        lines(test::with(events, IN_CREATE | IN_DELETE), root_),
        ElementsAre("synthetic IN_DELETE|IN_ISDIR d", "synthetic IN_CREATE|IN_ISDIR d",
                    "synthetic IN_CREATE|IN_ISDIR d/x", "synthetic IN_CREATE|IN_ISDIR d/x/y",
                    "synthetic IN_CREATE|IN_CLOSE_WRITE d/x/y/f"))
        << test::show(events);
    expect_replayed(before_, events);
    expect_whole(watcher);
  });
}

// [29]: the kernel's queue tells nothing of the end of a bind mount, nor of a lazy unmount of what is
// in use.
TEST_F(FollowTest, A16_ABindMountIsUnmounted) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(out("source/x"));
    make("d/hidden/deep");
    bind_mount(out("source"), in("d"));
    Probe watcher;
    start(watcher);
    ASSERT_EQ(::umount(in("d").c_str()), 0);
    expect_followed(watcher);
  });
}

TEST_F(FollowTest, A16_ALazyUnmount) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/hidden/deep");
    test::mount_tmpfs(in("d"));
    make("d/x");
    const int held = ::open(in("d/x").c_str(), O_RDONLY | O_CLOEXEC);
    Probe watcher;
    start(watcher);
    ASSERT_EQ(::umount2(in("d").c_str(), MNT_DETACH), 0);
    expect_followed(watcher);
    ::close(held);
    expect_followed(watcher);
  });
}

TEST_F(FollowTest, A16_StackedMounts) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/hidden");
    Probe watcher;
    start(watcher);
    for (const char* name : {"d/one", "d/two", "d/three"}) {
      test::mount_tmpfs(in("d"));
      make(name);
    }
    expect_followed(watcher);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(::umount(in("d").c_str()), 0);
      expect_followed(watcher);
    }
  });
}

TEST_F(FollowTest, A16_AMountIsMoved) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("one/hidden");
    make("two/hidden_too");
    test::mount_tmpfs(in("one"));
    make("one/x/y");
    Probe watcher;
    start(watcher);
    ASSERT_EQ(::mount(in("one").c_str(), in("two").c_str(), nullptr, MS_MOVE, nullptr), 0);
    expect_followed(watcher);
    make("two/x/new");
    expect_followed(watcher);
  });
}

// A bind mount of a directory on itself shows the same, but not what was mounted in it.
TEST_F(FollowTest, A16_ABindMountHidesWhatIsMountedBelow) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/m/hidden");
    test::mount_tmpfs(in("d/m"));
    make("d/m/x");
    Probe watcher;
    start(watcher);
    bind_mount(in("d"), in("d"));
    expect_followed(watcher);
    ASSERT_EQ(::umount(in("d").c_str()), 0);
    expect_followed(watcher);
  });
}

TEST_F(FollowTest, A16_WhatIsMountedInAMountGoesWithIt) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/hidden");
    Probe watcher;
    start(watcher);
    test::mount_tmpfs(in("d"));
    make("d/sub/hidden_too");
    test::mount_tmpfs(in("d/sub"));
    make("d/sub/x");
    expect_followed(watcher);
    ASSERT_EQ(::umount2(in("d").c_str(), MNT_DETACH), 0);
    expect_followed(watcher);
  });
}

// The names change before anybody reads.
TEST_F(FollowTest, A16_RenamedBeforeItIsRead) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(out("source/x"));
    make("a/d/hidden");
    make("a/e/hidden");
    bind_mount(out("source"), in("a/d"));
    Probe watcher;
    start(watcher);
    ASSERT_EQ(::umount(in("a/d").c_str()), 0);
    test::move(in("a/d"), in("a/was_d"));
    make("a/d/new");
    test::mount_tmpfs(in("a/e"));
    make("a/e/y");
    test::move(in("a"), in("b"));
    expect_followed(watcher);
    make("b/was_d/hidden/z");
    make("b/e/y/z");
    expect_followed(watcher);
  });
}

// A mount on a file shows another file.
TEST_F(FollowTest, A16_AMountOnAFile) {
  test::in_child([&] {
    test::enter_mount_namespace();
    write("f");
    test::write_file(out("other"));
    Probe watcher;
    start(watcher);
    bind_mount(out("other"), in("f"));
    const test::Lines told{"synthetic IN_DELETE f", "synthetic IN_CREATE|IN_CLOSE_WRITE f"};
    EXPECT_EQ(lines(test::drain(watcher), root_), told);
    ASSERT_EQ(::umount(in("f").c_str()), 0);
    EXPECT_EQ(lines(test::drain(watcher), root_), told);
    expect_whole(watcher);
  });
}

// Names that the list writes with escapes.
TEST_F(FollowTest, A16_OddNames) {
  test::in_child([&] {
    test::enter_mount_namespace();
    const std::string odd = "a b\tc\nd\\040#e";
    make(odd + "/hidden");
    Probe watcher;
    start(watcher);
    test::mount_tmpfs(in(odd));
    make(odd + "/x");
    expect_followed(watcher);
    ASSERT_EQ(::umount(in(odd).c_str()), 0);
    expect_followed(watcher);
  });
}

// A mount elsewhere, and one that is there from the beginning, are nobody's business.
TEST_F(FollowTest, A16_MountsElsewhereAreSilent) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/old");
    write("f");
    fs::create_directories(out("elsewhere"));
    fs::create_directories(out("in2"));
    test::mount_tmpfs(in("d"));
    make("d/x");
    test::write_file(out("other"));
    bind_mount(out("other"), in("f"));
    Probe watcher;
    start(watcher);
    for (int i = 0; i < 3; ++i) {
      for (const char* name : {"elsewhere", "in2"}) {
        test::mount_tmpfs(out(name));
        EXPECT_THAT(test::drain(watcher), IsEmpty());
        ASSERT_EQ(::umount(out(name).c_str()), 0);
        EXPECT_THAT(test::drain(watcher), IsEmpty());
      }
    }
    expect_whole(watcher);
  });
}

TEST_F(FollowTest, A16_OneFileSystemStopsAtAMount) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/hidden/deep");
    Probe watcher(Options{.one_file_system = true});
    start(watcher);
    test::mount_tmpfs(in("d"));
    make("d/x");
    const Events events = test::drain(watcher);
    EXPECT_THAT(lines(events, root_),
                ElementsAre("synthetic IN_DELETE|IN_ISDIR d", "synthetic IN_CREATE|IN_ISDIR d"));
    test::expect_watched(watcher, {root_});
    EXPECT_EQ(watcher.retry_holes(), 0U);
    test::Tree beyond = before_;
    std::erase_if(beyond, [&](const auto& one) { return one.first.starts_with(in("d/")); });
    ASSERT_EQ(::umount(in("d").c_str()), 0);
    before_ = beyond;
    expect_followed(watcher);
  });
}

TEST_F(FollowTest, A16_ARefusedDirectoryStaysRefused) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d/no/hidden");
    Probe watcher(Options{.add_filter = [](const inotify::Event& event) {
      return !event.fullpath.ends_with("/no");
    }});
    watcher.add_all(root_, mask);
    test::mount_tmpfs(in("d/no"));
    make("d/no/x");
    EXPECT_THAT(lines(test::drain(watcher), root_), Not(Contains(testing::HasSubstr("no/"))));
    test::expect_watched(watcher, {root_, in("d")});
  });
}

// Roots that are relative, reached by a symlink, in one another, and mounts themselves.
TEST_F(FollowTest, A16_RootsOfAllKinds) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("a/inner/d/hidden");
    make("link_to/d/hidden");
    fs::create_directory_symlink(in("link_to"), out("link"));
    fs::create_directories(out("mounted"));
    test::mount_tmpfs(out("mounted"));
    fs::create_directories(out("mounted/d/hidden"));
    fs::current_path(in("a"));
    Probe watcher;
    watcher.add_all(out("link"), mask);
    watcher.add_all("inner", mask);
    watcher.add_all(".", mask);
    watcher.add_all(out("mounted"), mask);
    test::drain(watcher);
    for (const std::string& root : {out("link"), std::string("./inner"), out("mounted")}) {
      test::mount_tmpfs(root + "/d");
      fs::create_directory(root + "/d/x");
      const Events events = test::drain(watcher);
      EXPECT_THAT(lines(events, root),
                  ElementsAre("synthetic IN_DELETE|IN_ISDIR d", "synthetic IN_CREATE|IN_ISDIR d",
                              "synthetic IN_CREATE|IN_ISDIR d/x"))
          << test::show(events);
      test::expect_heard(watcher, {root + "/d/x"});
      ASSERT_EQ(::umount((root + "/d").c_str()), 0);
      EXPECT_THAT(lines(test::drain(watcher), root),
                  Contains("synthetic IN_CREATE|IN_ISDIR d/hidden"));
      test::expect_heard(watcher, {root + "/d/hidden"});
    }
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  });
}

// ---- how it is told that there is something to read

TEST_F(FollowTest, A16_FilenoBecomesReadable) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(out("source/x"));
    make("d");
    Probe watcher;
    start(watcher);
    pollfd wait{watcher.fileno(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 0), 0);
    bind_mount(out("source"), in("d"));
    EXPECT_EQ(::poll(&wait, 1, 0), 1);
    EXPECT_THAT(lines(test::drain(watcher), root_), Contains("synthetic IN_CREATE|IN_ISDIR d/x"));
    EXPECT_EQ(::poll(&wait, 1, 0), 0);
    // Together with an event, whoever reads once per wake-up has both.
    ASSERT_EQ(::umount(in("d").c_str()), 0);
    write("f");
    EXPECT_EQ(::poll(&wait, 1, 0), 1);
    Events events;
    for (const auto& event : watcher.read(test::at_once)) events.emplace_back(event);
    EXPECT_THAT(lines(events, root_),
                testing::IsSupersetOf({"IN_CREATE f", "synthetic IN_DELETE|IN_ISDIR d"}));
    while (!watcher.read(test::at_once).empty()) {
    }
    EXPECT_EQ(::poll(&wait, 1, 0), 0);
  });
}

TEST_F(FollowTest, A16_ABlockedReadReturns) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d");
    Probe watcher;
    start(watcher);
    const pid_t reader = ::gettid();
    test::Thread other([&] {
      if (test::sleeps(reader)) test::mount_tmpfs(in("d"));
    });
    const test::Watchdog watchdog;
    Events events;
    for (const auto& event : watcher.read()) events.emplace_back(event);
    EXPECT_THAT(lines(events, root_),
                ElementsAre("synthetic IN_DELETE|IN_ISDIR d", "synthetic IN_CREATE|IN_ISDIR d"));
  });
}

// The first wait makes what it sleeps in, which must not use up what there is to be told.
TEST_F(FollowTest, A16_WhatWasMountedBeforeABlockedReadEndsIt) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d");
    make("e");
    Probe watcher;
    start(watcher);
    const test::Watchdog watchdog;
    for (const std::string name : {"d", "e"}) {
      test::mount_tmpfs(in(name));
      Events events;
      for (const auto& event : watcher.read()) events.emplace_back(event);
      EXPECT_THAT(lines(events, root_), ElementsAre("synthetic IN_DELETE|IN_ISDIR " + name,
                                                    "synthetic IN_CREATE|IN_ISDIR " + name));
    }
  });
}

TEST_F(FollowTest, A16_AMountAfterAWaitForNothingIsTold) {
  test::in_child([&] {
    test::enter_mount_namespace();
    make("d");
    Probe watcher;
    start(watcher);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(watcher.read(std::chrono::milliseconds(1)).empty());
    test::mount_tmpfs(in("d"));
    Events events;
    for (const auto& event : watcher.read(test::at_once)) events.emplace_back(event);
    EXPECT_THAT(lines(events, root_),
                ElementsAre("synthetic IN_DELETE|IN_ISDIR d", "synthetic IN_CREATE|IN_ISDIR d"));
  });
}

// A mount elsewhere does not end it.
TEST_F(FollowTest, A16_AMountElsewhereDoesNotEndAWait) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(out("elsewhere"));
    make("d");
    Probe watcher;
    start(watcher);
    const pid_t reader = ::gettid();
    test::Thread other([&] {
      if (!test::sleeps(reader)) return;
      test::mount_tmpfs(out("elsewhere"));
      if (test::sleeps(reader)) write("f");
    });
    const test::Watchdog watchdog;
    EXPECT_FALSE(watcher.read().empty());
  });
}

// ---- mounts while a tree is walked, or a directory entered

enum class What { tmpfs, bind };

// Between each two system calls of add_all that set a watch, list or ask for what is queued, `what` is mounted on a directory of the
// tree, and between another two, or when all is over, it is unmounted.
class InterleavedTest : public FollowTest {
 protected:
  InterleavedTest() {
    for (const char* name : {"a/x/deep", "a/y", "d/hidden/deep", "d/too", "e", "f/x"}) make(name);
    write("a/file");
    write("d/hidden/file");
    fs::create_directories(out("source/on_it/deep"));
    test::write_file(out("source/on_it/file"));
  }

  void mount(What what) {
    if (what == What::tmpfs) {
      test::mount_tmpfs(in("d"));
      make("d/on_it/deep");
      write("d/on_it/file");
    } else {
      bind_mount(out("source"), in("d"));
    }
  }
  // Lazily, for it may be open at that moment.
  void unmount() const { ASSERT_EQ(::umount2(in("d").c_str(), MNT_DETACH), 0); }

  // All pairs are too many for each day: some of them, the next and the last among them.
  static bool is_chosen(int i, int k, int places) {
    if (test::number("INOTIFY_ROUNDS", 1) >= 1000) return true;
    return k == i + 1 || k == places + 1 || (i * 7 + k) % 12 == 0;
  }

  // Returns how many places there were.
  int round(What what, std::size_t threads, int mounted_at, int unmounted_at) {
    SCOPED_TRACE("mounted at " + std::to_string(mounted_at) + ", unmounted at " +
                 std::to_string(unmounted_at));
    int place = 0;
    bool is_mounted = false;
    const auto act = [&](int) {
      ++place;
      if (place == mounted_at) {
        mount(what);
        is_mounted = true;
      }
      if (place == unmounted_at && is_mounted) {
        unmount();
        is_mounted = false;
      }
    };
    Probe watcher(Options{.announce = true, .threads = threads});
    {
      const test::Fault watching(test::Call::add_watch, act);
      const test::Fault listing(test::Call::getdents, act);
      const test::Fault asking(test::Call::poll, act);
      watcher.add_all(root_, mask);
    }
    Events events = test::drain(watcher);
    expect_replayed({}, events);
    expect_whole(watcher);
    if (is_mounted) {
      before_ = test::tree_on_disk(root_);
      unmount();
      expect_followed(watcher);
    }
    return place;
  }

  void all_rounds(What what, std::size_t threads) {
    const int places = round(what, threads, 0, 0);
    for (int i = 1; i <= places && !HasFailure(); ++i) {
      for (int k = i + 1; k <= places + 1 && !HasFailure(); ++k) {
        if (is_chosen(i, k, places)) round(what, threads, i, k);
      }
    }
  }
};

TEST_F(InterleavedTest, A16_AFileSystemIsMountedDuringAddAll) {
  test::in_child([&] {
    test::enter_mount_namespace();
    all_rounds(What::tmpfs, 1);
  });
}

TEST_F(InterleavedTest, A16_ADirectoryIsBoundDuringAddAll) {
  test::in_child([&] {
    test::enter_mount_namespace();
    all_rounds(What::bind, 1);
  });
}

TEST_F(InterleavedTest, A16_ADirectoryIsBoundDuringAddAllWithoutAThread) {
  test::in_child([&] {
    test::enter_mount_namespace();
    all_rounds(What::bind, 0);
  });
}

// The same while a directory with all below is entered that has been moved into the tree.
TEST_F(InterleavedTest, A16_ADirectoryIsBoundWhileItsTreeIsEntered) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    test::move(in("d"), out("d"));
    start(watcher);
    for (int i = 1, places = 2; i < places && !HasFailure(); ++i) {
      for (int k = i + 1; k <= places && !HasFailure(); ++k) {
        if (!is_chosen(i, k, places)) continue;
        SCOPED_TRACE("mounted at " + std::to_string(i) + ", unmounted at " + std::to_string(k));
        test::move(out("d"), in("d"));
        Events events;
        int place = 0;
        bool is_mounted = false;
        {
          const auto act = [&](int) {
            ++place;
            if (place == i) bind_mount(out("source"), in("d/hidden"));
            if (place == i) is_mounted = true;
            if (place == k && is_mounted)
              is_mounted = ::umount2(in("d/hidden").c_str(), MNT_DETACH) != 0;
          };
          const test::Fault watching(test::Call::add_watch, act);
          const test::Fault listing(test::Call::getdents, act);
          events = test::drain(watcher);
        }
        for (auto& event : test::drain(watcher)) events.push_back(std::move(event));
        places = std::max(places, place);
        expect_replayed(before_, events);
        expect_whole(watcher);
        before_ = test::tree_on_disk(root_);
        if (is_mounted) {
          ASSERT_EQ(::umount2(in("d/hidden").c_str(), MNT_DETACH), 0);
          expect_followed(watcher);
        }
        test::move(in("d"), out("d"));
        expect_followed(watcher);
      }
    }
  });
}

// What a directory holds that is mounted over while it is entered is not asked for again and again: it was 320 calls for each
// directory in it.
TEST_F(InterleavedTest, A16_AMountOverAnEnteredDirectoryIsCheap) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    start(watcher);
    constexpr int children = 50;
    fs::create_directory(out("new"));
    for (int i = 0; i < children; ++i) fs::create_directory(out("new/" + std::to_string(i)));
    test::move(out("new"), in("new"));
    int calls = 0;
    Events events;
    {
      const test::Fault listing(test::Call::getdents, [&](int nth) {
        if (nth == 2) bind_mount(out("source"), in("new"));
      });
      const test::Fault watching(test::Call::add_watch, [&](int) { ++calls; });
      events = test::drain(watcher);
    }
    EXPECT_LT(calls, 8 * children);
    EXPECT_THAT(test::holes(events, root_), IsEmpty()) << test::show(events);
    expect_replayed(before_, events);
    expect_whole(watcher);
  });
}

// ---- races

// A second process mounts and unmounts at full speed while trees are walked, and events are read.
TEST_F(InterleavedTest, A16_MountsAtFullSpeed) {
  test::in_child([&] {
    test::enter_mount_namespace();
    const int rounds = test::number("INOTIFY_ROUNDS", 30);
    for (int i = 0; i < rounds && !HasFailure(); ++i) {
      SCOPED_TRACE("round " + std::to_string(i));
      test::mount_tmpfs(out("source"));
      fs::create_directories(out("source/on_it/deep"));
      Probe watcher(Options{.announce = true});
      std::atomic<bool> is_over = false;
      test::Thread other([&] {
        for (int k = 0; k < 200 && !is_over; ++k) {
          mount(k % 3 == 0 ? What::bind : What::tmpfs);
          if (k % 2 == 0) ::mount(in("f").c_str(), in("a/y").c_str(), nullptr, MS_BIND, nullptr);
          if (k % 2 == 0) ::umount2(in("a/y").c_str(), MNT_DETACH);
          ::umount2(in("d").c_str(), MNT_DETACH);
        }
      });
      Events events;
      watcher.add_all(root_, mask);
      for (int k = 0; k < 50; ++k) {
        for (const auto& event : watcher.read(test::at_once)) events.emplace_back(event);
      }
      is_over = true;
      other.join();
      for (auto& event : test::drain(watcher)) events.push_back(std::move(event));
      expect_replayed({}, events);
      expect_whole(watcher);
      ASSERT_EQ(::umount2(out("source").c_str(), MNT_DETACH), 0);
    }
  });
}

}  // namespace
}  // namespace mounts
