// ExcludeFilter: what matches, what it prunes, and what it says of bad patterns.
#include <inotify/exclude_filter.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using inotify::ExcludeFilter;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

TEST(ExcludeFilter, LeavesOutNothingByDefault) {
  EXPECT_FALSE(ExcludeFilter().excludes("/any"));
  EXPECT_FALSE(ExcludeFilter(std::vector<std::string>{}).excludes("/any"));
}

TEST(ExcludeFilter, RegexesMatchFromTheBeginningAndNeedNotReachTheEnd) {
  const ExcludeFilter filter({"/etc/rc", "^/etc/(fs|m)tab$", R"(.*\.o$)"});
  EXPECT_TRUE(filter.excludes("/etc/rc.d/x"));
  EXPECT_FALSE(filter.excludes("/mnt/etc/rc"));
  EXPECT_TRUE(filter.excludes("/etc/mtab"));
  EXPECT_FALSE(filter.excludes("/etc/mtab~"));
  EXPECT_TRUE(filter.excludes("/src/deep/a.o"));
  EXPECT_FALSE(filter.excludes("/src/a.off"));
}

TEST(ExcludeFilter, PathsAreBytes) {
  const ExcludeFilter filter({"/[^/]*/cach..$", "/x\xff[\x80-\xff]+y"});
  EXPECT_TRUE(filter.excludes("/n\xc3\xb6/cach\xc3\xa9"));  // two bytes, two dots
  EXPECT_TRUE(filter.excludes("/x\xff\x80\xffy"));
  EXPECT_FALSE(filter.excludes("/x\xff/y"));
}

TEST(ExcludeFilter, TakesAPathOfPathMax) {
  const std::string path(4095, 'a');
  EXPECT_TRUE(ExcludeFilter({"(.|x)*a$"}).excludes(path));
  EXPECT_FALSE(ExcludeFilter({".*b$"}).excludes(path));
}

// Nobody needs a right to make a path as long as he likes, a directory below the other.
TEST(ExcludeFilter, NoPathIsTooLong) {
  const ExcludeFilter filter({".*/\\.git", "(a+)+$", "(a|a)*b", "(/|a|[^b]){1000}b"}, {"*?*.swp"});
  std::string path(std::size_t{1} << 20, 'a');
  for (std::size_t i = 0; i < path.size(); i += 200) path[i] = '/';
  EXPECT_FALSE(filter.excludes(path));
  EXPECT_TRUE(filter.excludes(path + "/.git"));
  EXPECT_TRUE(filter.excludes(path + "x.swp"));
}

TEST(ExcludeFilter, NoPatternTakesLong) {
  const std::string text = '/' + std::string(4095, 'a') + '!';
  EXPECT_FALSE(ExcludeFilter({"/(a+)+$"}).excludes(text));
  EXPECT_FALSE(ExcludeFilter({"/(a|a)*b"}).excludes(text));
  EXPECT_FALSE(ExcludeFilter({"/(a?){1000}b", "/((a*)*)*$"}).excludes(text));
  EXPECT_TRUE(ExcludeFilter({"/(a{1,900}){4,5}!$"}).excludes(text));
  const std::string stars(200, '*');
  EXPECT_FALSE(ExcludeFilter({}, {stars + "a*a*a*a*a*a*b"}).excludes(text));
}

TEST(ExcludeFilter, RefusesWhatCannotBeMatchedInLinearTime) {
  for (const char* regex : {"(a)\\1", "a(?=b)", "(?<!a)b", "((a{1000}){1000}){1000}"}) {
    try {
      const ExcludeFilter filter({regex});
      ADD_FAILURE() << regex;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(inotify::quoted(regex)));
      EXPECT_THAT(error.what(), HasSubstr(", at offset "));
    }
  }
}

TEST(ExcludeFilter, NamesTheBadGlob) {
  try {
    const ExcludeFilter filter({}, {"*.o", "[z-a]"});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("bad glob \"[z-a]\": the range ends before it begins, at offset 1"));
  }
}

TEST(ExcludeFilter, GlobsWithoutASlashMatchTheLastComponent) {
  const ExcludeFilter filter({}, {".git", "*.sw[px]"});
  EXPECT_TRUE(filter.excludes("/srv/.git"));
  EXPECT_TRUE(filter.excludes(".git"));
  EXPECT_FALSE(filter.excludes("/srv/.git/config"));
  EXPECT_TRUE(filter.excludes("/srv/.file.swp"));
  EXPECT_FALSE(filter.excludes("/srv/a.swp/b"));
}

TEST(ExcludeFilter, GlobsWithASlashMatchTheFullPathAndWhatIsBelow) {
  const ExcludeFilter filter({}, {"/srv/*/cache"});
  EXPECT_TRUE(filter.excludes("/srv/a/cache"));
  EXPECT_TRUE(filter.excludes("/srv/a/cache/deep/file"));
  EXPECT_FALSE(filter.excludes("/srv/a/b/cache"));
  EXPECT_FALSE(filter.excludes("/srv/a/cached"));
  EXPECT_FALSE(filter.excludes("/mnt/srv/a/cache"));
}

