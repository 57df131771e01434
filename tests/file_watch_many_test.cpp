// FileWatch over many paths: each is followed as if it were alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <inotify/file_watch.hpp>
#include <inotify/watch_file.hpp>  // its former name
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "support/close_later.hpp"
#include "support/contract.hpp"
#include "support/many_files.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using test::FileWatchMany;
using test::is_readable;
using test::is_silent;
using test::ManyPaths;
using test::show;
using test::text_of;
using test::told_by;
using test::ToldChanges;
using test::watched_by;

// ---- what happens to all paths at once

TEST_F(FileWatchMany, EachIsFollowedThroughAnything) {
  for (int i = 0; i < 40; ++i)
    names_.push_back("a/" + std::to_string(i % 4) + "/file" + std::to_string(i));
  FileWatch files(all());
  EXPECT_EQ(files.size(), names_.size());
  EXPECT_FALSE(files.exists());
  std::filesystem::create_directory(in("a"));
  expect_told(files, FileChange::disappeared, "a directory above, made");
  for (const auto& name : names_) write(name, "1");
  expect_told(files, FileChange::appeared, "made, with directories");
  for (const auto& name : names_) write(name, "2");
  expect_told(files, FileChange::modified, "written in place");
  for (const auto& name : names_) replace(name, "3");
  expect_told(files, FileChange::replaced, "saved atomically");
  for (const auto& name : names_)
    std::filesystem::permissions(in(name), std::filesystem::perms::owner_all);
  expect_told(files, FileChange::attributes, "chmod");
  for (const auto& name : names_) std::filesystem::remove(in(name));
  expect_told(files, FileChange::disappeared, "removed");
  for (const auto& name : names_) write(name, "4");
  expect_told(files, FileChange::appeared, "made again");
  test::move(in("a"), in("x"));
  expect_told(files, FileChange::disappeared, "a directory above, moved away");
  for (const auto& name : names_) write(name, "5");
  expect_told(files, FileChange::appeared, "made in another directory of that name");
  test::exchange(in("a"), in("x"));
  expect_told(files, FileChange::replaced, "exchanged");
  std::filesystem::remove_all(in("a"));
  expect_told(files, FileChange::disappeared, "removed with all above");
  test::move(in("x"), in("a"));
  expect_told(files, FileChange::appeared, "moved in");
  for (const auto& name : names_) write(name, "6");
  expect_told(files, FileChange::modified, "and bound to what is there");
}

// file -> ..data/file, ..data -> a directory that is never changed.
TEST_F(FileWatchMany, EachIsFollowedThroughAConfigMap) {
  const auto version = [&](const std::string& name) {
    for (int i = 0; i < 20; ++i) write("map/" + name + "/file" + std::to_string(i), name);
  };
  version("..1");
  std::filesystem::create_symlink("..1", in("map/..data"));
  for (int i = 0; i < 20; ++i) {
    const std::string name = "file" + std::to_string(i);
    std::filesystem::create_symlink("..data/" + name, in("map/" + name));
    names_.push_back("map/" + name);
  }
  FileWatch files(all());
  for (const char* const next : {"..2", "..3"}) {
    version(next);
    EXPECT_EQ(show(told_by(files, dir_.str())), "") << "not yet linked";
    swap_link(next, "map/..data");
    expect_told(files, FileChange::replaced, next);
    for (const auto& name : names_) EXPECT_EQ(text_of(in(name)), next);
  }
  std::filesystem::remove_all(in("map/..1"));
  std::filesystem::remove_all(in("map/..2"));
  EXPECT_EQ(show(told_by(files, dir_.str())), "");
  swap_link("nowhere", "map/..data");
  expect_told(files, FileChange::disappeared, "a link that leads nowhere");
  swap_link("..data", "map/..data");
  expect_told(files, FileChange::disappeared, "a link to itself");
  swap_link("..3", "map/..data");
  expect_told(files, FileChange::appeared, "and back");
}

TEST_F(FileWatchMany, OneThatIsWrittenToIsToldAloneHoweverItIsReached) {
  write("a/file", "1");
  write("b", "1");
  std::filesystem::create_hard_link(in("a/file"), in("hard"));
  std::filesystem::create_symlink("a", in("soft"));
  names_ = {"a/file", "hard", "soft/file", "a/../a/file"};
  ManyPaths paths = all();
  paths.push_back(in("b"));
  FileWatch files(paths);
  write("a/file", "2");
  expect_told(files, FileChange::modified, "one file of four names");
  replace("a/file", "3");
  names_ = {"a/file", "soft/file", "a/../a/file"};
  ToldChanges told = told_by(files, dir_.str());
  EXPECT_EQ(told.count("b"), 0U) << show(told);
  for (const auto& name : names_) EXPECT_EQ(told[name], std::vector{FileChange::replaced}) << name;
  EXPECT_EQ(told["hard"], std::vector{FileChange::attributes}) << "it has a name less";
}

// ---- adding and removing

