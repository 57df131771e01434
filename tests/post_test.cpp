// post(): what other threads want done by the thread of a Notifier, a ThreadedNotifier or an EventQueue.
//
// Nobody sleeps: whoever waits for another thread does so by a future or a join(), under a watchdog.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <inotify/auto_watcher.hpp>
#include <inotify/event_queue.hpp>
#include <inotify/notifier.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/contract.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace post {
namespace {

using namespace std::chrono_literals;
using inotify::AutoWatcher;
using inotify::Event;
using inotify::EventQueue;
using inotify::Notifier;
using inotify::OwnedEvent;
using inotify::ThreadedNotifier;
using inotify::Watcher;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto patience = 30s;

/// What is handled, whichever loop brings it.
using Handle = std::function<void(const std::string& name)>;

/// The three loops alike: each with a thread of its own between start() and join().
class ThreadedLoop {
 public:
  ThreadedLoop(Watcher& watcher, const Handle& handle)
      : notifier_(watcher, [handle](const Event& event) { handle(std::string(event.name)); }) {}
  void start() { notifier_.start(); }
  void stop() { notifier_.stop(); }
  void join() { notifier_.join(); }
  auto post(auto function) { return notifier_.post(std::move(function)); }

 private:
  ThreadedNotifier notifier_;
};

class PlainLoop {
 public:
  // It ends when nothing is watched, unless a timeout says that it need not wait for ever.
  PlainLoop(Watcher& watcher, const Handle& handle)
      : notifier_(watcher, [handle](const Event& event) { handle(std::string(event.name)); },
                  {.timeout = 1h}) {}
  void start() {
    end_ = std::async(std::launch::async, [this] { notifier_.loop(); });
  }
  void stop() { notifier_.stop(); }
  void join() { end_.get(); }
  auto post(auto function) { return notifier_.post(std::move(function)); }

 private:
  Notifier notifier_;
  std::future<void> end_;
};

class QueueLoop : EventQueue::Handler {
 public:
  QueueLoop(Watcher& watcher, Handle handle) : queue_(watcher, 2), handle_(std::move(handle)) {}
  void start() {
    reader_ = std::async(std::launch::async, [this] { queue_.read_events(); });
    handler_ = std::async(std::launch::async, [this] { queue_.handle_events(*this); });
  }
  void stop() { queue_.stop(); }
  void join() {
    reader_.get();
    handler_.get();
  }
  auto post(auto function) { return queue_.post(std::move(function)); }

 private:
  void on_file(const OwnedEvent& event) override { handle_(event.name); }
  void on_directory(const OwnedEvent& event) override { handle_(event.name); }
  void on_notice(const OwnedEvent& event) override { handle_(event.name); }

