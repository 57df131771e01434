// The example programs of pyinotify, by its library and by ours: the same activity, the same told.
// tests/originals/pyinotify_programs.py has theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <inotify/inotify.hpp>
#include <string>
#include <vector>

#include "support/original.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace pyinotify {
namespace {

using namespace std::chrono_literals;
using inotify::Chain;
using inotify::Event;
using Lines = std::vector<std::string>;

// Runs `port` on the same activity, and compares what it tells.
class Pyinotify : public testing::Test {
 protected:
  void compare(const std::string& program, const test::Steps& steps,
               const std::function<void()>& port, const test::Steps& prepared = {}) {
    const test::Original original =
        test::run_original("pyinotify_programs.py", program, steps, prepared);
    if (!original.missing.empty()) GTEST_SKIP() << original.missing << " (python3-pyinotify)";
    test::act(dir_.path(), prepared);
    port();
    EXPECT_EQ(told_, original.lines);
  }
  void tell(std::string line) {
    for (auto at = line.find(root_ + '/'); at != std::string::npos; at = line.find(root_ + '/'))
      line.erase(at, root_.size() + 1);
    told_.push_back(std::move(line));
  }

  test::TempDir dir_;
  std::string root_ = dir_.str();
  Lines told_{};
};

TEST_F(Pyinotify, TutorialThreadednotifier) {
  const test::Steps steps{"write a", "mkdir d", "rmdir d", "remove a", "write end", "remove end"};
  std::atomic<bool> is_over = false;
  struct Handler : inotify::EventHandler {
    std::function<void(std::string)> tell;
    std::atomic<bool>& is_over;
    Handler(std::function<void(std::string)> to, std::atomic<bool>& over)
        : tell(std::move(to)), is_over(over) {}
    Chain on_create(const Event& event) override {
      tell("Creating: " + std::string(event.fullpath));
      return Chain::go_on;
    }
    Chain on_delete(const Event& event) override {
      tell("Removing: " + std::string(event.fullpath));
      is_over = event.name == "end";
      return Chain::go_on;
    }
  } handler([&](const std::string& line) { tell(line); }, is_over);

  compare("tutorial", steps, [&] {
    inotify::Watcher watcher;
    inotify::ThreadedNotifier notifier(watcher, handler);
    notifier.start();
    const auto wds =
        notifier.post([&] { return watcher.add_all(dir_.path(), IN_DELETE | IN_CREATE); }).get();
    test::act(dir_.path(), steps);
    EXPECT_TRUE(test::comes_true([&] { return is_over.load(); }));
    notifier.post([&] {
      for (const int wd : wds) watcher.remove(wd);
    });
    notifier.stop();
    notifier.join();
  });
}

// No new directory: the listing of that by pyinotify is among its own counts.
TEST_F(Pyinotify, Stats) {
  const test::Steps steps{"write a", "write s/f", "move a s/b", "touch s/b", "remove s/b"};
  compare("stats", steps,
          [&] {
            inotify::AutoWatcher watcher;
            watcher.add_all(dir_.path(), IN_ALL_EVENTS);
            inotify::Stats stats;
            test::act(dir_.path(), steps);
            stats.add(watcher.read(0ms));
            for (inotify::Mask bit = 1; bit < IN_ISDIR; bit <<= 1U) {
              if (const auto count = stats.counts().of(bit); count > 0)
                tell(inotify::to_string(bit) + ' ' + std::to_string(count));
            }
            std::ranges::sort(told_);
          },
          {"mkdir s"});
}

TEST_F(Pyinotify, StatsThreadedCountsInTwoThreads) {
  const test::Steps steps{"write s/f", "write a", "remove s/f", "touch a"};
  compare("stats_threaded", steps,
          [&] {
            inotify::Watcher watchers[2];
            inotify::Stats stats[2];
            std::atomic<int> over = 0;
            const auto count = [&](int i) {
              return [&, i](const Event& event) {
                stats[i].add(event);
                if (event.name == "a" && event.is_attrib()) ++over;
              };
            };
            watchers[0].add_all(dir_.path(),
                                IN_ALL_EVENTS & ~(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE));
            watchers[1].add(dir_.path(), IN_ALL_EVENTS);
            inotify::ThreadedNotifier first(watchers[0], count(0)), second(watchers[1], count(1));
            first.start();
            second.start();
            test::act(dir_.path(), steps);
            EXPECT_TRUE(test::comes_true([&] { return over == 2; }));
            for (auto* notifier : {&first, &second}) {
              notifier->stop();
              notifier->join();
            }
            for (int i = 0; i < 2; ++i) {
              Lines lines;
              for (inotify::Mask bit = 1; bit < IN_ISDIR; bit <<= 1U) {
                if (const auto n = stats[i].counts().of(bit); n > 0)
                  lines.push_back("Thread " + std::to_string(i + 1) + ' ' +
                                  inotify::to_string(bit) + ' ' + std::to_string(n));
              }
              std::ranges::sort(lines);
              told_.insert(told_.end(), lines.begin(), lines.end());
            }
          },
          {"mkdir s"});
}

TEST_F(Pyinotify, Exclude) {
  const test::Steps steps{"write hostname", "mkdir cups",    "mkdir cups/ssl",
                          "mkdir rc0.d",    "mkdir cups/no", "write cups/f"};
  compare("exclude", steps, [&] {
    test::act(dir_.path(), steps);
    const inotify::ExcludeFilter filter(
        {root_ + "/apache[2]?/", root_ + "/rc.*", root_ + "/hostname", root_ + "/cups/no"});
    inotify::Watcher watcher;
    const auto result =
        add_watches(watcher, {root_ + "/hostname", root_ + "/cups", root_ + "/rc0.d"},
                    IN_ALL_EVENTS, {.recursive = true, .quiet = true, .add_filter = filter});
    for (const auto& [path, added] : result)
      tell(path + (added.error ? " failed" : added.wd < 0 ? " excluded" : " watched"));
  });
}

TEST_F(Pyinotify, TransientFile) {
  const test::Steps steps{"write test1234", "write other",  "write test1234", "remove test1234",
                          "write test1234", "remove other", "remove test1234"};
  compare("transient", steps, [&] {
    inotify::FileWatch file(dir_ / "test1234");
    for (const std::string& step : steps) {
      test::act(dir_.path(), {step});
      for (auto change = file.read(0ms); change != inotify::FileChange::none;
           change = file.read(0ms)) {
        if (change == inotify::FileChange::modified) {
          tell("written");
        } else {
          tell(std::string(to_string(change)));
          if (change == inotify::FileChange::appeared) tell("written");  // which includes it
        }
      }
    }
  });
}

// There each event is told once, here all of them in one; a handler is called for its bits in the order
// in which they happened, as pyinotify calls its for the events.
TEST_F(Pyinotify, A6_Coalesce) {
  const test::Steps steps{"write test", "write test"};
  struct Each : inotify::EventHandler {
    explicit Each(std::function<void(std::string)> to) : tell(std::move(to)) {}
    inotify::Chain on_default(const Event& event) override {
      tell(inotify::to_string(event.mask) + ' ' + std::string(event.fullpath));
      return Chain::go_on;
    }
    std::function<void(std::string)> tell;
  } handler([&](const std::string& line) { tell(line); });

  compare("coalesce", steps, [&] {
    inotify::Watcher watcher({dir_.path()}, IN_ALL_EVENTS);
    test::act(dir_.path(), steps);
    const auto events = inotify::coalesce(watcher.read(0ms));
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(inotify::to_string(events[0].mask), "IN_CREATE|IN_OPEN|IN_MODIFY|IN_CLOSE_WRITE");
    handler(events[0]);
  });
}

TEST_F(Pyinotify, Chain) {
  const test::Steps steps{"write t", "touch t", "remove t"};
  compare("chain", steps, [&] {
    inotify::HandlerChain chain;
    chain
        .then([&](const Event& e) {
          tell(inotify::to_string(e.mask) + ' ' + std::string(e.fullpath));
        })
        .then([&](const Event& e) {
          if (e.is_modify()) tell("IN_MODIFY");
        })
        .then([&](const Event&) { tell("Outer chained method"); });
    inotify::Watcher watcher;
    watcher.add(dir_.path(), IN_ALL_EVENTS);
    test::act(dir_.path(), steps);
    inotify::Notifier notifier(watcher, chain, {.timeout = 0ms});
    notifier.loop([](auto&) { return true; });
  });
}

// A row of the migration page each: what pyinotify knows about a rename.
TEST_F(Pyinotify, ARenameHasItsOldName) {
  const test::Steps steps{"write a", "move a s/b", "mkdir d", "move d s/e"};
  compare("rename", steps,
          [&] {
            inotify::AutoWatcher watcher;
            watcher.add_all(dir_.path(), IN_MOVE);
            for (const std::string& step : steps) {
              test::act(dir_.path(), {step});
              for (const Event& event : watcher.read(0ms)) {
                tell(inotify::to_string(event.mask) + ' ' + std::string(event.fullpath) + " from " +
                     (event.moved_from.empty() ? "None" : std::string(event.moved_from)) + ' ' +
                     (event.is_dir() ? "dir" : "file"));
              }
            }
          },
          {"mkdir s"});
}

}  // namespace
}  // namespace pyinotify
