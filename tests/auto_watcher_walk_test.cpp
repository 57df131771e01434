// add_all's walk in bulk: it is as good as entering each directory with care, whatever others do
// meanwhile, with any number of threads.
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"
#include "support/contract.hpp"
#include "support/threads.hpp"

namespace {

namespace fs = std::filesystem;
using inotify::AutoWatcher;
using test::Contract;

using Options = AutoWatcher::Options;

// ---- while others change the tree

enum class Filter { none, all };

Options options(std::size_t threads, Filter filter, bool announce) {
  Options options;
  options.threads = threads;
  options.announce = announce;
  options.overflow = inotify::OverflowPolicy::announce;
  if (filter == Filter::all) options.add_filter = [](const inotify::Event&) { return true; };
  return options;
}

class WalkRace : public testing::TestWithParam<std::tuple<std::size_t, Filter>> {
 protected:
  // Each round: a tree is made, and others begin to change it everywhere; in the midst of that it is
  // watched.
  void race(bool announce) {
    for (int round = 1; round <= test::rounds(12) && !HasFailure(); ++round) {
      const auto seed = static_cast<std::uint64_t>(test::number("INOTIFY_SEED", round));
      SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
      const auto [threads, filter] = GetParam();
      Contract contract(options(threads, filter, announce));
      churn(contract, seed, 50);
      test::SecondProcess one([&] { churn(contract, seed + 1'000'000, 8); });
      test::SecondProcess other([&] { churn(contract, seed + 2'000'000, 8); });
      contract.start_knowing_nothing();
      while (one.is_running() || other.is_running()) contract.step();
      contract.drain();
      if (announce) contract.check();
      if (!announce) contract.check_watches();
      contract.check_silent(contract.out());
    }
  }

  // `count` operations in each of some trees, which lie in one another, so that to watch the first
  // takes a while.
  static void churn(const Contract& contract, std::uint64_t seed, int count) {
    for (std::uint64_t i = 0; i < 24; ++i) {
      std::string tree = contract.in();
      for (std::uint64_t level = 0; level <= i % 4; ++level) tree += '/' + std::to_string(i / 4);
      fs::create_directories(tree);
      test::Churn(tree, contract.out(), seed * 100 + i).run(count);
    }
  }
};

TEST_P(WalkRace, A2_A3_WhatIsAnnouncedAndReplayedIsTheDisk) { race(true); }

TEST_P(WalkRace, A1_A4_EveryDirectoryIsWatchedUnderItsPath) { race(false); }

INSTANTIATE_TEST_SUITE_P(Walk, WalkRace,
                         testing::Values(std::tuple(0, Filter::none), std::tuple(1, Filter::none),
                                         std::tuple(1, Filter::all), std::tuple(3, Filter::none)),
                         [](const auto& one) {
                           return std::to_string(std::get<0>(one.param)) + "Threads" +
                                  (std::get<1>(one.param) == Filter::all ? "Filtered" : "");
                         });

// ---- a change at one moment of the walk

// At a moment that is told by the filter, which is asked before each directory is watched, something
// happens to one that is watched by then.
class WalkMoment : public testing::TestWithParam<bool> {
 public:
  enum class When { watched, taken_over, others_listed, listed, listed_below };
  using Change = std::function<void(const WalkMoment&)>;

  // Below `first_`, which is watched first and listed last, or `second_`.
  [[nodiscard]] std::string first(const std::string& name = {}) const { return first_ + name; }
  [[nodiscard]] std::string second(const std::string& name = {}) const { return second_ + name; }
  [[nodiscard]] std::string in(const std::string& name) const { return contract_->in(name); }
  [[nodiscard]] std::string out(const std::string& name) const { return contract_->out(name); }

  static void make_content(const std::string& directory, const std::string& name) {
    fs::create_directories(directory + '/' + name + "/c");
    test::write_file(directory + '/' + name + "/c/file");
    test::write_file(directory + '/' + name + "-file");
  }

