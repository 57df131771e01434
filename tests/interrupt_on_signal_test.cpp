// Signals that end a wait.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <inotify/inotify.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::InterruptOnSignal;
using test::TempDir;

// What has neither is not to be interrupted; nor is what might throw meanwhile.
struct Thrower {
  void interrupt();
};
static_assert(inotify::Interruptible<inotify::Instance>);
static_assert(inotify::Interruptible<const inotify::Watcher>);
static_assert(inotify::Interruptible<inotify::AutoWatcher>);
static_assert(inotify::Interruptible<inotify::BatchReader>);
static_assert(inotify::Interruptible<inotify::EventQueue>);
static_assert(inotify::Interruptible<inotify::FileWatch>);
static_assert(inotify::Interruptible<inotify::Settle>);
static_assert(inotify::Interruptible<inotify::Notifier>);
static_assert(inotify::Interruptible<inotify::ThreadedNotifier>);
static_assert(!inotify::Interruptible<std::string> && !inotify::Interruptible<Thrower>);

struct Counter {
  void interrupt() noexcept { ++count; }
  std::atomic<int> count = 0;
};

// The exit status of a child process that runs `body`, or minus the signal that ended it.
int status_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool is_default(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

// A program's own handler, and what it has seen.
volatile std::sig_atomic_t own_calls = 0;
volatile std::sig_atomic_t own_pid = 0;
void own(int) { own_calls = own_calls + 1; }
void own_with_info(int, siginfo_t* info, void*) {
  own_calls = own_calls + 1;
  own_pid = info->si_pid;
}

class OwnHandler {
 public:
  explicit OwnHandler(int signal, int flags = 0) : signal_(signal) {
    own_calls = 0;
    own_pid = 0;
    struct sigaction action {};
    action.sa_flags = flags;
    if ((flags & SA_SIGINFO) != 0) action.sa_sigaction = own_with_info;
    if ((flags & SA_SIGINFO) == 0) action.sa_handler = own;
    ::sigaction(signal, &action, &before_);
  }
  OwnHandler(const OwnHandler&) = delete;
  OwnHandler& operator=(const OwnHandler&) = delete;
  ~OwnHandler() { ::sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_ {};
};

TEST(InterruptOnSignal, InterruptsAndTellsWhichSignalCame) {
  Counter counter;
  const InterruptOnSignal guard(counter);
  EXPECT_EQ(guard.signal(), 0);
  ::raise(SIGTERM);
  EXPECT_EQ(counter.count, 1);
  EXPECT_EQ(guard.signal(), SIGTERM);
  ::raise(SIGINT);
  EXPECT_EQ(counter.count, 2);
  EXPECT_EQ(guard.signal(), SIGTERM);  // the first
}

TEST(InterruptOnSignal, LeavesErrnoAlone) {
  struct Failer {
    static void interrupt() noexcept { errno = EIO; }
  } failer;
  const InterruptOnSignal guard(failer, {SIGUSR1});
  errno = EDOM;
  ::raise(SIGUSR1);
  EXPECT_EQ(errno, EDOM);
}

TEST(InterruptOnSignal, TheSecondOfAKindKills) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGRTMAX}) {
    EXPECT_EQ(status_of([&] {
                Counter counter;
                const InterruptOnSignal guard(counter, {SIGINT, SIGTERM, SIGHUP, SIGRTMAX});
                ::raise(signal);
                if (counter.count != 1) return 1;
                ::raise(signal);
                return 2;
              }),
              -signal);
  }
}

TEST(InterruptOnSignal, TheDestructorRestoresTheDefault) {
  Counter counter;
  {
    const InterruptOnSignal guard(counter);
    EXPECT_FALSE(is_default(SIGINT));
    ::raise(SIGINT);
  }
  EXPECT_TRUE(is_default(SIGINT));
  EXPECT_TRUE(is_default(SIGTERM));
  EXPECT_EQ(status_of([] { return ::raise(SIGINT); }), -SIGINT);
}

TEST(InterruptOnSignal, CanBeMadeAgain) {
  Counter counter;
  for (int i = 1; i <= 3; ++i) {
    const InterruptOnSignal guard(counter, {SIGINT});
    ::raise(SIGINT);
    EXPECT_EQ(counter.count, i);
  }
}

