// Watcher: interrupt(), from other threads and from a signal handler; reads that wait while others
// work.
//
// Nothing here sleeps and hopes: whoever waits for another thread does so up to a deadline, and
// says what it saw.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <future>
#include <inotify/watcher.hpp>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Watcher;
using std::chrono::steady_clock;
using test::TempDir;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto patience = 30s;

// The state of a thread of this process, as in ps(1): 'S' if it sleeps in a system call that can be
// interrupted.
char state_of(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto after_name = text.rfind(") ");
  return after_name == std::string::npos ? '?' : text.at(after_name + 2);
}

// Calls read() in a thread of its own and keeps what came of it.
class Reader {
 public:
  template <class Read>
  Reader(Watcher& w, Read read) : watcher_(w) {
    std::promise<void> promise;
    done_ = promise.get_future();
    thread_ = test::Thread([this, read, promise = std::move(promise)]() mutable {
      thread_id_ = static_cast<pid_t>(::syscall(SYS_gettid));
      std::error_code ec;
      for (const Event& e : read(watcher_, ec))
        seen_.push_back(inotify::to_string(e.mask) + ' ' + std::string(e.name));
      if (ec) seen_.push_back("error: " + ec.message());
      promise.set_value();
    });
  }

  explicit Reader(Watcher& w)
      : Reader(w, [](Watcher& watcher, std::error_code& ec) { return watcher.read(ec); }) {}

  // Waits until the thread sleeps, which it does nowhere but in read().
  [[nodiscard]] bool is_blocked() const {
    const auto deadline = steady_clock::now() + patience;
    while (steady_clock::now() < deadline) {
      if (thread_id_ != 0 && state_of(thread_id_) == 'S') return true;
      std::this_thread::yield();
    }
    return false;
  }

  // Waits for read() to return; if it does not, `rescue` must make it, so that the test can end.
  template <class Rescue>
  std::vector<std::string> result(Rescue rescue) {
    if (done_.wait_for(patience) != std::future_status::ready) {
      ADD_FAILURE() << "read() did not return";
      rescue();
    }
    thread_.join();
    return seen_;
  }

  [[nodiscard]] pthread_t handle() { return thread_.native_handle(); }

 private:
  Watcher& watcher_;
  std::atomic<pid_t> thread_id_ = 0;
  std::vector<std::string> seen_;
  std::future<void> done_;
  test::Thread thread_;
};

class WatcherThread : public ::testing::Test {
 protected:
  WatcherThread() { w_.add(dir_.path(), IN_CREATE); }

  void create(const std::string& name) { write_file(dir_ / name); }

  // What ends a read() that ought to have ended by itself.
  auto rescue() {
    return [this] { create("rescue"); };
  }

  TempDir dir_;
  Watcher w_;
};

TEST_F(WatcherThread, ABlockedReadReturnsTheEventThatComes) {
  Reader reader(w_);
  ASSERT_TRUE(reader.is_blocked());
  create("f");
  EXPECT_THAT(reader.result([this] { w_.interrupt(); }), ElementsAre("IN_CREATE f"));
}

TEST_F(WatcherThread, ABlockedReadWithATimeoutReturnsTheEventThatComes) {
  Reader reader(w_, [](Watcher& w, std::error_code& ec) { return w.read(1h, ec); });
  ASSERT_TRUE(reader.is_blocked());
  create("f");
  EXPECT_THAT(reader.result([this] { w_.interrupt(); }), ElementsAre("IN_CREATE f"));
}

TEST_F(WatcherThread, InterruptEndsABlockedReadWithNothing) {
  Reader reader(w_);
  ASSERT_TRUE(reader.is_blocked());
  w_.interrupt();
  EXPECT_THAT(reader.result(rescue()), IsEmpty()) << "neither events nor an error";
}

