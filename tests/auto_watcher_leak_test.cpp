// A14: after any amount of churn nothing is left of what is gone: no descriptor, no watch, no memory.
//
// INOTIFY_SOAK is the number of directories that come and go (default 4,000; a million takes minutes).
// With a million, the resident memory is looked at as well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <iterator>
#include <string>

#include "support/allocations.hpp"
#include "support/auto_watcher_checks.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

namespace leak {
namespace {

using testing::IsEmpty;

using test::Probe;
using test::SecondProcess;
namespace fs = std::filesystem;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

// What malloc has handed out; 0 where that is not known.
std::size_t heap_in_use() {
#ifdef SANITIZED
  return 0;
#else
  return ::mallinfo2().uordblks;
#endif
}

// Bytes; 0 where a sanitizer keeps what is freed.
std::size_t resident_memory() {
#ifdef SANITIZED
  return 0;
#else
  std::size_t size = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
#endif
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {}));
}

class LeakTest : public testing::Test {
 protected:
  LeakTest() {
    fs::create_directory(root_);
    fs::create_directory(outside_);
  }

  void drain() {
    while (!watcher_.read(test::at_once).empty()) {
    }
  }
  std::string in(const std::string& name) const { return root_ + "/" + name; }

  // So many directories (at least) come, are renamed, leave and go; `pause(i)` may read in between.
  template <class Pause>
  void churn(int directories, Pause pause) const {
    constexpr int per_round = 8;
    for (int i = 0; i < directories; i += per_round) {
      const std::string n = std::to_string(i);
      fs::create_directories(in(n + "/a/b"));
      fs::create_directories(in("x" + n + "/c"));
      test::write_file(in(n + "/a/f"));
      pause(i);
      fs::rename(in(n + "/a"), in("x" + n + "/c/a"));
      fs::rename(in(n), in("y" + n));
      fs::rename(in("x" + n), outside_ + "/x");
      pause(i + 1);
      fs::create_directories(outside_ + "/x/new/deep");
      fs::rename(outside_ + "/x/new", in("z" + n));
      fs::create_directories(in("gone/before/it/is/seen"));
      fs::remove_all(in("gone"));
      fs::remove_all(in("y" + n));
      pause(i + 2);
      fs::remove_all(in("z" + n));
      fs::remove_all(outside_ + "/x");
    }
  }