TEST(InterruptOnSignal, EveryGuardGetsItInWhateverOrderTheyGo) {
  for (const int first_to_go : {0, 1, 2}) {
    std::array<Counter, 3> counters;
    std::array<std::optional<InterruptOnSignal>, 3> guards;
    for (std::size_t i = 0; i < 3; ++i)
      guards[i].emplace(counters[i], std::initializer_list<int>{SIGINT});
    guards[static_cast<std::size_t>(first_to_go)].reset();
    ::raise(SIGINT);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_EQ(counters[i].count, static_cast<int>(i) == first_to_go ? 0 : 1);
    for (auto& guard : guards) guard.reset();
    EXPECT_TRUE(is_default(SIGINT));
  }
}

// Who is made after the first signal waits for the second, and has it; the others are not told twice.
TEST(InterruptOnSignal, ANewGuardWaitsForTheNextSignal) {
  EXPECT_EQ(status_of([] {
              Counter old;
              Counter fresh;
              const InterruptOnSignal first(old, {SIGINT});
              ::raise(SIGINT);
              const InterruptOnSignal second(fresh, {SIGINT});
              ::raise(SIGINT);
              if (old.count != 1 || fresh.count != 1) return 1;
              ::raise(SIGINT);
              return 2;
            }),
            -SIGINT);
}

// Ended by the default, SIGURG is nothing; a guard made after that must still hear of the next.
TEST(InterruptOnSignal, ASignalThatIsNothingByDefaultDoesNoHarm) {
  Counter counter;
  const InterruptOnSignal guard(counter, {SIGURG});
  for (int i = 0; i < 3; ++i) ::raise(SIGURG);
  EXPECT_EQ(counter.count, 1);
  Counter later;
  const InterruptOnSignal second(later, {SIGURG});
  ::raise(SIGURG);
  EXPECT_EQ(counter.count, 1);
  EXPECT_EQ(later.count, 1);
}

TEST(InterruptOnSignal, TheProgramsHandlerIsCalledEachTimeAndRestored) {
  for (const int flags : {0, SA_SIGINFO}) {
    const OwnHandler handler(SIGINT, flags);
    Counter counter;
    {
      const InterruptOnSignal guard(counter);
      for (int i = 1; i <= 3; ++i) {
        ::kill(::getpid(), SIGINT);
        EXPECT_EQ(own_calls, i);
      }
      EXPECT_EQ(counter.count, 1);
    }
    ::kill(::getpid(), SIGINT);
    EXPECT_EQ(own_calls, 4);
    EXPECT_EQ(counter.count, 1);
    EXPECT_EQ(own_pid, flags == SA_SIGINFO ? ::getpid() : 0);
  }
}

TEST(InterruptOnSignal, AHandlerThatIsForOnceIsCalledOnce) {
  EXPECT_EQ(status_of([] {
              const OwnHandler handler(SIGINT, static_cast<int>(SA_RESETHAND));
              Counter counter;
              {
                const InterruptOnSignal guard(counter);
                ::raise(SIGINT);
              }
              if (own_calls != 1 || counter.count != 1) return 1;
              ::raise(SIGINT);
              return 2;
            }),
            -SIGINT);
}

TEST(InterruptOnSignal, LeavesAHandlerThatHasCoveredIt) {
  EXPECT_EQ(status_of([] {
              own_calls = 0;
              Counter counter;
              std::optional<InterruptOnSignal> guard;
              guard.emplace(counter, std::initializer_list<int>{SIGINT});
              ::signal(SIGINT, own);
              guard.reset();
              ::raise(SIGINT);
              return own_calls == 1 && counter.count == 0 ? 0 : 1;
            }),
            0);
}

// A handler over a guard's that calls it.
struct sigaction covered {};
void call_covered(int signal, siginfo_t* info, void* context) {
  own_calls = own_calls + 1;
  covered.sa_sigaction(signal, info, context);
}