TEST_F(WatcherThread, InterruptEndsABlockedReadWithATimeout) {
  Reader reader(w_, [](Watcher& w, std::error_code& ec) { return w.read(1h, ec); });
  ASSERT_TRUE(reader.is_blocked());
  w_.interrupt();
  EXPECT_THAT(reader.result(rescue()), IsEmpty());
}

TEST_F(WatcherThread, AnInterruptBeforeTheReadEndsThatOne) {
  w_.interrupt();
  Reader reader(w_);
  EXPECT_THAT(reader.result(rescue()), IsEmpty());
}

TEST_F(WatcherThread, ManyInterruptsBeforeTheReadEndItOnce) {
  for (int i = 0; i < 100; ++i) w_.interrupt();
  Reader first(w_);
  EXPECT_THAT(first.result(rescue()), IsEmpty());
  Reader second(w_);
  EXPECT_TRUE(second.is_blocked()) << "the interrupts are spent";
  create("f");
  EXPECT_THAT(second.result([this] { w_.interrupt(); }), ElementsAre("IN_CREATE f"));
}

TEST_F(WatcherThread, AnInterruptDoesNotHideEventsAndIsNotLostToThem) {
  create("f");
  w_.interrupt();
  Reader first(w_);
  EXPECT_THAT(first.result(rescue()), ElementsAre("IN_CREATE f"));
  Reader second(w_);  // "or the next one that would block"
  EXPECT_THAT(second.result(rescue()), IsEmpty());
}

TEST_F(WatcherThread, AReadThatDoesNotWaitLeavesTheInterruptToOneThatDoes) {
  w_.interrupt();
  EXPECT_THAT(w_.read(0ms), IsEmpty());
  Reader reader(w_);
  EXPECT_THAT(reader.result(rescue()), IsEmpty());
}

TEST_F(WatcherThread, InterruptsOfOneWatcherDoNotDisturbAnother) {
  const Watcher other;
  Reader reader(w_);
  ASSERT_TRUE(reader.is_blocked());
  for (int i = 0; i < 10; ++i) other.interrupt();
  create("f");
  EXPECT_THAT(reader.result([this] { w_.interrupt(); }), ElementsAre("IN_CREATE f"));
}

TEST_F(WatcherThread, EveryOneOfManyInterruptsWakesARead) {
  // Each round waits for the last one's read, so no two interrupts can be taken for one.
  constexpr int rounds = 3000;
  std::atomic<int> returned = 0;
  std::atomic<bool> gave_up = false;
  test::Thread interrupter([&] {
    for (int round = 0; round < rounds; ++round) {
      w_.interrupt();
      const auto deadline = steady_clock::now() + patience;
      while (returned == round) {
        if (steady_clock::now() > deadline) {
          gave_up = true;
          create("rescue");
          return;
        }
        std::this_thread::yield();
      }
    }
  });
  std::size_t events = 0;
  while (returned < rounds && !gave_up) {
    events += w_.read().size();
    ++returned;
  }
  interrupter.join();
  EXPECT_FALSE(gave_up) << "after " << returned << " reads";
  EXPECT_EQ(events, 0U);
}

TEST_F(WatcherThread, InterruptsOfManyThreadsAmongEventsLoseNoEvent) {
  constexpr int files = 2000;
  std::atomic<bool> done = false;
  std::vector<test::Thread> interrupters;
  for (int i = 0; i < 3; ++i) {
    interrupters.emplace_back([&] {
      while (!done) {
        w_.interrupt();
        std::this_thread::yield();
      }
    });
  }
  test::Thread writer([&] {
    for (int i = 0; i < files; ++i) create(std::to_string(i));
  });
  std::vector<std::string> seen;
  int empty = 0;
  const auto deadline = steady_clock::now() + patience;
  while (seen.size() < files && steady_clock::now() < deadline) {
    const auto events = w_.read();
    empty += events.empty();
    for (const Event& e : events) seen.emplace_back(e.name);
  }
  done = true;
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(files))
      << "the last was " << (seen.empty() ? "none" : seen.back());
  for (int i = 0; i < files; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], std::to_string(i));
  EXPECT_GT(empty, 0) << "no interrupt ever came";
}

