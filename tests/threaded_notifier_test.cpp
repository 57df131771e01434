// ThreadedNotifier: started, stopped and joined, under load, and what its handlers throw.
//
// Whoever waits for the thread does so up to a deadline, that of the watchdog where it is a join().
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <inotify/auto_watcher.hpp>
#include <inotify/event_gen.hpp>
#include <inotify/notifier.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::AutoWatcher;
using inotify::Event;
using inotify::Notifier;
using inotify::ThreadedNotifier;
using std::chrono::steady_clock;
using test::write_file;
using Ended = Notifier::Ended;

class ThreadedNotifierTest : public ::testing::Test {
 protected:
  void SetUp() override { watcher_.add_all(dir_.path(), IN_CREATE); }

  const test::Watchdog watchdog_;
  const test::TempDir dir_;
  AutoWatcher watcher_;
  std::atomic<int> count_ = 0;
  const Notifier::Handler counter_ = [this](const Event&) { ++count_; };
};

TEST_F(ThreadedNotifierTest, HandlesEventsUntilItIsStopped) {
  ThreadedNotifier notifier(watcher_, counter_);
  EXPECT_FALSE(notifier.is_running());
  EXPECT_EQ(notifier.join(), std::nullopt);  // not started: nothing to wait for
  notifier.start();
  EXPECT_TRUE(notifier.is_running());
  write_file(dir_ / "a");
  EXPECT_TRUE(test::comes_true([&] { return count_ == 1; })) << count_;
  notifier.stop();
  EXPECT_EQ(notifier.join(), Ended::stopped);
  EXPECT_FALSE(notifier.is_running());
  EXPECT_EQ(notifier.join(), std::nullopt);
}

TEST_F(ThreadedNotifierTest, AStopAtOnceIsNotLostAndOneBeforeTheStartIsForgotten) {
  ThreadedNotifier notifier(watcher_, counter_);
  for (int i = 0; i < 100; ++i) {
    notifier.start();
    notifier.stop();
    EXPECT_EQ(notifier.join(), Ended::stopped);
  }
  notifier.stop();
  notifier.start();
  write_file(dir_ / "a");
  EXPECT_TRUE(test::comes_true([&] { return count_ == 1; })) << count_;
}

TEST_F(ThreadedNotifierTest, TheCallbackEndsIt) {
  ThreadedNotifier notifier(watcher_, counter_, {.timeout = 0ms});
  notifier.start([](Notifier&) { return true; });
  EXPECT_EQ(notifier.join(), Ended::by_callback);
}

TEST_F(ThreadedNotifierTest, TheHandlerStopsIt) {
  ThreadedNotifier* self = nullptr;
  ThreadedNotifier notifier(watcher_, [&](const Event&) { self->stop(); });
  self = &notifier;
  notifier.start();
  write_file(dir_ / "a");
  EXPECT_EQ(notifier.join(), Ended::stopped);
}

TEST_F(ThreadedNotifierTest, BeginsWithWhatAnEventGenHasLeft) {
  std::vector<std::string> seen;
  for (const char* name : {"a", "b", "c"}) write_file(dir_ / name);
  for (const Event* event : inotify::event_gen(watcher_)) {
    seen.emplace_back(event->name);
    break;
  }
  ThreadedNotifier notifier(watcher_, [&](const Event& event) { seen.emplace_back(event.name); });
  notifier.start([&](Notifier&) { return seen.size() >= 4; });
  write_file(dir_ / "d");
  EXPECT_EQ(notifier.join(), Ended::by_callback);
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST_F(ThreadedNotifierTest, CannotBeStartedTwice) {
  ThreadedNotifier notifier(watcher_, counter_);
  notifier.start();
  try {
    notifier.start();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::connection_already_in_progress);
  }
  EXPECT_TRUE(notifier.is_running());
}