  void run(When when, const Change& change) {
    // So many that the first is watched in one piece of the walk and listed in another.
    const std::size_t width = when == When::taken_over ? 520 : 20;
    first_.clear();
    second_.clear();
    std::size_t asked = 0;
    bool is_over = false;
    auto with = options(0, Filter::none, GetParam());
    with.add_filter = [&](const inotify::Event& event) {
      const std::string path(event.fullpath);
      if (path == in("p")) return true;
      if (++asked == 1) first_ = path;
      if (asked == 2) second_ = path;
      if (asked <= 2 || asked == width) make_content(path, "a");
      const bool is_it = when == When::watched         ? asked == 10
                         : when == When::taken_over    ? asked == width
                         : when == When::others_listed ? asked == width + 1
                         : when == When::listed        ? path == first("/a")
                                                       : path == first("/a/c");
      if (is_over || !is_it) return true;
      is_over = true;
      change(*this);
      return true;
    };
    contract_.emplace(with);
    for (std::size_t i = 0; i < width; ++i) fs::create_directories(in("p/" + std::to_string(i)));
    for (const char* name : {"x", "y"}) make_content(out(name), "b");
    contract_->start_knowing_nothing();
    ASSERT_TRUE(is_over) << "the moment has not come";
    contract_->drain();
    if (GetParam()) contract_->check();
    if (!GetParam()) contract_->check_watches();
    contract_->check_silent(contract_->out());
  }

 private:
  std::optional<Contract> contract_;
  std::string first_;
  std::string second_;
};

TEST_P(WalkMoment, A1_A2_A3_A4_WhateverChangesIsFoundOut) {
  using Self = WalkMoment;
  const std::vector<std::pair<const char*, Change>> changes{
      {"it is replaced",
       [](const Self& it) {
         test::move(it.first(), it.in("p/new"));
         make_content(it.first(), "b");
       }},
      {"it is replaced by what was outside",
       [](const Self& it) {
         test::move(it.first(), it.out("old"));
         test::move(it.out("x"), it.first());
       }},
      {"it is removed and made anew",
       [](const Self& it) {
         fs::remove_all(it.first());
         make_content(it.first(), "b");
       }},
      {"it is exchanged with one outside",
       [](const Self& it) { test::exchange(it.first(), it.out("x")); }},
      {"it is exchanged with its neighbour",
       [](const Self& it) { test::exchange(it.first(), it.second()); }},
      {"it moves into its neighbour, and another takes its place",
       [](const Self& it) {
         test::move(it.first(), it.second("/a/moved"));
         test::move(it.out("x"), it.first());
       }},
      {"what is in it gets another name",
       [](const Self& it) { test::move(it.first("/a"), it.first("/b")); }},
      {"what is in it leaves, and returns under another name",
       [](const Self& it) {
         test::move(it.first("/a"), it.out("a"));
         test::write_file(it.out("a/more"));
         test::move(it.out("a"), it.first("/b"));
       }},
      {"what is in it leaves for the neighbour",
       [](const Self& it) {
         fs::remove_all(it.second("/a"));
         test::move(it.first("/a"), it.second("/a"));
         test::move(it.out("x"), it.first("/a"));
       }},
      {"what is in it changes places with what is below",
       [](const Self& it) {
         test::move(it.first("/a/c"), it.first("/c"));
         test::move(it.first("/a"), it.first("/c/a"));
         test::move(it.first("/c"), it.first("/a"));
       }},
      {"what is in what is in it is replaced",
       [](const Self& it) {
         test::move(it.first("/a/c"), it.out("c"));
         test::move(it.out("x"), it.first("/a/c"));
       }},
      {"something comes to it from outside",
       [](const Self& it) { test::move(it.out("x"), it.first("/x")); }},
      {"all above gets another name, and another takes its place",
       [](const Self& it) {
         test::move(it.in("p"), it.in("q"));
         fs::create_directory(it.in("p"));
         test::move(it.out("x"), it.in("p") + it.first().substr(it.first().rfind('/')));
       }},
      {"all above leaves, and returns under another name",
       [](const Self& it) {
         test::move(it.in("p"), it.out("p"));
         fs::remove_all(it.out("p/1"));
         test::move(it.out("p"), it.in("q"));
       }},
      {"all above leaves",
       [](const Self& it) {
         test::move(it.in("p"), it.out("p"));
         make_content(it.in("p"), "b");
       }},
      {"it is replaced by a file",
       [](const Self& it) {
         fs::remove_all(it.first());
         test::write_file(it.first());
       }},
  };
  for (const auto& [name, change] : changes) {
    for (const When when :
         {When::watched, When::taken_over, When::others_listed, When::listed, When::listed_below}) {
      SCOPED_TRACE(std::string(name) + ", at moment " + std::to_string(static_cast<int>(when)));
      run(when, change);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Walk, WalkMoment, testing::Bool(),
                         [](const auto& one) { return one.param ? "Announced" : "Silent"; });

// ---- a tree at rest

class WalkTest : public test::ContractTest {
 protected:
  // Three levels of `width` directories, with a file in each.
  void make_tree(int width) const {
    for (int i = 0; i < width * width * width; ++i) {
      const std::string path =
          contract_.in(std::to_string(i / width / width) + '/' + std::to_string(i / width % width) +
                       '/' + std::to_string(i % width));
      fs::create_directories(path);
      test::write_file(path + "/file");
    }
  }

  static std::set<std::string> names(const fs::path& directory) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory))
      names.insert(entry.path().filename().string());
    return names;
  }

