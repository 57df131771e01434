// A8, A16: mounts where the watcher may not look, and below the second name of a directory.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>
#include <string_view>

#include "support/auto_watcher_checks.hpp"

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using test::Events;
using test::lines;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;

constexpr unsigned nobody = 65534;

class MountsCornerTest : public testing::Test {
 protected:
  MountsCornerTest() {
    fs::create_directory(root_);
    ::chmod(dir_.str().c_str(), 0755);
    ::chmod(root_.c_str(), 0755);
  }

  std::string in(std::string_view name) const { return root_ + '/' + std::string(name); }
  static void bind_mount(const std::string& from, const std::string& to) {
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0)
      throw test::Forbidden("bind mounts");
  }
  // in/x is watched, with what is in it, and becomes in/b as well.
  void watch_and_bind(Probe& watcher) const {
    fs::create_directories(in("x/sub/deep"));
    fs::create_directory(in("b"));
    watcher.add_all(root_, test::contract_mask);
    bind_mount(in("x"), in("b"));
  }
  static void as(unsigned user) {
    if (::seteuid(0) != 0 || (user != 0 && ::seteuid(user) != 0)) throw test::Forbidden("seteuid");
    ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self/fd would still be root's
  }
  static void prepare() {
    if (::geteuid() != 0) throw test::Forbidden("to be root");
    test::enter_mount_namespace();
    if (::setgroups(0, nullptr) != 0 || ::setegid(nobody) != 0) throw test::Forbidden("setgroups");
  }

  // Once what is there has been read, `replay` has what is on disk, and all of it is watched.
  void expect_told(Probe& watcher, Replay& replay) const {
    const Events events = test::drain(watcher);
    test::apply(replay, events);
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "") << test::show(events);
    test::expect_watched(watcher, test::directories(root_));
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
};

// What was watched there is hidden, and what hides it cannot be seen: a hole.
TEST_F(MountsCornerTest, A8_A16_AMountWhereNobodyMayLookIsAHole) {
  test::in_child([&] {
    prepare();
    fs::create_directories(in("shut/place/hidden"));
    Replay replay(test::tree_on_disk(root_));
    as(nobody);
    Probe watcher;
    watcher.add_all(root_, test::contract_mask);
    as(0);
    ::chmod(in("shut").c_str(), 0700);
    test::mount_tmpfs(in("shut/place"));
    fs::create_directories(in("shut/place/on_it/deep"));
    as(nobody);
    const Events events = test::drain(watcher);
    test::apply(replay, events);
    EXPECT_THAT(test::holes(events, root_), ElementsAre("shut/place"));
    as(0);
    ::chmod(in("shut").c_str(), 0755);
    as(nobody);
    expect_told(watcher, replay);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    as(0);
    ::chmod(in("shut").c_str(), 0700);
    ASSERT_EQ(::umount2(in("shut/place").c_str(), MNT_DETACH), 0);
    ::chmod(in("shut").c_str(), 0755);
    as(nobody);
    expect_told(watcher, replay);
    as(0);
  });
}

// What was mounted there is hidden by a mount above it, and what that uncovers cannot be looked at.
TEST_F(MountsCornerTest, A8_A16_AMountThatIsHiddenWhereNobodyMayLookIsAHole) {
  test::in_child([&] {
    prepare();
    fs::create_directories(in("shut/place/uncovered"));
    test::mount_tmpfs(in("shut/place"));
    fs::create_directories(in("shut/place/hidden/deep"));
    Replay replay(test::tree_on_disk(root_));
    as(nobody);
    Probe watcher;
    watcher.add_all(root_, test::contract_mask);
    as(0);
    ::chmod(in("shut").c_str(), 0744);
    ASSERT_EQ(::mount(in("shut").c_str(), in("shut").c_str(), nullptr, MS_BIND, nullptr), 0);
    as(nobody);
    const Events events = test::drain(watcher);
    test::apply(replay, events);
    EXPECT_THAT(test::holes(events, root_), ElementsAre("shut/place"));
    as(0);
    ::chmod(in("shut").c_str(), 0755);
    as(nobody);
    expect_told(watcher, replay);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    as(0);
  });
}

