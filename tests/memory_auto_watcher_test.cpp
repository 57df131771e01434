// A17 of AutoWatcher: wherever memory runs out, std::bad_alloc comes out, and the next read() goes on: what
// could not be kept is told as an overflow, so that a replay is right again, every directory is watched,
// and the kernel has no watch that the table does not know. Each allocation of each call fails in turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/contract.hpp"
#include "support/scene.hpp"

namespace {

// The next read(2) of an inotify instance finds nothing but the record of an overflow.
bool overflows = false;

}  // namespace

extern "C" ssize_t read(int fd, void* buffer, std::size_t size) {
  const ssize_t n = ::syscall(SYS_read, fd, buffer, size);
  if (!overflows || size < 1024 || n <= 0) return n;
  while (::syscall(SYS_read, fd, buffer, size) > 0) {
  }
  overflows = false;
  const inotify_event record{-1, IN_Q_OVERFLOW, 0, 0};
  std::memcpy(buffer, &record, sizeof record);
  return sizeof record;
}

namespace {

using inotify::AutoWatcher;
using inotify::Event;
using test::attempt;
using test::Exposed;
using test::insist;
using test::Scene;
using test::Shortage;
using test::Variant;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

static_assert(std::is_nothrow_move_constructible_v<AutoWatcher> &&
              std::is_nothrow_move_assignable_v<AutoWatcher>);

using Act = std::function<void(Scene&)>;

// With all that `prepare` leaves told and watched, each allocation of `act` fails in turn.
void sweep(const Variant& variant, std::size_t times, const Act& prepare, const Act& act) {
  std::size_t nth = 1;
  for (std::size_t hits = 1; hits > 0; ++nth) {
    SCOPED_TRACE(std::to_string(times) + " from allocation " + std::to_string(nth) + " on, " +
                 to_string(variant));
    Scene scene(
        variant, [](const auto& call) { return attempt(call); }, 100);
    prepare(scene);
    const Shortage shortage(nth, times);
    act(scene);
    scene.drain();
    hits = Shortage::hits();
    EXPECT_THAT(scene.holes(), testing::IsEmpty());
    scene.check();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(nth, 2U) << "nothing was allocated, so nothing was tested";
}

void sweep(const Act& prepare, const Act& act) {
  sweep({.announce = true}, 1, prepare, act);
  sweep({.announce = true}, 4, prepare, act);
  sweep({.announce = false, .has_filter = true}, 1, prepare, act);
}

void prepare_nothing(Scene&) {}

void prepare_tree(Scene& scene) {
  scene.make();
  scene.add_root(scene.in());
  scene.drain();
}

TEST(MemoryAutoWatcher, A17_AddAllGoesOnWhereItEnded) {
  const auto add = [](Scene& scene) {
    scene.make();
    scene.add_root(scene.in());
  };
  for (const std::size_t threads : {0U, 1U, 2U}) {
    sweep({.announce = true, .threads = threads}, 1, prepare_nothing, add);
  }
  sweep({.announce = true}, 4, prepare_nothing, add);
  sweep({.announce = false, .has_filter = true}, 1, prepare_nothing, add);
}

// Nobody tries it again, so nothing meets again what was watched by then.
TEST(MemoryAutoWatcher, A17_AnAddThatFailsLeavesNoWatchThatNobodyKnows) {
  for (const bool adds_tree : {true, false}) {
    std::size_t nth = 1;
    for (std::size_t hits = 1; hits > 0; ++nth) {
      SCOPED_TRACE(std::string(adds_tree ? "add_all" : "add") + ", allocation " +
                   std::to_string(nth));
      Scene scene(
          {}, [](const auto& call) { return attempt(call); }, 100);
      scene.make();
      const Shortage shortage(nth);
      attempt([&] {
        if (adds_tree) {
          scene.watcher().add_all(scene.in(), test::contract_mask);
        } else {
          scene.watcher().add(scene.in("f"), IN_ATTRIB);
        }
      });
      hits = Shortage::hits();
      scene.drain();
      EXPECT_EQ(test::audit_on_disk(scene.watcher()), "");
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(MemoryAutoWatcher, A17_WhatIsMadeIsFollowed) {
  sweep(prepare_tree, [](Scene& scene) {
    fs::create_directories(scene.in("m/n/o/refused/p"));
    test::write_file(scene.in("m/n/f"));
    scene.drain();
    fs::create_directories(scene.in("m/n/o/q/a-name-that-is-longer-than-a-string-keeps"));
    test::write_file(scene.in("m/n/o/f"));
    fs::remove_all(scene.in("x"));
    fs::create_directories(scene.in("x/z"));
  });
}

TEST(MemoryAutoWatcher, A17_RenamesAreFollowed) {
  sweep(prepare_tree, [](Scene& scene) {
    test::move(scene.in("a"), scene.in("x/a-name-that-is-longer-than-a-string-keeps"));
    scene.drain();
    test::move(scene.in("d"), scene.in("x/d"));
    fs::create_directories(scene.in("x/d/new"));
    test::move(scene.in("f"), scene.in("x/d/new/f"));
    fs::create_directory(scene.in("E"));
    test::move(scene.in("x/d"), scene.in("E/d"));
  });
}

TEST(MemoryAutoWatcher, A17_ExchangesAreFollowed) {
  sweep(prepare_tree, [](Scene& scene) {
    test::exchange(scene.in("a/b"), scene.in("d"));
    scene.drain();
    test::exchange(scene.in("f"), scene.in("x"));
    test::exchange(scene.in("a/e"), scene.in("a/f"));
  });
}

TEST(MemoryAutoWatcher, A17_WhatMovesInOrOutIsFollowed) {
  const auto prepare = [](Scene& scene) {
    fs::create_directories(scene.out("q/r/s"));
    test::write_file(scene.out("q/r/f"));
    prepare_tree(scene);
  };
  sweep(prepare, [](Scene& scene) {
    test::move(scene.in("a"), scene.out("a"));
    test::move(scene.out("q"), scene.in("a"));
    scene.drain();
    test::move(scene.in("a/r"), scene.out("r"));
    fs::create_directory(scene.in("a/r"));
  });
}

TEST(MemoryAutoWatcher, A17_AnOverflowIsRepaired) {
  sweep(prepare_tree, [](Scene& scene) {
    fs::create_directories(scene.in("m/n"));
    test::move(scene.in("a/b"), scene.in("d/b"));
    fs::remove_all(scene.in("x"));
    overflows = true;
    scene.drain();
  });
}

TEST(MemoryAutoWatcher, A17_WhatWasAddedByHandIsKept) {
  sweep(prepare_tree, [](Scene& scene) {
    int wd = -1;
    insist([&] { wd = scene.watcher().add(scene.in("a"), IN_ATTRIB); });
    test::move(scene.in("a"), scene.in("x/a"));
    overflows = true;
    scene.drain();
    EXPECT_EQ(scene.watcher().path(scene.in("x/a"))->wd, wd);
    bool is_heard = false;
    fs::permissions(scene.in("x/a"), fs::perms::owner_all);
    for (bool goes_on = true; goes_on;) {
      std::span<const Event> events;
      if (!attempt([&] { events = scene.watcher().read(0ms); })) continue;
      for (const Event& event : events) is_heard = is_heard || event.is_attrib();
      goes_on = !events.empty();
    }
    // Told, or lost with all that an overflow tells to be lost: drain() would have listed.
    EXPECT_TRUE(is_heard || Shortage::hits() > 0);
    fs::permissions(scene.in("x/a"), fs::perms::all);
    insist([&] { scene.watcher().remove(wd); });
  });
}

// What was queued is read first; the call that fails is not made again, so the next read() goes on.
TEST(MemoryAutoWatcher, A17_ACallThatMeetsUnreadEventsLosesNone) {
  using Call = std::function<void(Scene&)>;
  const Call by_hand = [](Scene& scene) { scene.watcher().add(scene.in("x"), IN_ATTRIB); };
  const Call tree = [](Scene& scene) {
    scene.watcher().add_all(scene.in("x"), test::contract_mask);
  };
  const Call retry = [](Scene& scene) { scene.watcher().retry_holes(); };
  for (const Call& call : {by_hand, tree, retry}) {
    sweep({.announce = true}, 1, prepare_tree, [&](Scene& scene) {
      fs::create_directories(scene.in("m/n"));
      test::move(scene.in("a"), scene.in("m/a"));
      fs::remove_all(scene.in("d"));
      attempt([&] { call(scene); });
    });
  }
}

TEST(MemoryAutoWatcher, A17_RootsComeAndGo) {
  sweep(prepare_tree, [](Scene& scene) {
    fs::create_directories(scene.out("t/u"));
    scene.add_root(scene.out());
    scene.drain();
    test::move(scene.in("a"), scene.out("a"));
    scene.drain();
    scene.remove_root(scene.out());
    insist([&] { scene.watcher().retry_holes(); });
  });
}

TEST(MemoryAutoWatcher, A17_IsMovedClosedAndDestroyedWithoutMemory) {
  Scene scene(
      {}, [](const auto& call) { return attempt(call); }, 100);
  prepare_tree(scene);
  fs::create_directories(scene.in("new/directory"));
  test::move(scene.in("a"), scene.in("d/a"));
  scene.watcher().read(0ms);
  test::move(scene.in("d/a"), scene.in("a"));
  AutoWatcher plain;
  plain.add_all(scene.in(), IN_ALL_EVENTS);
  fs::create_directories(scene.in("other/directory"));
  plain.retry_holes();
  const Shortage shortage(1, Shortage::for_ever);
  const Exposed exposed;
  std::optional<AutoWatcher> second(std::move(plain));
  plain = std::move(*second);
  second.emplace(std::move(plain));
  second->close();
  second.reset();
  EXPECT_EQ(Shortage::hits(), 0U);
}

}  // namespace
