// A15: roots that die, overlap, have other names; and what else a user may do to an AutoWatcher.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <inotify/threshold.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"

namespace roots {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using test::Events;
using test::lines;
using test::Probe;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::names;

class RootsTest : public testing::Test {
 protected:
  RootsTest() { fs::create_directory(root_); }

  test::Lines told() { return lines(test::drain(watcher_), root_); }
  std::string in(const std::string& name) const { return root_ + "/" + name; }
  void make(const std::string& name) { fs::create_directories(in(name)); }
  void touch(const std::string& name) { test::write_file(in(name)); }

  void expect_whole(const std::string& root) { expect_whole(test::directories(root)); }
  void expect_whole(const test::Lines& directories) {
    test::expect_watched(watcher_, directories);
    test::expect_heard(watcher_, directories);
  }
  void expect_nothing_is_watched() {
    EXPECT_TRUE(watcher_.empty());
    EXPECT_THAT(test::kernel_table(watcher_.inotify_fd()), IsEmpty());
    EXPECT_TRUE(watcher_.watches().empty());
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  Probe watcher_;
};

// ---- the end of a root

TEST_F(RootsTest, A15_ADeletedRootSaysSo) {
  make("a");
  watcher_.add_all(root_, mask | IN_DELETE_SELF);
  fs::remove(in("a"));
  fs::remove(root_);
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF a", "IN_DELETE|IN_ISDIR a", "IN_DELETE_SELF .",
                                  "IN_IGNORED ."));
  expect_nothing_is_watched();
  EXPECT_THAT(told(), IsEmpty());
}

// A9 and A15 meet: DELETE_SELF was not asked for, but that the root's watch has ended is told.
TEST_F(RootsTest, A15_ADeletedRootSaysSoWhateverTheMask) {
  make("a/b");
  watcher_.add_all(root_, IN_CLOSE_WRITE);
  fs::remove_all(root_);
  const test::Lines all = told();
  EXPECT_THAT(all, Contains("IN_IGNORED ."));
  EXPECT_THAT(all, Not(Contains("IN_IGNORED a")));
  expect_nothing_is_watched();
}

TEST_F(RootsTest, A15_WhileNotEmptyEnds) {
  make("a/b/c");
  watcher_.add_all(root_, mask);
  test::SecondProcess writer([&] {
    for (int i = 0; i < 50; ++i) make("d" + std::to_string(i) + "/x");
    fs::remove_all(root_);
  });
  while (!watcher_.empty()) {
    ASSERT_FALSE(watcher_.read(std::chrono::seconds(30)).empty())
        << watcher_.num_watches() << " watches are left";
  }
  expect_nothing_is_watched();
  while (writer.is_running()) {
  }
  std::error_code ec;
  EXPECT_TRUE(watcher_.read(ec).empty());
  EXPECT_EQ(ec, std::error_condition(ENODATA, std::generic_category())) << ec.message();
}

TEST_F(RootsTest, A15_NothingWatchedNothingToWaitFor) {
  std::error_code ec;
  EXPECT_TRUE(watcher_.read(ec).empty());
  EXPECT_EQ(ec.value(), ENODATA);
  try {
    watcher_.read();
    ADD_FAILURE() << "no throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENODATA);
  }
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(watcher_.retry_holes(), 0U);
}

// [23]: a root in which somebody stands says nothing until he leaves.
TEST_F(RootsTest, A15_ADeletedRootInWhichSomebodyStands) {
  make("a");
  watcher_.add_all(root_, mask | IN_DELETE_SELF);
  test::Signal standing;
  test::Signal leave;
  test::SecondProcess somebody([&] {
    fs::current_path(root_);
    standing.give();
    leave.take();
  });
  standing.take();
  fs::remove(in("a"));
  fs::remove(root_);
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF a", "IN_DELETE|IN_ISDIR a"));
  EXPECT_FALSE(watcher_.empty()) << "its watch lives on";
  leave.give();
  while (somebody.is_running()) {
  }
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF .", "IN_IGNORED ."));
  expect_nothing_is_watched();
}

// ... and one that was created in its place meanwhile is another.
TEST_F(RootsTest, A15_ADeletedRootIsReplacedWhileSomebodyStandsInIt) {
  watcher_.add_all(root_, mask | IN_DELETE_SELF);
  const int held = ::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  fs::remove(root_);
  make("new");
  watcher_.add_all(root_, mask);
  EXPECT_THAT(told(), Not(Contains(testing::HasSubstr("hole"))));
  expect_whole(root_);
  ::close(held);
  told();
  expect_whole(root_);
}

