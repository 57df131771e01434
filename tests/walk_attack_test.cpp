// A12, and the same for Watcher: whoever may write to a watched tree cannot lead a walk out of it,
// whatever they swap, and whenever.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <inotify/auto_watcher.hpp>
#include <inotify/watcher.hpp>
#include <iostream>
#include <random>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/threads.hpp"

namespace walk_attack {
namespace {

using inotify::Event;
using inotify::Watcher;
using test::Probe;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
namespace fs = std::filesystem;
using Identities = std::set<std::pair<std::uint64_t, std::uint64_t>>;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

// in/a/mid/0..5/0..2 is watched; out has the same names, with a secret in each. in/a/link leads
// to out.
class Attack : public testing::Test {
 protected:
  Attack() {
    for (const std::string& top : {root_ + "/a/mid", outside_}) {
      for (int i = 0; i < 18; ++i) {
        const std::string path = top + '/' + std::to_string(i / 3) + '/' + std::to_string(i % 3);
        fs::create_directories(path);
        if (top == outside_) test::write_file(path + "/secret");
      }
    }
    for (const std::string& path : test::directories(root_)) inside_.insert(test::identity(path));
    fs::create_directory_symlink(outside_, link_);
  }

  void expect_inside(int inotify_fd) const {
    for (const auto& [wd, watch] : test::kernel_table(inotify_fd)) {
      EXPECT_TRUE(inside_.contains({watch.device, watch.inode})) << "watched outside: wd " << wd;
    }
  }

  // Something happens outside in every directory, and nothing of it may be told.
  void stir() const {
    for (const std::string& path : test::directories(outside_)) test::write_file(path + "/secret");
  }
  static void expect_no_secret(std::span<const Event> events) {
    for (const Event& event : events) {
      EXPECT_EQ(event.fullpath.find("secret"), std::string::npos) << event;
      EXPECT_FALSE(event.error) << event;
    }
  }
  template <class AnyWatcher>
  static void expect_no_secret(AnyWatcher& watcher) {
    for (auto events = watcher.read(test::at_once); !events.empty();
         events = watcher.read(test::at_once)) {
      expect_no_secret(events);
    }
  }

