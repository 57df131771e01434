// Settle: reading, waiting and waking.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/event_gen.hpp>
#include <inotify/settle.hpp>
#include <inotify/watcher.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/contract.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace settle_read {
namespace {

namespace fs = std::filesystem;
using inotify::AutoWatcher;
using inotify::Settle;
using inotify::Watcher;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static_assert(std::movable<Settle> && !std::copyable<Settle>);

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE;

bool is_readable(const Settle& settle, std::chrono::milliseconds timeout = 0ms) {
  pollfd fd{settle.fileno(), POLLIN, 0};
  return ::poll(&fd, 1, static_cast<int>(timeout.count())) == 1;
}

template <class Any>
class SettleOf : public testing::Test {
 protected:
  void SetUp() override { watcher.add_all(dir.path(), mask); }

  std::vector<std::string> brief(std::span<const inotify::Event> events) {
    std::vector<std::string> lines;
    for (const auto& event : events) lines.push_back(test::brief(event, dir.str()));
    return lines;
  }

  test::TempDir dir;
  Any watcher;
};
using Watchers = testing::Types<Watcher, AutoWatcher>;
TYPED_TEST_SUITE(SettleOf, Watchers);

TYPED_TEST(SettleOf, ReadWaitsUntilAPathIsQuiet) {
  Settle settle(this->watcher, {.quiet = 30ms, .at_most = 1h});
  const auto begin = Clock::now();
  test::write_file(this->dir / "a", "text");
  EXPECT_THAT(this->brief(settle.read()), ElementsAre("CREATE|MODIFY|CLOSE_WRITE a"));
  EXPECT_GE(Clock::now() - begin, 30ms);
  EXPECT_TRUE(settle.empty());
}

TYPED_TEST(SettleOf, ReadWaitsNoLongerThanItIsTold) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::write_file(this->dir / "a");
  const auto begin = Clock::now();
  EXPECT_THAT(settle.read(20ms), IsEmpty());
  EXPECT_GE(Clock::now() - begin, 20ms);
  EXPECT_FALSE(settle.interrupted());
  EXPECT_EQ(settle.size(), 1U);
}

TYPED_TEST(SettleOf, IsToldWhileItIsWrittenToOnceItHasWaitedLongEnough) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 30ms});
  test::write_file(this->dir / "a");
  EXPECT_THAT(this->brief(settle.read()), ElementsAre("CREATE|CLOSE_WRITE a"));
}

TYPED_TEST(SettleOf, FlushTellsAllThatHasBeenRead) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::write_file(this->dir / "a");
  EXPECT_THAT(settle.read(0ms), IsEmpty());
  EXPECT_THAT(this->brief(settle.flush()), ElementsAre("CREATE|CLOSE_WRITE a"));
  EXPECT_THAT(settle.flush(), IsEmpty());
}

TYPED_TEST(SettleOf, WithoutAWaitTellsWhatThereIs) {
  Settle settle(this->watcher, {.quiet = 0ms, .at_most = 0ms});
  test::write_file(this->dir / "a");
  EXPECT_THAT(this->brief(settle.read(0ms)), ElementsAre("CREATE|CLOSE_WRITE a"));
}

TYPED_TEST(SettleOf, WaitsWithoutEndAreEndless) {
  Settle settle(this->watcher, {.quiet = std::chrono::milliseconds::max(),
                                .at_most = std::chrono::milliseconds::max()});
  test::write_file(this->dir / "a");
  EXPECT_THAT(settle.read(10ms), IsEmpty());
  EXPECT_EQ(settle.size(), 1U);
}

TYPED_TEST(SettleOf, TakesUpWhatNextHasLeft) {
  test::write_file(this->dir / "a");
  test::write_file(this->dir / "b");
  ASSERT_NE(this->watcher.next(0ms), nullptr);
  Settle settle(this->watcher, {.quiet = 0ms, .at_most = 0ms});
  EXPECT_THAT(this->brief(settle.read(0ms)), ElementsAre("CLOSE_WRITE a", "CREATE|CLOSE_WRITE b"));
}