TEST_F(RootsTest, A15_ASubdirectoryIsDeletedWhileSomebodyStandsInIt) {
  make("a/b");
  watcher_.add_all(root_, mask);
  const int held = ::open(in("a/b").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  fs::remove_all(in("a"));
  make("a/b/c");
  EXPECT_THAT(told(), testing::IsSupersetOf({"IN_DELETE|IN_ISDIR a", "IN_CREATE|IN_ISDIR a"}));
  expect_whole(root_);
  ::close(held);
  EXPECT_THAT(told(), IsEmpty());
  expect_whole(root_);
}

TEST_F(RootsTest, A15_AnUnmountedRoot) {
  test::in_child([&] {
    test::enter_mount_namespace();
    test::mount_tmpfs(root_);
    make("a/b");
    watcher_.add_all(root_, mask);
    ASSERT_EQ(::umount(root_.c_str()), 0);
    const test::Lines all = told();
    EXPECT_EQ(std::ranges::count(all, "IN_UNMOUNT|IN_ISDIR ."), 1) << testing::PrintToString(all);
    EXPECT_EQ(std::ranges::count(all, "IN_IGNORED ."), 1) << testing::PrintToString(all);
    EXPECT_THAT(all, Not(Contains("IN_IGNORED a")));
    expect_nothing_is_watched();
  });
}

TEST_F(RootsTest, A15_AnUnmountedSubdirectory) {
  make("mounted");
  make("other");
  test::in_child([&] {
    test::enter_mount_namespace();
    test::mount_tmpfs(in("mounted"));
    make("mounted/a/b");
    watcher_.add_all(root_, mask);
    expect_whole(root_);
    ASSERT_EQ(::umount(in("mounted").c_str()), 0);
    EXPECT_THAT(told(), Contains("IN_UNMOUNT|IN_ISDIR mounted"));
    EXPECT_EQ(test::kernel_table(watcher_.inotify_fd()).size(), watcher_.num_watches());
    test::expect_heard(watcher_, {root_, in("other")});
    make("other/x");
    told();
    test::expect_heard(watcher_, {in("other/x")});
  });
}

// ---- a root's name

TEST_F(RootsTest, A15_ARenamedRootKeepsItsOldName) {
  make("a");
  watcher_.add_all(root_, mask | IN_MOVE_SELF);
  const std::string now = dir_ / "renamed";
  fs::rename(root_, now);
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF ."));
  test::write_file(now + "/a/f");
  fs::rename(now + "/a", now + "/b");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/f", "IN_MOVED_FROM|IN_ISDIR a to b",
                                  "IN_MOVED_TO|IN_ISDIR b from a", "IN_MOVE_SELF b"));
  // A new directory is either found all the same, or named.
  fs::create_directory(now + "/b/new");
  const Events events = test::drain(watcher_);
  EXPECT_THAT(lines(events, root_), Contains("IN_CREATE|IN_ISDIR b/new"));
  EXPECT_NE(test::is_watched(watcher_, now + "/b/new"),
            test::holes(events, root_).contains("b/new"))
      << test::show(events);
  fs::rename(now, root_);  // home again
  told();
  EXPECT_EQ(watcher_.retry_holes(), 0U);
  told();
  expect_whole(root_);
}

TEST_F(RootsTest, A15_ARenamedAncestorOfARoot) {
  const std::string root = in("above/root");
  fs::create_directories(root + "/a");
  watcher_.add_all(root, mask | IN_MOVE_SELF);
  fs::rename(in("above"), in("renamed"));
  EXPECT_THAT(told(), IsEmpty()) << "the kernel says nothing";
  test::write_file(in("renamed/root/a/f"));
  EXPECT_THAT(lines(test::drain(watcher_), root), ElementsAre("IN_CREATE a/f"));
  fs::create_directory(in("renamed/root/a/new"));
  const Events events = test::drain(watcher_);
  EXPECT_NE(test::is_watched(watcher_, in("renamed/root/a/new")),
            test::holes(events, root).contains("a/new"))
      << test::show(events);
}

// Another directory bears the root's name by now: it is never taken for the root.
TEST_F(RootsTest, A15_ARenamedRootIsReplaced) {
  make("a");
  watcher_.add_all(root_, mask);
  const std::string now = dir_ / "renamed";
  fs::rename(root_, now);
  make("a/impostor");
  make("b");
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF ."));
  fs::create_directory(now + "/a/new");
  const Events events = test::drain(watcher_);
  EXPECT_THAT(lines(events, root_), Contains("IN_CREATE|IN_ISDIR a/new"));
  for (const std::string& path : test::directories(root_)) {
    EXPECT_FALSE(test::is_watched(watcher_, path)) << path;
  }
  EXPECT_EQ(test::audit(watcher_), "");
  watcher_.add_all(root_, mask);  // now it is wanted
  told();
  for (const std::string& path : test::directories(root_)) {
    EXPECT_TRUE(test::is_watched(watcher_, path)) << path;
  }
  test::expect_heard(watcher_, test::directories(root_));
}

