#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <concepts>
#include <csignal>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/batch_reader.hpp>
#include <inotify/watcher.hpp>
#include <string>
#include <system_error>
#include <thread>

#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace batch_reader {
namespace {

using inotify::AutoWatcher;
using inotify::BatchReader;
using inotify::Watcher;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static_assert(std::movable<BatchReader> && !std::copyable<BatchReader>);

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE;

void make_files(const test::TempDir& dir, int count, const std::string& prefix = "f") {
  for (int i = 0; i < count; ++i) test::write_file(dir / (prefix + std::to_string(i)));
}

template <class Any>
class BatchReaderOf : public testing::Test {
 protected:
  void SetUp() override { watcher.add_all(dir.path(), mask); }
  test::TempDir dir;
  Any watcher;
};
using Watchers = testing::Types<Watcher, AutoWatcher>;
TYPED_TEST_SUITE(BatchReaderOf, Watchers);

TYPED_TEST(BatchReaderOf, ReadsAtOnceIfEnoughIsQueued) {
  BatchReader reader(this->watcher, {.threshold = 512, .max_delay = 1h, .poll_interval = 1h});
  make_files(this->dir, 16);  // 32 bytes each
  EXPECT_EQ(reader.read().size(), 16U);
  EXPECT_EQ(reader.counts().polls, 1U);
  EXPECT_EQ(reader.counts().fionreads, 1U);
  EXPECT_EQ(reader.counts().reads, 1U);
}

TYPED_TEST(BatchReaderOf, ReadsTooLittleOnceTheLongestDelayIsOver) {
  BatchReader reader(this->watcher, {.threshold = 512, .max_delay = 30ms, .poll_interval = 10ms});
  make_files(this->dir, 15);
  const auto begin = Clock::now();
  EXPECT_EQ(reader.read().size(), 15U);
  EXPECT_GE(Clock::now() - begin, 30ms);
  EXPECT_GT(reader.counts().fionreads, 1U);
}

TYPED_TEST(BatchReaderOf, LooksAgainWhetherEnoughHasCome) {
  BatchReader reader(this->watcher, {.threshold = 512, .max_delay = 1h, .poll_interval = 1ms});
  make_files(this->dir, 1, "first");
  test::Thread writer([&] { make_files(this->dir, 15); });
  EXPECT_EQ(reader.read().size(), 16U);
}

TYPED_TEST(BatchReaderOf, WithoutAThresholdTakesWhatCameInAFixedTime) {
  BatchReader reader(this->watcher, {.max_delay = 30ms});
  make_files(this->dir, 100);
  const auto begin = Clock::now();
  EXPECT_EQ(reader.read().size(), 100U);
  EXPECT_GE(Clock::now() - begin, 30ms);
  EXPECT_EQ(reader.counts().polls, 2U);
  EXPECT_EQ(reader.counts().fionreads, 0U);
}

TYPED_TEST(BatchReaderOf, ReadsAllThatHasGatheredHoweverMuchItIs) {
  constexpr int files = 3'000;
  BatchReader reader(this->watcher, {.max_delay = 20ms});
  for (std::size_t round = 1; round <= 3; ++round) {
    make_files(this->dir, files, std::to_string(round) + "-a-name-of-more-than-sixteen-bytes-");
    std::size_t read = 0;
    while (read < files) read += reader.read().size();
    EXPECT_EQ(read, files);
    const std::size_t of_rests = reader.counts().reads - round;
    EXPECT_GT(of_rests, 0U) << "too few files for two batches";
    EXPECT_EQ(reader.counts().polls, 2 * round + of_rests)
        << "for the first event, and once for more; for an interrupt before each rest";
  }
}

TYPED_TEST(BatchReaderOf, InterruptIsNoticedThoughMoreIsQueuedThanItReturns) {
  BatchReader reader(this->watcher, {.max_delay = 0ms});
  make_files(this->dir, 3'000, "a-name-of-more-than-sixteen-bytes-");
  EXPECT_FALSE(reader.read().empty());
  ASSERT_TRUE(this->watcher.has_pending());
  reader.interrupt();
  while (this->watcher.has_pending()) EXPECT_FALSE(reader.read().empty());
  EXPECT_TRUE(reader.read(0ms).empty());
  make_files(this->dir, 1, "last");
  EXPECT_EQ(reader.read(1h).size(), 1U) << "what had ended the read of a rest is over";
}

TYPED_TEST(BatchReaderOf, BeginsWithWhatNextHasLeft) {
  const test::Watchdog watchdog;
  BatchReader reader(this->watcher, {.max_delay = 0ms});
  make_files(this->dir, 3);
  ASSERT_EQ(this->watcher.next(0ms)->name, "f0");
  const auto rest = reader.read();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].name, "f1");
  EXPECT_EQ(rest[1].name, "f2");
  make_files(this->dir, 1, "last");
  EXPECT_EQ(reader.read().size(), 1U);
}

