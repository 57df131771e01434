// What others can make a watcher use: memory, for a tree that is deep or wide.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/chain.hpp"
#include "support/replay.hpp"
#include "support/temp_dir.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INOTIFY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INOTIFY_SANITIZED 1
#endif
#endif

namespace bounds {
namespace {

using namespace std::chrono_literals;
using inotify::AutoWatcher;
using inotify::Event;
using test::Chain;
using test::names;
using test::TempDir;

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr std::size_t levels = 8'000;

bool is_measurable() {
#ifdef INOTIFY_SANITIZED
  return false;
#else
  return true;
#endif
}

// A line of /proc/self/status, in bytes.
std::size_t status(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoul(line.substr(key.size() + 1)) * 1024;
  }
  throw std::runtime_error("no such line in /proc/self/status");
}

std::size_t heap_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// The most memory that `body` needs, beyond what there was.
template <class Body>
std::size_t peak(Body body) {
  ::malloc_trim(0);
  const std::size_t before = status("VmRSS:");
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM begins anew
  body();
  return status("VmHWM:") - before;
}

// What a read() has delivered by now: how many, the largest batch, and whether each name is that of a
// directory one below the last.
struct Descent {
  std::size_t events = 0;
  std::size_t largest = 0;
  std::size_t depth = 0;  // bytes of the last path
  bool is_in_order = true;

  void take(AutoWatcher& watcher) {
    for (auto batch = watcher.read(0ms); !batch.empty(); batch = watcher.read(0ms)) {
      largest = std::max(largest, batch.size());
      for (const Event& event : batch) {
        const std::size_t size = event.fullpath.size();
        is_in_order = is_in_order && event.is_create() && event.is_dir() &&
                      event.fullpath[size] == '\0' &&
                      event.path.size() + 1 + event.name.size() == size &&
                      (depth == 0 || event.path.size() == depth);
        depth = size;
        ++events;
      }
    }
  }
};

bool is_ready(const AutoWatcher& watcher) {
  pollfd fd{watcher.fileno(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

// ---- deep

class DeepChain : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(NamesOf, DeepChain, testing::Values(1, 250),
                         testing::PrintToStringParamName());

// 8,000 directories in one another, whose paths come to 8 GB if each name has 250 bytes.
TEST_P(DeepChain, A14_AChainMadeLiveNeedsLittleMemory) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([&] {
    const TempDir temp;
    std::size_t used = 0;
    Descent descent;
    AutoWatcher watcher;
    watcher.add_all(temp.path(), names);
    const Chain chain(temp.path(), levels, GetParam());
    used = peak([&] { descent.take(watcher); });
    EXPECT_LT(used, 64 * mib);
    EXPECT_EQ(descent.events, levels);
    EXPECT_TRUE(descent.is_in_order);
    EXPECT_EQ(watcher.num_watches(), levels + 1);
  });
}

TEST_P(DeepChain, A14_AChainThatIsAnnouncedNeedsLittleMemory) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([&] {
    const TempDir temp;
    const Chain chain(temp.path(), levels, GetParam());
    Descent descent;
    AutoWatcher::Options options;
    options.announce = true;
    AutoWatcher watcher(std::move(options));
    const std::size_t used = peak([&] {
      watcher.add_all(temp.path(), names);
      descent.take(watcher);
    });
    EXPECT_LT(used, 64 * mib);
    EXPECT_EQ(descent.events, levels);
    EXPECT_TRUE(descent.is_in_order);
    EXPECT_EQ(watcher.num_watches(), levels + 1);
  });
}

// What happens at the bottom is told under a path of 2 MB each time.
TEST_P(DeepChain, A14_EventsAtTheBottomNeedLittleMemory) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([&] {
    const TempDir temp;
    const Chain chain(temp.path(), levels, GetParam());
    AutoWatcher watcher;
    watcher.add_all(temp.path(), names);
    constexpr std::size_t files = 1'000;
    for (std::size_t i = 0; i < files; ++i) {
      ASSERT_EQ(::mknodat(chain.bottom(), std::to_string(i).c_str(), S_IFREG | 0600, 0), 0);
    }
    std::size_t told = 0;
    bool is_right = true;
    const std::size_t depth = temp.str().size() + levels * (GetParam() + 1);
    const std::size_t used = peak([&] {
      for (auto batch = watcher.read(0ms); !batch.empty(); batch = watcher.read(0ms)) {
        EXPECT_EQ(watcher.is_behind(), told + batch.size() < files);
        for (const Event& event : batch) {
          is_right = is_right && event.path.size() == depth && event.name == std::to_string(told++);
        }
      }
    });
    EXPECT_LT(used, 64 * mib);
    EXPECT_EQ(told, files);
    EXPECT_TRUE(is_right);
    for (std::size_t i = 0; i < files; ++i)
      ::unlinkat(chain.bottom(), std::to_string(i).c_str(), 0);
  });
}

// The same without a look-ahead: of what one read(2) gives, a part is kept for the next batch.
TEST_P(DeepChain, A14_AWatcherNeedsLittleMemoryToo) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([&] {
    const TempDir temp;
    const Chain chain(temp.path(), levels, GetParam());
    inotify::Watcher watcher;
    EXPECT_LT(peak([&] { watcher.add_all(temp.path(), names); }), 64 * mib);
    ASSERT_EQ(watcher.num_watches(), levels + 1);
    constexpr std::size_t files = 1'000;
    for (std::size_t i = 0; i < files; ++i) {
      ASSERT_EQ(::mknodat(chain.bottom(), std::to_string(i).c_str(), S_IFREG | 0600, 0), 0);
    }
    std::size_t told = 0;
    bool is_right = true;
    const std::size_t used = peak([&] {
      for (auto batch = watcher.read(0ms); !batch.empty(); batch = watcher.read(0ms)) {
        for (const Event& event : batch)
          is_right = is_right && event.name == std::to_string(told++);
        EXPECT_EQ(watcher.readable() > 0, told < files);
      }
    });
    EXPECT_LT(used, 64 * mib);
    EXPECT_EQ(told, files);
    EXPECT_TRUE(is_right);
    for (std::size_t i = 0; i < files; ++i)
      ::unlinkat(chain.bottom(), std::to_string(i).c_str(), 0);
  });
}