// Its directory is listed anew, for the root wants more than was asked for, while the name is still to be told.
TEST_F(MountsCornerTest, A2_A8_A16_AMountWhereNobodyMayLookIsRenamedIntoARoot) {
  test::in_child([&] {
    prepare();
    fs::create_directories(in("shut/place"));
    fs::create_directory(in("root"));
    Replay replay(test::tree_on_disk(root_));
    as(nobody);
    Probe watcher;
    watcher.add_all(root_, test::contract_mask);
    watcher.add_all(in("root"), test::contract_mask | IN_MODIFY);
    as(0);
    test::mount_tmpfs(in("shut/place"));
    fs::create_directory(in("shut/place/on_it"));
    ::chmod(in("shut").c_str(), 0744);
    as(nobody);
    test::apply(replay, test::drain(watcher));
    as(0);
    test::move(in("shut"), in("root/shut"));
    as(nobody);
    test::apply(replay, test::drain(watcher));
    as(0);
    ::chmod(in("root/shut").c_str(), 0755);
    as(nobody);
    expect_told(watcher, replay);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    as(0);
  });
}

// All that happens in it is told below the first.
TEST_F(MountsCornerTest, A16_BelowTheSecondNameNothingIsTold) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(in("x/sub"));
    fs::create_directories(in("b"));
    Probe watcher;
    watcher.add_all(root_, test::contract_mask);
    bind_mount(in("x"), in("b"));
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("synthetic IN_DELETE|IN_ISDIR b", "synthetic IN_CREATE|IN_ISDIR b"));
    test::mount_tmpfs(in("b/sub"));
    EXPECT_THAT(lines(test::drain(watcher), root_), IsEmpty());
    ASSERT_EQ(::umount(in("b/sub").c_str()), 0);
    EXPECT_THAT(lines(test::drain(watcher), root_), IsEmpty());
    fs::remove(in("x/sub"));
    EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_DELETE|IN_ISDIR x/sub"));
    ASSERT_EQ(::umount(in("b").c_str()), 0);
    test::drain(watcher);
    test::expect_watched(watcher, test::directories(root_));
  });
}

// The first name leaves with the last event that a batch takes, so the second has not been entered under its
// own when the unmount of it is looked at.
TEST_F(MountsCornerTest, A2_A16_WhatBecomesTheFirstNameAndIsUnmountedIsToldOnce) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(in("x/old"));
    fs::create_directories(in("y/new"));
    fs::create_directory(dir_ / "large");
    Probe watcher({.announce = true});
    Replay replay;
    watcher.add_all(root_, test::contract_mask);
    expect_told(watcher, replay);
    // Some three more come, and a batch ends between them: it has 2048.
    constexpr int fewest = 2044;
    constexpr int most = 2046;
    constexpr int often =
        16;  // one look in so many at the mounts comes before all that is queued is read
    for (int files = 0; files <= most && !HasFailure(); ++files) {
      test::write_file(dir_ / ("large/" + std::to_string(files)));
      for (int round = 0; files >= fewest && round <= often && !HasFailure(); ++round) {
        bind_mount(in("x"), in("y"));
        test::apply(replay, test::drain(watcher));
        test::move(dir_ / "large", in("large"));
        test::move(in("x"), dir_ / "gone");
        ASSERT_EQ(::umount2(in("y").c_str(), MNT_DETACH), 0);
        expect_told(watcher, replay);
        test::move(dir_ / "gone", in("x"));
        test::move(in("large"), dir_ / "large");
        test::apply(replay, test::drain(watcher));
      }
    }
  });
}

