// Notifier: the loop, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <inotify/coalesce.hpp>
#include <inotify/event_gen.hpp>
#include <inotify/notifier.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Notifier;
using inotify::Watcher;
using std::chrono::steady_clock;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ended = Notifier::Ended;

template <class Watched>
class NotifierTest : public ::testing::Test {
 protected:
  void SetUp() override { watcher_.add_all(dir_.path(), IN_CREATE | IN_DELETE); }

  void create(const std::string& name) { write_file(dir_ / name); }

  // Notes the names of created files, and those of the others with a sign.
  Notifier::Handler note() {
    return [this](const Event& e) {
      seen_.push_back((e.is_create() ? "" : e.is_delete() ? "-" : "?") + std::string(e.name));
    };
  }

  const test::Watchdog watchdog_;
  const test::TempDir dir_;
  Watched watcher_;
  std::vector<std::string> seen_;
};

using Watchers = ::testing::Types<Watcher, inotify::AutoWatcher>;
TYPED_TEST_SUITE(NotifierTest, Watchers);

TYPED_TEST(NotifierTest, HandlesEventsUntilTheCallbackEndsIt) {
  Notifier notifier(this->watcher_, this->note());
  this->create("a");
  int cycles = 0;
  const auto ended = notifier.loop([&](Notifier& self) {
    EXPECT_EQ(&self, &notifier);
    if (++cycles == 1) this->create("b");
    return cycles == 2;
  });
  EXPECT_EQ(ended, Ended::by_callback);
  EXPECT_EQ(cycles, 2);
  EXPECT_THAT(this->seen_, ElementsAre("a", "b"));
}

TYPED_TEST(NotifierTest, ATimeoutEndsACycleWithoutEvents) {
  Notifier notifier(this->watcher_, this->note(), {.timeout = 20ms});
  const auto begin = steady_clock::now();
  EXPECT_EQ(notifier.loop([](Notifier&) { return true; }), Ended::by_callback);
  EXPECT_GE(steady_clock::now() - begin, 20ms);
  EXPECT_THAT(this->seen_, IsEmpty());
}

TYPED_TEST(NotifierTest, StopBeforeTheLoopEndsItAndTheNextGoesOn) {
  Notifier notifier(this->watcher_, this->note());
  this->create("a");
  notifier.stop();
  notifier.stop();
  EXPECT_EQ(notifier.loop(), Ended::stopped);
  EXPECT_THAT(this->seen_, IsEmpty());
  EXPECT_EQ(notifier.loop([](Notifier&) { return true; }), Ended::by_callback);
  EXPECT_THAT(this->seen_, ElementsAre("a"));
}

TYPED_TEST(NotifierTest, StopInTheCallback) {
  Notifier notifier(this->watcher_, this->note(), {.timeout = 0ms});
  int cycles = 0;
  const auto callback = [&](Notifier& self) {
    ++cycles;
    self.stop();
    return false;
  };
  EXPECT_EQ(notifier.loop(callback), Ended::stopped);
  EXPECT_EQ(cycles, 1);
}

