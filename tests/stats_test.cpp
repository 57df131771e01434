// Stats: what is counted, how it is told, and that a dump harms nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <inotify/stats.hpp>
#include <inotify/watcher.hpp>
#include <iterator>
#include <string>
#include <vector>

#include "support/stream.hpp"
#include "support/temp_dir.hpp"

namespace {

namespace fs = std::filesystem;
using inotify::Mask;
using inotify::Stats;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StatsTest : public testing::Test {
 protected:
  void add(Mask mask, std::string_view path, int times = 1) {
    for (int i = 0; i < times; ++i) stats_.add(inotify::Event(stream_.add(mask, path).view()));
  }

  /// 12 MODIFY, 3 CREATE and a DELETE of a directory, over /b and /a.
  void add_some() {
    add(IN_MODIFY, "/b/f", 10);
    add(IN_MODIFY, "/a/f", 2);
    add(IN_CREATE, "/a/g", 3);
    add(IN_DELETE | IN_ISDIR, "/a/d");
  }

  std::vector<std::string> paths(const Stats::Order& order) {
    std::vector<std::string> paths;
    for (const auto& directory : stats_.directories(order)) paths.push_back(directory.path);
    return paths;
  }

  test::Stream stream_;
  Stats stats_;
};

TEST_F(StatsTest, CountsNothingAtFirst) {
  EXPECT_EQ(stats_.counts().total(), 0U);
  EXPECT_TRUE(stats_.directories().empty());
  EXPECT_EQ(stats_.histogram(), "");
  EXPECT_EQ(stats_.table(), "");
  EXPECT_THAT(stats_.report(), HasSubstr("0 events in 0 directories"));
}

TEST_F(StatsTest, CountsPerEvent) {
  add_some();
  EXPECT_EQ(stats_.counts().of(IN_MODIFY), 12U);
  EXPECT_EQ(stats_.counts().of(IN_CREATE | IN_DELETE), 4U);
  EXPECT_EQ(stats_.counts().of(IN_ISDIR), 0U);
  EXPECT_EQ(stats_.counts().of(IN_ALL_EVENTS), 16U);
  EXPECT_EQ(stats_.counts().total(), 16U);
}

TEST_F(StatsTest, CountsEachBitOfAnEvent) {
  add(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE, "/a/f");
  EXPECT_EQ(stats_.counts().of(IN_CLOSE), 1U);
  EXPECT_EQ(stats_.counts().total(), 3U);
}

TEST_F(StatsTest, CountsWhatIsNotAskedForToo) {
  for (const Mask mask : {0U + IN_Q_OVERFLOW, 0U + IN_IGNORED, 0U + IN_UNMOUNT}) {
    stats_.add(stream_.add_self(mask, "/a").view());
    EXPECT_EQ(stats_.counts().of(mask), 1U);
  }
  stream_.hole("/a/closed");
  stats_.add(stream_.events().back());
  EXPECT_EQ(stats_.counts().holes(), 1U);
  EXPECT_EQ(stats_.counts().total(), 4U);
  EXPECT_THAT(stats_.histogram(), HasSubstr("holes"));
}

TEST_F(StatsTest, CountsPerDirectoryTheBusiestFirst) {
  add_some();
  const auto all = stats_.directories();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].path, "/b");
  EXPECT_EQ(all[0].counts.of(IN_MODIFY), 10U);
  EXPECT_EQ(all[1].path, "/a");
  EXPECT_EQ(all[1].counts.total(), 6U);
}

TEST_F(StatsTest, SortsAsAsked) {
  add_some();
  add(IN_ATTRIB, "/c/f");
  EXPECT_THAT(paths({.by = IN_CREATE}), ElementsAre("/a", "/b", "/c"));
  EXPECT_THAT(paths({.ascending = true}), ElementsAre("/c", "/a", "/b"));
  EXPECT_THAT(paths({.most = 1}), ElementsAre("/b"));
}

TEST_F(StatsTest, TakesABatch) {
  add_some();
  Stats other;
  other.add(stream_.events());
  EXPECT_EQ(other.table(), stats_.table());
}

TEST_F(StatsTest, TheTableHasTotals) {
  add_some();
  const std::string totals = "   16         12          3          1  total\n";
  EXPECT_EQ(stats_.table(),
            "total  IN_MODIFY  IN_CREATE  IN_DELETE  path\n"
            "   10         10          0          0  \"/b\"\n"
            "    6          2          3          1  \"/a\"\n" +
                totals);
  EXPECT_THAT(stats_.table({.most = 0}), testing::EndsWith("path\n" + totals));
}

