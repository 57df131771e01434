// EventQueue: each promise of its header, in one thread and in two. No thread is waited for without
// a deadline.
#include <inotify/auto_watcher.hpp>
#include <inotify/event_queue.hpp>
#include <inotify/limits.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::EventQueue;
using inotify::OwnedEvent;
using inotify::Watcher;
using std::chrono::steady_clock;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Lines = std::vector<std::string>;

constexpr auto patience = 30s;

/// Keeps what it is told, with a letter in front: f, d or n.
class Log : public EventQueue::Handler {
 public:
  void on_file(const OwnedEvent& event) override { keep("f ", event); }
  void on_directory(const OwnedEvent& event) override { keep("d ", event); }
  void on_notice(const OwnedEvent& event) override { keep("n ", event); }

  Lines lines;
  std::function<void(const OwnedEvent&)> also{};

 private:
  void keep(const char* kind, const OwnedEvent& event) {
    lines.push_back(kind + inotify::to_string(event.mask) + ' ' + event.name);
    if (also) also(event);
  }
};

/// A call in a thread of its own.
template <class Call>
std::future<void> start(Call call) {
  return std::async(std::launch::async, call);
}

class EventQueueTest : public testing::Test {
 protected:
  EventQueueTest() { w_.add(dir_.path(), IN_CREATE); }

  void create(int first, int last) {
    for (int i = first; i <= last; ++i) test::write_file(dir_ / std::to_string(i));
  }

  static Lines created(int first, int last) {
    Lines lines;
    for (int i = first; i <= last; ++i) lines.push_back("f IN_CREATE " + std::to_string(i));
    return lines;
  }

  // Waits for a side to end; if it does not, it is made to, so that the test can.
  static void join(EventQueue& queue, std::future<void>& side) {
    if (side.wait_for(patience) != std::future_status::ready) {
      ADD_FAILURE() << "still waiting, with " << queue.size() << " events queued";
      queue.stop();
    }
    side.get();
  }

  template <class Condition>
  static void wait_until(const EventQueue& queue, Condition condition) {
    const auto deadline = steady_clock::now() + patience;
    while (!condition()) {
      if (steady_clock::now() > deadline) {
        ADD_FAILURE() << "does not come about, with " << queue.size() << " events queued";
        return;
      }
      std::this_thread::yield();
    }
  }

  test::TempDir dir_;
  Watcher w_;
  Log log_;
};

class EventQueueOfSize : public EventQueueTest, public testing::WithParamInterface<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(All, EventQueueOfSize, testing::Values(1, 2, 128));

TEST_P(EventQueueOfSize, LosesNothingInOneThread) {
  EventQueue queue(w_, GetParam());
  create(1, 300);
  while (queue.try_fill() > 0) {
    EXPECT_LE(queue.size(), GetParam());
    queue.handle_queued(log_);
  }
  EXPECT_EQ(log_.lines, created(1, 300));
}

TEST_P(EventQueueOfSize, LosesNothingInTwoThreadsUnderLoad) {
  constexpr int count = 3000;
  EventQueue queue(w_, GetParam());
  auto reader = start([&] { queue.read_events(); });
  log_.also = [&](const OwnedEvent& event) {
    EXPECT_LE(queue.size(), GetParam());
    if (event.name == std::to_string(count)) queue.stop();
  };
  auto handler = start([&] { queue.handle_events(log_); });
  create(1, count);
  join(queue, handler);
  join(queue, reader);
  EXPECT_EQ(log_.lines, created(1, count));
}

TEST_P(EventQueueOfSize, WhatAStopLeavesIsInTheQueueAndTheWatcher) {
  constexpr int count = 500;
  EventQueue queue(w_, GetParam());
  create(1, count);
  log_.also = [&](const OwnedEvent& event) {
    if (event.name == "100") queue.stop();
  };
  auto reader = start([&] { queue.read_events(); });
  auto handler = start([&] { queue.handle_events(log_); });
  join(queue, reader);
  join(queue, handler);
  EXPECT_LE(log_.lines.size(), 101 + GetParam());
  EventQueue rest(w_, count);
  rest.fill(0ms);  // no interrupt is left over
  rest.handle_queued(log_);
  EXPECT_EQ(log_.lines, created(1, count));
}