TEST_F(WatcherThread, AWatcherMayBeUsedByOneThreadAfterAnother) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    test::Thread([&] {
      std::filesystem::create_directory(dir_ / ("d" + name));
      w_.add(dir_ / ("d" + name), IN_CREATE);
      write_file(dir_ / ("d" + name) / "f");
    }).join();
    std::vector<std::string> seen;
    for (const Event& e : w_.read(0ms)) seen.emplace_back(e.name);
    EXPECT_THAT(seen, ElementsAre("d" + name, "f"));
  }
  EXPECT_EQ(w_.num_watches(), 21U);
}

// ---- signals

std::atomic<const Watcher*> to_interrupt = nullptr;
std::atomic<int> signals = 0;

class Handler {
 public:
  Handler(int signal, void (*handle)(int), int flags) : signal_(signal) {
    struct sigaction action {};
    action.sa_handler = handle;
    action.sa_flags = flags;
    ::sigaction(signal, &action, &before_);
    signals = 0;
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() { ::sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_ {};
};

void interrupting_handler(int) {
  ++signals;
  if (const Watcher* w = to_interrupt) w->interrupt();
}

void idle_handler(int) { ++signals; }

TEST_F(WatcherThread, ASignalHandlerMayInterruptABlockedRead) {
  for (const int flags : {0, SA_RESTART}) {
    const Handler handler(SIGUSR1, interrupting_handler, flags);
    to_interrupt = &w_;
    Reader reader(w_);
    ASSERT_TRUE(reader.is_blocked());
    ASSERT_EQ(::pthread_kill(reader.handle(), SIGUSR1), 0);
    EXPECT_THAT(reader.result(rescue()), IsEmpty());
    EXPECT_EQ(signals, 1);
    to_interrupt = nullptr;
  }
}

TEST_F(WatcherThread, ASignalHandlerMayInterruptBeforeTheRead) {
  const Handler handler(SIGUSR1, interrupting_handler, 0);
  to_interrupt = &w_;
  errno = E2BIG;
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_EQ(errno, E2BIG) << "a handler must leave errno alone";
  to_interrupt = nullptr;
  Reader reader(w_);
  EXPECT_THAT(reader.result(rescue()), IsEmpty());
}

TEST_F(WatcherThread, ASignalAloneDoesNotEndARead) {
  const Handler handler(SIGUSR1, idle_handler, 0);
  Reader reader(w_);
  ASSERT_TRUE(reader.is_blocked());
  for (int i = 1; i <= 20; ++i) {
    ASSERT_EQ(::pthread_kill(reader.handle(), SIGUSR1), 0);
    const auto deadline = steady_clock::now() + patience;
    while (signals < i && steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_EQ(signals, i);
  }
  ASSERT_TRUE(reader.is_blocked());
  create("f");
  EXPECT_THAT(reader.result([this] { w_.interrupt(); }), ElementsAre("IN_CREATE f"));
}

TEST_F(WatcherThread, SignalsDoNotShortenATimeout) {
  const Handler handler(SIGUSR1, idle_handler, 0);
  constexpr auto timeout = 100ms;
  steady_clock::duration waited{};
  Reader reader(w_, [&](Watcher& w, std::error_code& ec) {
    const auto start = steady_clock::now();
    const auto events = w.read(timeout, ec);
    waited = steady_clock::now() - start;
    return events;
  });
  ASSERT_TRUE(reader.is_blocked());
  for (int i = 0; i < 20; ++i) ::pthread_kill(reader.handle(), SIGUSR1);
  EXPECT_THAT(reader.result(rescue()), IsEmpty());
  EXPECT_GE(waited, timeout);
}

}  // namespace
