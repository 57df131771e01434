// A16: mounts and unmounts in a tree are followed as they happen, and a directory with two names, by a bind mount, stays watched until
// the last of them is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>
#include <string_view>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"

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

}  // namespace
