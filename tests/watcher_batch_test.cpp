// A batch has been applied to the table before its first event is seen: what event.hpp says of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace batch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

template <class W>
void end_of_a_watch() {
  const test::TempDir dir;
  fs::create_directory(dir / "d");
  W watcher;
  const int wd = watcher.add(dir / "d", IN_CREATE | IN_DELETE | IN_DELETE_SELF);
  test::write_file(dir / "d/f");
  fs::remove_all(dir / "d");
  std::vector<std::string> told;
  for (const inotify::Event& event : watcher.read()) {
    EXPECT_EQ(event.path, dir / "d") << "an event has its path all the same";
    EXPECT_EQ(event.wd, wd);
    EXPECT_FALSE(watcher.wd(event.wd));
    EXPECT_THAT(watcher.paths(event.wd), IsEmpty());
    told.push_back(inotify::to_string(event.mask));
  }
  EXPECT_THAT(told, ElementsAre("IN_CREATE", "IN_DELETE", "IN_DELETE_SELF", "IN_IGNORED"));
}

TEST(Batch, OfAWatchThatEndsInItTheTableKnowsNothingAnyMore) {
  end_of_a_watch<inotify::Watcher>();
  end_of_a_watch<inotify::AutoWatcher>();
}

std::vector<std::string> told(inotify::Watcher& watcher, const test::TempDir& dir) {
  std::vector<std::string> lines;
  for (const inotify::Event& event : watcher.read(0ms)) {
    std::string line = inotify::to_string(event.mask & IN_ALL_EVENTS) + ' ';
    line += fs::relative(event.fullpath, dir.path());
    if (!event.moved_from.empty())
      line += " from " + fs::relative(event.moved_from, dir.path()).string();
    if (!event.moved_to.empty()) line += " to " + fs::relative(event.moved_to, dir.path()).string();
    lines.push_back(line);
  }
  return lines;
}

constexpr inotify::Mask names = IN_CREATE | IN_DELETE | IN_MOVE;

// An AutoWatcher could not watch the directory under its first name: it is found where it is now, and
// what it holds is told there.
TEST(Batch, ADirectoryMadeAndRenamedBeforeItWasRead) {
  const test::TempDir dir;
  inotify::Watcher plain({dir.path()}, names);
  inotify::AutoWatcher following({dir.path()}, names);
  fs::create_directory(dir / "d");
  test::write_file(dir / "d/f");
  fs::rename(dir / "d", dir / "e");
  EXPECT_THAT(told(plain, dir),
              ElementsAre("IN_CREATE d", "IN_MOVED_FROM d to e", "IN_MOVED_TO e from d"));
  EXPECT_THAT(told(following, dir),
              ElementsAre("IN_CREATE d", "IN_MOVED_FROM d", "IN_MOVED_TO e", "IN_CREATE e/f"));
}

TEST(Batch, AFileMadeAndRenamedBeforeItWasRead) {
  const test::TempDir dir;
  inotify::AutoWatcher watcher({dir.path()}, names);
  test::write_file(dir / "f");
  fs::rename(dir / "f", dir / "g");
  EXPECT_THAT(told(watcher, dir),
              ElementsAre("IN_CREATE f", "IN_MOVED_FROM f to g", "IN_MOVED_TO g from f"));
}

}  // namespace
}  // namespace batch