// ---- wide

constexpr std::size_t many = 50'000;

void make_files(const TempDir& temp, std::size_t count) {
  const int fd = ::open(temp.str().c_str(), O_DIRECTORY | O_CLOEXEC);
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(::mknodat(fd, std::to_string(i).c_str(), S_IFIFO | 0600, 0), 0);
  }
  ::close(fd);
}

TEST(WideDirectory, A14_LeavesNothingBehindWhenItHasBeenListed) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([] {
    const TempDir temp;
    make_files(temp, many);
    AutoWatcher watcher;
    const std::size_t before = heap_in_use();
    const std::size_t used = peak([&] { watcher.add_all(temp.path(), names); });
    EXPECT_TRUE(watcher.read(0ms).empty());
    EXPECT_LT(used, 2 * mib);
    EXPECT_LT(heap_in_use() - before, mib / 4);
  });
}

TEST(WideDirectory, A14_IsAnnouncedInBatchesAndGivesTheMemoryBack) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([] {
    const TempDir temp;
    make_files(temp, many);
    AutoWatcher::Options options;
    options.announce = true;
    AutoWatcher watcher(std::move(options));
    const std::size_t before = heap_in_use();
    std::size_t told = 0;
    std::size_t largest = 0;
    const std::size_t used = peak([&] {
      watcher.add_all(temp.path(), names);
      EXPECT_GE(watcher.readable(), many);
      for (auto batch = watcher.read(0ms); !batch.empty(); batch = watcher.read(0ms)) {
        largest = std::max(largest, batch.size());
        told += batch.size();
        EXPECT_EQ(watcher.is_behind(), told < many);
        EXPECT_EQ(is_ready(watcher), told < many);
      }
    });
    EXPECT_EQ(told, many);
    EXPECT_LT(largest, 5'000U);
    EXPECT_LT(used, 16 * mib);               // an event and its path for each would take 20
    EXPECT_LT(heap_in_use() - before, mib);  // two batches
  });
}

