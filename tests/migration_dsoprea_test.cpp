// examples/migrating/pyinotify-dsoprea.md, name by name: what stands on its right side does what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <inotify/inotify.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace migration_dsoprea {
namespace {

using namespace std::chrono_literals;
using inotify::Event;
using testing::ElementsAre;
namespace fs = std::filesystem;

class FromDsoprea : public testing::Test {
 protected:
  FromDsoprea() {
    fs::create_directory(dir_ / "a");
    fs::create_directory(dir_ / "b");
  }
  std::vector<std::string> names(inotify::Watcher& watcher, inotify::EventGenOptions options) {
    std::vector<std::string> all;
    for (const Event* event : inotify::event_gen(watcher, std::move(options)))
      all.emplace_back(event != nullptr ? event->name : "None");
    return all;
  }
  test::TempDir dir_;
};

TEST_F(FromDsoprea, Inotify) {
  inotify::Watcher watcher({dir_ / "a", dir_ / "b"}, IN_CREATE);
  const int wd = watcher.path(dir_ / "a")->wd;
  EXPECT_EQ(watcher.add(dir_ / "a", IN_CREATE | IN_DELETE), wd);
  EXPECT_EQ(watcher.wd(wd)->mask, inotify::Mask{IN_CREATE | IN_DELETE});
  test::write_file(dir_ / "a/f");
  for (const Event* event : inotify::event_gen(watcher, {.timeout = 0ms, .yield_idle = false})) {
    EXPECT_EQ(event->path, dir_ / "a");
    EXPECT_EQ(event->name, "f");
    EXPECT_EQ(event->fullpath, dir_ / "a/f");
    EXPECT_EQ(event->wd, wd);
    EXPECT_EQ(event->mask, IN_CREATE);
    EXPECT_EQ(event->cookie, 0U);
    EXPECT_TRUE(event->is_create());
    EXPECT_EQ(inotify::OwnedEvent(*event).name, "f");
  }
  test::write_file(dir_ / "a/g");
  watcher.remove(wd);
  watcher.remove_path(dir_ / "b");
  EXPECT_THROW(watcher.remove_path(dir_ / "c"), fs::filesystem_error);
  std::error_code ec;
  watcher.remove_path(dir_ / "c", ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  std::vector<std::string> paths;
  for (const Event* event : inotify::event_gen(watcher, {.yield_idle = false}))
    paths.emplace_back(event->fullpath);
  EXPECT_THAT(paths, ElementsAre(dir_ / "a/g", dir_ / "a", dir_ / "b"))
      << "and it ends, for nothing is watched any more";
}

TEST_F(FromDsoprea, EventGen) {
  inotify::Watcher watcher({dir_ / "a"}, IN_CREATE | IN_DELETE);
  const auto act = [&] {
    for (const char* name : {"f", "g"}) test::write_file(dir_ / "a" / name);
    for (const char* name : {"f", "g"}) fs::remove(dir_ / "a" / name);
  };
  act();
  EXPECT_THAT(names(watcher, {.timeout = 0ms, .yield_idle = false}),
              ElementsAre("f", "g", "f", "g"));
  int cycles = 0;
  const auto ask = [&] { return ++cycles > 2 ? 1h : 0ms; };
  EXPECT_THAT(names(watcher, {.block_duration = ask, .timeout = 20ms}), ElementsAre("None", "None"))
      << "a wait is no longer than what is left of the timeout";

  act();
  auto range = inotify::event_gen(
      watcher, {.yield_idle = false,
                .filter_predicate = [](const Event& event) { return !event.is_delete(); }});
  int delivered = 0;
  for ([[maybe_unused]] const Event* event : range) ++delivered;
  EXPECT_EQ(delivered, 2);
  EXPECT_EQ(range.last_event()->name, "f");
  EXPECT_THAT(names(watcher, {.timeout = 0ms, .yield_idle = false}), ElementsAre("g"));

  act();
  try {
    names(watcher, {.terminal_events = IN_DELETE});
    FAIL();
  } catch (const inotify::TerminalEvent& end) {
    EXPECT_EQ(end.event().name, "f");
  }
  EXPECT_THAT(names(watcher, {.timeout = 0ms, .yield_idle = false}), ElementsAre("g"));
  watcher.interrupt();
  EXPECT_THAT(names(watcher, {.yield_idle = false}), ElementsAre());
}

TEST_F(FromDsoprea, InotifyTrees) {
  inotify::AutoWatcher watcher({dir_ / "a", dir_ / "b"}, IN_DELETE);
  fs::create_directory(dir_ / "b/new");
  EXPECT_THAT(names(watcher, {.timeout = 0ms, .yield_idle = false}), ElementsAre())
      << "what was not asked for is followed, and not told";
  EXPECT_TRUE(watcher.path(dir_ / "b/new"));
  inotify::AutoWatcher one({dir_ / "a"}, IN_CREATE);
  fs::create_directory(dir_ / "a/gone");
  fs::remove(dir_ / "a/gone");
  EXPECT_THAT(names(one, {.timeout = 0ms, .yield_idle = false}), ElementsAre("gone"));
}

}  // namespace
}  // namespace migration_dsoprea