  Contract contract_;
};

TEST_F(WalkTest, A1_A2_A3_AnyNumberOfThreadsFindsAllOnce) {
  make_tree(12);  // more than one piece of the walk
  for (const std::size_t threads : {0U, 1U, 2U, 7U}) {
    SCOPED_TRACE(std::to_string(threads) + " threads");
    test::Probe watcher(options(threads, Filter::none, true));
    const auto wds = watcher.add_all(contract_.in(), test::contract_mask);
    EXPECT_EQ(wds.size(), 1U + 12 + 144 + 1728);
    EXPECT_EQ(wds.size(), watcher.num_watches());
    EXPECT_EQ(std::set<int>(wds.begin(), wds.end()).size(), wds.size());
    EXPECT_EQ(test::audit_on_disk(watcher), "");
    test::Replay replay;
    test::apply(replay, test::drain(watcher));
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(contract_.in())), "");
    EXPECT_TRUE(replay.twice().empty());
  }
}

TEST_F(WalkTest, A14_NothingOfTheThreadsIsLeft) {
  make_tree(3);
  const fs::path here = fs::current_path();
  sigset_t before{};
  sigset_t after{};
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  test::Probe watcher(options(2, Filter::none, false));
  std::thread([] {}).join();  // with the first, a sanitizer starts one of its own
  const std::set<std::string> threads = names("/proc/self/task");
  const std::set<std::string> descriptors = names("/proc/self/fd");
  watcher.add_all(contract_.in(), test::contract_mask);
  // join() returns a moment before /proc forgets the thread.
  EXPECT_TRUE(
      test::comes_true([&] { return std::ranges::includes(threads, names("/proc/self/task")); }));
  EXPECT_EQ(names("/proc/self/fd"), descriptors);
  EXPECT_EQ(fs::current_path(), here);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < SIGRTMAX; ++signal)
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
}

// Not as many descriptors at a time as there are levels.
TEST_F(WalkTest, A1_ADeepTree) {
  std::string path = contract_.in();
  for (int depth = 0; depth < 450; ++depth) {
    path += "/d";
    fs::create_directory(path);
    if (depth % 50 == 0) fs::create_directory(path + "/e");
  }
  test::Probe watcher(options(1, Filter::none, true));
  EXPECT_EQ(watcher.add_all(contract_.in(), test::contract_mask).size(), 1U + 450 + 9);
  EXPECT_EQ(test::audit_on_disk(watcher), "");
  test::Replay replay;
  test::apply(replay, test::drain(watcher));
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(contract_.in())), "");
  EXPECT_TRUE(replay.twice().empty());
}

// ---- others, meanwhile

TEST_F(WalkTest, A11_OnlyWhatIsBelowTheRootIsQuietWhileThatIsWalked) {
  make_tree(9);
  const std::string other = contract_.out("other");
  fs::create_directories(other);
  for (const std::size_t threads : {0U, 1U, 2U}) {
    Options with = options(threads, Filter::none, false);
    with.progress = [&](std::size_t) { names(other); };
    test::Probe watcher(std::move(with));
    watcher.add_all(contract_.out(), IN_OPEN | IN_CLOSE);
    test::drain(watcher);
    watcher.add_all(contract_.in(), IN_ALL_EVENTS);
    const auto events = test::drain(watcher);
    EXPECT_TRUE(std::ranges::any_of(
        events, [&](const auto& event) { return event.is_open() && event.fullpath == other; }));
    for (const auto& event : events) EXPECT_TRUE(event.fullpath.starts_with(other)) << event;
  }
}