TEST(InterruptOnSignal, AHandlerThatHasCoveredItMayPassOnToIt) {
  EXPECT_EQ(status_of([] {
              own_calls = 0;
              Counter counter;
              const InterruptOnSignal guard(counter, {SIGINT});
              struct sigaction action {};
              action.sa_sigaction = call_covered;
              action.sa_flags = SA_SIGINFO;
              ::sigaction(SIGINT, &action, &covered);
              ::raise(SIGINT);
              if (own_calls != 1 || counter.count != 1) return 1;
              Counter later;  // gets it by the same way
              const InterruptOnSignal second(later, {SIGINT});
              ::raise(SIGINT);
              if (own_calls != 2 || counter.count != 1 || later.count != 1) return 2;
              ::raise(SIGINT);
              return 3;
            }),
            -SIGINT);
}

TEST(InterruptOnSignal, WhatIsIgnoredStaysIgnored) {
  EXPECT_EQ(status_of([] {
              ::signal(SIGINT, SIG_IGN);
              Counter counter;
              const InterruptOnSignal guard(counter);
              ::raise(SIGINT);
              ::raise(SIGINT);
              if (counter.count != 0) return 1;
              ::raise(SIGTERM);
              return counter.count == 1 ? 0 : 2;
            }),
            0);
}

TEST(InterruptOnSignal, AChildDoesNotWakeItsParent) {
  inotify::Watcher watcher;
  const TempDir dir;
  watcher.add(dir.path(), IN_CREATE);
  const InterruptOnSignal guard(watcher);
  EXPECT_EQ(status_of([] { return ::raise(SIGTERM); }), -SIGTERM);
  EXPECT_FALSE(watcher.clear_interrupt());
  ::raise(SIGTERM);
  EXPECT_TRUE(watcher.clear_interrupt());
}

// The thread that runs a handler at that moment is not in the child: nobody there waits for its end.
TEST(InterruptOnSignal, AChildThatIsMadeDuringAHandlerHasGuardsOfItsOwn) {
  struct Slow {
    void interrupt() noexcept {
      is_entered = true;
      while (!may_leave) {
      }
    }
    std::atomic<bool> is_entered = false;
    std::atomic<bool> may_leave = false;
  } slow;
  const InterruptOnSignal guard(slow, {SIGUSR1});
  test::Thread other([] { ::pthread_kill(::pthread_self(), SIGUSR1); });
  while (!slow.is_entered) std::this_thread::yield();
  const int status = status_of([] {
    Counter counter;
    const InterruptOnSignal own(counter, {SIGUSR2});
    ::raise(SIGUSR2);
    return counter.count.load();
  });
  slow.may_leave = true;
  EXPECT_EQ(status, 1);
}

TEST(InterruptOnSignal, RefusesWhatCannotBeCaught) {
  Counter counter;
  for (const int signal : {0, -1, 65, 1000, SIGKILL, SIGSTOP}) {
    try {
      const InterruptOnSignal guard(counter, {SIGINT, signal});
      ADD_FAILURE() << signal;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument) << signal;
    }
    std::error_code ec;
    const InterruptOnSignal guard(counter, {SIGINT, signal}, ec);
    EXPECT_EQ(ec, std::errc::invalid_argument) << signal;
    EXPECT_TRUE(is_default(SIGINT)) << signal;
  }
  std::error_code ec = inotify::make_error(EIO);
  const InterruptOnSignal guard(counter, {SIGINT}, ec);
  EXPECT_FALSE(ec);
}

// A system call of the program that has nothing to do with this goes on, unless it wants it otherwise.
TEST(InterruptOnSignal, OtherSystemCallsAreRestarted) {
  const auto is_restarted = [](int signal) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    return (action.sa_flags & SA_RESTART) != 0;
  };
  Counter counter;
  const OwnHandler cuts_short(SIGUSR1);
  const OwnHandler goes_on(SIGUSR2, SA_RESTART);
  const InterruptOnSignal guard(counter, {SIGINT, SIGUSR1, SIGUSR2});
  EXPECT_TRUE(is_restarted(SIGINT));
  EXPECT_FALSE(is_restarted(SIGUSR1));
  EXPECT_TRUE(is_restarted(SIGUSR2));
}

// ---- what waits

// Sends this process SIGTERM as soon as this thread sleeps.
class Later {
 public:
  Later()
      : thread_([waiting = ::gettid()] {
          EXPECT_TRUE(test::sleeps(waiting));
          ::kill(::getpid(), SIGTERM);
        }) {}

 private:
  test::Thread thread_;
};