TYPED_TEST(NotifierTest, StopInTheHandlerKeepsWhatIsLeftForTheNextLoop) {
  Notifier* self = nullptr;
  const auto handle = this->note();
  Notifier notifier(this->watcher_, [&](const Event& e) {
    handle(e);
    if (e.name == "b" || e.name == "c") self->stop();
  });
  self = &notifier;
  for (const char* name : {"a", "b", "c", "d"}) this->create(name);
  EXPECT_EQ(notifier.loop(), Ended::stopped);
  EXPECT_THAT(this->seen_, ElementsAre("a", "b"));
  EXPECT_EQ(notifier.num_kept(), 2U);
  this->create("e");
  EXPECT_EQ(notifier.loop(), Ended::stopped);
  EXPECT_THAT(this->seen_, ElementsAre("a", "b", "c"));
  const auto all = [&](Notifier&) { return this->seen_.size() == 5; };
  EXPECT_EQ(notifier.loop(all), Ended::by_callback);
  EXPECT_THAT(this->seen_, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(notifier.num_kept(), 0U);
}

TYPED_TEST(NotifierTest, AnExceptionOfTheHandlerPassesThroughAndNoEventIsLost) {
  const auto handle = this->note();
  Notifier notifier(this->watcher_, [&](const Event& e) {
    handle(e);
    if (e.name == "b" || e.name == "c") throw std::runtime_error(std::string(e.name));
  });
  for (const char* name : {"a", "b", "c", "d"}) this->create(name);
  EXPECT_THROW(notifier.loop(), std::runtime_error);
  EXPECT_EQ(notifier.num_kept(), 2U);
  EXPECT_THROW(notifier.loop(), std::runtime_error);  // while it handles what was kept
  EXPECT_EQ(notifier.loop([](Notifier&) { return true; }), Ended::by_callback);
  EXPECT_THAT(this->seen_, ElementsAre("a", "b", "c", "d"));
}

TYPED_TEST(NotifierTest, AnExceptionOfTheCallbackPassesThrough) {
  Notifier notifier(this->watcher_, this->note(), {.timeout = 0ms});
  const auto callback = [](Notifier&) -> bool { throw std::runtime_error("no"); };
  EXPECT_THROW(notifier.loop(callback), std::runtime_error);
}

TYPED_TEST(NotifierTest, ALoopThatEndsTakesTheStopsBeforeWithIt) {
  Notifier* self = nullptr;
  Notifier notifier(this->watcher_, [&](const Event&) {
    self->stop();
    throw std::runtime_error("no");
  });
  self = &notifier;
  this->create("a");
  EXPECT_THROW(notifier.loop(), std::runtime_error);
  int cycles = 0;
  this->create("b");
  EXPECT_THROW(notifier.loop([&](Notifier&) { return ++cycles == 1; }), std::runtime_error);
  EXPECT_EQ(cycles, 0);
}

TYPED_TEST(NotifierTest, TheHandlerAddsAndRemovesWatches) {
  const test::TempDir other;
  Notifier* self = nullptr;
  Watcher& watcher = this->watcher_;
  std::vector<std::string> seen;
  Notifier notifier(watcher, [&](const Event& e) {
    if (e.is_ignored()) return;
    seen.push_back(std::string(e.fullpath));
    if (e.name == "a") {
      watcher.add_all(other.path(), IN_CREATE);
      for (int i = 0; i < 100; ++i) {  // tables grow under the event
        const auto path = other / ("file" + std::to_string(i));
        write_file(path);
        watcher.add(path, IN_ATTRIB);
      }
      EXPECT_EQ(e.name, "a");
    } else if (e.name == "b") {
      watcher.remove_path(this->dir_.path());
      write_file(other / "last");
      this->create("unseen");
    } else if (e.name == "last") {
      self->stop();
    }
  });
  self = &notifier;
  this->create("a");
  this->create("b");
  EXPECT_EQ(notifier.loop(), Ended::stopped);
  ASSERT_EQ(seen.size(), 103U) << ::testing::PrintToString(seen);
  EXPECT_EQ(seen[1], (this->dir_ / "b").string());
  EXPECT_EQ(seen[2], (other / "file0").string());
  EXPECT_EQ(seen[102], (other / "last").string());
}

TYPED_TEST(NotifierTest, EndsWhenItWouldWaitForEver) {
  Notifier notifier(this->watcher_, this->note());
  std::filesystem::remove_all(this->dir_.path());
  int idle = 0;
  EXPECT_EQ(notifier.loop(), Ended::nothing_watched);
  EXPECT_EQ(this->watcher_.size(), 0U);
  // The callback may find something to watch.
  const test::TempDir other;
  const auto callback = [&](Notifier& self) {
    if (++idle == 1) {
      this->watcher_.add_all(other.path(), IN_CREATE);
      write_file(other / "new");
    } else {
      self.stop();
    }
    return false;
  };
  this->seen_.clear();
  EXPECT_EQ(notifier.loop(callback), Ended::stopped);
  EXPECT_THAT(this->seen_, ElementsAre("new"));
}

TYPED_TEST(NotifierTest, WithATimeoutItWaitsForTheCallbackToWatchSomething) {
  TypeParam empty;
  Notifier notifier(empty, this->note(), {.timeout = 1ms});
  int cycles = 0;
  EXPECT_EQ(notifier.loop([&](Notifier&) { return ++cycles == 5; }), Ended::by_callback);
}

TYPED_TEST(NotifierTest, AClosedWatcherIsAnError) {
  Notifier notifier(this->watcher_, this->note());
  this->watcher_.close();
  try {
    notifier.loop();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::bad_file_descriptor);
  }
}