// A root of its own that loses its first name, and has another: all that it holds is told under that.
TEST_F(MountsCornerTest, A15_A16_ARootWithTwoNamesIsToldWholeUnderTheSecond) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(in("x/sub/deep"));
    test::write_file(in("x/f"));
    fs::create_directories(in("y"));
    Probe watcher({.announce = true});
    watcher.add_all(root_, test::contract_mask);
    bind_mount(in("x"), in("y"));
    Replay replay;
    test::apply(replay, test::drain(watcher));
    watcher.add_all(in("x"), test::contract_mask | IN_MODIFY);
    test::apply(replay, test::drain(watcher));
    test::move(in("x"), dir_ / "gone");
    expect_told(watcher, replay);
    test::expect_heard(watcher, test::directories(root_));
  });
}

// The tree still has it by its other name.
TEST_F(MountsCornerTest, A1_A16_ARootThatIsRemovedIsStillWatchedInATree) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(dir_ / "one/sub/deep");
    fs::create_directory(in("b"));
    bind_mount(dir_ / "one", in("b"));
    Probe watcher({.announce = true});
    const int one = watcher.add_all(dir_ / "one", test::contract_mask).front();
    test::drain(watcher);
    Replay replay;
    watcher.add_all(root_, test::contract_mask);
    test::apply(replay, test::drain(watcher));
    watcher.remove(one);
    expect_told(watcher, replay);
    test::expect_heard(watcher, test::directories(root_));
  });
}

// What is queued for it comes first; a root of its own below it keeps its name.
TEST_F(MountsCornerTest, A4_A16_ARemovedRootTakesNothingFromOthers) {
  test::in_child([&] {
    test::enter_mount_namespace();
    const std::string one = dir_ / "one";
    fs::create_directories(one + "/sub");
    fs::create_directory(in("b"));
    bind_mount(one, in("b"));
    Probe watcher;
    const int root = watcher.add_all(one, test::contract_mask).front();
    const int below = watcher.add_all(one + "/sub", test::contract_mask).front();
    watcher.add_all(root_, IN_CREATE | IN_DELETE | IN_MOVE);
    test::write_file(one + "/f");
    watcher.remove(root);
    EXPECT_THAT(watcher.paths(below), ElementsAre(one + "/sub"));
    EXPECT_THAT(
        lines(test::drain(watcher), root_),
        testing::IsSupersetOf({"IN_CREATE " + one + "/f", "IN_CLOSE_WRITE " + one + "/f",
                               "IN_IGNORED " + one, std::string("synthetic IN_CREATE b/f")}));
    test::write_file(one + "/sub/g");
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("IN_CREATE " + one + "/sub/g", "IN_CLOSE_WRITE " + one + "/sub/g"));
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  });
}

// It was added by hand before, so the tree has it by its second name from the beginning.
TEST_F(MountsCornerTest, A1_A16_ARootThatWasFirstAddedByHandIsStillWatchedInATree) {
  test::in_child([&] {
    test::enter_mount_namespace();
    const std::string other = dir_ / "other";
    fs::create_directories(in("d"));
    fs::create_directory(other);
    bind_mount(in("d"), other);
    Probe watcher;
    const int wd = watcher.add(other, IN_MODIFY);
    watcher.add_all(root_, test::contract_mask);
    watcher.add_all(other, test::contract_mask);
    watcher.remove(wd);  // what was added by hand
    watcher.remove(wd);  // the root
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("IN_IGNORED " + other, "synthetic IN_CREATE|IN_ISDIR d"));
    test::expect_heard(watcher, test::directories(root_));
  });
}

// A name within itself is no tree that still has it.
TEST_F(MountsCornerTest, A14_A16_ARootBoundInItselfIsRemoved) {
  test::in_child([&] {
    test::enter_mount_namespace();
    fs::create_directories(in("x"));
    fs::create_directories(in("y/z"));
    bind_mount(root_, in("x"));
    Probe watcher;
    const int root = watcher.add_all(root_, test::contract_mask).front();
    watcher.remove(root);
    EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_IGNORED ."));
    EXPECT_TRUE(watcher.empty());
    EXPECT_EQ(test::audit(watcher), "");
  });
}

