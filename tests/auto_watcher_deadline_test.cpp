// A17: read() comes back in time from a tree that is large, or grows faster than it can be entered; add_all() after so many
// directories as there can be. The next read() goes on, whatever has happened to what was left, and nothing is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/clock.hpp"
#include "support/contract.hpp"
#include "support/faults.hpp"
#include "support/threads.hpp"

namespace {

using testing::ElementsAre;

using test::Call;
using test::Contract;
using test::Fault;
using test::make_dirs;
using test::move;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using inotify::OverflowPolicy;
using Options = inotify::AutoWatcher::Options;

bool polls(const inotify::Watcher& watcher) {
  pollfd fd{watcher.fileno(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

// As long as it lives, to watch a directory takes 5 ms more than it does. A read() then enters no more than it does in any case.
class SlowWatches {
 public:
  // `also` is called before each watch, with its number.
  explicit SlowWatches(const std::function<void(int)>& also = {})
      : fault_(Call::add_watch, [this, also](int nth) {
          test::pass(5ms);
          ++count_;
          if (also) also(nth);
        }) {}
  [[nodiscard]] int count() const { return count_; }

 private:
  int count_ = 0;
  Fault fault_;
};

constexpr int most_at_once = 600;  // calls for the directories of one read(), generously
constexpr int wide = 25;

// `wide` directories with as many in each, and a file in each of those.
void make_tree(const std::string& top) {
  for (int i = 0; i < wide; ++i) {
    for (int j = 0; j < wide; ++j) {
      const std::string path = top + '/' + std::to_string(i) + '/' + std::to_string(j);
      make_dirs(path);
      test::write_file(path + "/f");
    }
  }
}

// ---- in time

// Another thread makes trees as fast as it can, in place or elsewhere to be moved in. A read() that went through one of 800
// directories would take more than 4 s.
TEST(Deadline, A17_ReadComesBackFromTreesThatGrowAndAreMovedIn) {
  Contract contract;
  contract.start();
  std::atomic<bool> done = false;
  test::Thread other([&] {
    for (int round = 0; round < 4; ++round) {
      const std::string name = std::to_string(round);
      const std::string top = round % 2 == 0 ? contract.out(name) : contract.in(name);
      std::string deepest = top;
      for (int level = 0; level < 40; ++level) {
        make_dirs(deepest);
        for (int i = 0; i < 19; ++i) make_dirs(deepest + '/' + std::to_string(i));
        deepest += "/d";
      }
      if (round % 2 == 0) move(top, contract.in(name));
    }
    done = true;
  });
  std::chrono::nanoseconds most{};
  {
    const SlowWatches slow;
    for (bool is_last = false; !is_last;) {
      is_last = done;
      const auto before = std::chrono::steady_clock::now();
      is_last = !contract.step() && is_last && !contract.watcher().is_behind();
      most = std::max(most, std::chrono::nanoseconds(std::chrono::steady_clock::now() - before));
    }
  }
  EXPECT_LT(most, 2500ms);
  contract.check();
}

// Before each directory is watched another one is made in it.
TEST(Deadline, A17_ReadComesBackFromAChainWithoutAnEnd) {
  constexpr int without_end = 2000;
  Contract contract;
  contract.start();
  std::string deepest = contract.in("d");
  make_dirs(deepest);
  {
    const SlowWatches slow([&](int nth) {
      if (nth > without_end) return;
      if (nth % 500 == 0) deepest = contract.in("d");  // lest its path becomes too long
      deepest += "/d" + std::to_string(nth);
      ::mkdir(deepest.c_str(), 0700);
    });
    EXPECT_TRUE(contract.step());
    EXPECT_LT(slow.count(), most_at_once);
  }
  contract.drain();
  contract.check();
}

TEST(Deadline, A17_WhatARootOfSmallSizeTakesInIsToldAtOnce) {
  Contract contract;
  contract.start();
  for (int i = 0; i < 100; ++i) make_dirs(contract.out("d/" + std::to_string(i)));
  move(contract.out("d"), contract.in("d"));
  const SlowWatches slow;
  EXPECT_EQ(contract.watcher().read(0ms).size(), 101U);
  EXPECT_FALSE(contract.watcher().is_behind());
}

// Told as pending, and by who is polled; read until nothing is left, it is all.
TEST(Deadline, A17_WhatIsLeftIsToldByIsBehindReadableAndFileno) {
  Contract contract;
  make_tree(contract.out("d"));
  contract.start();
  move(contract.out("d"), contract.in("d"));
  const SlowWatches slow;
  int reads = 0;
  for (; reads == 0 || contract.watcher().is_behind(); ++reads) {
    const int before = slow.count();
    contract.step();
    EXPECT_LT(slow.count() - before, most_at_once);
    EXPECT_EQ(polls(contract.watcher()), contract.watcher().is_behind());
    EXPECT_EQ(contract.watcher().readable() > 0, contract.watcher().is_behind());
  }
  EXPECT_GT(reads, 2);
  contract.check();
}

// Nobody asked for names, so there is nothing to return for long.
TEST(Deadline, A17_ReadComesBackWithNothing) {
  Contract contract({}, IN_MODIFY);
  make_tree(contract.out("d"));
  contract.start();
  move(contract.out("d"), contract.in("d"));
  const SlowWatches slow;
  EXPECT_TRUE(contract.watcher().read(0ms).empty());
  EXPECT_LT(slow.count(), most_at_once);
  EXPECT_TRUE(contract.watcher().is_behind());
  while (contract.watcher().is_behind()) EXPECT_TRUE(contract.watcher().read(0ms).empty());
  EXPECT_EQ(contract.watcher().num_watches(), std::size_t{1 + 1 + wide + wide * wide});
}

// ---- what happens to what is left

struct Change {
  const char* name;
  std::function<void(Contract&)> make;
};
void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

class LeftTest : public testing::TestWithParam<Change> {};

// After each number of reads, in a tree of which some directories are entered and others are not.
TEST_P(LeftTest, A17_IsRightWhateverHappensToIt) {
  for (int reads = 1; reads <= 2 && !HasFailure(); ++reads) {
    SCOPED_TRACE("after read number " + std::to_string(reads));
    Contract contract;
    make_tree(contract.out("d"));
    contract.start();
    move(contract.out("d"), contract.in("d"));
    {
      const SlowWatches slow;
      for (int i = 0; i < reads; ++i) contract.step();
      ASSERT_TRUE(contract.watcher().is_behind());
      {
        const Fault::Suspended suspended;
        GetParam().make(contract);
      }
      contract.drain();
    }
    contract.check();
  }
}

void rename_all(Contract& contract, const std::string& top, const std::string& to) {
  for (int i = 0; i < wide; ++i)
    move(contract.in(top + std::to_string(i)), contract.in(to + std::to_string(i)));
}

const Change changes[] = {
    {"TheTopIsRenamed", [](Contract& c) { move(c.in("d"), c.in("e")); }},
    {"TheTopIsMovedAway", [](Contract& c) { move(c.in("d"), c.out("e")); }},
    {"TheTopIsMovedAwayAndBack",
     [](Contract& c) {
       move(c.in("d"), c.out("e"));
       make_dirs(c.out("e/new/new"));
       move(c.out("e"), c.in("d"));
     }},
    {"TheTopIsRemoved", [](Contract& c) { fs::remove_all(c.in("d")); }},
    {"TheTopIsReplaced",
     [](Contract& c) {
       move(c.in("d"), c.out("e"));
       make_dirs(c.in("d/1/1/1"));
     }},
    {"AllBelowIsRenamed", [](Contract& c) { rename_all(c, "d/", "d/new"); }},
    {"AllBelowIsMovedUp", [](Contract& c) { rename_all(c, "d/", "up"); }},
    {"AllBelowIsMovedIntoOneAnother",
     [](Contract& c) {
       for (int i = wide - 1; i > 0; --i)
         move(c.in("d/" + std::to_string(i)), c.in("d/" + std::to_string(i - 1) + "/in"));
     }},
    {"TwoAreExchanged",
     [](Contract& c) {
       for (int i = 1; i < wide; ++i)
         test::exchange(c.in("d/" + std::to_string(i)), c.in("d/" + std::to_string(wide - i)));
     }},
    {"TwoLevelsAreExchanged",
     [](Contract& c) {
       for (int i = 1; i < wide; ++i)
         test::exchange(c.in("d/" + std::to_string(i) + "/0"),
                        c.in("d/0/" + std::to_string(i) + "/f"));
     }},
    {"SomeAreRemovedAndMadeAgain",
     [](Contract& c) {
       for (int i = 0; i < wide; i += 3) {
         fs::remove_all(c.in("d/" + std::to_string(i)));
         make_dirs(c.in("d/" + std::to_string(i) + "/again/again"));
       }
     }},
    {"MoreIsMade",
     [](Contract& c) {
       for (int i = 0; i < wide; ++i) make_dirs(c.in("d/" + std::to_string(i) + "/more/more"));
     }},
    {"ItsWatchEnds",
     [](Contract& c) {
       c.watcher().remove_path(c.in("d"));
       move(c.in("d"), c.in("e"));  // so that it is followed again
     }},
    {"IsWatchedByHand", [](Contract& c) { c.watcher().add(c.in("d/24/24"), test::contract_mask); }},
    {"IsMadeARoot", [](Contract& c) { c.watcher().add_all(c.in("d/24"), test::contract_mask); }},
    {"TheRootIsAddedAgain", [](Contract& c) { c.watcher().add_all(c.in(), test::contract_mask); }},
    {"HolesAreTriedAgain", [](Contract& c) { EXPECT_EQ(c.watcher().retry_holes(), 0U); }},
};
INSTANTIATE_TEST_SUITE_P(Deadline, LeftTest, testing::ValuesIn(changes),
                         [](const auto& test_info) { return std::string(test_info.param.name); });

// ---- overflow

TEST(Deadline, A10_A17_AnOverflowThatAnnouncesIsDealtWithInParts) {
  Contract contract({.overflow = OverflowPolicy::announce});
  make_tree(contract.in("d"));
  contract.start();
  make_dirs(contract.in("lost/lost"));
  Fault::lose_what_is_queued();
  {
    const SlowWatches slow;
    contract.step();
    EXPECT_LT(slow.count(), most_at_once);
    EXPECT_TRUE(contract.watcher().is_behind());
    make_dirs(contract.in("d/24/more/more"));
    contract.drain();
  }
  contract.check();
}

// Who lists when he is told of it does so before all is watched again: he is told once more.
TEST(Deadline, A10_A17_AnOverflowThatReportsIsToldAgainAtItsEnd) {
  test::TempDir dir;
  const std::string root = dir / "in";
  make_tree(root + "/d");
  Probe watcher;
  watcher.add_all(root, test::contract_mask);
  make_dirs(root + "/lost/lost");
  Fault::lose_what_is_queued();
  test::Tree known = test::tree_on_disk(root);
  std::vector<std::string> overflows;
  {
    const SlowWatches slow;
    bool is_first = true;
    do {
      Replay replay(std::move(known));
      bool lists = false;
      for (const inotify::Event& event : watcher.read(0ms)) {
        replay.apply(event);
        if (event.is_overflow()) overflows.emplace_back(event.fullpath);
        lists = lists || event.is_overflow();
        EXPECT_FALSE(event.synthetic && !event.is_dir()) << event;
      }
      known = lists ? test::tree_on_disk(root) : replay.tree();
      if (std::exchange(is_first, false)) {
        EXPECT_TRUE(watcher.is_behind());
        for (int i = 0; i < wide; ++i) make_dirs(root + "/d/" + std::to_string(i) + "/1/new/new");
      }
    } while (watcher.is_behind());
  }
  EXPECT_THAT(overflows, ElementsAre(root, root));
  EXPECT_EQ(test::difference(known, test::tree_on_disk(root)), "");
  test::expect_watched(watcher, test::directories(root));
  test::expect_heard(watcher, test::directories(root));
}

// ---- add_all

// A tree of 64 directories is moved on into each directory before that is watched, so that it is walked again and again.
TEST(Deadline, A17_AddAllComesBackAfterSoManyDirectoriesAsThereCanBe) {
  test::in_child([] {
    constexpr int places = 800;
    test::TempDir dir;
    const std::string root = dir / "in";
    make_dirs(root);
    for (int i = 0; i < 64; ++i) make_dirs(dir / ("in/tree/" + std::to_string(i)));
    for (int i = 0; i < places; ++i) make_dirs(dir / ("in/p" + std::to_string(i)));
    test::enter_user_namespace();
    test::limit_watches(1000);
    Probe watcher(Options{.announce = true, .threads = 0});
    std::string tree = root + "/tree";
    int calls = 0;
    {
      const Fault add(Call::openat, [&](int) {
        ++calls;
        const std::string to = root + "/p" + std::to_string(calls / 40 % places) + "/tree";
        if (to != tree && std::rename(tree.c_str(), to.c_str()) == 0) tree = to;
      });
      watcher.add_all(root, test::contract_mask);
    }
    EXPECT_LT(calls, 20'000);
    Replay replay;
    test::apply(replay, test::drain(watcher));
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root)), "");
    test::expect_watched(watcher, test::directories(root));
  });
}

}  // namespace