  EventQueue queue_;
  Handle handle_;
  std::future<void> reader_;
  std::future<void> handler_;
};

template <class Function>
std::error_code code_of(Function function) {
  try {
    function();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

/// A watcher that watches `dir_`, and a loop that notes what comes.
template <class Loop>
class PostTest : public ::testing::Test {
 protected:
  PostTest() { watcher_.add(dir_.path(), IN_CREATE); }

  bool has_seen(const std::string& name) {
    return test::comes_true([&] {
      const std::lock_guard lock(mutex_);
      return std::ranges::count(seen_, name) != 0;
    });
  }

  const test::Watchdog watchdog_;
  const test::TempDir dir_;
  const test::TempDir other_;
  Watcher watcher_;
  std::mutex mutex_;
  std::vector<std::string> seen_;
  Loop loop_{watcher_, [this](const std::string& name) {
               const std::lock_guard lock(mutex_);
               seen_.push_back(name);
             }};
};

using Loops = ::testing::Types<ThreadedLoop, PlainLoop, QueueLoop>;
TYPED_TEST_SUITE(PostTest, Loops);

TYPED_TEST(PostTest, AddsAndRemovesWatchesWhileTheLoopWaits) {
  this->loop_.start();
  const int wd =
      this->loop_.post([&] { return this->watcher_.add(this->other_.path(), IN_CREATE); }).get();
  EXPECT_GT(wd, 0);
  write_file(this->other_ / "new");
  EXPECT_TRUE(this->has_seen("new"));
  this->loop_.post([&] { this->watcher_.remove(wd); }).get();
  write_file(this->other_ / "unseen");
  write_file(this->dir_ / "last");
  EXPECT_TRUE(this->has_seen("last"));
  this->loop_.stop();
  this->loop_.join();
  EXPECT_THAT(this->seen_, ElementsAre("new", "", "last"));
}

TYPED_TEST(PostTest, CallsThemInOrderInOneThreadWhichIsNotThePosters) {
  this->loop_.start();
  std::vector<int> called;
  std::set<std::thread::id> threads;
  std::future<void> last;
  for (int i = 0; i < 100; ++i) {
    last = this->loop_.post([&, i] {
      called.push_back(i);
      threads.insert(std::this_thread::get_id());
    });
  }
  last.get();
  EXPECT_EQ(called.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(called));
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
  this->loop_.stop();
  this->loop_.join();
}

TYPED_TEST(PostTest, ItsExceptionIsTheFuturesAndTheLoopGoesOn) {
  this->loop_.start();
  auto future = this->loop_.post([&] { this->watcher_.add(this->dir_ / "missing", IN_CREATE); });
  EXPECT_THROW(future.get(), std::filesystem::filesystem_error);
  this->loop_.post([] { throw std::runtime_error("nobody asks"); });
  write_file(this->dir_ / "a");
  EXPECT_TRUE(this->has_seen("a"));
  this->loop_.stop();
  this->loop_.join();
}

TYPED_TEST(PostTest, AFunctionMayPostAnother) {
  this->loop_.start();
  std::promise<int> done;
  this->loop_.post([&] {
    this->loop_.post([&] { done.set_value(2); });
    return 1;
  });
  EXPECT_EQ(done.get_future().get(), 2);
  this->loop_.stop();
  this->loop_.join();
}

TYPED_TEST(PostTest, TakesWhatCanOnlyBeMoved) {
  this->loop_.start();
  auto number = std::make_unique<int>(42);
  EXPECT_EQ(
      *this->loop_.post([number = std::move(number)]() mutable { return std::move(number); }).get(),
      42);
  this->loop_.stop();
  this->loop_.join();
}

TYPED_TEST(PostTest, WhatIsPostedBeforeTheLoopIsCalledFirst) {
  write_file(this->dir_ / "a");
  auto seen = this->loop_.post([&] {
    const std::lock_guard lock(this->mutex_);
    return this->seen_.size();
  });
  this->loop_.start();
  EXPECT_EQ(seen.get(), 0U);
  this->loop_.stop();
  this->loop_.join();
}

// Each is called or refused; none is just lost.
TYPED_TEST(PostTest, WhatIsAcceptedBeforeAStopIsCalledAndTheRestRefused) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> called = 0;
    int accepted = 0;
    TypeParam loop(this->watcher_, [](const std::string&) {});
    loop.start();
    test::Thread stopper([&] { loop.stop(); });
    const auto post = [&] {
      loop.post([&] { ++called; });
      ++accepted;
    };
    std::error_code refused;
    while (!(refused = code_of(post))) {
    }
    EXPECT_EQ(refused, std::errc::operation_canceled);
    stopper.join();
    loop.join();
    EXPECT_EQ(called, accepted);
  }
}

TYPED_TEST(PostTest, WhatNoLoopHasCalledBreaksItsPromise) {
  std::future<void> future;
  {
    TypeParam loop(this->watcher_, [](const std::string&) {});
    future = loop.post([] {});
  }
  try {
    future.get();
    ADD_FAILURE() << "nothing thrown";
  } catch (const std::future_error& error) {
    EXPECT_EQ(error.code(), std::future_errc::broken_promise);
  }
}

// ---- the notifiers

class PostToNotifier : public ::testing::Test {
 protected:
  const test::Watchdog watchdog_;
  const test::TempDir dir_;
  AutoWatcher watcher_;
};

// pyinotify's tutorial: start the thread, then add watches.
TEST_F(PostToNotifier, AThreadMayBeStartedBeforeAnythingIsWatched) {
  std::promise<std::string> seen;
  ThreadedNotifier notifier(watcher_, [&](const Event& event) {
    if (event.is_create()) seen.set_value(std::string(event.name));
  });
  notifier.start();
  EXPECT_FALSE(
      notifier.post([&] { return watcher_.add_all(dir_.path(), IN_CREATE); }).get().empty());
  EXPECT_TRUE(notifier.is_running());
  write_file(dir_ / "a");
  EXPECT_EQ(seen.get_future().get(), "a");
  notifier.post([&] { watcher_.remove_path(dir_.path()); }).get();
  EXPECT_TRUE(test::comes_true([&] {
    return notifier.post([&] { return watcher_.empty(); }).get();
  }));                                 // IN_IGNORED is read
  EXPECT_TRUE(notifier.is_running());  // somebody may add another
  notifier.stop();
  EXPECT_EQ(notifier.join(), Notifier::Ended::stopped);
}

TEST_F(PostToNotifier, ACallbackEndsAThreadThatHasNothingToWatch) {
  ThreadedNotifier notifier(watcher_, [](const Event&) {});
  watcher_.add_all(dir_.path(), IN_CREATE);
  notifier.start([&](Notifier&) { return watcher_.empty(); });
  std::filesystem::remove_all(dir_.path());
  EXPECT_EQ(notifier.join(), Notifier::Ended::by_callback);
}

TEST_F(PostToNotifier, AHandlersExceptionLosesNoFunction) {
  watcher_.add_all(dir_.path(), IN_CREATE);
  std::promise<void> posted;
  ThreadedNotifier notifier(watcher_, [&](const Event&) {
    posted.get_future().get();
    throw std::runtime_error("handler");
  });
  notifier.start();
  write_file(dir_ / "a");
  auto future = notifier.post([] { return 1; });
  posted.set_value();
  EXPECT_EQ(future.get(), 1);
  EXPECT_THROW(notifier.join(), std::runtime_error);
  EXPECT_EQ(code_of([&] { notifier.post([] {}); }), std::errc::operation_canceled);
  notifier.start();
  EXPECT_EQ(notifier.post([] { return 2; }).get(), 2);
  notifier.stop();
  notifier.join();
}

TEST_F(PostToNotifier, OneFromAHandlerIsCalledBetweenTwoEvents) {
  watcher_.add_all(dir_.path(), IN_CREATE);
  std::vector<std::string> order;
  Notifier* self = nullptr;
  Notifier notifier(watcher_, [&](const Event& event) {
    order.emplace_back(event.name);
    self->post([&] { order.emplace_back("posted"); });
  });
  self = &notifier;
  for (const char* name : {"a", "b"}) write_file(dir_ / name);
  notifier.loop([](Notifier&) { return true; });
  EXPECT_THAT(order, ElementsAre("a", "posted", "b", "posted"));
}

TEST_F(PostToNotifier, AFunctionMayStopTheLoop) {
  watcher_.add_all(dir_.path(), IN_CREATE);
  Notifier notifier(watcher_, [](const Event&) { ADD_FAILURE() << "handled"; });
  write_file(dir_ / "a");
  notifier.post([&] { notifier.stop(); });
  EXPECT_EQ(notifier.loop(), Notifier::Ended::stopped);
}

TEST_F(PostToNotifier, ALoopWithNothingToWatchFirstCallsWhatMayAddSomething) {
  Notifier notifier(watcher_, [](const Event&) {});
  notifier.post([&] {
    watcher_.add_all(dir_.path(), IN_CREATE);
    write_file(dir_ / "a");
  });
  EXPECT_EQ(notifier.loop([](Notifier&) { return true; }), Notifier::Ended::by_callback);
  EXPECT_FALSE(watcher_.empty());
}

TEST_F(PostToNotifier, WakesItWhileEventsGatherAndLetsThemGatherOn) {
  watcher_.add_all(dir_.path(), IN_CREATE);
  std::atomic<bool> handled = false;
  ThreadedNotifier notifier(watcher_, [&](const Event&) { handled = true; },
                            {.read_freq = 1h, .threshold = 1 << 20});
  write_file(dir_ / "a");
  notifier.start();
  EXPECT_EQ(notifier.post([] { return 1; }).wait_for(patience), std::future_status::ready);
  EXPECT_EQ(notifier.post([] { return 1; }).wait_for(patience), std::future_status::ready);
  notifier.stop();
  notifier.join();
  EXPECT_FALSE(handled);
}

// ---- the queue

class PostToQueue : public ::testing::Test, public EventQueue::Handler {
 protected:
  PostToQueue() { watcher_.add(dir_.path(), IN_CREATE); }