TYPED_TEST(NotifierTest, ReadFreqLetsEventsGather) {
  Notifier notifier(this->watcher_, this->note(), {.read_freq = 100ms});
  this->create("a");
  const auto begin = steady_clock::now();
  notifier.loop([](Notifier&) { return true; });
  EXPECT_GE(steady_clock::now() - begin, 100ms);
  EXPECT_THAT(this->seen_, ElementsAre("a"));
  // What happens in the pause is read with the first; how late that can be is the machine's.
  this->seen_.clear();
  this->create("b");
  test::Thread other([this] { this->create("c"); });
  notifier.loop([&](Notifier&) { return this->seen_.size() == 2; });
  EXPECT_THAT(this->seen_, ElementsAre("b", "c"));
}

TYPED_TEST(NotifierTest, FewerBytesThanTheThresholdWaitForMore) {
  Notifier notifier(this->watcher_, this->note(), {.threshold = 3 * 32});
  this->create("a");
  this->create("b");
  test::Thread other([this] { this->create("c"); });
  notifier.loop([](Notifier&) { return true; });  // one cycle, and no timeout
  EXPECT_THAT(this->seen_, ElementsAre("a", "b", "c"));
}

TYPED_TEST(NotifierTest, AfterTheTimeoutTheThresholdIsForgotten) {
  Notifier notifier(this->watcher_, this->note(), {.threshold = 1 << 20, .timeout = 30ms});
  this->create("a");
  const auto begin = steady_clock::now();
  notifier.loop([](Notifier&) { return true; });
  EXPECT_GE(steady_clock::now() - begin, 30ms);
  EXPECT_THAT(this->seen_, ElementsAre("a"));
}

TYPED_TEST(NotifierTest, FoldsEachBatchFirst) {
  bool throws = true;
  const auto backwards = [&](std::span<const Event> events) {
    if (throws) throw std::runtime_error("no");
    return std::vector<Event>(events.rbegin(), events.rend());
  };
  Notifier notifier(this->watcher_, this->note(), {.fold = backwards});
  const auto once = [](Notifier&) { return true; };
  this->create("a");
  EXPECT_THROW(notifier.loop(once), std::runtime_error);
  notifier.loop(once);  // as it was: what could not be folded is not lost
  throws = false;
  this->create("b");
  this->create("c");
  notifier.loop(once);
  EXPECT_THAT(this->seen_, ElementsAre("a", "c", "b"));
}

TYPED_TEST(NotifierTest, AnInterruptOfTheWatcherMeansNothing) {
  Notifier notifier(this->watcher_, this->note());
  this->watcher_.interrupt();
  this->create("a");
  notifier.loop([&](Notifier&) { return !this->seen_.empty(); });
  EXPECT_THAT(this->seen_, ElementsAre("a"));
}

TYPED_TEST(NotifierTest, FoldsWithCoalesce) {
  Notifier notifier(this->watcher_, this->note(), {.fold = inotify::coalesce});
  this->watcher_.add_all(this->dir_.path(), IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE);
  this->create("a");
  notifier.loop([](Notifier&) { return true; });
  EXPECT_THAT(this->seen_, ElementsAre("a"));  // and no event of its content
}

