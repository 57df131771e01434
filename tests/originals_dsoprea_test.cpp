// The programs of PyInotify's page (the package "inotify" of dsoprea), by its library and by ours: the
// same activity, the same told. tests/originals/pyinotify_dsoprea_programs.py has theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <inotify/inotify.hpp>
#include <string>
#include <vector>

#include "support/original.hpp"
#include "support/temp_dir.hpp"

namespace dsoprea {
namespace {

using namespace std::chrono_literals;
using inotify::Event;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Dsoprea : public testing::Test {
 protected:
  // Prints as the program of its page does, with the names in order.
  void tell(const Event& event) {
    const auto below = [&](std::string_view path) {
      return path == root_ ? std::string(".") : std::string(path.substr(root_.size() + 1));
    };
    std::vector<std::string> names;
    for (const auto& name : inotify::decode_mask(event.mask)) names.emplace_back(name);
    std::ranges::sort(names);
    std::string line = "WD=(" + std::to_string(event.wd) + ") MASK=(" + std::to_string(event.mask) +
                       ") COOKIE=(" + (event.cookie != 0 ? "1" : "0") + ") ";
    for (const std::string& name : names) line += (&name == &names.front() ? "" : "|") + name;
    line += " WATCH-PATH=[" + below(event.path) + "] FILENAME=[" + std::string(event.name) + "]";
    told_.push_back(std::move(line));
  }
  void compare(const std::string& program, const test::Steps& steps,
               const std::function<void()>& port, const test::Steps& prepared = {}) {
    const test::Original original =
        test::run_original("pyinotify_dsoprea_programs.py", program, steps, prepared);
    if (!original.missing.empty()) GTEST_SKIP() << original.missing << " (python3-inotify)";
    test::act(dir_.path(), prepared);
    port();
    EXPECT_EQ(told_, original.lines);
  }
  void tell_all(inotify::Watcher& watcher) {
    for (const Event* event : event_gen(watcher, {.timeout = 0ms, .yield_idle = false}))
      tell(*event);
  }

  test::TempDir dir_;
  std::string root_ = dir_.str();
  std::vector<std::string> told_{};
};

TEST_F(Dsoprea, Simple) {
  const test::Steps steps{"touch aa", "remove aa", "mkdir dir1", "rmdir dir1"};
  compare("simple", steps, [&] {
    inotify::Watcher watcher({root_}, IN_ALL_EVENTS);
    test::act(dir_.path(), steps);
    tell_all(watcher);
  });
}

TEST_F(Dsoprea, Paths) {
  const test::Steps steps{"touch a/aa", "write b/f", "move b/f a/f", "write c"};
  compare("paths", steps,
          [&] {
            inotify::Watcher watcher({root_ + "/a", root_ + "/b"}, IN_ALL_EVENTS);
            test::act(dir_.path(), steps);
            tell_all(watcher);
          },
          {"mkdir a", "mkdir b"});
}

// Of a new directory nothing is told yet but that: what PyInotify misses is another test's.
TEST_F(Dsoprea, Trees) {
  const test::Steps steps{"touch a/s/aa", "write b/f", "move b/f a/f", "mkdir b/d", "remove a/f"};
  compare(
      "trees", steps,
      [&] {
        inotify::AutoWatcher watcher({root_ + "/a/s", root_ + "/b", root_ + "/a"}, IN_ALL_EVENTS);
        test::act(dir_.path(), steps);
        tell_all(watcher);
      },
      {"mkdir a", "mkdir a/s", "mkdir b"});
}

// "After each cycle (all notified events were processed, or no events were received), you'll get a None."
TEST_F(Dsoprea, A4_ATickAfterEachCycle) {
  const test::Steps steps{"write a", "touch b", "move a c"};
  compare("ticks", steps, [&] {
    inotify::Watcher watcher({root_}, IN_ALL_EVENTS);
    auto events = event_gen(watcher, {.block_duration = 0ms, .tick = inotify::Tick::each_batch});
    auto event = events.begin();
    for (const std::string& step : steps) {
      test::act(dir_.path(), {step});
      for (; *event != nullptr; ++event) told_.emplace_back((*event)->name);
      told_.emplace_back("None");
      ++event;
    }
  });
}

TEST_F(Dsoprea, ATreeMissesNothing) {
  const test::Steps steps{"mkdir a/d", "mkdir a/d/e", "write a/d/e/f"};
  const auto original = test::run_original("pyinotify_dsoprea_programs.py", "trees", steps,
                                           {"mkdir a", "mkdir a/s", "mkdir b"});
  if (!original.missing.empty()) GTEST_SKIP() << original.missing << " (python3-inotify)";
  EXPECT_THAT(original.lines, Not(Contains(HasSubstr("FILENAME=[f]"))));
  test::act(dir_.path(), {"mkdir a"});
  inotify::AutoWatcher watcher({root_ + "/a"}, IN_CREATE);
  test::act(dir_.path(), steps);
  tell_all(watcher);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("FILENAME=[d]"), HasSubstr("FILENAME=[e]"),
                                 HasSubstr("WATCH-PATH=[a/d/e] FILENAME=[f]")));
}

}  // namespace
}  // namespace dsoprea