class NamesTest : public RootsTest {
 protected:
  NamesTest() { was_ = fs::current_path(); }
  ~NamesTest() override { fs::current_path(was_); }
  fs::path was_;
};

TEST_F(NamesTest, A15_RelativeRoots) {
  make("sub/a");
  fs::current_path(root_);
  watcher_.add_all(".", mask);
  touch("sub/f");
  make("new/x");
  touch("f");
  Events events = test::drain(watcher_);
  ASSERT_EQ(events.size(), 4U) << test::show(events);
  EXPECT_EQ(events[0].fullpath, "./sub/f");
  EXPECT_EQ(events[0].path, "./sub");
  EXPECT_EQ(events[1].fullpath, "./new");
  EXPECT_EQ(events[1].path, ".");
  EXPECT_EQ(events[2].fullpath, "./new/x");
  EXPECT_EQ(events[3].fullpath, "./f");
  expect_whole(test::directories("."));
  Probe second;
  second.add_all("sub", mask);
  touch("sub/a/f");
  events = test::drain(second);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].fullpath, "sub/a/f");
}

TEST_F(NamesTest, A15_NamesAreTidied) {
  make("sub/a");
  for (const std::string& name : {in("sub/"), in("sub//"), in("./sub/."), root_ + "//sub"}) {
    Probe watcher;
    watcher.add_all(name, mask);
    touch("sub/a/f");
    EXPECT_THAT(lines(test::drain(watcher), root_), ElementsAre("IN_CREATE sub/a/f")) << name;
    EXPECT_TRUE(watcher.path(in("sub")));
    fs::remove(in("sub/a/f"));
  }
  Probe watcher;
  watcher.add_all(in("sub/../sub"), mask);
  make("sub/a/new");
  const Events events = test::drain(watcher);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].fullpath, in("sub/../sub/a/new"));
  EXPECT_TRUE(test::is_watched(watcher, in("sub/a/new")));
}

TEST_F(NamesTest, A15_NamesAreBytes) {
  const test::Lines odd = {"with space", "new\nline",   "\xff\xfe\x80",        "tab\t\"quote\"\\",
                           "-n",         "...",         std::string(255, 'x'), "\xc3\xa4\xc3\xb6",
                           "*",          "a b/ c /\x01"};
  make("first");
  for (const std::string& name : odd) make("first/" + name);
  watcher_.add_all(root_, mask);
  for (const std::string& name : odd) make("later/" + name);
  told();
  expect_whole(root_);
  for (const std::string& name : odd) {
    touch("later/" + name + "/" + std::string(255, 'y'));
    const Events events = test::drain(watcher_);
    ASSERT_EQ(events.size(), 1U) << name;
    EXPECT_EQ(events[0].fullpath, in("later/" + name + "/" + std::string(255, 'y')));
    EXPECT_EQ(events[0].path, in("later/" + name));
    fs::rename(in("first/" + name), in("moved"));
    touch("moved/f");
    EXPECT_THAT(told(), Contains("IN_CREATE moved/f")) << name;
    fs::remove_all(in("moved"));
    told();
  }
  expect_whole(root_);
}

// ---- depth