TEST_F(WalkTest, A11_ATreeThatIsMetUnderAnotherNameIsQuiet) {
  make_tree(3);
  fs::create_directory_symlink(contract_.in(), contract_.out("link"));
  test::Probe watcher(options(1, Filter::none, false));
  watcher.add_all(contract_.in("1"), IN_ALL_EVENTS);
  test::drain(watcher);
  watcher.add_all(contract_.out("link"), IN_ALL_EVENTS);
  const auto events = test::drain(watcher);
  EXPECT_TRUE(events.empty()) << test::show(events);
}

// ---- progress, and what is thrown

TEST_F(WalkTest, A1_ACallThatFailsLeavesNothingToBeRead) {
  test::Probe watcher;
  watcher.add_all(contract_.in(), test::contract_mask);
  EXPECT_THROW(watcher.add_all(contract_.in("not there"), test::contract_mask),
               fs::filesystem_error);
  pollfd poller{watcher.fileno(), POLLIN, 0};
  EXPECT_EQ(::poll(&poller, 1, 0), 0);
}

TEST_F(WalkTest, A1_ARootInARootOfWhichTheFilterThrowsCanBeAddedAgain) {
  fs::create_directories(contract_.in("a/b"));
  int throws = 0;
  Options with;
  with.add_filter = [&](const inotify::Event& event) {
    if (throws > 0 && event.name == "a")
      throw std::runtime_error("enough " + std::to_string(throws--));
    return event.name != "a";
  };
  test::Probe watcher(std::move(with));
  watcher.add_all(contract_.in(), test::contract_mask);
  throws = 1;
  EXPECT_THROW(watcher.add_all(contract_.in("a"), test::contract_mask), std::runtime_error);
  const auto wds = watcher.add_all(contract_.in("a"), test::contract_mask);
  EXPECT_EQ(wds.size(), 2U);
  test::expect_heard(watcher, {contract_.in(), contract_.in("a"), contract_.in("a/b")});
  throws = 1;
  EXPECT_THROW(watcher.remove(wds.front()), std::runtime_error);
  test::expect_heard(watcher, {contract_.in(), contract_.in("a"), contract_.in("a/b")});
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

TEST_F(WalkTest, ProgressCountsTheDirectories) {
  make_tree(12);
  for (const std::size_t threads : {0U, 1U, 2U}) {
    std::vector<std::size_t> counts;
    Options with = options(threads, Filter::none, false);
    with.progress = [&](std::size_t directories) { counts.push_back(directories); };
    test::Probe watcher(std::move(with));
    watcher.add_all(contract_.in(), test::contract_mask);
    EXPECT_GT(counts.size(), 2U);
    EXPECT_TRUE(std::ranges::is_sorted(counts));
    EXPECT_EQ(counts.back(), watcher.num_watches());
  }
}

TEST_F(WalkTest, A1_WhatProgressOrTheFilterThrowsPassesThroughAndTheRestIsWatchedLater) {
  make_tree(12);
  for (const std::size_t threads : {0U, 1U, 2U}) {
    for (const int at : {1, 2, 700}) {
      for (const Filter filter : {Filter::none, Filter::all}) {
        SCOPED_TRACE(std::to_string(threads) + " threads, call " + std::to_string(at));
        int calls = 0;
        const auto count = [&] {
          if (++calls == at) throw std::runtime_error("enough");
        };
        Options with = options(threads, Filter::none, true);
        if (filter == Filter::none) with.progress = [&](std::size_t) { count(); };
        if (filter == Filter::all)
          with.add_filter = [&](const inotify::Event&) { return count(), true; };
        if (filter == Filter::none && at > 2) continue;
        test::Probe watcher(std::move(with));
        const std::set<std::string> descriptors = names("/proc/self/fd");
        EXPECT_THROW(watcher.add_all(contract_.in(), test::contract_mask), std::runtime_error);
        EXPECT_EQ(names("/proc/self/fd"), descriptors);
        pollfd poller{watcher.fileno(), POLLIN, 0};
        EXPECT_EQ(::poll(&poller, 1, 0), 1) << "who polls would never know";
        EXPECT_LT(watcher.num_watches(), 1U + 12 + 144 + 1728);
        test::Replay replay;
        test::apply(replay, test::drain(watcher));
        EXPECT_EQ(watcher.num_watches(), 1U + 12 + 144 + 1728);
        EXPECT_EQ(test::audit_on_disk(watcher), "");
        EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(contract_.in())), "");
        EXPECT_TRUE(replay.twice().empty());
      }
    }
  }
}

}  // namespace