// What is queued when stop() is called is handled, neither less nor more; the rest is the watcher's.
TEST_P(EventQueueOfSize, HandlesWhatIsQueuedBeforeAStopAndNothingElse) {
  constexpr int count = 100;
  EventQueue queue(w_, GetParam());
  create(1, count);
  auto reader = start([&] { queue.read_events(); });
  const std::size_t most = std::min<std::size_t>(GetParam(), count);
  wait_until(queue, [&] { return queue.size() == most; });
  queue.stop();
  join(queue, reader);
  queue.handle_events(log_);
  EXPECT_EQ(log_.lines, created(1, static_cast<int>(most)));
  EventQueue rest(w_);
  while (rest.try_fill() > 0) rest.handle_queued(log_);
  EXPECT_EQ(log_.lines, created(1, count));
}

// Each side makes the other one wait for it after each event, by turns: both go on to the end,
// though nothing but the other side wakes them.
TEST_P(EventQueueOfSize, NeitherSideStarvesTheOther) {
  constexpr int count = 300;
  EventQueue queue(w_, GetParam());
  create(1, count);
  auto reader = start([&] { queue.read_events(); });
  const auto most = static_cast<int>(GetParam());
  for (int i = 1; i <= count; ++i) {
    // All that the reader may take it takes, and nothing beyond.
    const auto ahead = static_cast<std::size_t>(std::min(most, count - i + 1));
    wait_until(queue, [&] { return queue.size() == ahead; });
    const auto event = queue.pop();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->name, std::to_string(i));
  }
  EXPECT_TRUE(queue.empty());
  auto handler = start([&] { queue.handle_events(log_); });
  for (int i = 1; i <= count; ++i) {
    create(count + i, count + i);
    wait_until(queue, [&] { return queue.empty(); });
  }
  wait_until(queue, [&] { return queue.empty(); });
  queue.stop();
  join(queue, reader);
  join(queue, handler);
  EventQueue rest(w_, count);
  rest.fill(0ms);
  rest.handle_queued(log_);
  EXPECT_EQ(log_.lines, created(count + 1, 2 * count));
}

TEST_F(EventQueueTest, HoldsAHundredAndTwentyEightUnlessToldOtherwise) {
  EXPECT_EQ(EventQueue(w_).capacity(), 128U);
  EXPECT_THROW(EventQueue(w_, 0), std::invalid_argument);
}

TEST_F(EventQueueTest, FullItDoesNotWaitInOneThread) {
  EventQueue queue(w_, 2);
  create(1, 5);
  EXPECT_EQ(queue.fill(1h), 2U);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.fill(1h), 0U);
  EXPECT_EQ(queue.try_pop()->name, "1");
  create(6, 6);
  EXPECT_EQ(queue.fill(1h), 1U);
  EXPECT_EQ(queue.handle_queued(log_), 2U);
  EXPECT_THAT(log_.lines, created(2, 3));
  // The rest is in the watcher, in order.
  EXPECT_EQ(w_.next(0ms)->name, "4");
  EXPECT_EQ(w_.next(0ms)->name, "5");
  EXPECT_EQ(w_.next(0ms)->name, "6");
}

TEST_F(EventQueueTest, AnEmptyQueueDoesNotWaitInOneThread) {
  EventQueue queue(w_);
  EXPECT_FALSE(queue.try_pop());
  EXPECT_EQ(queue.handle_queued(log_), 0U);
  EXPECT_EQ(queue.fill(1ms), 0U);
}

TEST_F(EventQueueTest, FillEndsWhenInterruptedOrNothingIsWatched) {
  EventQueue queue(w_);
  create(1, 3);
  EXPECT_EQ(w_.next(0ms)->name, "1");
  w_.interrupt();
  EXPECT_EQ(queue.wait_and_fill(), 2U);  // what the watcher has kept; then it notices
  EXPECT_EQ(queue.wait_and_fill(), 0U);
  w_.remove_path(dir_.path());
  EXPECT_EQ(queue.wait_and_fill(), 1U);
  EXPECT_EQ(queue.wait_and_fill(), 0U);
  queue.handle_queued(log_);
  EXPECT_THAT(log_.lines, ElementsAre("f IN_CREATE 2", "f IN_CREATE 3", "n IN_IGNORED "));
}