  void on_file(const OwnedEvent& event) override { seen_.push_back(event.name); }
  void on_directory(const OwnedEvent& event) override { seen_.push_back(event.name); }
  void on_notice(const OwnedEvent& event) override { seen_.push_back(event.name); }

  const test::Watchdog watchdog_;
  const test::TempDir dir_;
  Watcher watcher_;
  std::vector<std::string> seen_;
};

TEST_F(PostToQueue, WakesAReaderWhoWaitsForRoom) {
  EventQueue queue(watcher_, 1);
  for (const char* name : {"a", "b"}) write_file(dir_ / name);
  auto reader = std::async(std::launch::async, [&] { queue.read_events(); });
  EXPECT_TRUE(test::comes_true([&] { return queue.full(); }));
  EXPECT_EQ(queue.post([] { return 1; }).get(), 1);
  queue.stop();
  reader.get();
}

TEST_F(PostToQueue, MayGiveTheReaderSomethingToWatch) {
  Watcher empty;
  EventQueue queue(empty);
  queue.post([&] { empty.add(dir_.path(), IN_CREATE); });
  write_file(dir_ / "before");
  auto reader = std::async(std::launch::async, [&] { queue.read_events(); });
  queue.post([] {}).get();
  write_file(dir_ / "a");
  EXPECT_EQ(queue.pop()->name, "a");
  queue.stop();
  reader.get();
}

TEST_F(PostToQueue, IsCalledByWhoFillsInOneThread) {
  EventQueue queue(watcher_);
  auto first = queue.post([] { return 1; });
  write_file(dir_ / "a");
  EXPECT_EQ(queue.try_fill(), 1U);
  EXPECT_EQ(first.get(), 1);
  auto second = queue.post([] { return 2; });
  queue.stop();
  EXPECT_EQ(code_of([&] { queue.post([] {}); }), std::errc::operation_canceled);
  EXPECT_EQ(queue.try_fill(), 0U);
  EXPECT_EQ(second.get(), 2);
}

// A fill() that waits goes on to wait, and leaves nothing behind in the watcher.
TEST_F(PostToQueue, IsNoEventAndNoInterrupt) {
  EventQueue queue(watcher_);
  test::Thread poster([&] {
    for (int i = 0; i < 1000; ++i) queue.post([] {});
    queue.post([&] { write_file(dir_ / "a"); });
  });
  EXPECT_EQ(queue.wait_and_fill(), 1U);
  poster.join();
  EXPECT_FALSE(watcher_.interrupted());
  EXPECT_FALSE(watcher_.clear_interrupt());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(watcher_.next(30ms), nullptr);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms) << "a wake() was left over";
}

