// add_watches and glob_paths.
#include <inotify/add_watches.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/exclude_filter.hpp>
#include <string>
#include <vector>

#include "support/faults.hpp"
#include "support/temp_dir.hpp"

namespace {

using inotify::add_watches;
using inotify::glob_paths;
using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

class AddWatchesTest : public testing::Test {
 protected:
  AddWatchesTest() {
    fs::create_directories(in("tree/b/c"));
    fs::create_directories(in("tree/a"));
    test::write_file(in("tree/b/file"));
    test::write_file(in("tree/.hidden"));
  }
  std::string in(const std::string& name) const { return dir_ / name; }

  // The paths of a result that are watched as it says.
  template <class Result>
  std::vector<std::string> watched(const Result& result, const inotify::Watcher& watcher) {
    std::vector<std::string> paths;
    for (const auto& [path, added] : result) {
      if (added.wd < 0) continue;
      EXPECT_EQ(watcher.path(path)->wd, added.wd);
      paths.push_back(fs::relative(path, dir_.path()));
    }
    return paths;
  }

  test::TempDir dir_;
};

TEST_F(AddWatchesTest, GlobIsSortedAndLeavesOutWhatIsHidden) {
  EXPECT_THAT(glob_paths(in("tree/*")), ElementsAre(in("tree/a"), in("tree/b")));
  EXPECT_THAT(glob_paths(in("t?ee/[b-z]/*")), ElementsAre(in("tree/b/c"), in("tree/b/file")));
  EXPECT_THAT(glob_paths(in("tree/.h*")), ElementsAre(in("tree/.hidden")));
  EXPECT_THAT(glob_paths(in("tree/a")), ElementsAre(in("tree/a")));
  EXPECT_THAT(glob_paths(in("none/*")), IsEmpty());
}

TEST_F(AddWatchesTest, AddsPathsAsTheyAre) {
  inotify::Watcher watcher;
  const auto result = add_watches(watcher, {in("tree"), in("tree/b")}, IN_CREATE);
  EXPECT_THAT(watched(result, watcher), ElementsAre("tree", "tree/b"));
  EXPECT_EQ(watcher.size(), 2U);
}

TEST_F(AddWatchesTest, AddsWhatAPatternMatches) {
  inotify::Watcher watcher;
  const auto result = add_watches(watcher, {in("tree/*")}, IN_CREATE, {.glob = true});
  EXPECT_THAT(watched(result, watcher), ElementsAre("tree/a", "tree/b"));
  EXPECT_THROW(add_watches(watcher, {in("x*")}, IN_CREATE, {.glob = true}), fs::filesystem_error);
  const auto missing = add_watches(watcher, {in("x*")}, IN_CREATE, {.glob = true, .quiet = true});
  EXPECT_EQ(missing.at(in("x*")).error, std::errc::no_such_file_or_directory);
}

TEST_F(AddWatchesTest, AddsTreesAndTellsOfEachDirectory) {
  inotify::Watcher watcher;
  const auto result = add_watches(watcher, {in("tree")}, IN_CREATE, {.recursive = true});
  EXPECT_THAT(watched(result, watcher), ElementsAre("tree", "tree/a", "tree/b", "tree/b/c"));
  fs::create_directory(in("tree/new"));
  watcher.read();
  EXPECT_FALSE(watcher.path(in("tree/new")));
}

TEST_F(AddWatchesTest, AnAutoWatcherFollowsTheTree) {
  inotify::AutoWatcher watcher;
  const auto result = add_watches(watcher, {in("tree")}, IN_CREATE, {.recursive = true});
  EXPECT_THAT(watched(result, watcher), ElementsAre("tree", "tree/a", "tree/b", "tree/b/c"));
  fs::create_directory(in("tree/new"));
  watcher.read();
  EXPECT_TRUE(watcher.path(in("tree/new")));
}

TEST_F(AddWatchesTest, QuietPutsErrorsDownAndGoesOn) {
  for (const bool recursive : {false, true}) {
    inotify::Watcher watcher;
    const auto result = add_watches(watcher, {in("missing"), in("tree/a")}, IN_CREATE,
                                    {.recursive = recursive, .quiet = true});
    EXPECT_THAT(watched(result, watcher), ElementsAre("tree/a"));
    EXPECT_EQ(result.at(in("missing")).wd, -1);
    EXPECT_EQ(result.at(in("missing")).error, std::errc::no_such_file_or_directory);
  }
}

// pyinotify's exclude.py: -2 for a file and a directory that are given.
TEST_F(AddWatchesTest, AFilterIsAskedAboutEachPathThatIsGiven) {
  for (const bool recursive : {false, true}) {
    inotify::Watcher watcher;
    const inotify::ExcludeFilter filter({".*/file$"}, {"a"});
    const auto result =
        add_watches(watcher, {in("tree/*"), in("tree/b/file")}, IN_CREATE,
                    {.recursive = recursive, .glob = true, .quiet = true, .add_filter = filter});
    for (const char* refused : {"tree/a", "tree/b/file"}) {
      EXPECT_EQ(result.at(in(refused)).wd, -1);
      EXPECT_FALSE(result.at(in(refused)).error);
      EXPECT_FALSE(watcher.path(in(refused)));
    }
    EXPECT_TRUE(watcher.path(in("tree/b")));
  }
}

TEST_F(AddWatchesTest, AFilterIsAskedAboutTheNameThatEventsHave) {
  inotify::Watcher watcher;
  const auto is_wanted = [&](const inotify::Event& event) {
    EXPECT_EQ(event.fullpath, in("tree/a"));
    return event.fullpath != in("tree/a");
  };
  for (const char* given : {"tree//a", "tree/./a", "tree/a/", "tree/a/."}) {
    const auto result = add_watches(watcher, {in(given)}, IN_CREATE, {.add_filter = is_wanted});
    EXPECT_EQ(result.size(), 1U);
    EXPECT_EQ(result.at(in(given)).wd, -1) << "by the path as it was given";
  }
  EXPECT_TRUE(watcher.empty());
}

TEST_F(AddWatchesTest, AFilterIsAskedAboutWhatIsBelowOfAPlainWatcher) {
  fs::create_directories(in("tree/b/c/deep"));
  inotify::Watcher watcher;
  const auto result =
      add_watches(watcher, {in("tree")}, IN_CREATE,
                  {.recursive = true, .add_filter = inotify::ExcludeFilter({}, {"c"})});
  EXPECT_THAT(watched(result, watcher), ElementsAre("tree", "tree/a", "tree/b"));
  EXPECT_EQ(result.at(in("tree/b/c")).wd, -1);
  EXPECT_EQ(result.size(), 4U) << "it is told itself, and what is below is not come to";
  EXPECT_FALSE(watcher.add_filter) << "that was for this call";
}

TEST_F(AddWatchesTest, WhatAnAutoWatchersOwnFilterRefusesIsTold) {
  inotify::AutoWatcher watcher(
      {.add_filter = inotify::ExcludeFilter({}, {"a", "c"}), .filter_roots = true});
  const auto result = add_watches(watcher, {in("tree/a"), in("tree/b"), in("none")}, IN_CREATE,
                                  {.recursive = true, .quiet = true});
  EXPECT_EQ(result.at(in("tree/a")).wd, -1);
  EXPECT_FALSE(result.at(in("tree/a")).error);
  EXPECT_EQ(result.at(in("none")).error, std::errc::no_such_file_or_directory);
  EXPECT_EQ(result.size(), 3U) << "what is below is refused in silence";
  EXPECT_TRUE(watcher.path(in("tree/b")));
}

TEST_F(AddWatchesTest, WithoutQuietTheFirstErrorIsThrownWithItsPath) {
  for (const bool recursive : {false, true}) {
    inotify::Watcher watcher;
    try {
      add_watches(watcher, {in("tree/a"), in("missing")}, IN_CREATE, {.recursive = recursive});
      ADD_FAILURE() << "no error";
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.path1(), in("missing"));
    }
    EXPECT_TRUE(watcher.path(in("tree/a"))) << "what was watched stays watched";
  }
}

template <class Watcher>
void fail_below(const std::string& root) {
  Watcher watcher;
  {
    const test::Fault fault(test::Call::add_watch, ENOSPC, 2, test::for_ever);
    const auto result = add_watches(watcher, {root}, IN_CREATE, {.recursive = true, .quiet = true});
    int errors = 0;
    for (const auto& [path, added] : result) {
      if (!added.error) continue;
      ++errors;
      EXPECT_EQ(added.error, std::errc::no_space_on_device) << path;
    }
    EXPECT_EQ(errors, 2) << "a and b; c was not come to";
    EXPECT_FALSE(result.at(root).error);
  }
  Watcher other;
  const test::Fault fault(test::Call::add_watch, ENOSPC, 2, test::for_ever);
  EXPECT_THROW(add_watches(other, {root}, IN_CREATE, {.recursive = true}), fs::filesystem_error);
}

TEST_F(AddWatchesTest, TellsWhatFailsBelowARoot) {
  fail_below<inotify::Watcher>(in("tree"));
  fail_below<inotify::AutoWatcher>(in("tree"));
}

}  // namespace