  // The heap does not grow by what `work` does once it has been done before.
  template <class Work>
  static void expect_flat(Work work) {
    work();
    const std::size_t before = heap_in_use();
    work();
    const std::size_t after = heap_in_use();
    constexpr std::size_t tolerance = 64 * 1024;
    EXPECT_LE(after, before + tolerance);
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::string outside_ = dir_ / "out";
  Probe watcher_;
};

TEST_F(LeakTest, A14_ChurnLeavesNothing) {
  watcher_.add_all(root_, mask);
  const std::size_t descriptors = open_descriptors();
  const auto run = [&](int directories) {  // some are read of at once, some too late
    churn(directories, [&](int i) {
      if (i % 3 != 0) drain();
    });
    drain();
  };
  const int soak = test::number("INOTIFY_SOAK", 4000);
  run(soak / 4);  // to warm up
  const std::size_t before = heap_in_use();
  const std::size_t resident_before = resident_memory();
  run(soak - soak / 4);
  EXPECT_LE(heap_in_use(), before + 64 * 1024);
  EXPECT_LE(resident_memory(), resident_before + (1U << 20));
  EXPECT_EQ(open_descriptors(), descriptors);
  test::expect_watched(watcher_, {root_});
  EXPECT_EQ(watcher_.watches().size(), 1U);
  EXPECT_EQ(watcher_.retry_holes(), 0U);
  EXPECT_EQ(watcher_.readable(), 0U);
  test::expect_heard(watcher_, {root_});
  watcher_.remove_path(root_);
  drain();
  EXPECT_TRUE(watcher_.empty());
  EXPECT_THAT(test::kernel_table(watcher_.inotify_fd()), IsEmpty());
}

// The same against a second process, which does not wait for the reader.
TEST_F(LeakTest, A14_ChurnAtFullSpeedLeavesNothing) {
  watcher_.add_all(root_, mask);
  const std::size_t descriptors = open_descriptors();
  const auto run = [&](int directories) {
    SecondProcess other([&] { churn(directories, [](int) {}); }, std::chrono::minutes(60));
    while (other.is_running()) watcher_.read(test::at_once);
    drain();
  };
  const int soak = test::number("INOTIFY_SOAK", 4000);
  run(soak / 4);  // to warm up
  const std::size_t resident_before = resident_memory();
  run(soak - soak / 4);
  EXPECT_LE(resident_memory(), resident_before + (16U << 20)) << "how far one lags behind varies";
  EXPECT_EQ(open_descriptors(), descriptors);
  test::expect_watched(watcher_, {root_});
  EXPECT_EQ(watcher_.retry_holes(), 0U);
  test::expect_heard(watcher_, {root_});
}

TEST_F(LeakTest, A14_NoDescriptorPerWatch) {
  for (int i = 0; i < 200; ++i) fs::create_directories(in("d" + std::to_string(i) + "/x"));
  const std::size_t before = open_descriptors();
  watcher_.add_all(root_, mask);
  EXPECT_EQ(watcher_.num_watches(), 401U);
  EXPECT_EQ(open_descriptors(), before);
  for (int i = 0; i < 100; ++i) fs::create_directories(in("e" + std::to_string(i) + "/x"));
  drain();
  EXPECT_EQ(open_descriptors(), before);
}

// [7]: it would delay the end of that directory, and keep its file system from being unmounted.
TEST_F(LeakTest, A14_NoDescriptorIsKeptAfterARename) {
  fs::create_directory(in("a"));
  test::write_file(in("a/f"));
  watcher_.add_all(root_, mask | IN_DELETE_SELF);
  const std::size_t before = open_descriptors();
  fs::rename(in("a/f"), in("a/g"));
  drain();
  EXPECT_EQ(open_descriptors(), before) << "a rename";
  fs::rename(in("a/g"), outside_ + "/g");
  drain();
  EXPECT_EQ(open_descriptors(), before) << "a departure";
  fs::rename(outside_ + "/g", in("a/g"));
  drain();
  EXPECT_EQ(open_descriptors(), before) << "an arrival";
  test::write_file(in("a/h"));
  test::exchange(in("a/g"), in("a/h"));
  drain();
  EXPECT_EQ(open_descriptors(), before) << "an exchange";
  fs::create_directory(in("a/d"));
  drain();
  fs::rename(in("a/d"), in("d"));
  watcher_.retry_holes();
  drain();
  EXPECT_EQ(open_descriptors(), before) << "a directory";
  fs::rename(in("a/g"), in("g"));
  drain();
  fs::remove_all(in("a"));
  drain();
  fs::remove_all(root_);
  drain();
  EXPECT_TRUE(watcher_.empty());
}

TEST_F(LeakTest, A14_ClosedAndDestroyedNothingIsLeft) {
  fs::create_directories(in("a/b"));
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 3; ++i) {
    Probe watcher;
    watcher.add_all(root_, mask);
    fs::create_directories(in("c" + std::to_string(i)));
    if (i == 1) watcher.close();
  }
  EXPECT_EQ(open_descriptors(), before);
}