class InterruptOnSignalOf : public ::testing::Test {
 protected:
  void SetUp() override { watcher_.add_all(dir_.path(), IN_ALL_EVENTS); }

  const TempDir dir_;
  inotify::AutoWatcher watcher_;
  const test::Watchdog watchdog_;
};

TEST_F(InterruptOnSignalOf, Watcher) {
  const InterruptOnSignal guard(watcher_);
  const Later later;
  EXPECT_TRUE(watcher_.read().empty());
  EXPECT_TRUE(watcher_.interrupted());
  EXPECT_EQ(guard.signal(), SIGTERM);
}

TEST_F(InterruptOnSignalOf, Instance) {
  inotify::Instance instance;
  const InterruptOnSignal guard(instance);
  const Later later;
  EXPECT_EQ(instance.wait(), inotify::Instance::Wake::interrupt);
}

TEST_F(InterruptOnSignalOf, BatchReader) {
  inotify::BatchReader reader(watcher_);
  const InterruptOnSignal guard(reader);
  const Later later;
  EXPECT_TRUE(reader.read().empty());
}

TEST_F(InterruptOnSignalOf, FileWatch) {
  inotify::FileWatch file(dir_ / "file");
  const InterruptOnSignal guard(file);
  const Later later;
  EXPECT_EQ(file.read(), inotify::FileChange::none);
}

TEST_F(InterruptOnSignalOf, Notifier) {
  inotify::Notifier notifier(watcher_, [](const inotify::Event&) {});
  const InterruptOnSignal guard(notifier);
  const Later later;
  EXPECT_EQ(notifier.loop(), inotify::Notifier::Ended::stopped);
}

TEST_F(InterruptOnSignalOf, ThreadedNotifier) {
  inotify::ThreadedNotifier notifier(watcher_, [](const inotify::Event&) {});
  const InterruptOnSignal guard(notifier);
  notifier.start();
  const Later later;
  EXPECT_EQ(notifier.join(), inotify::Notifier::Ended::stopped);
}

TEST_F(InterruptOnSignalOf, EventQueue) {
  inotify::EventQueue queue(watcher_);
  const InterruptOnSignal guard(queue);
  {
    const Later later;
    EXPECT_EQ(queue.wait_and_fill(), 0U);
  }
  const InterruptOnSignal next(queue);
  test::Thread reader([&] { queue.read_events(); });
  const Later later;
  while (queue.pop()) {
  }
  EXPECT_TRUE(queue.is_stopped());
}

TEST_F(InterruptOnSignalOf, EventGen) {
  const InterruptOnSignal guard(watcher_);
  const Later later;
  for (const inotify::Event* event : inotify::event_gen(watcher_, {.block_duration = 1h}))
    ADD_FAILURE() << *event;
}

// ---- threads

// Guards come and go in several threads while signals come to all of them: nothing is interrupted
// whose guard is gone.
TEST(InterruptOnSignal, GuardsOfSeveralThreadsWhileSignalsCome) {
  constexpr int num_threads = 3;
  constexpr int num_rounds = 2000;
  Counter permanent;  // lest a signal that no guard waits for end the program
  struct Ignore {
    static void nothing(int) {}
    Ignore() { ::signal(SIGUSR1, nothing); }
    ~Ignore() { ::signal(SIGUSR1, SIG_DFL); }
  } const ignore;
  const InterruptOnSignal outer(permanent, {SIGUSR1});
  std::atomic<int> running = num_threads;
  std::atomic<int> late = 0;
  struct Target {
    void interrupt() noexcept {
      if (is_gone) ++*late;
    }
    std::atomic<int>* late;
    std::atomic<bool> is_gone = false;
  };
  std::vector<test::Thread> threads;
  for (int i = 0; i < num_threads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < num_rounds; ++round) {
        Target target{&late};
        {
          const InterruptOnSignal guard(target, {SIGUSR1});
          if (round % 2 == 0) ::pthread_kill(::pthread_self(), SIGUSR1);
        }
        target.is_gone = true;
      }
      --running;
    });
  }
  while (running > 0) {
    ::kill(::getpid(), SIGUSR1);
    std::this_thread::yield();
  }
  threads.clear();
  EXPECT_EQ(late, 0);
}

}  // namespace