TEST_F(StatsTest, TheTableHasOneLinePerPathWhateverItIsCalled) {
  add(IN_MODIFY, "/a\nb/f");
  EXPECT_THAT(stats_.table(), HasSubstr("\"/a\\nb\"\n"));
}

TEST_F(StatsTest, TheHistogramIsSortedAndToScale) {
  add_some();
  EXPECT_EQ(stats_.histogram(12),
            "IN_MODIFY  ############  12\n"
            "IN_CREATE  ###            3\n"
            "IN_DELETE  #              1\n");
  EXPECT_EQ(stats_.histogram(4),
            "IN_MODIFY  ####  12\n"
            "IN_CREATE  #      3\n"
            "IN_DELETE  #      1\n");
  EXPECT_THAT(stats_.histogram(0), StartsWith("IN_MODIFY    12\n"));
}

TEST_F(StatsTest, TimeRunsAndStartsAnewWithAReset) {
  const auto before = stats_.elapsed();
  EXPECT_GE(before, Stats::Clock::duration::zero());
  EXPECT_GE(stats_.elapsed(), before);
  add_some();
  const auto begin = Stats::Clock::now();
  stats_.reset();
  EXPECT_LE(stats_.elapsed(), Stats::Clock::now() - begin);
  EXPECT_EQ(stats_.counts().total(), 0U);
  EXPECT_TRUE(stats_.directories().empty());
}

TEST_F(StatsTest, CountsWhatAWatcherTells) {
  const test::TempDir dir;
  inotify::Watcher watcher;
  watcher.add(dir.path(), IN_CREATE | IN_CLOSE_WRITE);
  test::write_file(dir / "f");
  stats_.add(watcher.read());
  EXPECT_EQ(stats_.table(),
            "total  IN_CLOSE_WRITE  IN_CREATE  path\n"
            "    2               1          1  \"" +
                dir.str() +
                "\"\n"
                "    2               1          1  total\n");
}

// ---- dump

TEST_F(StatsTest, DumpsToANewFileOfTheOwner) {
  const test::TempDir dir;
  add_some();
  stats_.dump(dir / "new");
  EXPECT_THAT(content_of(dir / "new"), HasSubstr("16 events in 2 directories\n\n" +
                                                 stats_.histogram() + '\n' + stats_.table()));
  struct stat status {};
  ASSERT_EQ(::stat((dir / "new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077U, 0U);
}

TEST_F(StatsTest, DumpOverwritesNothing) {
  const test::TempDir dir;
  test::write_file(dir / "old", "precious");
  std::error_code ec;
  stats_.dump(dir / "old", ec);
  EXPECT_EQ(ec, std::errc::file_exists);
  EXPECT_EQ(content_of(dir / "old"), "precious");
}

TEST_F(StatsTest, DumpFollowsNoLink) {
  const test::TempDir dir;
  test::write_file(dir / "old", "precious");
  fs::create_symlink(dir / "old", dir / "link");
  fs::create_symlink(dir / "none", dir / "dangling");
  for (const char* name : {"link", "dangling"}) {
    std::error_code ec;
    stats_.dump(dir / name, ec);
    EXPECT_EQ(ec, std::errc::file_exists) << name;
  }
  EXPECT_EQ(content_of(dir / "old"), "precious");
  EXPECT_FALSE(fs::exists(dir / "none"));
}

TEST_F(StatsTest, DumpThrowsWithThePathAndWhatToDo) {
  const test::TempDir dir;
  test::write_file(dir / "old");
  try {
    stats_.dump(dir / "old");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const fs::filesystem_error& error) {
    EXPECT_EQ(error.code(), std::errc::file_exists);
    EXPECT_EQ(error.path1(), dir / "old");
    EXPECT_THAT(error.what(), HasSubstr("choose another name"));
  }
  EXPECT_THROW(stats_.dump(dir / "missing/new"), fs::filesystem_error);
}

TEST_F(StatsTest, DumpClearsTheErrorAndTellsThatOfTheFileSystem) {
  const test::TempDir dir;
  std::error_code ec = std::make_error_code(std::errc::io_error);
  stats_.dump(dir / "new", ec);
  EXPECT_FALSE(ec);
  stats_.dump(dir / "missing/new", ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
}

}  // namespace