// The watcher's interrupt() is the user's: however many functions are posted at the same time, it ends
// the reading, and nothing else does.
TEST_F(PostToQueue, SwallowsNoInterrupt) {
  for (int round = 0; round < 50; ++round) {
    EventQueue queue(watcher_);
    std::atomic<bool> is_interrupted = false;
    std::atomic<bool> ended = false;
    std::atomic<int> run = 0;
    auto reader = std::async(std::launch::async, [&] {
      queue.read_events();
      EXPECT_TRUE(is_interrupted) << "ended by a post()";
      ended = true;
    });
    test::Thread interrupter([&] {
      while (run < round) std::this_thread::yield();
      is_interrupted = true;
      watcher_.interrupt();
    });
    while (!ended) code_of([&] { queue.post([&] { ++run; }); });  // ends, or the watchdog barks
    reader.get();
    interrupter.join();
    EXPECT_FALSE(watcher_.clear_interrupt());
  }
}

// ---- wake() itself

TEST(WatcherWake, EndsAWaitAndIsNoInterrupt) {
  const test::Watchdog watchdog;
  const test::TempDir dir;
  AutoWatcher w;
  w.add_all(dir.path(), IN_CREATE);
  w.wake();
  EXPECT_THAT(w.read(), IsEmpty());
  EXPECT_FALSE(w.interrupted());
  w.wake();
  EXPECT_EQ(w.next(1h), nullptr);
  EXPECT_FALSE(w.interrupted());
  w.wake();
  w.interrupt();
  w.wake();
  EXPECT_EQ(w.next(1h), nullptr);
  EXPECT_TRUE(w.interrupted());
  w.wake();
  write_file(dir / "a");
  EXPECT_EQ(w.read().size(), 1U);
  EXPECT_THAT(w.read(), IsEmpty());  // it is for a read() that has nothing to return
  w.wake();
  EXPECT_FALSE(w.clear_interrupt());
  EXPECT_THAT(w.read(1ms), IsEmpty());
}