// Makes, and at its end removes, a chain of directories below one, however long its path.
class Chain {
 public:
  Chain(const std::string& above, std::string name, int depth)
      : above_(above), name_(std::move(name)), depth_(depth) {
    int fd = ::open(above.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < depth; ++i) {
      EXPECT_EQ(::mkdirat(fd, name_.c_str(), 0755), 0) << i;
      fd = into(fd);
    }
    deepest_ = fd;
  }
  ~Chain() {
    ::close(deepest_);
    for (int depth = depth_; depth > 0; --depth) {
      int fd = ::open(above_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
      for (int i = 1; i < depth; ++i) fd = into(fd);
      ::unlinkat(fd, name_.c_str(), AT_REMOVEDIR);
      ::close(fd);
    }
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  [[nodiscard]] int deepest() const { return deepest_; }
  [[nodiscard]] std::string path(const std::string& above) const {
    std::string all = above;
    for (int i = 0; i < depth_; ++i) all += "/" + name_;
    return all;
  }
  void moved_to(const std::string& above) { above_ = above; }

 private:
  int into(int fd) const {
    const int next = ::openat(fd, name_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ::close(fd);
    return next;
  }

  std::string above_;
  std::string name_;
  int depth_;
  int deepest_ = -1;
};

class DepthTest : public RootsTest {
 protected:
  // A file in the deepest directory is told of under its whole path.
  void expect_deep(const Chain& chain, const std::string& above) {
    told();
    const int fd = ::openat(chain.deepest(), "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ASSERT_GE(fd, 0);
    ::close(fd);
    ::unlinkat(chain.deepest(), "f", 0);
    const Events events = test::drain(watcher_);
    ASSERT_EQ(events.size(), 2U) << test::show(events);
    EXPECT_TRUE(events[0].fullpath == chain.path(above) + "/f") << events[0];
    EXPECT_TRUE(events[1].is_delete()) << events[1];
  }
};

TEST_F(DepthTest, A15_TwoHundredDeep) {
  const Chain first(root_, "first", 200);
  watcher_.add_all(root_, mask);
  EXPECT_EQ(watcher_.num_watches(), 201U);
  expect_deep(first, root_);
  const Chain later(root_, "later", 200);
  EXPECT_THAT(test::holes(test::drain(watcher_), root_), IsEmpty());
  EXPECT_EQ(watcher_.num_watches(), 401U);
  expect_deep(later, root_);
  fs::rename(in("first/first"), in("later/moved"));
  EXPECT_THAT(test::holes(test::drain(watcher_), root_), IsEmpty());
  expect_whole(root_);
  fs::rename(in("later/moved"), in("first/first"));
  expect_deep(first, root_);
}

TEST_F(DepthTest, A15_PathsLongerThanPathMax) {
  const std::string name(250, 'n');  // 20 of them are more than PATH_MAX
  {
    const Chain first(root_, name, 20);
    watcher_.add_all(root_, mask);
    EXPECT_THAT(test::holes(test::drain(watcher_), root_), IsEmpty());
    EXPECT_EQ(watcher_.num_watches(), 21U);
    EXPECT_EQ(test::kernel_table(watcher_.inotify_fd()).size(), 21U);
    expect_deep(first, root_);
    ASSERT_EQ(::mkdirat(first.deepest(), "more", 0755), 0);
    const Events events = test::drain(watcher_);
    EXPECT_THAT(test::holes(events, root_), IsEmpty());
    EXPECT_EQ(watcher_.num_watches(), 22U);
    ::unlinkat(first.deepest(), "more", AT_REMOVEDIR);
    fs::rename(in(name), in("short"));
    told();
    std::string moved = first.path(root_);
    moved.replace(root_.size() + 1, name.size(), "short");
    EXPECT_TRUE(watcher_.path(moved));
    fs::rename(in("short"), in(name));
    expect_deep(first, root_);
  }
  told();
  EXPECT_EQ(watcher_.num_watches(), 1U);
}

TEST_F(DepthTest, A15_PathsLongerThanPathMaxThatComeLater) {
  const std::string name(250, 'n');
  watcher_.add_all(root_, mask);
  {
    const Chain later(root_, name, 20);
    EXPECT_THAT(test::holes(test::drain(watcher_), root_), IsEmpty());
    EXPECT_EQ(watcher_.num_watches(), 21U);
    expect_deep(later, root_);
  }
  told();
  const std::string outside = dir_ / "out";
  fs::create_directory(outside);
  {
    Chain moved(outside, name, 20);
    fs::rename(outside, in("moved"));
    moved.moved_to(in("moved"));
    const Events events = test::drain(watcher_);
    EXPECT_THAT(test::holes(events, root_), IsEmpty());
    EXPECT_EQ(events.size(), 21U);
    expect_deep(moved, in("moved"));
  }
  told();
  fs::remove(in("moved"));
  told();
  EXPECT_EQ(watcher_.num_watches(), 1U);
}

// The kernel takes no such path, and the user who gives one is told so.
TEST_F(DepthTest, A15_AddingByHandBeyondPathMaxIsAnError) {
  const Chain chain(root_, std::string(250, 'n'), 20);
  std::error_code ec;
  watcher_.add(chain.path(root_), mask, ec);
  EXPECT_EQ(ec, std::errc::filename_too_long);
  EXPECT_TRUE(watcher_.empty());
  try {
    watcher_.add_all(chain.path(root_), mask);  // as a root it may work
    expect_deep(chain, root_);
  } catch (const fs::filesystem_error& error) {
    EXPECT_EQ(error.code(), std::errc::filename_too_long);
  }
}

// ---- several roots

TEST_F(RootsTest, A15_TwoRootsWithTheirOwnMasks) {
  make("one/a");
  make("two/a");
  const auto first = watcher_.add_all(in("one"), mask);
  const auto second = watcher_.add_all(in("two"), mask | IN_OPEN);
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(second.size(), 2U);
  touch("one/a/f");
  touch("two/a/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE one/a/f", "IN_CREATE two/a/f", "IN_OPEN two/a/f"));
  watcher_.remove(first[0]);
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED one"));
  touch("one/a/g");
  touch("two/a/g");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE two/a/g", "IN_OPEN two/a/g"));
  expect_whole(in("two"));
}

// What moves between roots is told by the mask of where it is.
TEST_F(RootsTest, A15_ADirectoryMovesBetweenRoots) {
  make("one/a/b");
  make("two");
  watcher_.add_all(in("one"), mask);
  watcher_.add_all(in("two"), mask | IN_OPEN);
  fs::rename(in("one/a"), in("two/a"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR one/a to two/a",
                                  "IN_MOVED_TO|IN_ISDIR two/a from one/a"));
  touch("two/a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE two/a/b/f", "IN_OPEN two/a/b/f"));
  fs::rename(in("two/a"), in("one/a"));
  told();
  touch("one/a/b/g");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE one/a/b/g"));
  test::Lines all = test::directories(in("one"));
  all.push_back(in("two"));
  expect_whole(all);
}

TEST_F(RootsTest, A15_ARootInsideARoot) {
  for (const bool inner_first : {false, true}) {
    SCOPED_TRACE(inner_first ? "the inner one first" : "the outer one first");
    watcher_ = Probe();
    const test::TempDir dir;
    const std::string outer = dir.str();
    const std::string inner = dir / "inner";
    fs::create_directories(inner + "/a");
    fs::create_directories(outer + "/other");
    if (inner_first) watcher_.add_all(inner, IN_OPEN | IN_CREATE);
    watcher_.add_all(outer, mask);
    if (!inner_first) watcher_.add_all(inner, IN_OPEN | IN_CREATE);
    EXPECT_THAT(told(), IsEmpty());
    expect_whole(outer);
    const auto now = [&] { return lines(test::drain(watcher_), outer); };
    fs::create_directories(inner + "/new/x");
    fs::create_directories(outer + "/other/x");
    now();
    test::write_file(inner + "/new/x/f");
    fs::remove(inner + "/new/x/f");
    test::write_file(inner + "/a/f");
    test::write_file(outer + "/other/x/f");
    EXPECT_THAT(now(), ElementsAre("IN_CREATE inner/new/x/f", "IN_OPEN inner/new/x/f",
                                   "IN_DELETE inner/new/x/f", "IN_CREATE inner/a/f",
                                   "IN_OPEN inner/a/f", "IN_CREATE other/x/f"));
    fs::rename(inner + "/a", outer + "/other/a");  // from one to the other
    now();
    test::write_file(outer + "/other/a/g");
    EXPECT_THAT(now(), ElementsAre("IN_CREATE other/a/g"));

    // The inner one is taken back, the outer one stays whole.
    watcher_.remove_path(inner);
    EXPECT_THAT(now(), IsEmpty());
    test::write_file(inner + "/new/x/h");
    EXPECT_THAT(now(), ElementsAre("IN_CREATE inner/new/x/h"));
    expect_whole(outer);
  }
}

TEST_F(RootsTest, A15_RemovingTheOuterRootLeavesTheInnerOne) {
  for (const bool inner_first : {false, true}) {
    SCOPED_TRACE(inner_first ? "the inner one first" : "the outer one first");
    watcher_ = Probe();
    const test::TempDir dir;
    const std::string inner = dir / "between/inner";
    fs::create_directories(inner + "/a");
    fs::create_directories(dir / "other");
    if (inner_first) watcher_.add_all(inner, IN_OPEN | IN_CREATE);
    watcher_.add_all(dir.path(), mask);
    if (!inner_first) watcher_.add_all(inner, IN_OPEN | IN_CREATE);
    watcher_.remove_path(dir.path());
    EXPECT_THAT(lines(test::drain(watcher_), dir.str()), ElementsAre("IN_IGNORED ."));
    expect_whole(inner);
    test::write_file(inner + "/a/f");
    fs::remove(inner + "/a/f");
    EXPECT_THAT(lines(test::drain(watcher_), inner), ElementsAre("IN_CREATE a/f", "IN_OPEN a/f"));
  }
}

TEST_F(RootsTest, A15_TheSameRootTwice) {
  make("a/b");
  const auto first = watcher_.add_all(root_, mask);
  const auto again = watcher_.add_all(root_, mask);
  EXPECT_EQ(again.front(), first.front());
  EXPECT_THAT(told(), IsEmpty());
  touch("a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f"));
  expect_whole(root_);
  watcher_.remove(first.front());
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED ."));
  expect_nothing_is_watched();
}

TEST_F(RootsTest, A15_TheSameRootWithAnotherMask) {
  make("a/b");
  watcher_.add_all(root_, mask | IN_OPEN);
  watcher_.add_all(root_, mask | IN_CLOSE_WRITE);
  touch("a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f", "IN_CLOSE_WRITE a/b/f"));
  watcher_.add_all(root_, IN_OPEN);
  make("a/b/new");
  told();
  touch("a/b/new/f");
  EXPECT_THAT(told(), ElementsAre("IN_OPEN a/b/new/f"));
  test::expect_watched(watcher_, test::directories(root_));
}