TEST_F(ThreadedNotifierTest, AnExceptionSurfacesOnJoinOnceAndTheRestIsHandledAfterwards) {
  ThreadedNotifier notifier(watcher_, [this](const Event&) {
    if (++count_ == 1) throw std::runtime_error("first");
  });
  for (const char* name : {"a", "b", "c"}) write_file(dir_ / name);
  notifier.start();
  EXPECT_TRUE(test::comes_true([&] { return !notifier.is_running(); }));
  EXPECT_THROW(notifier.start(), std::system_error);  // not before it has surfaced
  try {
    notifier.join();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
  EXPECT_EQ(notifier.join(), std::nullopt);
  notifier.start([this](Notifier&) { return count_ == 3; });
  EXPECT_EQ(notifier.join(), Ended::by_callback);
  EXPECT_EQ(count_, 3);
}

TEST_F(ThreadedNotifierTest, TheDestructorStopsIt) {
  const auto begin = steady_clock::now();
  {
    ThreadedNotifier notifier(watcher_, counter_, {.read_freq = 1h});
    notifier.start();
    write_file(dir_ / "a");
  }
  EXPECT_LT(steady_clock::now() - begin, 30s);
}

TEST_F(ThreadedNotifierTest, TheDestructorTellsWhatNoJoinHasThrown) {
  ::testing::internal::CaptureStderr();
  {
    ThreadedNotifier notifier(watcher_, [](const Event&) { throw std::runtime_error("ouch"); });
    write_file(dir_ / "a");
    notifier.start();
    EXPECT_TRUE(test::comes_true([&] { return !notifier.is_running(); }));
  }
  {
    ThreadedNotifier notifier(watcher_, [](const Event&) { throw 1; });
    write_file(dir_ / "b");
    notifier.start();
    EXPECT_TRUE(test::comes_true([&] { return !notifier.is_running(); }));
  }
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find("ouch"), std::string::npos) << told;
  EXPECT_NE(told.find("no std::exception"), std::string::npos) << told;
}

TEST_F(ThreadedNotifierTest, StopsAtOnceWhileNothingHappens) {
  ThreadedNotifier notifier(watcher_, counter_, {.timeout = 1h});
  steady_clock::duration best = 1h;
  // Another process may have had the processor: the best of some tries counts.
  for (int i = 0; i < 5 && best >= 50ms; ++i) {
    std::atomic<pid_t> thread = 0;
    write_file(dir_ / ("file" + std::to_string(i)));
    notifier.start([&](Notifier&) {
      thread = static_cast<pid_t>(::syscall(SYS_gettid));
      return false;
    });
    ASSERT_TRUE(test::comes_true([&] { return thread != 0; }));
    ASSERT_TRUE(test::sleeps(thread));
    const auto begin = steady_clock::now();
    notifier.stop();
    EXPECT_EQ(notifier.join(), Ended::stopped);
    best = std::min(best, steady_clock::now() - begin);
  }
  EXPECT_LT(best, 50ms);
}

// Thousands of events, of another process and of another thread, while it is started and stopped
// again and again, from two threads: each event is handled once, in order.
TEST_F(ThreadedNotifierTest, LosesNothingUnderLoadHoweverOftenItIsStopped) {
  constexpr int files = 3000;  // twice that many fit into a queue
  const std::string base = dir_.str();
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < files; ++i) {
      const std::string path = base + "/p" + std::to_string(i);
      ::close(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    ::_exit(0);
  }
  test::Thread writer([&] {
    for (int i = 0; i < files; ++i) write_file(base + "/t" + std::to_string(i));
  });

  std::vector<std::string> of_process;  // the thread's, and this one's after join()
  std::vector<std::string> of_thread;
  ThreadedNotifier* self = nullptr;
  ThreadedNotifier notifier(watcher_, [&](const Event& e) {
    EXPECT_TRUE(e.is_create()) << e;
    (e.name.front() == 'p' ? of_process : of_thread).emplace_back(e.name);
    if (++count_ % 500 == 0) self->stop();
  });
  self = &notifier;
  std::atomic<bool> is_over = false;
  test::Thread stopper([&] {
    while (!is_over) {
      notifier.stop();
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 100; ++i) {
    notifier.start();
    if (i % 2 == 0) notifier.stop();
    EXPECT_EQ(notifier.join(), Ended::stopped);
  }
  is_over = true;
  stopper.join();
  writer.join();
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto deadline = steady_clock::now() + 30s;
  while (count_ < 2 * files && steady_clock::now() < deadline) {
    notifier.start(
        [&](Notifier&) { return count_ >= 2 * files || steady_clock::now() > deadline; });
    notifier.join();
  }

  std::vector<std::string> expected_of_process;
  std::vector<std::string> expected_of_thread;
  for (int i = 0; i < files; ++i) {
    expected_of_process.push_back('p' + std::to_string(i));
    expected_of_thread.push_back('t' + std::to_string(i));
  }
  EXPECT_EQ(of_process, expected_of_process);
  EXPECT_EQ(of_thread, expected_of_thread);
}

}  // namespace