// The same tree again and again: ids, names and index slots are used again.
TEST_F(LeakTest, A14_AFlatHeapOverComingAndGoingTrees) {
  watcher_.add_all(root_, mask);
  expect_flat([&] {
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 150; ++i)
        fs::create_directories(in("tree/d" + std::to_string(i) + "/x/y"));
      drain();
      EXPECT_EQ(watcher_.num_watches(), 452U);
      fs::rename(in("tree"), outside_ + "/tree");
      drain();
      EXPECT_EQ(watcher_.num_watches(), 1U);
      fs::rename(outside_ + "/tree", in("tree"));
      drain();
      EXPECT_EQ(watcher_.num_watches(), 452U);
      fs::remove_all(in("tree"));
      drain();
      EXPECT_EQ(watcher_.num_watches(), 1U);
    }
  });
}

// No half of a rename waits for ever for the other.
TEST_F(LeakTest, A14_LoneHalvesOfRenames) {
  watcher_.add_all(root_, mask);
  expect_flat([&] {
    for (int i = 0; i < 1500; ++i) {
      const std::string name = std::to_string(i);
      test::write_file(in(name));
      fs::rename(in(name), outside_ + "/f");
      fs::rename(outside_ + "/f", in("back" + name));
      fs::remove(in("back" + name));
      if (i % 10 == 0) drain();
    }
    drain();
  });
}

// The contract speaks of live watches; a burst may leave its room behind, but no second one adds to it.
TEST_F(LeakTest, A14_AFlatHeapOverBursts) {
  watcher_.add_all(root_, mask);
  expect_flat([&] {
    for (int i = 0; i < 1500; ++i)
      test::write_file(in("a name that is not short " + std::to_string(i)));
    drain();
    for (int i = 0; i < 1500; ++i) fs::remove(in("a name that is not short " + std::to_string(i)));
    drain();
  });
}

TEST_F(LeakTest, A14_HandAddedWatchesThatComeAndGo) {
  fs::create_directory(in("a"));
  watcher_.add_all(root_, mask);
  expect_flat([&] {
    for (int i = 0; i < 600; ++i) {
      test::write_file(in("f"));
      watcher_.add(in("f"), IN_MODIFY);
      const int wd = watcher_.add(in("a"), IN_OPEN);
      if (i % 2 == 0) drain();
      fs::remove(in("f"));
      watcher_.remove(wd);
    }
    drain();
  });
  test::expect_watched(watcher_, {root_, in("a")});
}

TEST_F(LeakTest, A14_RootsThatComeAndGo) {
  expect_flat([&] {
    for (int i = 0; i < 60; ++i) {
      fs::create_directories(in("r/a/b"));
      watcher_.add_all(in("r"), mask);
      if (i % 2 == 0) {
        watcher_.remove_path(in("r"));
      } else {
        fs::remove_all(in("r"));
      }
      drain();
      EXPECT_TRUE(watcher_.empty());
    }
  });
  EXPECT_THAT(test::kernel_table(watcher_.inotify_fd()), IsEmpty());
  EXPECT_TRUE(watcher_.watches().empty());
}

// Files come, are written and go, in the root and below it; once the buffers have grown, to read of
// that allocates nothing, whether all is read at once or there is more than one read(2) takes.
TEST(AutoWatcherSteadyState, AllocatesNothing) {
  const test::TempDir dir;
  fs::create_directories(dir / "a/b");
  inotify::AutoWatcher watcher;
  watcher.add_all(dir.path(), IN_ALL_EVENTS);
  std::size_t counted_here = 0;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 300; ++i) {
      const std::string name = std::string(60, 'n') + std::to_string(i);
      for (const char* where : {"", "a/", "a/b/"}) {
        test::write_file(dir / (where + name), "text");
        fs::remove(dir / (where + name));
      }
    }
    const std::size_t before = test::allocations();
    std::size_t events = 0;
    for (auto read = watcher.read(test::at_once); !read.empty();
         read = watcher.read(test::at_once)) {
      events += read.size();
    }
    EXPECT_GE(events, 900U * 4);
    if (round >= 6) counted_here += test::allocations() - before;
  }
  EXPECT_EQ(counted_here, 0U);
}

}  // namespace
}  // namespace leak
