// A17: whatever others do meanwhile, add_all() and read() come back; what they have left is told later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <inotify/file_watch.hpp>
#include <inotify/limits.hpp>
#include <iostream>
#include <string>
#include <thread>

#include "support/auto_watcher_checks.hpp"
#include "support/faults.hpp"
#include "support/threads.hpp"

namespace {

using test::Call;
using test::Fault;
using test::Probe;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

// The time this thread has worked: the machine may have others to serve.
milliseconds worked() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                  std::chrono::nanoseconds(time.tv_nsec));
}

// 137 directories in the root, x/a; y is like x.
class Bound : public testing::Test {
 protected:
  Bound() {
    for (int i = 0; i < 136; ++i) fs::create_directories(root_ + '/' + std::to_string(i));
    fs::create_directory(root_ + "/1/0");
    fs::copy(dir_ / "x", dir_ / "y", fs::copy_options::recursive);
  }

  static inotify::AutoWatcher::Options options() {
    inotify::AutoWatcher::Options options;
    options.threads = 0;  // all is done, and counted, in the thread that calls
    return options;
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "x/a";
  std::size_t directories_ = 138;  // of root_, at most
};

// The path leads elsewhere from one system call of add_all on, whichever that is.
TEST_F(Bound, A17_AddAllTakesSoManyCallsForEachDirectory) {
  std::size_t most = 0;
  for (int moment = 1; moment <= 12; ++moment) {
    std::size_t calls = 0;
    Probe watcher(options());
    const auto act = [&](int) {
      if (++calls == static_cast<std::size_t>(moment)) test::exchange(dir_ / "x", dir_ / "y");
    };
    const Fault add(Call::add_watch, act);
    const Fault read(Call::read, act);
    watcher.add_all(root_, test::names, [](const auto&) {});
    most = std::max(most, calls);
  }
  EXPECT_LE(most, 12 * directories_ + 1000);
}

// The same, with a directory of the tree, and one more exchange at each call.
TEST_F(Bound, A17_AddAllComesBackThoughEachOfItsCallsMeetsARename) {
  std::size_t most = 0;
  for (std::size_t moment = 1; moment <= 12; ++moment) {
    std::size_t calls = 0;
    Probe watcher(options());
    const auto act = [&](int) {
      if (++calls >= moment) test::exchange(root_ + "/1", root_ + "/2");
    };
    const Fault add(Call::add_watch, act);
    const Fault read(Call::read, act);
    watcher.add_all(dir_.path(), test::names, [](const auto&) {});
    most = std::max(most, calls);
  }
  EXPECT_LE(most, 12 * 2 * directories_ + 1000);
}

TEST_F(Bound, A17_AddAllAndReadComeBackInARace) {
  const test::Watchdog watchdog;
  std::atomic<bool> done = false;
  milliseconds most{};
  test::Thread attacker([&] {
    for (unsigned i = 0; !done; ++i) {
      if (i % 2 == 0) {
        test::exchange(dir_ / "x", dir_ / "y");
      } else {
        test::exchange(dir_ / "x/a/1", dir_ / "x/a/2");
      }
    }
  });
  const auto measure = [&](auto call) {
    const auto before = worked();
    call();
    most = std::max(most, worked() - before);
  };
  for (int i = 0; i < test::rounds(100) && !HasFailure(); ++i) {
    Probe watcher(options());
    measure([&] { watcher.add_all(root_, test::names, [](const auto&) {}); });
    for (int reads = 0; reads < 3; ++reads) measure([&] { watcher.read(0ms); });
  }
  done = true;
  EXPECT_LT(most, 1s);
}

// Others overflow the queue whenever it has been emptied: each round of discarding meets one more record.
TEST_F(Bound, A10_A17_ReadComesBackThoughTheQueueOverflowsWithoutEnd) {
  constexpr int without_end = 60;
  const long limit = inotify::max_queued_events().value_or(0);
  if (limit == 0 || limit > 100'000) GTEST_SKIP() << "the queue holds " << limit << " events";
  Probe watcher(options());
  watcher.add_all(root_ + "/0", test::names | IN_MODIFY);
  std::ofstream one(root_ + "/0/one");
  std::ofstream two(root_ + "/0/two");
  const auto write = [&](long events) {  // to two files by turns, for what is alike is merged [14]
    for (long i = 0; i <= events / 2; ++i) {
      one << '.' << std::flush;
      two << '.' << std::flush;
    }
  };
  write(limit);
  int asked = 0;
  bool is_told = false;
  {
    // Before it is asked how much there is: what is there then has a record in it.
    const Fault ask(Call::ioctl, [&](int) {
      if (++asked < without_end) write(limit);
    });
    while (!is_told && asked < without_end) {
      for (const inotify::Event& event : watcher.read(0ms)) is_told |= event.is_overflow();
    }
  }
  EXPECT_TRUE(is_told);
  EXPECT_LT(asked, without_end / 2);
  while (!watcher.read(0ms).empty()) {
  }
  fs::create_directory(root_ + "/0/d");
  const auto events = watcher.read(0ms);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].fullpath, root_ + "/0/d");
}

// Others fill the queue as fast as it is read.
TEST_F(Bound, A17_AFileWatchComesBackThoughItsQueueIsNeverEmpty) {
  const std::string other = root_ + "/other";
  inotify::FileWatch file(root_ + "/file");
  int reads = 0;
  const Fault read(Call::read, [&](int) {
    if (++reads > 100) return;
    for (int i = 0; i < 300; ++i) {
      test::write_file(other);
      fs::remove(other);
    }
  });
  EXPECT_EQ(file.read(0ms), inotify::FileChange::none);
  EXPECT_LE(reads, 8);
}

}  // namespace