// By reference: neither copied nor wrapped by hand.
TYPED_TEST(NotifierTest, TakesAnEventHandlerAsItIs) {
  class : public inotify::EventHandler {
   public:
    std::vector<std::string> created;

   private:
    inotify::Chain on_create(const Event& event) override {
      created.emplace_back(event.name);
      return inotify::Chain::go_on;
    }
  } handler;
  this->create("a");
  Notifier notifier(this->watcher_, handler);
  notifier.loop([](Notifier&) { return true; });
  inotify::ThreadedNotifier threaded(this->watcher_, handler, {.timeout = 0ms});
  this->create("b");
  threaded.start([&](Notifier&) { return handler.created.size() == 2; });
  threaded.join();
  EXPECT_THAT(handler.created, ElementsAre("a", "b"));
}

// What next() has kept cannot be polled for: a loop that waited for the descriptor first would leave
// it there until something else happens.
TYPED_TEST(NotifierTest, BeginsWithWhatAnEventGenHasLeft) {
  for (const char* name : {"a", "b", "c"}) this->create(name);
  for (const Event* event : inotify::event_gen(this->watcher_)) {
    this->seen_.emplace_back(event->name);
    break;
  }
  ASSERT_EQ(this->watcher_.num_kept(), 2U);
  Notifier notifier(this->watcher_, this->note());
  notifier.loop([&](Notifier&) { return this->seen_.size() >= 3; });
  this->create("d");
  notifier.loop([&](Notifier&) { return this->seen_.size() >= 4; });
  EXPECT_THAT(this->seen_, ElementsAre("a", "b", "c", "d"));
}

// ---- stop() from elsewhere, while nothing happens in the file system

// How long loop() takes to return once stop() was called by another thread, which waits until this
// one sleeps.
steady_clock::duration time_to_stop(Watcher& watcher, inotify::NotifierOptions options) {
  Notifier notifier(
      watcher, [](const Event&) { ADD_FAILURE() << "handled"; }, options);
  const pid_t self = static_cast<pid_t>(::syscall(SYS_gettid));
  steady_clock::time_point called;
  test::Thread other([&] {
    EXPECT_TRUE(test::sleeps(self));
    called = steady_clock::now();
    notifier.stop();
  });
  EXPECT_EQ(notifier.loop(), Ended::stopped);
  const auto returned = steady_clock::now();
  other.join();
  return returned - called;
}

// Another process may have had the processor: the best of some tries counts.
void expect_quick_stop(Watcher& watcher, inotify::NotifierOptions options) {
  steady_clock::duration best = 1h;
  for (int i = 0; i < 5 && best >= 50ms; ++i) best = std::min(best, time_to_stop(watcher, options));
  EXPECT_LT(best, 50ms);
}

TYPED_TEST(NotifierTest, StopFromAnotherThreadEndsAnyWait) {
  expect_quick_stop(this->watcher_, {});
  expect_quick_stop(this->watcher_, {.timeout = 1h});
  this->create("unread");
  expect_quick_stop(this->watcher_, {.read_freq = 1h});
  expect_quick_stop(this->watcher_, {.threshold = 1 << 20});
  expect_quick_stop(this->watcher_, {.read_freq = 1h, .threshold = 1 << 20, .timeout = 1h});
  EXPECT_GT(this->watcher_.readable(), 0U);
}

Notifier* signalled = nullptr;

TYPED_TEST(NotifierTest, StopInASignalHandler) {
  Notifier notifier(this->watcher_, this->note());
  signalled = &notifier;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { signalled->stop(); };
  ::sigaction(SIGUSR1, &action, &before);
  const pthread_t self = ::pthread_self();
  test::Thread other([self] { ::pthread_kill(self, SIGUSR1); });
  EXPECT_EQ(notifier.loop(), Ended::stopped);
  other.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