// By that name it is no more, and followed as before by the first.
TEST_F(MountsCornerTest, A15_A16_ARootByASecondNameIsRemoved) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    watch_and_bind(watcher);
    test::drain(watcher);
    const int root = watcher.add_all(in("b/sub"), test::contract_mask).front();
    EXPECT_EQ(watcher.paths(root).size(), 2U);
    watcher.remove(root);
    EXPECT_THAT(lines(test::drain(watcher), root_), IsEmpty());
    EXPECT_THAT(watcher.paths(root), ElementsAre(in("x/sub")));
    test::expect_heard(watcher, {in("x"), in("x/sub"), in("x/sub/deep")});
  });
}

// Under the first it is hidden.
TEST_F(MountsCornerTest, A16_ARootBelowTheSecondNameIsToldWithWhatIsMountedInIt) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    watch_and_bind(watcher);
    test::mount_tmpfs(in("x/sub"));
    test::drain(watcher);
    const int root = watcher.add_all(in("b/sub"), test::contract_mask).front();
    EXPECT_THAT(lines(test::drain(watcher), root_), IsEmpty());
    test::mount_tmpfs(in("b/sub/deep"));
    fs::create_directory(in("b/sub/deep/on_it"));
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("synthetic IN_DELETE|IN_ISDIR b/sub/deep",
                            "synthetic IN_CREATE|IN_ISDIR b/sub/deep",
                            "synthetic IN_CREATE|IN_ISDIR b/sub/deep/on_it"));
    ASSERT_EQ(::umount2(in("b/sub/deep").c_str(), MNT_DETACH), 0);
    ASSERT_EQ(::umount(in("x/sub").c_str()), 0);
    test::drain(watcher);
    EXPECT_EQ(watcher.wd(root).value().path, in("b/sub"));
    watcher.remove(root);
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("IN_IGNORED b/sub", "synthetic IN_CREATE|IN_ISDIR x/sub",
                            "synthetic IN_CREATE|IN_ISDIR x/sub/deep"));
    test::expect_heard(watcher, {in("x/sub"), in("x/sub/deep")});
    EXPECT_FALSE(watcher.path(in("b/sub")).has_value());
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  });
}

// As of a root that lies in no tree, nothing tells what its name is now: it is where it was, or a hole.
TEST_F(MountsCornerTest, A8_A15_A16_ARootBelowTheSecondNameIsNoLongerInItsPlace) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe watcher;
    watch_and_bind(watcher);
    test::drain(watcher);
    const int root = watcher.add_all(in("b/sub"), test::contract_mask).front();
    EXPECT_EQ(watcher.wd(root).value().path, in("x/sub"));
    EXPECT_THAT(lines(test::drain(watcher), root_), IsEmpty());
    test::move(in("x/sub"), in("x/new"));
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("IN_MOVED_FROM|IN_ISDIR x/sub to x/new",
                            "IN_MOVED_TO|IN_ISDIR x/new from x/sub", "IN_MOVE_SELF x/new"));
    fs::create_directories(in("x/sub"));
    EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_CREATE|IN_ISDIR x/sub"));
    test::move(in("x/new"), dir_ / "gone");
    EXPECT_THAT(lines(test::drain(watcher), root_),
                ElementsAre("IN_MOVED_FROM|IN_ISDIR x/new", "IN_MOVE_SELF b/sub", "hole b/sub"));
    fs::remove(in("x/sub"));
    test::move(dir_ / "gone", in("x/sub"));
    EXPECT_THAT(test::holes(test::drain(watcher), root_), IsEmpty());
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  });
}

}  // namespace