TEST_F(EventQueueTest, AHandlerMayFillAndChangeWatches) {
  EventQueue queue(w_, 1);
  create(1, 3);
  std::filesystem::create_directory(dir_ / "sub");
  log_.also = [&](const OwnedEvent& event) {
    if (event.is_dir()) w_.add(event.fullpath, IN_CREATE);
    queue.fill(0ms);
  };
  queue.fill(0ms);
  while (queue.handle_queued(log_) > 0) {
  }
  test::write_file(dir_ / "sub/4");
  queue.fill(0ms);
  queue.handle_queued(log_);
  EXPECT_THAT(log_.lines, ElementsAre("f IN_CREATE 1", "f IN_CREATE 2", "f IN_CREATE 3",
                                      "d IN_CREATE|IN_ISDIR sub", "f IN_CREATE 4"));
}

TEST_F(EventQueueTest, TellsFilesDirectoriesAndNoticesApart) {
  EventQueue queue(w_);
  create(1, 1);
  std::filesystem::create_directory(dir_ / "sub");
  w_.remove_path(dir_.path());
  queue.fill(0ms);
  queue.handle_queued(log_);
  EXPECT_THAT(log_.lines,
              ElementsAre("f IN_CREATE 1", "d IN_CREATE|IN_ISDIR sub", "n IN_IGNORED "));
}

// The kernel says IN_ISDIR of a directory that ends, or moves, only to whoever watches the one above.
TEST_F(EventQueueTest, TheEndOfWhatIsWatchedIsANotice) {
  inotify::AutoWatcher w;
  w.add_all(dir_.path(), IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB);
  std::filesystem::create_directory(dir_ / "sub");
  w.read(0ms);
  w.add(dir_ / "sub", IN_DELETE_SELF | IN_MOVE_SELF);
  std::filesystem::permissions(dir_ / "sub", std::filesystem::perms(0700));
  std::filesystem::rename(dir_ / "sub", dir_ / "sub2");
  std::filesystem::remove(dir_ / "sub2");
  EventQueue queue(w);
  queue.try_fill();
  queue.handle_queued(log_);
  EXPECT_THAT(log_.lines, Not(Contains(HasSubstr("_SELF sub"))));
  EXPECT_THAT(log_.lines, Contains("n IN_MOVE_SELF "));
  EXPECT_THAT(log_.lines, Contains("n IN_DELETE_SELF "));
  EXPECT_THAT(log_.lines, Contains("d IN_ATTRIB|IN_ISDIR sub"));
  EXPECT_THAT(log_.lines, Contains("d IN_DELETE|IN_ISDIR sub2"));
  EXPECT_THAT(log_.lines, testing::Each(Not(testing::StartsWith("f "))));
}

// As its name says: the loop that waited for ever with fill() ends.
TEST_F(EventQueueTest, TryFillDrains) {
  EventQueue queue(w_, 2);
  create(1, 5);
  while (queue.try_fill() > 0) queue.handle_queued(log_);
  EXPECT_EQ(log_.lines, created(1, 5));
}

TEST_F(EventQueueTest, AnOverflowIsANotice) {
  create(1, 2);
  w_.add(dir_.path(), IN_ATTRIB);
  while (!w_.read(0ms).empty()) {
  }
  const long most = inotify::max_queued_events().value_or(16384);
  for (long i = 0; i <= most; ++i) {  // by turns, for twice the same would be one event
    ::chmod((dir_ / (i % 2 == 0 ? "1" : "2")).c_str(), 0600);
  }
  EventQueue queue(w_, static_cast<std::size_t>(most) + 1);
  while (queue.try_fill() > 0) {
  }
  queue.handle_queued(log_);
  EXPECT_EQ(log_.lines.size(), static_cast<std::size_t>(most) + 1);
  EXPECT_EQ(log_.lines.front(), "f IN_ATTRIB 1");
  EXPECT_EQ(log_.lines.back(), "n IN_Q_OVERFLOW ");
}

