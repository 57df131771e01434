// What an AutoWatcher is given: one path or several, lazily, by hand, with a filter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/exclude_filter.hpp>
#include <ranges>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"

namespace added {
namespace {

using inotify::AutoWatcher;
using inotify::Watcher;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

namespace fs = std::filesystem;

constexpr inotify::Mask mask = test::names;

template <class W>
concept HasIgnoredErrors = requires(W& watcher) {
  watcher.ignored_errors;
};
static_assert(HasIgnoredErrors<Watcher> && !HasIgnoredErrors<AutoWatcher>);

class AddedTest : public testing::Test {
 protected:
  AddedTest() {
    for (const char* name : {"a/deep", "b"}) fs::create_directories(dir_ / name);
    test::write_file(dir_ / "file");
  }
  std::string in(const std::string& name) const { return dir_ / name; }
  test::Lines watched(const Watcher& watcher) const {
    test::Lines paths;
    for (const auto& watch : watcher.watches())
      paths.push_back(fs::relative(watch.path, dir_.path()));
    return paths;
  }

  test::TempDir dir_;
};

// python-inotify's AutoWatcher watches the new subdirectories of what add_iter has walked.
TEST_F(AddedTest, A1_WhatAddIterAddsIsFollowed) {
  AutoWatcher watcher;
  test::Lines paths;
  for (const int wd : watcher.add_iter(dir_.path(), mask))
    paths.push_back(fs::relative(watcher.wd(wd)->path, dir_.path()));
  EXPECT_EQ(paths.front(), ".");
  EXPECT_THAT(paths, UnorderedElementsAre(".", "a", "a/deep", "b"));
  fs::create_directories(dir_ / "b/new/deeper");
  EXPECT_THAT(test::lines(test::drain(watcher), dir_.str()),
              ElementsAre("IN_CREATE|IN_ISDIR b/new", "synthetic IN_CREATE|IN_ISDIR b/new/deeper"));
  fs::rename(dir_ / "a", dir_ / "c");
  test::drain(watcher);
  EXPECT_THAT(watched(watcher),
              UnorderedElementsAre(".", "b", "b/new", "b/new/deeper", "c", "c/deep"));
}

TEST_F(AddedTest, A1_WhoeverHoldsAnAutoWatcherAsAWatcherHasItsAddIter) {
  AutoWatcher watcher;
  Watcher& plain = watcher;
  EXPECT_EQ(std::ranges::distance(plain.add_iter(dir_.path(), mask)), 4);
  fs::create_directory(dir_ / "b/new");
  test::drain(watcher);
  EXPECT_TRUE(watcher.path(in("b/new")));
}

TEST_F(AddedTest, A1_AddIterTellsABadRootAsAddAllDoes) {
  AutoWatcher watcher;
  EXPECT_THROW(watcher.add_iter(in("none"), mask), fs::filesystem_error);
  int errors = 0;
  auto walk = watcher.add_iter(in("none"), mask, [&](const auto&) { ++errors; });
  EXPECT_TRUE(walk.begin() == walk.end());
  EXPECT_EQ(errors, 1);
  EXPECT_TRUE(watcher.empty());
}

// Not as in python-inotify, which watches them: see examples/migrating.
TEST_F(AddedTest, ADirectoryAddedByHandIsWatchedForItself) {
  AutoWatcher watcher;
  watcher.add(dir_.path(), mask);
  fs::create_directories(dir_ / "new/deeper");
  EXPECT_THAT(test::lines(test::drain(watcher), dir_.str()), ElementsAre("IN_CREATE|IN_ISDIR new"));
  EXPECT_THAT(watched(watcher), ElementsAre("."));
}

// What to call instead: the first walk refused, all that is made later followed.
TEST_F(AddedTest, OnlyWhatIsMadeLaterIsFollowed) {
  bool is_later = false;
  AutoWatcher watcher([&](const inotify::Event&) { return is_later; });
  watcher.add_all(dir_.path(), mask);
  is_later = true;
  fs::create_directories(dir_ / "new/deeper");
  test::drain(watcher);
  EXPECT_THAT(watched(watcher), UnorderedElementsAre(".", "new", "new/deeper"));
}

TEST_F(AddedTest, AFilterIsAllItNeeds) {
  AutoWatcher watcher(inotify::ExcludeFilter({}, {"deep"}));
  watcher.add_all(dir_.path(), mask);
  EXPECT_THAT(watched(watcher), UnorderedElementsAre(".", "a", "b"));
}

TEST_F(AddedTest, SeveralRootsAreFollowed) {
  const std::vector<std::string> texts{in("a"), in("b")};
  const std::vector<fs::path> paths(texts.begin(), texts.end());
  const std::array<const char*, 2> names{texts[0].c_str(), texts[1].c_str()};
  AutoWatcher all[] = {{texts, mask}, {paths, mask}, {names, mask}, {{in("a"), in("b")}, mask}};
  for (AutoWatcher& watcher : all) {
    EXPECT_THAT(watched(watcher), UnorderedElementsAre("a", "a/deep", "b"));
    fs::create_directory(dir_ / "b/new");
    test::drain(watcher);
    EXPECT_TRUE(watcher.path(in("b/new")));
    fs::remove(dir_ / "b/new");
  }
  EXPECT_THROW(AutoWatcher({in("a"), in("none")}, mask), fs::filesystem_error);
}

TEST_F(AddedTest, SeveralPathsAreWatched) {
  const std::vector<std::string> texts{in("a"), in("file")};
  EXPECT_THAT(watched(Watcher(texts, mask | IN_MODIFY)), UnorderedElementsAre("a", "file"));
  EXPECT_THAT(watched(Watcher({in("a"), in("b")}, mask)), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(watched(Watcher({dir_ / "a"}, mask)), ElementsAre("a"));
  EXPECT_THAT(watched(Watcher(in("a").c_str(), mask)), ElementsAre("a"));
  EXPECT_THAT(watched(AutoWatcher(in("a").c_str(), mask)), UnorderedElementsAre("a", "a/deep"));
  EXPECT_THROW(Watcher({in("a"), in("none")}, mask), fs::filesystem_error);
}

template <class W>
void add_several(const test::TempDir& dir) {
  W watcher;
  const std::vector<std::string> paths{dir / "none", dir / "a", dir / "file"};
  std::vector<fs::path> bad;
  const auto onerror = [&](const fs::filesystem_error& error) { bad.push_back(error.path1()); };
  EXPECT_EQ(watcher.add_all(paths, mask, onerror).size(), 3U);
  EXPECT_THAT(bad, ElementsAre(dir / "none"));
  EXPECT_EQ(watcher.add_all({dir / "b", dir / "a"}, mask).size(), 3U);
  EXPECT_EQ(watcher.size(), 4U);
  EXPECT_THROW(watcher.add_all({dir / "none"}, mask), fs::filesystem_error);
}

TEST_F(AddedTest, AddAllTakesSeveralPaths) {
  add_several<Watcher>(dir_);
  add_several<AutoWatcher>(dir_);
}

TEST_F(AddedTest, TheFilterIsAskedAboutWhatIsGivenIfThatIsWanted) {
  test::Lines asked;
  const auto filter = [&](const inotify::Event& event) {
    EXPECT_EQ(event.fullpath, std::string(event.path) + "/" + std::string(event.name));
    asked.push_back(test::below(dir_.str(), event.fullpath) + (event.is_dir() ? "/" : ""));
    return event.name != "b" && event.name != "file";
  };
  AutoWatcher watcher({.add_filter = filter, .filter_roots = true});
  EXPECT_THAT(watcher.add_all(in("b"), mask), IsEmpty());
  EXPECT_THAT(watcher.add_all(in("file"), mask), IsEmpty());
  EXPECT_EQ(watcher.add(in("b/"), mask), -1);
  std::error_code ec = std::make_error_code(std::errc::io_error);
  EXPECT_EQ(watcher.add(in("file"), mask, ec), -1);
  EXPECT_FALSE(ec) << "that is no error";
  EXPECT_TRUE(watcher.empty());
  EXPECT_THAT(asked, ElementsAre("b/", "file", "b/", "file"));
  EXPECT_EQ(watcher.add_all(in("a"), mask).size(), 2U);
  EXPECT_THROW(watcher.add(in("none"), mask), fs::filesystem_error);
}

// So no filter that goes by the path is evaded.
TEST_F(AddedTest, TheFilterIsAskedAboutTheNameThatEventsHave) {
  inotify::OwnedEvent asked;
  AutoWatcher watcher({.add_filter =
                           [&](const inotify::Event& event) {
                             asked = inotify::OwnedEvent(event);
                             return false;
                           },
                       .filter_roots = true});
  for (const char* a : {"/a", "//a", "/./a", "/a/", "/a//", "/a/.", "/.//a/./"}) {
    EXPECT_EQ(watcher.add(dir_.str() + a, mask), -1);
    EXPECT_EQ(asked.fullpath, in("a")) << a;
    EXPECT_EQ(asked.path, dir_.str()) << a;
    EXPECT_EQ(asked.name, "a") << a;
    EXPECT_TRUE(asked.view().is_dir()) << a;
  }
  using Names = std::pair<std::string, std::string>;
  const std::pair<const char*, Names> others[] = {
      {"./a", {"", "a"}}, {"a/.", {"", "a"}}, {".", {"", "."}},      {"./", {"", "."}},
      {"/", {"/", ""}},   {"//", {"/", ""}},  {"..//b", {"..", "b"}}};
  for (const auto& [given, names] : others) {
    EXPECT_THAT(watcher.add_all(given, mask), IsEmpty());
    EXPECT_EQ(Names(asked.path, asked.name), names) << given;
  }
}

}  // namespace
}  // namespace added