TYPED_TEST(BatchReaderOf, WithoutAWaitReadsAsTheWatcherDoes) {
  BatchReader reader(this->watcher, {.max_delay = 0ms});
  make_files(this->dir, 1);
  EXPECT_EQ(reader.read().size(), 1U);
  EXPECT_EQ(reader.counts().polls, 1U);
}

TYPED_TEST(BatchReaderOf, WaitsForTheFirstEventNoLongerThanItIsTold) {
  BatchReader reader(this->watcher, {.max_delay = 1h});
  EXPECT_TRUE(reader.read(0ms).empty());
  const auto begin = Clock::now();
  EXPECT_TRUE(reader.read(20ms).empty());
  EXPECT_GE(Clock::now() - begin, 20ms);
}

TYPED_TEST(BatchReaderOf, InterruptEndsTheNextRead) {
  BatchReader reader(this->watcher);
  reader.interrupt();
  EXPECT_TRUE(reader.read().empty());
}

TYPED_TEST(BatchReaderOf, InterruptEndsAReadThatWaitsForTheFirstEvent) {
  BatchReader reader(this->watcher);
  test::Thread other([&] { reader.interrupt(); });
  EXPECT_TRUE(reader.read().empty());
}

TYPED_TEST(BatchReaderOf, InterruptedWhileItGathersReturnsWhatThereIs) {
  BatchReader reader(this->watcher, {.threshold = 1'000'000, .max_delay = 1h, .poll_interval = 1h});
  make_files(this->dir, 3);
  test::Thread other([&] { reader.interrupt(); });
  EXPECT_EQ(reader.read().size(), 3U);
}

TYPED_TEST(BatchReaderOf, ASignalHandlerMayInterrupt) {
  BatchReader reader(this->watcher, {.max_delay = 1h});
  static const BatchReader* to_stop = nullptr;
  to_stop = &reader;
  const auto before = std::signal(SIGUSR1, [](int) { to_stop->interrupt(); });
  ::raise(SIGUSR1);
  EXPECT_TRUE(reader.read().empty());
  std::signal(SIGUSR1, before);
}

TYPED_TEST(BatchReaderOf, TellsThatNothingIsWatchedAnyMore) {
  BatchReader reader(this->watcher, {.max_delay = 0ms});
  this->watcher.remove_path(this->dir.path());
  EXPECT_EQ(reader.read().size(), 1U) << "IN_IGNORED";
  std::error_code ec;
  EXPECT_TRUE(reader.read(ec).empty());
  EXPECT_EQ(ec, std::error_condition(ENODATA, std::generic_category()));
  EXPECT_THROW(reader.read(), std::system_error);
}

TYPED_TEST(BatchReaderOf, OfAClosedWatcherFailsWithEbadf) {
  BatchReader reader(this->watcher);
  this->watcher.close();
  std::error_code ec;
  EXPECT_TRUE(reader.read(10ms, ec).empty());
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TYPED_TEST(BatchReaderOf, CanBeMoved) {
  BatchReader first(this->watcher, {.max_delay = 0ms});
  BatchReader reader(std::move(first));
  make_files(this->dir, 1);
  EXPECT_EQ(reader.read().size(), 1U);
  reader.interrupt();
  EXPECT_TRUE(reader.read().empty());
}

TEST(BatchReader, OfAnAutoWatcherFollowsNewDirectories) {
  const test::TempDir dir;
  AutoWatcher watcher;
  watcher.add_all(dir.path(), mask);
  BatchReader reader(watcher, {.max_delay = 5ms});
  std::filesystem::create_directories(dir / "a/b/c");
  EXPECT_EQ(reader.read().size(), 3U);
  test::write_file(dir / "a/b/c/f");
  EXPECT_EQ(reader.read().size(), 1U);
}

}  // namespace
}  // namespace batch_reader
