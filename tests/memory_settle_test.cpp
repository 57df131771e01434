// Settle: what it allocates, and what becomes of it when memory runs out.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <inotify/settle.hpp>
#include <string>

#include "support/allocations.hpp"
#include "support/contract.hpp"
#include "support/temp_dir.hpp"

namespace memory_settle {
namespace {

using inotify::AutoWatcher;
using inotify::Settle;
using namespace std::chrono_literals;

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE;

TEST(MemorySettle, AnEventOfAPathInMotionAllocatesNothing) {
  const test::TempDir dir;
  AutoWatcher watcher;
  watcher.add_all(dir.path(), mask);
  Settle settle(watcher, {.quiet = 1h, .at_most = 1h});
  const auto round = [&] {
    for (int i = 0; i < 500; ++i)
      test::write_file(dir / ("a-file-of-a-long-name-" + std::to_string(i)), "text");
    while (!settle.read(0ms).empty() || watcher.is_behind()) {
    }
  };
  for (int i = 0; i < 8; ++i) round();  // allocates what the watcher's steady state has
  for (int i = 0; i < 500; ++i)
    test::write_file(dir / ("a-file-of-a-long-name-" + std::to_string(i)), "text");
  const std::size_t before = test::allocations();
  while (!settle.read(0ms).empty() || watcher.is_behind()) {
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(settle.size(), 500U);
}

// What is in motion, whatever has happened to it.
TEST(MemorySettle, IsBoundedByThePathsInMotion) {
  const test::TempDir dir;
  AutoWatcher watcher;
  watcher.add_all(dir.path(), mask);
  test::write_file(dir / "a");
  Settle settle(watcher, {.quiet = 1h, .at_most = 1h});
  for (int i = 0; i < 1'000; ++i) {
    test::write_file(dir / "lock");
    test::move(dir / "a", dir / "b");
    test::move(dir / "b", dir / "a");
    std::filesystem::remove(dir / "lock");
    test::write_file(dir / "a", "text");
    settle.read(0ms);
    ASSERT_LE(settle.size(), 3U) << i;
  }
}

// Every other allocation of a run fails in turn.
TEST(MemorySettle, WhatWasLostIsSaid) {
  std::size_t hits = 1;
  for (std::size_t nth = 1; hits > 0; nth += 2) {
    SCOPED_TRACE("allocation " + std::to_string(nth));
    const test::TempDir dir;
    test::make_dirs(dir / "d");
    test::write_file(dir / "d/old");
    AutoWatcher watcher;
    watcher.add_all(dir.path(), mask);
    Settle settle(watcher, {.quiet = 0ms, .at_most = 0ms});
    const test::Shortage shortage(nth);
    const auto happens = [&] {
      test::write_file(dir / "new");
      test::move(dir / "d/old", dir / "old");
      test::move(dir / "d", dir / "e");
    };
    happens();
    bool is_said = false;
    bool is_whole = true;
    std::size_t told = 0;
    const auto read = [&] {
      do {
        for (const auto& event : settle.read(0ms)) {
          is_said = is_said || event.is_overflow();
          ++told;
        }
      } while (watcher.is_behind());
    };
    is_whole = test::attempt(read);
    test::insist(read);
    EXPECT_TRUE(is_whole || is_said || told >= 5) << told;
    test::write_file(dir / "later");
    told = 0;
    is_said = false;
    test::insist(read);
    EXPECT_TRUE(told == 1 || is_said) << told;
    EXPECT_TRUE(settle.empty());
    hits = test::Shortage::hits();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace memory_settle
