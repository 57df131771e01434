// A9: the mask that the table has for a watch is the kernel's, whatever has been asked of it and wherever it has moved: between roots
// of different masks, under a second name, and through an overflow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"

namespace {

using test::Probe;
namespace fs = std::filesystem;

constexpr inotify::Mask wide = test::names | IN_MODIFY | IN_ATTRIB | IN_EXCL_UNLINK;
constexpr inotify::Mask narrow = test::names | IN_CLOSE_WRITE;

class KernelMaskTest : public testing::Test {
 protected:
  KernelMaskTest() {
    fs::create_directories(one_ + "/d/below");
    fs::create_directories(two_);
  }
  void add_both() {
    watcher_.add_all(one_, wide);
    watcher_.add_all(two_, narrow);
  }
  void expect_equal() {
    test::drain(watcher_);
    EXPECT_EQ(test::audit_on_disk(watcher_), "");
  }

  test::TempDir dir_;
  std::string one_ = dir_ / "one";
  std::string two_ = dir_ / "two";
  Probe watcher_;
};

TEST_F(KernelMaskTest, A9_ADirectoryMovesToARootOfAnotherMask) {
  add_both();
  fs::rename(one_ + "/d", two_ + "/d");
  expect_equal();
  fs::rename(two_ + "/d", one_ + "/d");
  expect_equal();
}

// It is found by its watch, before what it is moved into is known.
TEST_F(KernelMaskTest, A9_ADirectoryMovesIntoANewOneOfAnotherRoot) {
  add_both();
  fs::create_directory(two_ + "/new");
  fs::rename(one_ + "/d", two_ + "/new/d");
  expect_equal();
}

TEST_F(KernelMaskTest, A9_ARootMovesIntoANewDirectoryOfAnother) {
  add_both();
  fs::create_directory(two_ + "/new");
  fs::rename(one_, two_ + "/new/one");
  expect_equal();
}

// The directory is reported under its first name, and watched with both masks.
TEST_F(KernelMaskTest, A9_ADirectoryIsMetUnderASecondName) {
  fs::create_directory_symlink(one_ + "/d", dir_ / "link");
  watcher_.add_all(dir_ / "link", wide);
  watcher_.add_all(one_, narrow);
  expect_equal();
}

TEST_F(KernelMaskTest, A9_AnOverflowWithRootsOfDifferentMasks) {
  add_both();
  fs::create_directory(two_ + "/new");
  if (!test::overrun(one_)) GTEST_SKIP() << "no queue that can be overrun";
  fs::rename(one_ + "/d", two_ + "/new/d");
  expect_equal();
}

TEST_F(KernelMaskTest, A9_WhateverMovesBetweenRootsOfDifferentMasks) {
  const int most = test::rounds(20);
  for (int round = 1; round <= most && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const test::TempDir dir;
    const std::string one = dir / "one";
    const std::string two = dir / "two";
    fs::create_directory(one);
    fs::create_directory(two);
    Probe watcher;
    watcher.add_all(one, wide);
    watcher.add_all(two, narrow);
    test::Churn churn(one, two, static_cast<std::uint64_t>(round));
    for (int i = 0; i < 20; ++i) {
      churn.run(20);
      test::drain(watcher);
      ASSERT_EQ(test::audit_on_disk(watcher), "");
    }
  }
}

}  // namespace