TEST_F(RootsTest, A15_TheSameRootUnderAnotherName) {
  make("a/b");
  const std::string link = dir_ / "link";
  fs::create_directory_symlink(root_, link);
  const auto first = watcher_.add_all(root_, mask);
  const auto alias = watcher_.add_all(link, mask);
  EXPECT_EQ(alias.front(), first.front());
  touch("a/b/f");
  make("a/c");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f", "IN_CREATE|IN_ISDIR a/c"))
      << "under the first name, once";
  EXPECT_EQ(watcher_.num_watches(), 4U);
  EXPECT_TRUE(watcher_.path(link));
  test::expect_heard(watcher_, test::directories(root_));
  fs::remove_all(root_);
  told();
  expect_nothing_is_watched();
}

TEST_F(RootsTest, A15_TheInnerRootThroughALink) {
  make("a/b");
  const std::string link = dir_ / "link";
  fs::create_directory_symlink(in("a"), link);
  watcher_.add_all(root_, mask);
  watcher_.add_all(link, mask | IN_OPEN);
  touch("a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f", "IN_OPEN a/b/f"));
  make("a/new/x");
  told();
  EXPECT_EQ(test::kernel_table(watcher_.inotify_fd()).size(), test::directories(root_).size());
  test::expect_heard(watcher_, test::directories(root_));
}