TYPED_TEST(SettleOf, AnEventLoopIsWokenForWhatAnEventGenHasLeft) {
  test::write_file(this->dir / "a");
  test::write_file(this->dir / "b");
  for (const inotify::Event* event : inotify::event_gen(this->watcher)) {
    ASSERT_NE(event, nullptr);
    break;
  }
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  EXPECT_TRUE(is_readable(settle));
  EXPECT_THAT(settle.read(0ms), IsEmpty());
  EXPECT_EQ(settle.size(), 2U);
}

// ---- fileno

TYPED_TEST(SettleOf, CanBePolledForWhatHappensAndForWhatIsDue) {
  Settle settle(this->watcher, {.quiet = 20ms, .at_most = 1h});
  EXPECT_THAT(settle.read(0ms), IsEmpty());
  EXPECT_FALSE(is_readable(settle));
  test::write_file(this->dir / "a");
  ASSERT_TRUE(is_readable(settle)) << "something has happened";
  EXPECT_THAT(settle.read(0ms), IsEmpty());
  ASSERT_TRUE(is_readable(settle, test::deadline)) << "it is due";
  EXPECT_THAT(this->brief(settle.read(0ms)), ElementsAre("CREATE|CLOSE_WRITE a"));
  EXPECT_FALSE(is_readable(settle));
}

TYPED_TEST(SettleOf, AnEventLoopGetsAllThatEverSettles) {
  constexpr std::size_t files = 3'000;  // more than one batch
  Settle settle(this->watcher, {.quiet = 5ms, .at_most = 50ms});
  for (std::size_t i = 0; i < files; ++i)
    test::write_file(this->dir / ("a-name-of-more-than-sixteen-bytes-" + std::to_string(i)));
  std::size_t told = 0;
  while (told < files) {
    ASSERT_TRUE(is_readable(settle, test::deadline)) << told;
    for (const auto& event : settle.read(0ms)) told += event.is_create() ? 1U : 0U;
  }
  EXPECT_TRUE(settle.empty());
}

// ---- interrupt

TYPED_TEST(SettleOf, InterruptEndsTheNextReadThatWaits) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::write_file(this->dir / "a");
  settle.interrupt();
  EXPECT_THAT(settle.read(), IsEmpty());
  EXPECT_TRUE(settle.interrupted());
  EXPECT_EQ(settle.size(), 1U) << "what waits waits on";
  EXPECT_THAT(settle.read(1ms), IsEmpty());
  EXPECT_FALSE(settle.interrupted());
}

TYPED_TEST(SettleOf, InterruptOfTheWatcherDoesTheSame) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::Thread other([&] { this->watcher.interrupt(); });
  EXPECT_THAT(settle.read(), IsEmpty());
  EXPECT_TRUE(settle.interrupted());
}

TYPED_TEST(SettleOf, InterruptIsForAReadThatHasNothingToReturn) {
  Settle settle(this->watcher, {.quiet = 0ms, .at_most = 0ms});
  test::write_file(this->dir / "a");
  settle.interrupt();
  EXPECT_THAT(this->brief(settle.read()), ElementsAre("CREATE|CLOSE_WRITE a"));
  EXPECT_FALSE(settle.interrupted());
  EXPECT_THAT(settle.read(), IsEmpty());
  EXPECT_TRUE(settle.interrupted());
}

TYPED_TEST(SettleOf, InterruptIsForAReadThatWaits) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::write_file(this->dir / "a");
  settle.interrupt();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(settle.read(0ms), IsEmpty());
    EXPECT_FALSE(settle.interrupted());
  }
  EXPECT_THAT(settle.read(5s), IsEmpty());
  EXPECT_TRUE(settle.interrupted());
}

// It ends the wait for what is due at that very moment, and is for the read after that.
TYPED_TEST(SettleOf, InterruptIsNotLostWhenSomethingIsDue) {
  Settle settle(this->watcher, {.quiet = 2ms, .at_most = 1h});
  for (int round = 0; round < 100; ++round) {
    test::write_file(this->dir / "a");
    const auto due = Clock::now() + 2ms + std::chrono::microseconds(round * 10);
    EXPECT_THAT(settle.read(0ms), IsEmpty());
    test::Thread other([&] {
      while (Clock::now() < due) {
      }
      settle.interrupt();
    });
    do {
      const bool is_told = !settle.read(5s).empty();
      ASSERT_TRUE(is_told || settle.interrupted()) << round;
    } while (!settle.interrupted());
    settle.flush();
  }
}