TEST(ExcludeFilter, MatchesWhenOneOfAllPatternsDoes) {
  const ExcludeFilter filter({"/no", "/a"}, {"b"});
  EXPECT_TRUE(filter.excludes("/a"));
  EXPECT_TRUE(filter.excludes("/x/b"));
  EXPECT_FALSE(filter.excludes("/x/c"));
}

TEST(ExcludeFilter, ReadsRegexesFromAFile) {
  const test::TempDir dir;
  test::write_file(dir / "list", "# a comment\n\n  /tmp/a \t\r\n   # another\n/tmp/b");
  const ExcludeFilter filter = ExcludeFilter::from_file(dir / "list");
  EXPECT_TRUE(filter.excludes("/tmp/a"));
  EXPECT_TRUE(filter.excludes("/tmp/b"));
  EXPECT_FALSE(filter.excludes("/tmp/c"));
  EXPECT_FALSE(filter.excludes("# a comment"));
  std::error_code ec = std::make_error_code(std::errc::io_error);
  EXPECT_TRUE(ExcludeFilter::from_file(dir / "list", ec).excludes("/tmp/b"));
  EXPECT_FALSE(ec);
}

TEST(ExcludeFilter, NamesTheBadRegex) {
  std::error_code ec;
  EXPECT_FALSE(ExcludeFilter({"/a", "/b("}, {}, ec).excludes("/a"));
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_TRUE(ExcludeFilter({"/a"}, {}, ec).excludes("/a"));
  EXPECT_FALSE(ec);
  try {
    const ExcludeFilter filter({"/a", "/b("});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"/b(\": '(' is never closed, at offset 2"));
  }
}

TEST(ExcludeFilter, NamesFileLineAndCauseOfABadRegex) {
  const test::TempDir dir;
  test::write_file(dir / "list", "/a\n# fine\n\n/b[\n");
  try {
    ExcludeFilter::from_file(dir / "list");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr(dir.str() + "/list:4: "));
    EXPECT_THAT(error.what(), HasSubstr("\"/b[\": "));
  }
  std::error_code ec;
  EXPECT_FALSE(ExcludeFilter::from_file(dir / "list", ec).excludes("/a"));
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

TEST(ExcludeFilter, NamesTheFileThatCannotBeRead) {
  const test::TempDir dir;
  try {
    ExcludeFilter::from_file(dir / "missing");
    FAIL();
  } catch (const fs::filesystem_error& error) {
    EXPECT_EQ(error.path1(), dir / "missing");
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
  std::error_code ec;
  ExcludeFilter::from_file(dir / "missing", ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  ExcludeFilter::from_file(dir.path(), ec);
  EXPECT_EQ(ec, std::errc::is_a_directory);
}

// What a directory is told of depends on nothing but the filter: the first walk and later.
TEST(ExcludeFilter, PrunesATreeAndDropsEvents) {
  const test::TempDir dir;
  fs::create_directories(dir / ".git/objects");
  fs::create_directories(dir / "src");
  const ExcludeFilter wanted({}, {".git", "*.swp"});
  inotify::AutoWatcher watcher({.add_filter = wanted});
  watcher.add_all(dir.path(), IN_CREATE);
  fs::create_directories(dir / "src/lib/.git/objects");
  test::write_file(dir / "src/lib/a.swp");
  test::write_file(dir / "src/lib/a");
  std::vector<std::string> told;
  for (auto events = watcher.read(); !events.empty(); events = watcher.read({})) {
    for (const inotify::Event& event : events) {
      if (wanted(event)) told.push_back(fs::relative(event.fullpath, dir.path()));
    }
  }
  EXPECT_THAT(told, UnorderedElementsAre("src/lib", "src/lib/a"));
  std::vector<std::string> watched;
  for (const inotify::Watch& watch : watcher.watches()) {
    watched.push_back(fs::relative(watch.path, dir.path()));
  }
  EXPECT_THAT(watched, UnorderedElementsAre(".", "src", "src/lib"));
}

// A chain of directories, as anybody can make it in a tree that somebody else watches.
TEST(ExcludeFilter, SurvivesANestOfDirectories) {
  const test::TempDir dir;
  inotify::AutoWatcher watcher({.add_filter = ExcludeFilter({".*/\\.git", "(.+)+/x$"})});
  watcher.add_all(dir.path(), IN_CREATE);
  constexpr std::size_t depth = 250;
  fs::path path = dir.path();
  for (std::size_t i = 0; i < depth; ++i) path /= "a_long_name";
  fs::create_directories(path / ".git/objects");
  for (auto events = watcher.read(); !events.empty(); events = watcher.read({})) {
  }
  EXPECT_EQ(watcher.num_watches(), depth + 1);
  EXPECT_TRUE(watcher.path(path));
  EXPECT_FALSE(watcher.path(path / ".git"));
}

}  // namespace
