// A4, A9, A15: what becomes of a root itself (IN_MOVE_SELF, IN_DELETE_SELF, IN_UNMOUNT) is always reported, for from then on the
// paths below it may not be true. Of other directories it is reported to those who ask for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>

#include "support/auto_watcher_checks.hpp"

namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using test::lines;
using test::Probe;
namespace fs = std::filesystem;

class RootSelfTest : public testing::Test {
 protected:
  RootSelfTest() { fs::create_directories(in("a")); }

  test::Lines told() { return lines(test::drain(watcher_), root_); }
  [[nodiscard]] std::string in(const std::string& name) const { return root_ + "/" + name; }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  Probe watcher_;
};

// Masks that ask for none of it.
class RootSelfMaskTest : public RootSelfTest, public testing::WithParamInterface<inotify::Mask> {};

TEST_P(RootSelfMaskTest, A4_ARenamedRootSaysSo) {
  watcher_.add_all(root_, GetParam());
  fs::rename(root_, dir_ / "elsewhere");
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF ."));
  fs::rename(dir_ / "elsewhere", root_);
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF ."));
  EXPECT_EQ(test::audit_on_disk(watcher_), "");
}

TEST_P(RootSelfMaskTest, A15_ADeletedRootSaysSo) {
  watcher_.add_all(root_, GetParam());
  fs::remove_all(root_);
  const test::Lines all = told();
  EXPECT_THAT(all, AllOf(Contains("IN_DELETE_SELF ."), Contains("IN_IGNORED .")));
  EXPECT_THAT(all, AllOf(Not(Contains("IN_DELETE_SELF a")), Not(Contains("IN_IGNORED a"))));
  EXPECT_TRUE(watcher_.empty());
}

TEST_P(RootSelfMaskTest, A9_OfOtherDirectoriesNothingIsReported) {
  fs::create_directories(in("a/b"));
  watcher_.add_all(root_, GetParam());
  fs::rename(in("a"), in("c"));
  fs::rename(in("c/b"), dir_ / "outside");
  fs::remove(in("c"));
  for (const std::string& line : told()) EXPECT_THAT(line, Not(HasSubstr("_SELF")));
  EXPECT_EQ(test::audit_on_disk(watcher_), "");
}

TEST_P(RootSelfMaskTest, A15_AnUnmountedRootSaysSo) {
  test::in_child([&] {
    test::enter_mount_namespace();
    test::mount_tmpfs(root_);
    watcher_.add_all(root_, GetParam());
    ASSERT_EQ(::umount(root_.c_str()), 0);
    EXPECT_THAT(told(), ElementsAre("IN_UNMOUNT|IN_ISDIR .", "IN_IGNORED ."));
    EXPECT_TRUE(watcher_.empty());
  });
}

// It is a root wherever it lies.
TEST_P(RootSelfMaskTest, A4_ARootWithinARoot) {
  watcher_.add_all(root_, GetParam());
  watcher_.add_all(in("a"), GetParam());
  fs::rename(in("a"), in("b"));
  EXPECT_THAT(told(), Contains("IN_MOVE_SELF b"));
  fs::remove(in("b"));
  EXPECT_THAT(told(), AllOf(Contains("IN_DELETE_SELF b"), Contains("IN_IGNORED b")));
  EXPECT_EQ(test::audit_on_disk(watcher_), "");
}

TEST_P(RootSelfMaskTest, A15_ARootThatIsAFile) {
  test::write_file(in("f"));
  watcher_.add_all(in("f"), GetParam());
  fs::rename(in("f"), in("g"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF f"));
  fs::remove(in("g"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF f", "IN_IGNORED f"));
}

// The queue overflows; of a root it is reported all the same.
TEST_P(RootSelfMaskTest, A10_AnOverflowDoesNotHideIt) {
  watcher_.add_all(root_, GetParam() | IN_MOVE);
  fs::rename(root_, dir_ / "elsewhere");
  if (!test::overrun(dir_ / "elsewhere/a")) GTEST_SKIP() << "no queue that can be overrun";
  EXPECT_THAT(told(), Contains("IN_MOVE_SELF ."));
  fs::rename(dir_ / "elsewhere", root_);
  EXPECT_THAT(told(), Contains("IN_MOVE_SELF ."));
}

INSTANTIATE_TEST_SUITE_P(Masks, RootSelfMaskTest,
                         testing::Values(inotify::Mask{IN_CLOSE_WRITE}, test::names),
                         [](const auto& mask) {
                           return std::string(mask.param == test::names ? "Names" : "CloseWrite");
                         });

TEST_F(RootSelfTest, A9_OnceRemovedARootIsNoRoot) {
  const int wd = watcher_.add_all(root_, IN_CLOSE_WRITE).front();
  fs::rename(root_, dir_ / "elsewhere");
  watcher_.remove(wd);
  fs::rename(dir_ / "elsewhere", root_);
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF .", "IN_IGNORED ."))
      << "what was queued before is still reported";
}

}  // namespace