TYPED_TEST(SettleOf, InterruptIsNoticedOnATreeThatIsAlwaysBusy) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  std::atomic<bool> is_over = false;
  test::Thread writer([&] {
    while (!is_over) test::write_file(this->dir / "a");
  });
  test::Thread other([&] { settle.interrupt(); });
  EXPECT_THAT(settle.read(), IsEmpty());
  EXPECT_TRUE(settle.interrupted());
  is_over = true;
}

// ---- errors and the end

TYPED_TEST(SettleOf, TellsWhatWaitsOnceNothingIsWatchedAnyMore) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::write_file(this->dir / "a");
  EXPECT_THAT(settle.read(0ms), IsEmpty());
  this->watcher.remove_path(this->dir.path());
  EXPECT_THAT(this->brief(settle.read()),
              ElementsAre("CREATE|CLOSE_WRITE a", "IGNORED " + this->dir.str()));
  std::error_code ec;
  EXPECT_THAT(settle.read(ec), IsEmpty());
  EXPECT_EQ(ec, std::error_condition(ENODATA, std::generic_category()));
  EXPECT_THROW(settle.read(), std::system_error);
}

TYPED_TEST(SettleOf, OfAClosedWatcherTellsWhatItHasAndThenFailsWithEbadf) {
  Settle settle(this->watcher, {.quiet = 1h, .at_most = 1h});
  test::write_file(this->dir / "a");
  EXPECT_THAT(settle.read(0ms), IsEmpty());
  this->watcher.close();
  std::error_code ec;
  EXPECT_THAT(this->brief(settle.read(ec)), ElementsAre("CREATE|CLOSE_WRITE a"));
  EXPECT_FALSE(ec);
  EXPECT_THAT(settle.read(10ms, ec), IsEmpty());
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  Settle closed(this->watcher, {}, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_THROW(Settle(this->watcher, {}), std::system_error);
}

TYPED_TEST(SettleOf, CanBeMoved) {
  Settle first(this->watcher, {.quiet = 10ms, .at_most = 1h});
  test::write_file(this->dir / "a");
  EXPECT_THAT(first.read(0ms), IsEmpty());
  Settle settle(std::move(first));
  EXPECT_THAT(this->brief(settle.read()), ElementsAre("CREATE|CLOSE_WRITE a"));
  settle.interrupt();
  EXPECT_THAT(settle.read(), IsEmpty());
  EXPECT_EQ(first.size(), 0U);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(first.fileno(), -1);
  EXPECT_FALSE(first.interrupted());
  EXPECT_THAT(first.flush(), IsEmpty());
  std::error_code ec;
  EXPECT_THAT(first.read(0ms, ec), IsEmpty());
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TYPED_TEST(SettleOf, AnEventIsWholeAndLivesUntilTheNextRead) {
  Settle settle(this->watcher, {.quiet = 0ms, .at_most = 0ms});
  test::write_file(this->dir / "a");
  const auto events = settle.read();
  ASSERT_EQ(events.size(), 1U);
  const inotify::Event event = events.front();
  EXPECT_EQ(event.wd, this->watcher.path(this->dir.path())->wd);
  EXPECT_EQ(event.path, this->dir.str());
  EXPECT_EQ(event.name, "a");
  EXPECT_EQ(event.fullpath, this->dir / "a");
  EXPECT_EQ(event.cookie, 0U);
  this->watcher.read(0ms);
  EXPECT_EQ(event.name, "a");
}

TEST(SettleRoot, OfTheFileSystemHasItsSlashOnce) {
  Watcher watcher;
  watcher.add("/", IN_ATTRIB | IN_OPEN);
  Settle settle(watcher, {.quiet = 0ms, .at_most = 0ms});
  const fs::directory_iterator opens_it("/");
  const auto events = settle.read();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front().path, "/");
}

}  // namespace
}  // namespace settle_read