// ---- many at once

template <class Loop>
class PostRace : public PostTest<Loop> {};
TYPED_TEST_SUITE(PostRace, Loops);

// Several threads add and remove watches of their own, while events flow in all of them: nothing is
// locked but what post() locks (tsan sees the rest), and each function is called.
TYPED_TEST(PostRace, ThreadsAddAndRemoveWatchesInARowWhileEventsFlow) {
  constexpr int posters = 3;
  const int rounds = test::number("INOTIFY_ROUNDS", 100);
  for (int p = 0; p < posters; ++p)
    std::filesystem::create_directory(this->other_ / std::to_string(p));
  this->loop_.start();
  std::atomic<int> called = 0;
  std::atomic<bool> is_over = false;
  test::Thread writer([&] {
    for (int i = 0; !is_over; ++i) {
      for (int p = 0; p < posters; ++p)
        write_file(this->other_ / std::to_string(p) / std::to_string(i % 50));
      write_file(this->dir_ / std::to_string(i % 50));
    }
  });
  const auto add_and_remove = [&](int p) {
    const auto path = this->other_ / std::to_string(p);
    for (int i = 0; i < rounds; ++i) {
      const auto added = [&, path] {
        ++called;
        return this->watcher_.add(path, IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE);
      };
      const int wd = this->loop_.post(added).get();
      auto removed = this->loop_.post([&, wd] {
        ++called;
        this->watcher_.remove(wd);
      });
      if (i % 2 == 0) removed.get();
    }
    this->loop_.post([&, path] { this->watcher_.add(path, IN_CREATE); }).get();
  };
  {
    std::vector<test::Thread> threads;
    for (int p = 0; p < posters; ++p) threads.emplace_back([&, p] { add_and_remove(p); });
  }
  is_over = true;
  writer.join();
  for (int p = 0; p < posters; ++p) {
    const std::string last = "last" + std::to_string(p);
    write_file(this->other_ / std::to_string(p) / last);
    EXPECT_TRUE(this->has_seen(last)) << last;
  }
  this->loop_.stop();
  this->loop_.join();
  EXPECT_EQ(called, 2 * posters * rounds);
  EXPECT_EQ(this->watcher_.size(), 1U + posters);
}

}  // namespace
}  // namespace post
