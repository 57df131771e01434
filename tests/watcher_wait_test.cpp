// How a read() waits: for what, with how many system calls, and what an interrupt ends.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <inotify/auto_watcher.hpp>
#include <inotify/notifier.hpp>
#include <inotify/watcher.hpp>
#include <string>
#include <system_error>
#include <type_traits>

#include "support/faults.hpp"
#include "support/temp_dir.hpp"

namespace waiting {
namespace {

using namespace std::chrono_literals;
using inotify::AutoWatcher;
using inotify::Watcher;
using test::Call;
using test::Fault;

template <class Any>
class WaitOf : public testing::Test {
 protected:
  void SetUp() override {
    watcher_.add_all(dir_.path(), IN_CREATE);
    watcher_.read(1ms);  // the first wait makes what it sleeps in, and has the mounts looked at
  }
  void create(const std::string& name) { test::write_file(dir_ / name); }

  test::TempDir dir_;
  Any watcher_;
  // An AutoWatcher's read() that leaves nothing to be read has asked whether a mount has come or gone:
  // if it has not waited, with a call of its own.
  static constexpr int asks = std::is_same_v<Any, AutoWatcher> ? 1 : 0;
};
using Watchers = testing::Types<Watcher, AutoWatcher>;
TYPED_TEST_SUITE(WaitOf, Watchers);

TYPED_TEST(WaitOf, AnEventThatIsWaitedForTakesTwoSystemCalls) {
  for (int i = 0; i < 3; ++i) {
    int polls = 0;
    int reads = 0;
    const Fault counting_reads(Call::read, [&](int nth) { reads = nth; });
    const Fault counting_polls(Call::poll, [&](int nth) {
      polls = nth;
      this->create("it comes while it waits" + std::to_string(i));
    });
    EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
    EXPECT_EQ(polls, 1);
    EXPECT_EQ(reads, 1);
  }
}

TYPED_TEST(WaitOf, WhatIsThereIsTakenWithoutWaiting) {
  this->create("a");
  int polls = 0;
  const Fault counting(Call::poll, [&](int nth) { polls = nth; });
  EXPECT_EQ(this->watcher_.read(0ms).size(), 1U);
  EXPECT_EQ(polls, this->asks);
  EXPECT_TRUE(this->watcher_.read(0ms).empty());
  EXPECT_EQ(polls, 2 * this->asks);
}

TYPED_TEST(WaitOf, IsBehindUntilTheRestHasBeenRead) {
  EXPECT_FALSE(this->watcher_.is_behind());
  constexpr std::size_t files = 3'000;
  for (std::size_t i = 0; i < files; ++i) this->create("a name of 32 bytes " + std::to_string(i));
  int polls = 0;
  const Fault counting(Call::poll, [&](int nth) { polls = nth; });
  std::size_t read = this->watcher_.read(0ms).size();
  EXPECT_LT(read, files) << "too few for two batches";
  while (this->watcher_.is_behind()) read += this->watcher_.read(1h).size();
  EXPECT_EQ(read, files);
  EXPECT_EQ(polls, this->asks) << "at the end alone";
}

TYPED_TEST(WaitOf, IsNotBehindOnceItIsClosed) {
  for (int i = 0; i < 3'000; ++i) this->create("a name of 32 bytes " + std::to_string(i));
  EXPECT_FALSE(this->watcher_.read(0ms).empty());
  ASSERT_TRUE(this->watcher_.is_behind());
  this->watcher_.close();
  EXPECT_FALSE(this->watcher_.is_behind());
  std::error_code ec;
  this->watcher_.read(0ms, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_FALSE(this->watcher_.is_behind());
}

TYPED_TEST(WaitOf, ANotifierPausesOnceForAllThatHasGathered) {
  constexpr std::size_t files = 9'000;
  const std::string long_name(200, 'x');  // so that it takes more than one cycle
  for (std::size_t i = 0; i < files; ++i) this->create(long_name + std::to_string(i));
  std::size_t seen = 0;
  int cycles = 0;
  int polls = 0;
  const Fault counting(Call::poll, [&](int nth) { polls = nth; });
  inotify::Notifier notifier(this->watcher_, [&](const auto& /*event*/) { ++seen; },
                             {.read_freq = 20ms});
  notifier.loop([&](const auto& /*notifier*/) {
    ++cycles;
    return seen == files;
  });
  EXPECT_EQ(polls, 2 + 2 * this->asks) << "for the first event, and for more";
  EXPECT_GT(cycles, 1);
}

TYPED_TEST(WaitOf, AnInterruptIsForAReadThatHasNothingToReturn) {
  for (int i = 0; i < 2; ++i) {  // when nothing has been read, and when all has been
    this->create(std::to_string(i));
    this->watcher_.interrupt();
    EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
    EXPECT_FALSE(this->watcher_.interrupted());
    EXPECT_TRUE(this->watcher_.read(1h).empty());
    EXPECT_TRUE(this->watcher_.interrupted());
    EXPECT_TRUE(this->watcher_.read(1ms).empty());
    EXPECT_FALSE(this->watcher_.interrupted());
  }
}

// A wait is told once of what has come: who goes away without reading it must be told again.
TYPED_TEST(WaitOf, WhatCameWithAnInterruptIsReadTheNextTime) {
  for (int i = 0; i < 3; ++i) {
    {
      const Fault arrival(Call::poll, [&](int nth) {
        this->watcher_.interrupt();
        if (nth == 2) this->create(std::to_string(i));  // when it has found nothing to return
      });
      EXPECT_TRUE(this->watcher_.read(1h).empty());
      EXPECT_TRUE(this->watcher_.interrupted());
    }
    EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
  }
}

TYPED_TEST(WaitOf, WhatCameWhenAnInterruptWasTakenBackIsReadTheNextTime) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(this->watcher_.read(1ms).empty());
    this->create(std::to_string(i));
    this->watcher_.interrupt();
    EXPECT_TRUE(this->watcher_.clear_interrupt());
    EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
  }
}

TYPED_TEST(WaitOf, AWatcherThatHasWaitedCanBeMoved) {
  auto moved = std::move(this->watcher_);
  this->create("a");
  EXPECT_EQ(moved.read(1h).size(), 1U);
  const Fault arrival(Call::poll, [&](int /*nth*/) { this->create("b"); });
  EXPECT_EQ(moved.read(1h).size(), 1U);
}

TYPED_TEST(WaitOf, WithoutADescriptorToSleepInItWaitsAllTheSame) {
  TypeParam watcher;
  watcher.add_all(this->dir_.path(), IN_CREATE);
  const Fault none(Call::epoll_create, EMFILE, 1, test::for_ever);
  for (int i = 0; i < 3; ++i) {
    const Fault arrival(Call::poll, [&](int /*nth*/) { this->create(std::to_string(i)); });
    EXPECT_EQ(watcher.read(1h).size(), 1U);
    EXPECT_TRUE(watcher.read(1ms).empty());
  }
  EXPECT_EQ(none.hits(), 6);
}

TYPED_TEST(WaitOf, ASignalDoesNotEndIt) {
  const Fault signal(Call::poll, EINTR, 1, 3);
  const Fault arrival(Call::read, [&](int /*nth*/) { this->create("a"); });
  EXPECT_TRUE(this->watcher_.read(20ms).empty()) << "nothing came";
  EXPECT_EQ(signal.hits(), 3);
  this->create("b");
  EXPECT_EQ(this->watcher_.read(1h).size(), 2U);
}

TYPED_TEST(WaitOf, WhatFailsIsToldAndMayBeTriedAgain) {
  this->create("a");
  for (const Call call : {Call::poll, Call::read}) {
    const Fault fault(call, ENOMEM);
    std::error_code ec;
    EXPECT_TRUE(this->watcher_.read(1h, ec).empty());
    EXPECT_EQ(ec, std::errc::not_enough_memory);
    EXPECT_FALSE(this->watcher_.interrupted());
  }
  EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
}

TYPED_TEST(WaitOf, ADirectoryMayBeAddedBetweenTwoReads) {
  test::TempDir other;
  this->create("a");
  EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
  this->watcher_.add_all(other.path(), IN_CREATE);
  test::write_file(other / "b");
  EXPECT_EQ(this->watcher_.read(1h).size(), 1U);
}

}  // namespace
}  // namespace waiting