  // Exchanges the intermediate directory and the symlink as fast as it can, while `walk` is called
  // again and again: at least so often, and until `is_enough`.
  template <class Walk, class Enough>
  void run(int rounds, Walk walk, Enough is_enough) {
    const test::Watchdog watchdog;
    const auto seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    std::atomic<bool> done = false;
    std::atomic<int> exchanges = 0;
    test::Thread attacker([&] {
      std::mt19937 random(seed);
      while (!done) {
        test::exchange(mid_, link_);
        ++exchanges;
        for (auto pause = random() % 4096; pause > 0 && !done; --pause) {
        }
      }
    });
    for (int i = 0; i < rounds && !HasFailure(); ++i) walk();
    while ((exchanges < rounds || !is_enough()) && !HasFailure()) walk();
    done = true;
    attacker.join();
  }
  template <class Walk>
  void run(int rounds, Walk walk) {
    run(rounds, walk, [] { return true; });
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::string outside_ = dir_ / "out";
  std::string mid_ = root_ + "/a/mid";
  std::string link_ = root_ + "/a/link";
  Identities inside_;
};

TEST_F(Attack, A12_WatcherAddAllIsNeverLedOutside) {
  std::size_t most = 0;
  const auto walk = [&] {
    Watcher watcher;
    most = std::max(most, watcher.add_all(root_, mask).size());
    expect_inside(watcher.fileno());
    expect_no_secret(watcher);
  };
  run(test::rounds(100), walk, [&] { return most > 2; });
  EXPECT_GT(most, 2U) << "the directory was never to be seen";
}

TEST_F(Attack, A12_WatcherAddAllOfWhatIsWatchedIsNeverLedOutside) {
  Watcher watcher;
  watcher.add_all(root_, mask);
  run(test::rounds(100), [&] {
    watcher.add_all(root_, mask);
    expect_inside(watcher.fileno());
    expect_no_secret(watcher);
  });
}

TEST_F(Attack, A12_AddIterIsNeverLedOutside) {
  std::size_t most = 0;
  const auto walk = [&] {
    Watcher watcher;
    std::size_t steps = 0;
    for ([[maybe_unused]] const int wd : watcher.add_iter(root_, mask)) {
      if (++steps % 4 == 0) expect_no_secret(watcher.read(test::at_once));
    }
    most = std::max(most, steps);
    expect_inside(watcher.fileno());
    expect_no_secret(watcher);
  };
  run(test::rounds(100), walk, [&] { return most > 2; });
  EXPECT_GT(most, 2U) << "the directory was never to be seen";
}

TEST_F(Attack, A12_AddIterOfAnAutoWatcherIsNeverLedOutside) {
  run(test::rounds(100), [&] {
    Probe watcher;
    try {
      for ([[maybe_unused]] const int wd : watcher.add_iter(root_, mask)) {
      }
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.code().value(), EAGAIN) << error.what();  // it was faster than we are
    }
    expect_inside(watcher.inotify_fd());
    expect_no_secret(watcher.read(test::at_once));  // not all there is: that may never end
  });
}

TEST_F(Attack, A12_AutoWatcherAddAllIsNeverLedOutside) {
  run(test::rounds(100), [&] {
    Probe watcher;
    watcher.add_all(root_, mask, [](const auto&) {});
    expect_inside(watcher.inotify_fd());
    for (int i = 0; i < 3; ++i) {
      expect_no_secret(watcher.read(test::at_once));
      expect_inside(watcher.inotify_fd());
    }
  });
}

TEST_F(Attack, A12_AnAutoWatcherThatFollowsIsNeverLedOutside) {
  Probe watcher;
  watcher.add_all(root_, mask);
  run(test::rounds(500), [&] {
    expect_no_secret(watcher.read(test::at_once));
    expect_inside(watcher.inotify_fd());
  });
  expect_no_secret(watcher);
  stir();
  expect_no_secret(watcher);
  test::expect_watched(watcher, test::directories(root_));
}

// ---- between two steps, where it is sure to happen

// After each step of a walk in turn the symlink takes the directory's place.
TEST_F(Attack, A12_AddIterIsNotLedOutsideWhateverTheStep) {
  for (std::size_t moment = 1; moment <= inside_.size(); ++moment) {
    SCOPED_TRACE(moment);
    Watcher watcher;
    std::size_t steps = 0;
    for ([[maybe_unused]] const int wd : watcher.add_iter(root_, mask)) {
      if (++steps == moment) test::exchange(mid_, link_);
    }
    expect_inside(watcher.fileno());
    stir();
    expect_no_secret(watcher);
    test::exchange(mid_, link_);
  }
}

// Another directory with the same names, of the same tree, takes its place, and the watcher may not
// have read that yet: what is watched is reported under the path that leads to it.
TEST_F(Attack, A4_AddIterWatchesEachDirectoryUnderItsOwnPath) {
  for (std::size_t moment = 1; moment <= inside_.size(); ++moment) {
    for (const bool is_read : {false, true}) {
      SCOPED_TRACE(std::to_string(moment) + (is_read ? ", read" : ""));
      const std::string away = root_ + "/a/away";
      Watcher watcher;
      std::size_t steps = 0;
      for ([[maybe_unused]] const int wd : watcher.add_iter(root_, mask)) {
        if (++steps != moment) continue;
        test::move(mid_, away);
        fs::copy(away, mid_, fs::copy_options::recursive);
        if (is_read) test::drain(watcher);
      }
      test::drain(watcher);
      EXPECT_EQ(test::audit_on_disk(watcher), "");
      fs::remove_all(mid_);
      test::move(away, mid_);
    }
  }
}

TEST_F(Attack, A14_AddIterKeepsNothingOpenBetweenItsSteps) {
  const auto count = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  Watcher watcher;
  const auto before = count();
  for (const int wd : watcher.add_iter(root_, mask | IN_DELETE_SELF)) {
    EXPECT_EQ(count(), before);
    const std::string path = watcher.wd(wd)->path;
    if (!fs::is_empty(path)) continue;
    fs::remove(path);
    EXPECT_THAT(test::lines(test::drain(watcher), path), Contains("IN_DELETE_SELF ."));
  }
}

TEST_F(Attack, A15_AddIterGoesBeyondPathMax) {
  const std::string name(250, 'n');
  std::vector<int> chain{::open(root_.c_str(), O_PATH | O_CLOEXEC)};
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(::mkdirat(chain.back(), "beside", 0755), 0);
    ASSERT_EQ(::mkdirat(chain.back(), name.c_str(), 0755), 0);
    chain.push_back(::openat(chain.back(), name.c_str(), O_PATH | O_CLOEXEC));
  }
  const auto number = static_cast<std::ptrdiff_t>(inside_.size() + 80);
  Watcher lazy;
  auto walk = lazy.add_iter(root_, mask);
  EXPECT_EQ(std::ranges::distance(walk), number);
  EXPECT_EQ(test::audit(lazy), "");
  Watcher all;
  EXPECT_THAT(all.add_all(root_, mask), SizeIs(number));
  ASSERT_EQ(::mkdirat(chain.back(), "new", 0755), 0);
  for (Watcher* watcher : {&lazy, &all}) {
    const auto events = test::drain(*watcher);
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(events[0].fullpath.size(), root_.size() + 40 * 251 + 4);
  }
  for (const int fd : chain) ::close(fd);
}

}  // namespace
}  // namespace walk_attack
