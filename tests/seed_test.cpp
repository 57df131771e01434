// What python-inotify's own tests ask of their Watcher, asked of ours.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <inotify/watcher.hpp>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Instance;
using inotify::Mask;
using inotify::OwnedEvent;
using inotify::Watcher;
using test::TempDir;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class Seed : public ::testing::Test {
 protected:
  Seed() { write_file(file_, "content"); }

  void open_and_close() const { ::close(::open(file_.c_str(), O_RDONLY | O_CLOEXEC)); }

  std::vector<OwnedEvent> read_all() {
    std::vector<OwnedEvent> events;
    for (auto batch = w_.read(0ms); !batch.empty(); batch = w_.read(0ms)) {
      for (const Event& e : batch) events.emplace_back(e);
    }
    return events;
  }

  TempDir dir_;
  fs::path file_ = dir_ / "testfile";
  Watcher w_;
};

TEST_F(Seed, OpeningAndClosingAreReadAtOnce) {
  w_.add(file_, IN_ALL_EVENTS);
  open_and_close();
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(events[0].is_open());
  EXPECT_EQ(events[0].mask, Mask{IN_OPEN});
  EXPECT_TRUE(events[1].is_close_nowrite());
  EXPECT_TRUE(events[1].is_close());
  EXPECT_EQ(events[1].mask, Mask{IN_CLOSE_NOWRITE});
  for (const Event& e : events) {
    EXPECT_EQ(e.path, file_.native());
    EXPECT_EQ(e.fullpath, file_.native());
    EXPECT_EQ(e.name, "");
  }
}

TEST_F(Seed, TheTwoHalvesOfAMoveHaveEqualCookiesThatAreNotZero) {
  w_.add(dir_.path(), IN_MOVE);
  fs::rename(file_, dir_ / "renamed");
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(events[0].is_moved_from());
  EXPECT_EQ(events[0].name, "testfile");
  EXPECT_TRUE(events[1].is_moved_to());
  EXPECT_EQ(events[1].name, "renamed");
  EXPECT_NE(events[0].cookie, 0U);
  EXPECT_EQ(events[0].cookie, events[1].cookie);
}

TEST_F(Seed, TwoMovesHaveTwoCookies) {
  w_.add(dir_.path(), IN_MOVE);
  fs::rename(file_, dir_ / "renamed");
  fs::rename(dir_ / "renamed", file_);
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_NE(events[0].cookie, events[2].cookie);
}

TEST_F(Seed, AnAliasThroughASymlinkSharesOneWatchAndSurvivesTheRemovalOfOnePath) {
  const fs::path link = dir_ / "testlink";
  fs::create_symlink(file_, link);
  const int wd = w_.add(link, IN_OPEN);
  EXPECT_EQ(w_.add(file_, IN_CLOSE), wd);
  constexpr Mask both = IN_OPEN | IN_CLOSE;
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_EQ(w_.wd(wd)->mask, both);
  EXPECT_EQ(w_.path(link)->mask, both);
  EXPECT_EQ(w_.path(file_)->mask, both);
  EXPECT_EQ(test::kernel_table(w_.fileno()).at(wd).mask, both);

  open_and_close();
  EXPECT_THAT(read_all(), SizeIs(2));

  w_.remove_path(link);
  EXPECT_FALSE(w_.path(link));
  EXPECT_EQ(w_.path(file_)->wd, wd);
  EXPECT_EQ(w_.num_watches(), 1U);
  open_and_close();
  const auto events = read_all();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].path, file_);
  EXPECT_EQ(events[1].path, file_);
}

TEST_F(Seed, ADeletedFileSaysSoIsIgnoredAndLeavesNothing) {
  w_.add(file_, IN_DELETE_SELF);
  fs::remove(file_);
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(events[0].is_delete_self());
  EXPECT_TRUE(events[1].is_ignored());
  EXPECT_EQ(w_.num_watches(), 0U);
  EXPECT_TRUE(w_.empty());
}

TEST_F(Seed, AMissingPathIsAnErrorOfAddAndOfAddAll) {
  const fs::path missing = dir_ / "missing";
  for (const bool all : {false, true}) {
    try {
      if (all) {
        w_.add_all(missing, IN_ALL_EVENTS);
      } else {
        w_.add(missing, IN_ALL_EVENTS);
      }
      FAIL() << "no exception";
    } catch (const fs::filesystem_error& e) {
      EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
      EXPECT_EQ(e.path1(), missing);
    }
  }
}