// What is closed keeps nothing, whatever it had not read.
TEST(WideDirectory, A14_CloseGivesBackWhatWasNotRead) {
  if (!is_measurable()) GTEST_SKIP() << "a sanitizer's memory is not ours";
  test::in_child([] {
    const TempDir temp;
    make_files(temp, many);
    AutoWatcher::Options options;
    options.announce = true;
    AutoWatcher watcher(std::move(options));
    const std::size_t before = heap_in_use();
    watcher.add_all(temp.path(), names);
    watcher.read(0ms);
    watcher.close();
    EXPECT_LT(heap_in_use() - before, mib / 8);
  });
}

// ---- announced in parts

// What happens to a name while it waits to be announced is told once, and in the right order.
TEST(AnnouncedInParts, A2_A3_WhatHappensMeanwhileIsToldOnce) {
  constexpr int count = 20'000;
  const TempDir temp;
  const auto path = [&](int i) { return temp / ("name-" + std::to_string(i)); };
  for (int i = 0; i < count; ++i) {
    if (i % 100 == 0) {
      ASSERT_EQ(::mkdir(path(i).c_str(), 0755), 0);
      test::write_file(path(i) / "inside");
    } else {
      test::write_file(path(i));
    }
  }
  AutoWatcher::Options options;
  options.announce = true;
  AutoWatcher watcher(std::move(options));
  watcher.add_all(temp.path(), names);
  test::Replay replay;
  int changed = 0;
  const auto apply = [&](std::span<const Event> batch) {
    for (const Event& event : batch) {
      replay.apply(event);
    }
  };
  for (auto batch = watcher.read(0ms); !batch.empty(); batch = watcher.read(0ms)) {
    apply(batch);
    for (const int end = changed + 50; changed < std::min(end, 1'000); ++changed) {
      const int i = changed * 17;
      const auto to = [&] { return temp / ("moved-" + std::to_string(i)); };
      switch (changed % 5) {
        case 0:
          std::filesystem::remove_all(path(i));
          break;
        case 1:
          ::rename(path(i).c_str(), to().c_str());
          break;
        case 2:
          std::filesystem::remove_all(path(i));
          ASSERT_EQ(::mkdir(path(i).c_str(), 0755), 0);
          break;
        case 3:
          test::write_file(temp / ("new-" + std::to_string(i)));
          break;
        default:
          ::rename(path(i).c_str(), path(i + 1).c_str());
          break;
      }
    }
  }
  EXPECT_EQ(changed, 1'000);
  EXPECT_EQ(replay.tree(), test::tree_on_disk(temp.path()));
  EXPECT_TRUE(replay.twice().empty());
}

// A root added, a watch removed, a hole retried: none of it changes what waits to be announced.
TEST(AnnouncedInParts, A2_OtherCallsBetweenTheBatchesLoseNothing) {
  constexpr int count = 10'000;
  const TempDir temp;
  const TempDir other;
  for (int i = 0; i < count; ++i) test::write_file(temp / std::to_string(i));
  for (int i = 0; i < count; ++i) test::write_file(other / std::to_string(i));
  AutoWatcher::Options options;
  options.announce = true;
  AutoWatcher watcher(std::move(options));
  watcher.add_all(temp.path(), names);
  std::multiset<std::string> told;
  const auto take = [&] {
    const auto batch = watcher.read(0ms);
    for (const Event& event : batch) told.emplace(event.fullpath);
    return !batch.empty();
  };
  take();
  test::write_file(temp / "made");
  watcher.add_all(other.path(), names);
  take();
  watcher.retry_holes();
  test::write_file(other / "made");
  watcher.remove(watcher.add(temp.path(), IN_OPEN));
  while (take()) {
  }
  EXPECT_EQ(told.size(), 2 * count + 2);
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), told.size());
}

}  // namespace
}  // namespace bounds