TEST_F(EventQueueTest, StopWakesBothSidesAtOnce) {
  auto best = steady_clock::duration::max();  // the machine may be busy with something else
  for (int i = 0; i < 10; ++i) {
    EventQueue queue(w_);
    std::atomic<bool> handled = false;
    log_.also = [&](const OwnedEvent&) { handled = true; };
    auto handler = start([&] { queue.handle_events(log_); });
    auto reader = start([&] { queue.read_events(); });
    create(i, i);
    wait_until(queue, [&] { return handled.load(); });  // both work, and have nothing to do now
    const auto before = steady_clock::now();
    queue.stop();
    join(queue, reader);
    join(queue, handler);
    best = std::min(best, steady_clock::now() - before);
    EXPECT_FALSE(w_.clear_interrupt());
  }
  EXPECT_LT(best, 50ms);
}

TEST_F(EventQueueTest, StopWakesAReaderWhoWaitsForRoom) {
  EventQueue queue(w_, 1);
  create(1, 3);
  auto reader = start([&] { queue.read_events(); });
  wait_until(queue, [&] { return queue.full(); });
  queue.stop();
  join(queue, reader);
  EXPECT_EQ(queue.pop()->name, "1");
  EXPECT_FALSE(queue.pop());
}

TEST_F(EventQueueTest, InterruptOfTheWatcherEndsBothSides) {
  EventQueue queue(w_);
  create(1, 3);
  log_.also = [&](const OwnedEvent& event) {
    if (event.name == "3") w_.interrupt();
  };
  auto reader = start([&] { queue.read_events(); });
  auto handler = start([&] { queue.handle_events(log_); });
  join(queue, reader);
  join(queue, handler);
  EXPECT_TRUE(queue.is_stopped());
  EXPECT_EQ(log_.lines, created(1, 3));
}

TEST_F(EventQueueTest, EndsWhenNothingIsWatched) {
  EventQueue queue(w_);
  create(1, 1);
  w_.remove_path(dir_.path());
  auto reader = start([&] { queue.read_events(); });
  auto handler = start([&] { queue.handle_events(log_); });
  join(queue, reader);
  join(queue, handler);
  EXPECT_THAT(log_.lines, ElementsAre("f IN_CREATE 1", "n IN_IGNORED "));
}

TEST_F(EventQueueTest, AnErrorOfTheReaderEndsTheHandlerAndComesUp) {
  EventQueue queue(w_);
  w_.close();
  auto handler = start([&] { queue.handle_events(log_); });
  try {
    queue.read_events();
    ADD_FAILURE() << "nothing thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::bad_file_descriptor);
    EXPECT_THAT(error.what(), HasSubstr("read_events"));
  }
  join(queue, handler);
  EventQueue other(w_);
  EXPECT_THROW(other.fill(0ms), std::system_error);
}

TEST_F(EventQueueTest, AHandlerThatThrowsEndsTheReaderAndLosesNothing) {
  EventQueue queue(w_, 2);
  create(1, 5);
  log_.also = [](const OwnedEvent& event) {
    if (event.name == "2") throw std::runtime_error("handler");
  };
  auto reader = start([&] { queue.read_events(); });
  EXPECT_THROW(queue.handle_events(log_), std::runtime_error);
  join(queue, reader);
  queue.handle_queued(log_);
  EventQueue rest(w_);
  rest.fill(0ms);
  rest.handle_queued(log_);
  EXPECT_EQ(log_.lines, created(1, 5));
}

TEST_F(EventQueueTest, SeveralThreadsMayHandle) {
  constexpr int count = 1000;
  EventQueue queue(w_, 2);
  std::mutex mutex;
  Lines names;
  const auto handle = [&] {
    while (const auto event = queue.pop()) {
      const std::lock_guard lock(mutex);
      names.push_back(event->name);
      if (names.size() == count) queue.stop();
    }
  };
  auto reader = start([&] { queue.read_events(); });
  auto one = start(handle);
  auto two = start(handle);
  create(1, count);
  join(queue, one);
  join(queue, two);
  join(queue, reader);
  Lines expected;
  for (int i = 1; i <= count; ++i) expected.push_back(std::to_string(i));
  EXPECT_THAT(names, ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(EventQueueTest, StoppedItTakesNothingMore) {
  EventQueue queue(w_);
  create(1, 2);
  queue.stop();
  queue.stop();  // twice is fine
  EXPECT_EQ(queue.fill(1h), 0U);
  queue.read_events();
  queue.handle_events(log_);
  EXPECT_THAT(log_.lines, IsEmpty());
  EXPECT_EQ(w_.read(0ms).size(), 2U);  // and no interrupt is left over
}

}  // namespace
