// Watcher::next(): one event at a time, and none lost between it and read().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <inotify/auto_watcher.hpp>
#include <inotify/watcher.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Watcher;
using ::testing::IsEmpty;

std::string line(const Event* event) {
  if (event == nullptr) return "none";
  return inotify::to_string(event->mask) + ' ' + std::string(event->name);
}

class WatcherNext : public testing::Test {
 protected:
  WatcherNext() { w_.add(dir_.path(), IN_CREATE); }

  void create(std::initializer_list<const char*> names) {
    for (const char* name : names) test::write_file(dir_ / name);
  }

  test::TempDir dir_;
  Watcher w_;
};

TEST_F(WatcherNext, KeepsWhatItHasNotReturned) {
  create({"a", "b", "c"});
  EXPECT_EQ(line(w_.next(0ms)), "IN_CREATE a");
  create({"d"});
  EXPECT_EQ(line(w_.next(0ms)), "IN_CREATE b");
  const auto rest = w_.read(0ms);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(line(rest.data()), "IN_CREATE c");
  EXPECT_EQ(line(w_.next(0ms)), "IN_CREATE d");
  EXPECT_EQ(w_.next(0ms), nullptr);
  EXPECT_FALSE(w_.interrupted());
}

TEST_F(WatcherNext, SaysHowManyItHasKept) {
  EXPECT_EQ(w_.num_kept(), 0U);
  create({"a", "b", "c"});
  ASSERT_NE(w_.next(0ms), nullptr);
  EXPECT_EQ(w_.num_kept(), 2U);
  EXPECT_TRUE(w_.has_pending());
  ASSERT_NE(w_.next(0ms), nullptr);
  Watcher moved = std::move(w_);
  EXPECT_EQ(w_.num_kept(), 0U);
  EXPECT_FALSE(w_.has_pending());
  EXPECT_EQ(line(moved.next(0ms)), "IN_CREATE c");
  EXPECT_EQ(moved.num_kept(), 0U);
  EXPECT_FALSE(moved.has_pending());
}

TEST_F(WatcherNext, SaysWhetherItWasInterrupted) {
  w_.interrupt();
  EXPECT_EQ(w_.next(0ms), nullptr);
  EXPECT_TRUE(w_.interrupted());
  w_.interrupt();
  EXPECT_THAT(w_.read(1h), IsEmpty());
  EXPECT_TRUE(w_.interrupted());
  EXPECT_THAT(w_.read(1ms), IsEmpty());
  EXPECT_FALSE(w_.interrupted());
}

TEST_F(WatcherNext, WhatIsKeptMovesAlongAndEndsWithClose) {
  create({"a", "b"});
  ASSERT_NE(w_.next(0ms), nullptr);
  Watcher moved = std::move(w_);
  w_ = Watcher();
  EXPECT_THAT(w_.read(0ms), IsEmpty());
  EXPECT_EQ(line(moved.next(0ms)), "IN_CREATE b");
  test::write_file(dir_ / "c");
  test::write_file(dir_ / "d");
  ASSERT_NE(moved.next(0ms), nullptr);
  moved.close();
  EXPECT_THROW(moved.next(0ms), std::system_error);
}

TEST_F(WatcherNext, InterruptEndsItThoughSomethingIsQueued) {
  create({"a", "b"});
  w_.interrupt();
  EXPECT_EQ(w_.next(1h), nullptr);
  EXPECT_TRUE(w_.interrupted());
  EXPECT_EQ(line(w_.next(1h)), "IN_CREATE a");
  EXPECT_EQ(line(w_.next(1h)), "IN_CREATE b");
}

TEST_F(WatcherNext, AnInterruptCanBeTakenBack) {
  EXPECT_FALSE(w_.clear_interrupt());
  create({"a"});
  EXPECT_FALSE(w_.clear_interrupt());
  w_.interrupt();
  w_.interrupt();
  EXPECT_TRUE(w_.clear_interrupt());
  EXPECT_FALSE(w_.clear_interrupt());
  EXPECT_EQ(line(w_.next(1h)), "IN_CREATE a");
  w_.close();
  EXPECT_FALSE(w_.clear_interrupt());
}

TEST_F(WatcherNext, AnAutoWatcherHasItToo) {
  inotify::AutoWatcher w;
  w.add_all(dir_.path(), IN_CREATE);
  std::filesystem::create_directories(dir_ / "new/deep");
  EXPECT_EQ(line(w.next(0ms)), "IN_CREATE|IN_ISDIR new");
  create({"file"});
  EXPECT_EQ(line(w.next(0ms)), "IN_CREATE|IN_ISDIR deep");
  EXPECT_EQ(line(w.next(0ms)), "IN_CREATE file");
  EXPECT_EQ(line(w.next(0ms)), "none");
}

}  // namespace
