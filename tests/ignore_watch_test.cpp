// IgnoreFilter with the watchers: what it keeps from being watched, and what is told all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/ignore_filter.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"

namespace ignore_watch {
namespace {

using inotify::AutoWatcher;
using inotify::IgnoreFilter;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE;

AutoWatcher::Options with(const IgnoreFilter& filter) {
  AutoWatcher::Options options;
  options.add_filter = filter;
  return options;
}

class IgnoreWatchTest : public testing::Test {
 protected:
  IgnoreWatchTest() { fs::create_directory(root_); }

  void make(const std::string& name) { fs::create_directories(root_ / name); }
  void write(const std::string& name, std::string_view text = "") {
    test::write_file(root_ / name, text);
  }
  // What is watched, relative to the root.
  std::vector<std::string> watched(const inotify::Watcher& watcher) {
    std::vector<std::string> paths;
    for (const auto& watch : watcher.watches()) {
      if (watch.path != root_) paths.push_back(watch.path.substr(root_.native().size() + 1));
    }
    return paths;
  }
  // Paths of the events that the filter wants, each once.
  std::vector<std::string> told(AutoWatcher& watcher, const IgnoreFilter& wanted) {
    std::vector<std::string> paths;
    for (const auto& event : test::drain(watcher)) {
      if (!wanted(event.view()) || event.fullpath == root_) continue;
      std::string path = event.fullpath.substr(root_.native().size() + 1);
      if (paths.empty() || paths.back() != path) paths.push_back(std::move(path));
    }
    return paths;
  }

  test::TempDir dir_;
  fs::path root_ = dir_ / "root";
};

TEST_F(IgnoreWatchTest, WhatIsIgnoredIsNotWatchedAndWhatIsKeptIs) {
  write(".gitignore", "build/\n/out/*\n!/out/keep/\n*.log\n");
  for (const char* name :
       {"build/deep", "src/build", "src/lib", "out/x", "out/keep/y", ".git/objects"})
    make(name);
  write("src/lib/.gitignore", "!build/\nonly/\n");
  make("src/lib/build");
  make("src/lib/only");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  AutoWatcher watcher(with(filter));
  watcher.add_all(root_, mask);
  EXPECT_THAT(watched(watcher), UnorderedElementsAre("src", "src/lib", "src/lib/build", "out",
                                                     "out/keep", "out/keep/y"));
  make("src/new/build/deep");
  make("src/lib/build/more");
  write("src/new/a.log");
  write("src/new/a.c");
  write("src/new/build/a.c");
  EXPECT_THAT(told(watcher, filter), ElementsAre("src/new", "src/new/a.c", "src/lib/build/more"));
  EXPECT_THAT(watched(watcher), Not(Contains("src/new/build")));
  EXPECT_THAT(watched(watcher), Contains("src/lib/build/more"));
}

TEST_F(IgnoreWatchTest, SoItIsWithAPlainWatcher) {
  write(".gitignore", "build/\n!/src/build/\n");
  for (const char* name : {"build/deep", "src/build", "src/lib/build", ".git/objects"}) make(name);
  inotify::Watcher watcher;
  watcher.add_filter = IgnoreFilter::from_gitignore(root_);
  watcher.add_all(root_, mask);
  EXPECT_THAT(watched(watcher), UnorderedElementsAre("src", "src/build", "src/lib"));
}

TEST_F(IgnoreWatchTest, ANewNameIsJudgedAnew) {
  write(".gitignore", "build/\n");
  make("build/deep");
  make("src/deep");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  AutoWatcher watcher(with(filter));
  watcher.add_all(root_, mask);
  fs::rename(root_ / "build", root_ / "kept");
  fs::rename(root_ / "src", root_ / "build");
  write("kept/deep/f");
  write("build/deep/f");
  EXPECT_THAT(told(watcher, filter), ElementsAre("kept", "kept/deep", "kept/deep/f", "src"));
  EXPECT_THAT(watched(watcher), UnorderedElementsAre("kept", "kept/deep"));
}

TEST_F(IgnoreWatchTest, IncludesPruneNoNewDirectory) {
  IgnoreFilter::Options options;
  options.include = {"*.c", "/docs/**"};
  const IgnoreFilter filter(root_, {"build/"}, options);
  AutoWatcher watcher(with(filter));
  watcher.add_all(root_, mask);
  make("a/b/c/d");
  write("a/b/c/d/x.c");
  write("a/b/c/d/x.h");
  make("docs/e");
  write("docs/e/any");
  make("a/build");
  write("a/build/x.c");
  EXPECT_THAT(told(watcher, filter), ElementsAre("a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/x.c",
                                                 "docs", "docs/e", "docs/e/any"));
  EXPECT_THAT(watched(watcher),
              UnorderedElementsAre("a", "a/b", "a/b/c", "a/b/c/d", "docs", "docs/e"));
}

TEST_F(IgnoreWatchTest, AChangedFileCountsFromTheNextReadOn) {
  make("sub/old");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  AutoWatcher watcher(with(filter));
  watcher.add_all(root_, mask);
  write("sub/.gitignore", "old/\nnew/\n");
  EXPECT_THAT(told(watcher, filter), ElementsAre("sub/.gitignore"));
  make("sub/new");
  write("sub/old/f");
  EXPECT_THAT(told(watcher, filter), IsEmpty());
  EXPECT_THAT(watched(watcher), UnorderedElementsAre("sub", "sub/old"));  // it stays watched

  fs::remove(root_ / "sub/.gitignore");
  EXPECT_THAT(told(watcher, filter), ElementsAre("sub/.gitignore"));
  watcher.add_all(root_, mask);
  EXPECT_THAT(watched(watcher), UnorderedElementsAre("sub", "sub/old", "sub/new"));
}

TEST_F(IgnoreWatchTest, ARelativeRootIsTheOneThatWasAdded) {
  make("build");
  make("src/build");
  write(".gitignore", "/build/\n");
  const fs::path before = fs::current_path();
  for (const char* root : {".", "root", "./root/"}) {
    fs::current_path(root == std::string(".") ? root_ : dir_.path());
    const IgnoreFilter filter = IgnoreFilter::from_gitignore(root);
    AutoWatcher watcher(with(filter));
    watcher.add_all(root, mask);
    EXPECT_EQ(watcher.size(), 3U) << root;
  }
  fs::current_path(before);
}

}  // namespace
}  // namespace ignore_watch