TEST_F(Seed, WatchesAreRemovedByPathAndByWatchDescriptor) {
  std::vector<int> wds;
  for (const char* name : {"1", "2", "3"}) {
    write_file(dir_ / name);
    wds.push_back(w_.add(dir_ / name, IN_OPEN));
  }
  EXPECT_EQ(w_.num_watches(), 3U);

  w_.remove_path(dir_ / "1");
  w_.remove(wds[1]);
  const auto events = read_all();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(events[0].is_ignored());
  EXPECT_EQ(events[0].path, dir_ / "1");
  EXPECT_TRUE(events[1].is_ignored());
  EXPECT_EQ(events[1].path, dir_ / "2");
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_FALSE(w_.path(dir_ / "1"));
  EXPECT_FALSE(w_.wd(wds[1]));

  ::close(::open((dir_ / "1").c_str(), O_RDONLY | O_CLOEXEC));
  ::close(::open((dir_ / "2").c_str(), O_RDONLY | O_CLOEXEC));
  ::close(::open((dir_ / "3").c_str(), O_RDONLY | O_CLOEXEC));
  const auto rest = read_all();
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].path, dir_ / "3");
  EXPECT_EQ(rest[0].wd, wds[2]);

  w_.remove_path(dir_ / "3");
  read_all();
  EXPECT_TRUE(w_.empty());
}

TEST_F(Seed, AllOfATreeIsWatched) {
  fs::create_directories(dir_ / "a/b/c");
  const auto wds = w_.add_all(dir_.path(), IN_CREATE);
  EXPECT_THAT(wds, SizeIs(4));
  std::set<std::string> paths;
  for (const auto& watch : w_.watches()) paths.insert(watch.path);
  EXPECT_EQ(paths, (std::set<std::string>{dir_.str(), dir_ / "a", dir_ / "a/b", dir_ / "a/b/c"}));
}

TEST_F(Seed, EveryEventCanBePrinted) {
  fs::create_directory(dir_ / "d");
  w_.add(dir_.path(), IN_ALL_EVENTS);
  w_.add(file_, IN_ALL_EVENTS);
  open_and_close();
  write_file(file_, "more");
  fs::permissions(file_, fs::perms::owner_read);
  fs::rename(file_, dir_ / "d/renamed");
  fs::rename(dir_ / "d/renamed", dir_ / "renamed");
  fs::remove(dir_ / "renamed");
  fs::remove(dir_ / "d");
  const auto events = read_all();
  Mask seen = 0;
  for (const OwnedEvent& e : events) {
    seen |= e.mask;
    std::ostringstream owned;
    owned << e;
    std::ostringstream viewed;
    viewed << e.view();
    EXPECT_EQ(owned.str(), viewed.str());
    EXPECT_EQ(owned.str().find('\n'), std::string::npos) << owned.str();
    for (const auto& name : inotify::decode_mask(e.mask)) EXPECT_THAT(owned.str(), HasSubstr(name));
    EXPECT_THAT(owned.str(), HasSubstr(e.fullpath));
  }
  constexpr Mask expected = IN_OPEN | IN_CLOSE | IN_MODIFY | IN_ATTRIB | IN_MOVE | IN_MOVE_SELF |
                            IN_DELETE | IN_DELETE_SELF | IN_IGNORED | IN_ISDIR;
  EXPECT_EQ(seen & expected, expected) << "only " << inotify::to_string(seen);
}

TEST_F(Seed, ReadingFailsWhenNothingIsWatched) {
  EXPECT_THROW(w_.read(), std::system_error);
  const int wd = w_.add(file_, IN_OPEN);
  w_.remove(wd);
  EXPECT_THAT(w_.read(), SizeIs(1)) << "its IN_IGNORED";
  EXPECT_THROW(w_.read(), std::system_error);
}

TEST_F(Seed, AnInstanceFromAPipeIsRefusedClearlyAndThePipeStaysOpen) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  try {
    Instance::from_fd(ends[0]);
    FAIL() << "no exception";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code().value(), EINVAL);
    EXPECT_THAT(e.what(), HasSubstr("not an inotify descriptor"));
  }
  EXPECT_EQ(::close(ends[0]), 0) << "it is still the caller's";
  ::close(ends[1]);
}

TEST_F(Seed, AnInstanceFromAClosedDescriptorIsRefused) {
  std::error_code ec;
  const Instance instance = Instance::from_fd(-1, ec);
  EXPECT_EQ(ec.value(), EBADF);
  EXPECT_FALSE(instance.is_open());
}

}  // namespace