TEST_F(RootsTest, A15_ARootThatIsAFile) {
  touch("f");
  const auto wds = watcher_.add_all(in("f"), IN_MODIFY | IN_DELETE_SELF);
  ASSERT_EQ(wds.size(), 1U);
  test::write_file(in("f"), "text");
  const Events events = test::drain(watcher_);
  ASSERT_FALSE(events.empty());
  for (const auto& event : events) {
    EXPECT_EQ(event.wd, wds[0]);
    EXPECT_EQ(event.fullpath, in("f"));
    EXPECT_EQ(event.mask, inotify::Mask{IN_MODIFY});
  }
  fs::remove(in("f"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF f", "IN_IGNORED f"));
  expect_nothing_is_watched();
}

TEST_F(RootsTest, A15_ABadRootThrows) {
  for (const std::string& bad : {in("missing"), std::string(), in("missing/deeper")}) {
    try {
      watcher_.add_all(bad, mask);
      ADD_FAILURE() << "no throw: " << bad;
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory) << bad;
      EXPECT_EQ(error.path1(), bad);
    }
  }
  expect_nothing_is_watched();
}

TEST_F(RootsTest, A15_ABadRootGoesToOnerrorIfThereIsOne) {
  touch("f");
  std::vector<std::string> told;
  const auto onerror = [&](const fs::filesystem_error& e) {
    told.push_back(e.path1().filename().string() + ": " + std::to_string(e.code().value()));
  };
  EXPECT_THAT(watcher_.add_all(in("none"), mask, onerror), IsEmpty());
  EXPECT_THAT(watcher_.add_all(in("f/below"), mask, onerror), IsEmpty());
  EXPECT_THAT(watcher_.add_all(in("f"), mask | IN_ONLYDIR, onerror), IsEmpty());
  EXPECT_THAT(watcher_.add_all(root_, mask | IN_ONESHOT, onerror), IsEmpty());
  EXPECT_THAT(told, ElementsAre("none: 2", "below: 20", "f: 20", "in: 22"));
  EXPECT_THAT(test::drain(watcher_), IsEmpty()) << "it is no hole: nothing follows it";
  expect_nothing_is_watched();
}

TEST_F(RootsTest, A15_ABindMountInTheTree) {
  make("a/x");
  make("mounted");
  make("outside_too");
  const std::string outside = dir_ / "out";
  fs::create_directories(outside + "/y");
  test::in_child([&] {
    test::enter_mount_namespace();
    if (::mount(in("a").c_str(), in("mounted").c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(outside.c_str(), in("outside_too").c_str(), nullptr, MS_BIND, nullptr) != 0) {
      throw test::Forbidden("bind mounts");
    }
    watcher_.add_all(root_, mask);
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(test::kernel_table(watcher_.inotify_fd()).size(), 5U)
        << "root, a, a/x, outside_too and its y";
    // One directory with two names: told once, under one of them.
    touch("a/x/f");
    fs::create_directories(outside + "/y/z");
    const test::Lines all = told();
    ASSERT_EQ(all.size(), 2U) << testing::PrintToString(all);
    EXPECT_THAT(all[0], testing::AnyOf("IN_CREATE a/x/f", "IN_CREATE mounted/x/f"));
    EXPECT_EQ(all[1], "IN_CREATE|IN_ISDIR outside_too/y/z");
    // A directory that is made under either name is followed.
    make("a/x/new");
    make("mounted/x/more");
    EXPECT_EQ(told().size(), 2U);
    EXPECT_TRUE(test::is_watched(watcher_, in("a/x/new")));
    EXPECT_TRUE(test::is_watched(watcher_, in("a/x/more")));
    fs::rename(in("a/x"), in("a/y"));
    touch("mounted/y/new/f");
    EXPECT_THAT(told(),
                Contains(testing::AnyOf("IN_CREATE a/y/new/f", "IN_CREATE mounted/y/new/f")));
    // Unmounting it says nothing [29]; it leaves the other name whole, or says that it cannot.
    ASSERT_EQ(::umount(in("mounted").c_str()), 0);
    make("a/y/new/last");
    const Events events = test::drain(watcher_);
    EXPECT_TRUE(test::is_watched(watcher_, in("a/y/new/last")) ||
                !test::holes(events, root_).empty())
        << test::show(events);
    EXPECT_EQ(test::audit(watcher_), "");
  });
}

// ---- remove

TEST_F(RootsTest, A15_RemovingARootEndsItsTree) {
  make("a/b");
  const auto wds = watcher_.add_all(root_, mask);
  touch("a/before");
  watcher_.remove(wds[0]);
  touch("a/b/after");
  make("a/new");
  const test::Lines all = told();
  EXPECT_EQ(all.back(), "IN_IGNORED .");
  EXPECT_THAT(all, Not(Contains("IN_CREATE a/b/after")));
  EXPECT_THAT(all, Not(Contains("IN_IGNORED a")));
  expect_nothing_is_watched();
  EXPECT_THROW(watcher_.remove(wds[0]), std::system_error);
  EXPECT_THROW(watcher_.remove_path(root_), fs::filesystem_error);
  watcher_.add_all(root_, mask);
  expect_whole(root_);
}

// The tree goes on without it.
TEST_F(RootsTest, A15_RemovingASubdirectory) {
  make("a/b/c");
  make("other");
  watcher_.add_all(root_, mask);
  watcher_.remove_path(in("a/b"));
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED a/b"));
  test::expect_watched(watcher_, {root_, in("a"), in("other")});
  make("a/b/new");
  make("a/b/c/new");
  EXPECT_THAT(told(), IsEmpty());
  make("a/new");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR a/new"));
  test::expect_watched(watcher_, {root_, in("a"), in("a/new"), in("other")});
  fs::remove_all(in("a/b"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE|IN_ISDIR a/b"));
}

TEST_F(RootsTest, A15_RemovingWhatIsGoneIsNoError) {
  make("a");
  watcher_.add_all(root_, mask);
  const int wd = watcher_.path(in("a"))->wd;
  fs::remove(in("a"));
  std::error_code ec;
  watcher_.remove(wd, ec);  // the kernel was faster
  EXPECT_FALSE(ec) << ec.message();
  told();
  watcher_.remove(wd, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  watcher_.remove_path(in("a"), ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  expect_whole(root_);
}

// ---- closing and moving

TEST_F(RootsTest, A15_Closed) {
  make("a");
  watcher_.add_all(root_, mask);
  make("b");
  watcher_.close();
  watcher_.close();
  EXPECT_FALSE(watcher_.is_open());
  EXPECT_EQ(watcher_.fileno(), -1);
  EXPECT_TRUE(watcher_.empty());
  std::error_code ec;
  EXPECT_TRUE(watcher_.read(ec).empty());
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_THROW(watcher_.read(test::at_once), std::system_error);
  EXPECT_THROW(watcher_.add_all(root_, mask), fs::filesystem_error);
  EXPECT_EQ(watcher_.add(root_, mask, ec), -1);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  watcher_.remove(1, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  watcher_.remove_path(root_, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_EQ(watcher_.retry_holes(), 0U);
  EXPECT_THROW(static_cast<void>(watcher_.readable()), std::system_error);
  watcher_.interrupt();
}

TEST_F(RootsTest, A15_MovedItGoesOn) {
  make("a/b");
  watcher_.add_all(root_, mask);
  const int wd = watcher_.add(in("a"), IN_OPEN);
  make("a/queued/x");
  Probe other = std::move(watcher_);
  EXPECT_THAT(lines(test::drain(other), root_),
              Contains("synthetic IN_CREATE|IN_ISDIR a/queued/x"));
  test::expect_watched(other, test::directories(root_));
  test::drain(other);  // that was looked into is told
  touch("a/f");
  EXPECT_THAT(lines(test::drain(other), root_), ElementsAre("IN_CREATE a/f", "IN_OPEN a/f"));
  other.remove(wd);
  Probe third;
  third.add_all(dir_.path(), mask);
  third = std::move(other);
  test::expect_heard(third, test::directories(root_));
}

// A moved-from watcher is a closed one.
TEST_F(RootsTest, A15_MovedFromItIsClosed) {
  make("a");
  watcher_.add_all(root_, mask);
  Probe other = std::move(watcher_);
  for (int i = 0; i < 2; ++i) {
    // NOLINTBEGIN(bugprone-use-after-move): that is what is tested
    EXPECT_FALSE(watcher_.is_open()) << (i == 0 ? "constructed from" : "assigned from");
    EXPECT_EQ(watcher_.fileno(), -1);
    EXPECT_EQ(watcher_.num_watches(), 0U);
    EXPECT_TRUE(watcher_.watches().empty());
    EXPECT_FALSE(watcher_.path(root_));
    std::error_code ec;
    EXPECT_TRUE(watcher_.read(test::at_once, ec).empty());
    EXPECT_EQ(ec, std::errc::bad_file_descriptor);
    EXPECT_THROW(watcher_.add_all(root_, mask), fs::filesystem_error);
    EXPECT_EQ(watcher_.retry_holes(), 0U);
    watcher_.close();
    // NOLINTEND(bugprone-use-after-move)
    if (i == 0) {
      watcher_ = Probe();
      watcher_.add_all(root_, mask);
      make("b");
      other = std::move(watcher_);
    }
  }
  watcher_ = Probe();
  watcher_.add_all(root_, mask);
  expect_whole(root_);
}

// ---- waiting

bool is_readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

// The descriptor is readable, and the bytes are counted, until everything has been delivered.
TEST_F(RootsTest, A15_ReadableUntilAllIsDelivered) {
  watcher_.add_all(root_, mask);
  const inotify::Threshold any(watcher_, 1);
  const inotify::Threshold many(watcher_, 100000);
  EXPECT_FALSE(is_readable(watcher_.fileno()));
  EXPECT_FALSE(any());
  EXPECT_EQ(any.readable(), 0U);
  touch("f");
  EXPECT_TRUE(is_readable(watcher_.fileno()));
  EXPECT_TRUE(any());
  EXPECT_FALSE(many());
  EXPECT_EQ(any.readable(), 32U);
  told();
  EXPECT_FALSE(is_readable(watcher_.fileno()));
  EXPECT_FALSE(any());

  constexpr std::size_t files = 12000;
  for (std::size_t i = 0; i < files; ++i)
    ASSERT_EQ(::mknod(in(std::to_string(i)).c_str(), S_IFREG | 0644, 0), 0);
  EXPECT_TRUE(many());
  EXPECT_EQ(any.readable(), files * 32);
  make("last/x");  // asks the disk, and so pulls all
  std::size_t told = 0;
  while (is_readable(watcher_.fileno())) {
    EXPECT_TRUE(any());
    const std::size_t now = watcher_.read(test::at_once).size();
    ASSERT_GT(now, 0U) << "readable, but nothing to read";
    told += now;
  }
  EXPECT_EQ(told, files + 2);
  EXPECT_FALSE(any());
  EXPECT_THAT(this->told(), IsEmpty());
}

// What add_all announces and retry_holes() finds can be waited for as well.
TEST_F(RootsTest, A15_ReadableWhenSomethingWasFound) {
  make("a/b");
  Probe watcher(Options{.announce = true});
  watcher.add_all(root_, mask);
  const inotify::Threshold any(watcher, 1);
  EXPECT_TRUE(is_readable(watcher.fileno()));
  EXPECT_TRUE(any());
  EXPECT_THAT(lines(test::drain(watcher), root_),
              ElementsAre("synthetic IN_CREATE|IN_ISDIR a", "synthetic IN_CREATE|IN_ISDIR a/b"));
  EXPECT_FALSE(is_readable(watcher.fileno()));
  EXPECT_FALSE(any());
}

TEST_F(RootsTest, A15_InterruptedThoughNothingHappens) {
  watcher_.add_all(root_, mask);
  watcher_.interrupt();
  EXPECT_TRUE(watcher_.read().empty());
  touch("f");
  EXPECT_EQ(watcher_.read().size(), 1U);
}

}  // namespace
}  // namespace roots