TEST_F(FileWatchMany, AddsAndRemovesWithWhatIsNeeded) {
  for (const char* name : {"a/b/1", "a/b/2", "a/c/3"}) write(name, "1");
  FileWatch files;
  EXPECT_TRUE(files.empty() && files.path().empty() && !files.exists());
  files.add(in("a/b/1"));
  const auto one = watched_by(files);
  files.add(in("a/b/2"));
  EXPECT_EQ(watched_by(files).size(), one.size() + 1) << "the file; the way there is the same";
  files.add(in("a/c/3"));
  EXPECT_EQ(watched_by(files).size(), one.size() + 3) << "and a directory";
  files.add(in("a/c/3"));
  EXPECT_EQ(files.size(), 3U);
  ManyPaths followed = files.paths();
  std::sort(followed.begin(), followed.end());
  EXPECT_EQ(followed, (ManyPaths{in("a/b/1"), in("a/b/2"), in("a/c/3")}));
  write("a/c/3", "2");
  EXPECT_EQ(show(told_by(files, dir_.str())), "a/c/3: modified\n");
  write("a/c/3", "3");
  EXPECT_EQ(files.path(), in("a/c/3"));
  files.remove(files.path());
  EXPECT_EQ(files.path(), "");
  EXPECT_FALSE(files.exists());
  files.remove(in("a/b/2"));
  EXPECT_EQ(watched_by(files), one);
  EXPECT_EQ(show(told_by(files, dir_.str())), "") << "nothing of what was removed";
  write("a/b/1", "2");
  EXPECT_EQ(show(told_by(files, dir_.str())), "a/b/1: modified\n");
  files.remove(in("a/b/1"));
  EXPECT_TRUE(files.empty());
  EXPECT_TRUE(watched_by(files).empty());
}

TEST_F(FileWatchMany, TakesAnyRangeOfPaths) {
  const std::string a = in("a").string();
  const std::string b = in("b").string();
  const ManyPaths expected{a, b};
  const auto expect_both = [&](FileWatch files) {
    ManyPaths followed = files.paths();
    std::sort(followed.begin(), followed.end());
    EXPECT_EQ(followed, expected);
    EXPECT_EQ(files.path(), a) << "at first the first one";
    test::close_later(files.fileno());
  };
  expect_both(FileWatch(std::vector<std::string>{a, b}));
  expect_both(FileWatch(std::list<std::string_view>{a, b}));
  expect_both(FileWatch(std::set<std::filesystem::path>{a, b}));
  const char* const array[] = {a.c_str(), b.c_str()};
  expect_both(FileWatch(array));
  expect_both(FileWatch(expected));
  std::error_code ec;
  expect_both(FileWatch(std::vector<std::string>{a, b}, ec));
  EXPECT_FALSE(ec);
  const FileWatch wrong(std::vector<std::string>{a, ""}, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(FileWatch(std::vector<std::string>{""}), std::filesystem::filesystem_error);
  EXPECT_TRUE(FileWatch(std::vector<std::string>{}).empty());
  EXPECT_EQ(FileWatch(a).size(), 1U) << "a string is one path, not a range of them";
}

TEST_F(FileWatchMany, SaysWhatCannotBeAddedOrRemoved) {
  FileWatch files{in("a"), in("b")};
  std::error_code ec;
  files.remove(in("c"), ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_THROW(files.remove(in("c")), std::filesystem::filesystem_error);
  files.add("", ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THROW(files.add(""), std::filesystem::filesystem_error);
  files.add(in("c"), ec);
  EXPECT_FALSE(ec);
  files.remove(in("c"), ec);
  EXPECT_FALSE(ec);
  EXPECT_EQ(files.size(), 2U);
  files.remove(in("a"));
  files.remove(in("b"));
  EXPECT_EQ(files.read(ec), FileChange::none);
  EXPECT_EQ(ec, std::errc::no_message_available) << "it would wait forever";
  EXPECT_EQ(files.read(1ms, ec), FileChange::none);
  EXPECT_FALSE(ec);
  files.close();
  files.add(in("a"), ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  files.remove(in("a"), ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TEST_F(FileWatchMany, AMovedFromOneIsClosed) {
  write("a", "1");
  FileWatch first{in("a"), in("b")};
  FileWatch files(std::move(first));
  std::error_code ec;
  EXPECT_EQ(first.read(0ms, ec), FileChange::none);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_TRUE(first.path().empty() && first.empty() && !first.exists() && first.paths().empty());
  first.close();
  write("b", "1");
  EXPECT_EQ(files.read(0ms), FileChange::appeared);
  EXPECT_EQ(files.path(), in("b"));
}

// ---- one of them

TEST_F(FileWatchMany, TheDescriptorIsReadableAsLongAsThereIsSomethingToTell) {
  names_ = {"a", "b", "c"};
  FileWatch files(all());
  EXPECT_TRUE(is_silent(files));
  for (const auto& name : names_) write(name, "1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(is_readable(files)) << i;
    EXPECT_EQ(files.read(0ms), FileChange::appeared) << i;
  }
  EXPECT_EQ(files.read(0ms), FileChange::none);
  EXPECT_TRUE(is_silent(files));
}

TEST_F(FileWatchMany, OneThatChangesAllTheTimeHoldsUpNoOther) {
  names_ = {"busy", "calm"};
  for (const auto& name : names_) write(name, "1");
  FileWatch files(all());
  write("busy", "2");
  write("calm", "2");
  bool is_told = false;
  for (int reads = 0; reads < 2; ++reads) {
    EXPECT_EQ(files.read(0ms), FileChange::modified);
    is_told |= files.path() == in("calm");
    write("busy", "3");
  }
  EXPECT_TRUE(is_told);
}

}  // namespace
