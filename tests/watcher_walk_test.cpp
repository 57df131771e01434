// Watcher::add_all and add_iter: a walk that watches every directory below a root, whatever happens
// to them meanwhile.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <inotify/watcher.hpp>
#include <map>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/audit.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Mask;
using inotify::WalkRange;
using inotify::Watcher;
using test::TempDir;
using test::write_file;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

namespace fs = std::filesystem;

class WatcherWalk : public ::testing::Test {
 protected:
  void directories(std::initializer_list<const char*> names) {
    for (const char* name : names) fs::create_directories(dir_ / name);
  }

  [[nodiscard]] std::string relative(std::string_view path) const {
    const std::string base = dir_.str();
    if (path == base) return ".";
    return std::string(path.starts_with(base + '/') ? path.substr(base.size() + 1) : path);
  }

  [[nodiscard]] std::vector<std::string> paths_of(const std::vector<int>& wds) const {
    std::vector<std::string> paths;
    for (const int wd : wds) paths.push_back(relative(w_.wd(wd).value().path));
    return paths;
  }

  [[nodiscard]] std::vector<std::string> watched() const {
    std::vector<std::string> paths;
    for (const auto& watch : w_.watches()) paths.push_back(relative(watch.path));
    return paths;
  }

  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Event& e : w_.read(0ms))
      lines.push_back(inotify::to_string(e.mask) + ' ' + relative(e.fullpath));
    return lines;
  }

  TempDir dir_;
  Watcher w_;
};

TEST_F(WatcherWalk, WatchesEveryDirectoryAndNoFile) {
  directories({"a/b/c", "a/d", "e"});
  write_file(dir_ / "f");
  write_file(dir_ / "a/b/f");
  ASSERT_EQ(::mkfifo((dir_ / "a/fifo").c_str(), 0600), 0);
  const auto wds = w_.add_all(dir_.path(), IN_CREATE);
  EXPECT_THAT(paths_of(wds), UnorderedElementsAre(".", "a", "a/b", "a/b/c", "a/d", "e"));
  EXPECT_EQ(w_.num_watches(), 6U);
  EXPECT_EQ(test::audit(w_), "");
  for (const auto& watch : w_.watches()) EXPECT_EQ(watch.mask, Mask{IN_CREATE}) << watch.path;
  write_file(dir_ / "a/b/c/new");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/c/new"));
}

TEST_F(WatcherWalk, ReturnsTheRootFirstAndParentsBeforeChildren) {
  directories({"a/b/c/d", "a/x/y", "m/n", "z"});
  const auto paths = paths_of(w_.add_all(dir_.path(), IN_CREATE));
  ASSERT_FALSE(paths.empty());
  EXPECT_EQ(paths.front(), ".");
  std::vector<std::string> seen;
  for (const auto& path : paths) {
    if (path.find('/') != std::string::npos) {
      EXPECT_THAT(seen, Contains(fs::path(path).parent_path().string()));
    }
    seen.push_back(path);
  }
}

TEST_F(WatcherWalk, WatchesFirstAndListsAfter) {
  // So what appears in between is reported by the watch, or seen by the listing, or both; never by
  // neither.
  auto walk = w_.add_iter(dir_.path(), IN_CREATE);
  auto it = walk.begin();
  directories({"late"});  // the root is watched and not listed yet
  EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR late"));
  ++it;
  ASSERT_FALSE(it == walk.end());
  EXPECT_EQ(relative(w_.wd(*it)->path), "late");
}

TEST_F(WatcherWalk, OfADirectoryWithManyEntriesFindsAllDirectories) {
  // More than one buffer of entries.
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "a-rather-long-name-" + std::to_string(i);
    if (i % 10 == 0) {
      fs::create_directory(dir_ / name);
    } else {
      write_file(dir_ / name);
    }
  }
  EXPECT_THAT(w_.add_all(dir_.path(), IN_CREATE), SizeIs(101));
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalk, OfADeepTreeGoesToItsEnd) {
  fs::path deep = dir_.path();
  int depth = 1;
  for (; deep.native().size() < 3500; ++depth) {
    deep /= std::string(100, 'd');
    ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
  }
  EXPECT_THAT(w_.add_all(dir_.path(), IN_CREATE), SizeIs(depth));
  EXPECT_TRUE(w_.path(deep));
}

TEST_F(WatcherWalk, NamesAreBytes) {
  directories({"new\nline", "not-utf8-\xff", " ", "a/ b /c"});
  w_.add_all(dir_.path(), IN_CREATE);
  EXPECT_THAT(watched(), UnorderedElementsAre(".", "new\nline", "not-utf8-\xff", " ", "a", "a/ b ",
                                              "a/ b /c"));
}

TEST_F(WatcherWalk, ATrailingSlashOnTheRootChangesNothing) {
  directories({"a/b"});
  w_.add_all(dir_.str() + '/', IN_CREATE);
  EXPECT_THAT(watched(), ElementsAre(".", "a", "a/b"));
}

TEST_F(WatcherWalk, OfARelativeRootReportsRelativePaths) {
  directories({"a/b"});
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  w_.add_all("a", IN_CREATE);
  EXPECT_THAT(watched(), ElementsAre("a", "a/b"));
  Watcher dot;
  dot.add_all(".", IN_CREATE);
  EXPECT_EQ(dot.num_watches(), 3U);
  EXPECT_TRUE(dot.path("a/b"));
  EXPECT_TRUE(dot.path("./a/b"));
  write_file("a/b/f");
  fs::current_path(before);
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f"));
  const auto events = dot.read(0ms);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events[0].fullpath, ::testing::AnyOf("./a/b/f", "a/b/f"));  // one path, see Watcher
}

TEST_F(WatcherWalk, AgainFindsTheSameWatchesAndWhatIsNew) {
  directories({"a/b"});
  const auto first = w_.add_all(dir_.path(), IN_CREATE);
  directories({"a/c"});
  const auto second = w_.add_all(dir_.path(), IN_CREATE | IN_DELETE);
  EXPECT_THAT(first, SizeIs(3));
  EXPECT_THAT(second, SizeIs(4));
  for (const int wd : first) EXPECT_THAT(second, Contains(wd));
  for (const auto& watch : w_.watches()) EXPECT_EQ(watch.mask, Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalk, OfOverlappingRootsWatchesEachDirectoryOnce) {
  directories({"a/b/c"});
  w_.add_all(dir_ / "a/b", IN_CREATE);
  w_.add_all(dir_.path(), IN_CREATE);
  EXPECT_EQ(w_.num_watches(), 4U);
  EXPECT_THAT(w_.watches(), SizeIs(4));
  EXPECT_EQ(test::audit(w_), "");
}

// ---- the lazy range

TEST_F(WatcherWalk, IsLazyWatchingOneMoreDirectoryPerStep) {
  for (int i = 0; i < 10; ++i) fs::create_directories(dir_ / std::to_string(i) / "below");
  auto walk = w_.add_iter(dir_.path(), IN_CREATE);
  std::size_t steps = 0;
  for ([[maybe_unused]] const int wd : walk) {
    ++steps;
    EXPECT_EQ(w_.num_watches(), steps);
    EXPECT_EQ(w_.wd(wd).has_value(), true);
    if (steps == 7) break;
  }
  EXPECT_EQ(w_.num_watches(), 7U) << "nobody asked for more";
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalk, EventsMayBeReadAndWatchesChangedBetweenTheSteps) {
  directories({"a/b", "c"});
  std::vector<std::string> seen;
  for (const int wd : w_.add_iter(dir_.path(), IN_CREATE | IN_DELETE_SELF)) {
    const std::string path = w_.wd(wd)->path;
    write_file(path + "/f");
    const auto lines = told();
    seen.insert(seen.end(), lines.begin(), lines.end());
    w_.remove(wd);
    told();
  }
  EXPECT_THAT(seen, UnorderedElementsAre("IN_CREATE f", "IN_CREATE a/f", "IN_CREATE a/b/f",
                                         "IN_CREATE c/f"));
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherWalk, IsAnInputRange) {
  EXPECT_TRUE(std::ranges::input_range<WalkRange>);
  EXPECT_TRUE((std::is_same_v<std::ranges::range_value_t<WalkRange>, int>));
  directories({"a", "b", "c"});
  auto walk = w_.add_iter(dir_.path(), IN_CREATE);
  const auto count = std::ranges::count_if(walk, [&](int wd) { return w_.wd(wd).has_value(); });
  EXPECT_EQ(count, 4);
}

// Clang before 16 cannot compile the views of libstdc++, whatever they are applied to.
#if !defined(__clang__) || __clang_major__ >= 16
TEST_F(WatcherWalk, WorksWithRangeAdaptors) {
  directories({"a/b", "c"});
  auto walk = w_.add_iter(dir_.path(), IN_CREATE);
  std::vector<std::string> seen;
  for (const auto& path :
       std::views::all(walk) | std::views::transform([&](int wd) { return w_.wd(wd)->path; })) {
    seen.push_back(relative(path));
  }
  EXPECT_THAT(seen, UnorderedElementsAre(".", "a", "a/b", "c"));
}
#endif

TEST_F(WatcherWalk, IsMoveOnly) {
  EXPECT_TRUE(std::is_move_constructible_v<WalkRange>);
  EXPECT_FALSE(std::is_copy_constructible_v<WalkRange>) << "two walks would share one place";
  EXPECT_FALSE(std::is_copy_assignable_v<WalkRange>);
}

TEST_F(WatcherWalk, NothingIsWatchedTwiceByASecondBegin) {
  directories({"a"});
  auto walk = w_.add_iter(dir_.path(), IN_CREATE);
  const int root = *walk.begin();
  EXPECT_EQ(*walk.begin(), root);
  EXPECT_EQ(w_.num_watches(), 1U);
}

// ---- the root

TEST_F(WatcherWalk, OfARootThatIsAFileWatchesIt) {
  write_file(dir_ / "f");
  const auto wds = w_.add_all(dir_ / "f", IN_MODIFY);
  EXPECT_THAT(paths_of(wds), ElementsAre("f"));
  write_file(dir_ / "f", "text");
  EXPECT_THAT(told(), Contains("IN_MODIFY f"));
}

TEST_F(WatcherWalk, OfARootThatIsASymlinkWalksWhereItLeads) {
  directories({"a/b"});
  fs::create_directory_symlink(dir_ / "a", dir_ / "link");
  w_.add_all(dir_ / "link", IN_CREATE);
  EXPECT_THAT(watched(), ElementsAre("link", "link/b"));
  write_file(dir_ / "a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE link/b/f"));
}

TEST_F(WatcherWalk, OfARootThatIsASymlinkWalksWhereItLeadsWithOnlydirToo) {
  directories({"a/b"});
  fs::create_directory_symlink(dir_ / "a", dir_ / "link");
  w_.add_all(dir_ / "link", IN_CREATE | IN_ONLYDIR);
  EXPECT_THAT(watched(), ElementsAre("link", "link/b"));
}

TEST_F(WatcherWalk, OfARootThatIsASymlinkNotToBeFollowedWatchesTheLinkAlone) {
  directories({"a/b"});
  fs::create_directory_symlink(dir_ / "a", dir_ / "link");
  w_.add_all(dir_ / "link", IN_ATTRIB | IN_CREATE | IN_DONT_FOLLOW);
  EXPECT_THAT(watched(), ElementsAre("link"));
}

TEST_F(WatcherWalk, OfARootWithOnlydirThatIsAFileIsRefused) {
  write_file(dir_ / "f");
  try {
    w_.add_all(dir_ / "f", IN_MODIFY | IN_ONLYDIR);
    FAIL() << "no exception";
  } catch (const fs::filesystem_error& e) {
    EXPECT_EQ(e.code().value(), ENOTDIR);
    EXPECT_EQ(e.path1(), dir_ / "f");
  }
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherWalk, ABadRootThrowsWithoutOnerrorWhateverIgnoredErrorsSays) {
  try {
    w_.add_all(dir_ / "missing", IN_CREATE);
    FAIL() << "no exception";
  } catch (const fs::filesystem_error& e) {
    EXPECT_EQ(e.code().value(), ENOENT);
    EXPECT_EQ(e.path1(), dir_ / "missing");
  }
  EXPECT_THROW(w_.add_iter(dir_ / "missing", IN_CREATE), fs::filesystem_error);
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherWalk, ABadRootGoesToOnerrorAndNothingIsWatched) {
  std::vector<std::string> told;
  const auto onerror = [&](const fs::filesystem_error& e) {
    told.push_back(relative(e.path1().native()) + ": " + std::to_string(e.code().value()));
  };
  EXPECT_THAT(w_.add_all(dir_ / "missing", IN_CREATE, onerror), IsEmpty());
  EXPECT_THAT(w_.add_all(dir_.path(), 0, onerror), IsEmpty());
  auto walk = w_.add_iter(dir_ / "missing", IN_CREATE, onerror);
  EXPECT_TRUE(walk.begin() == walk.end());
  EXPECT_THAT(told, ElementsAre("missing: 2", ".: 22", "missing: 2"));
  EXPECT_TRUE(w_.empty());
  const auto rethrow = [](const fs::filesystem_error& e) { throw e; };
  EXPECT_THROW(w_.add_all(dir_ / "missing", IN_CREATE, rethrow), fs::filesystem_error);
}

TEST_F(WatcherWalk, DoesNotFollowSymlinksBelowTheRoot) {
  const TempDir elsewhere;
  fs::create_directory(elsewhere / "secret");
  directories({"a"});
  write_file(dir_ / "f");
  fs::create_directory_symlink(elsewhere.path(), dir_ / "a/out");
  fs::create_directory_symlink("..", dir_ / "a/loop");
  fs::create_symlink(dir_ / "f", dir_ / "a/to-file");
  fs::create_symlink("nowhere", dir_ / "a/dangling");
  w_.add_all(dir_.path(), IN_CREATE);
  EXPECT_THAT(watched(), ElementsAre(".", "a"));
  EXPECT_EQ(test::audit(w_), "");
}

// ---- errors below the root

// A root in which "a/one" and "a/two" cannot be watched: they are watched already, which
// IN_MASK_CREATE refuses.
class WatcherWalkErrors : public WatcherWalk {
 protected:
  WatcherWalkErrors() {
    directories({"a/one/below", "a/three", "a/two", "b"});
    w_.add(dir_ / "a/one", IN_DELETE);
    w_.add(dir_ / "a/two", IN_DELETE);
  }
  static constexpr Mask mask = IN_CREATE | IN_MASK_CREATE;
};

TEST_F(WatcherWalkErrors, GoToOnerrorOnceEachWithPathAndCause) {
  std::vector<std::string> failed;
  const auto wds = w_.add_all(dir_.path(), mask, [&](const fs::filesystem_error& e) {
    failed.push_back(relative(e.path1().native()));
    EXPECT_EQ(e.code().value(), EEXIST);
    EXPECT_EQ(e.code(), std::errc::file_exists);
    EXPECT_THAT(e.what(), ::testing::HasSubstr(e.path1().string()));
  });
  EXPECT_THAT(failed, UnorderedElementsAre("a/one", "a/two"));
  EXPECT_THAT(paths_of(wds), UnorderedElementsAre(".", "a", "a/three", "b")) << "the rest";
  EXPECT_EQ(w_.path(dir_ / "a/one")->mask, Mask{IN_DELETE});
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalkErrors, StopTheWalkIfOnerrorThrows) {
  int calls = 0;
  EXPECT_THROW(w_.add_all(dir_ / "a", mask,
                          [&](const auto&) {
                            ++calls;
                            throw std::logic_error("enough");
                          }),
               std::logic_error);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(w_.path(dir_ / "a")) << "what has been watched stays so";
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalkErrors, AreThrownAtTheEndWithTheFirstPathAndHowMany) {
  try {
    w_.add_all(dir_.path(), mask);
    FAIL() << "no exception";
  } catch (const fs::filesystem_error& e) {
    EXPECT_EQ(e.code().value(), EEXIST);
    EXPECT_THAT(relative(e.path1().native()), ::testing::AnyOf("a/one", "a/two"));
    EXPECT_THAT(e.what(), ::testing::HasSubstr("2 directories"));
    EXPECT_THAT(e.what(), ::testing::HasSubstr(e.path1().string()));
  }
  EXPECT_THAT(watched(), UnorderedElementsAre(".", "a", "a/one", "a/two", "a/three", "b"))
      << "all but what is below";
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalkErrors, AreThrownByTheLastStepOfTheRange) {
  std::size_t steps = 0;
  EXPECT_THROW(
      {
        for ([[maybe_unused]] const int wd : w_.add_iter(dir_.path(), mask)) ++steps;
      },
      fs::filesystem_error);
  EXPECT_EQ(steps, 4U);
}

TEST_F(WatcherWalkErrors, OneIsNotCalledMany) {
  w_.remove_path(dir_ / "a/two");
  told();
  try {
    w_.add_all(dir_.path(), mask);
    FAIL() << "no exception";
  } catch (const fs::filesystem_error& e) {
    EXPECT_EQ(relative(e.path1().native()), "a/one");
    EXPECT_THAT(e.what(), ::testing::HasSubstr("1 directory "));
  }
}

TEST_F(WatcherWalkErrors, AreSkippedIfIgnoredErrorsSaysSo) {
  w_.ignored_errors.push_back(EEXIST);
  int calls = 0;
  EXPECT_NO_THROW(w_.add_all(dir_.path(), mask, [&](const auto&) { ++calls; }));
  EXPECT_EQ(calls, 0);
  EXPECT_NO_THROW(w_.add_all(dir_ / "b/..", IN_CREATE | IN_MASK_ADD));
}

// In bulk, and step by step: IN_OPEN makes events of the walk itself.
TEST_F(WatcherWalk, LeavesOutWhatTheFilterRefuses) {
  directories({"a/no/deep", "a/yes/no", "no", "yes/deep"});
  write_file(dir_ / "file");
  for (const Mask mask : {Mask{IN_CREATE}, Mask{IN_CREATE | IN_OPEN}}) {
    Watcher watcher;
    std::vector<std::string> asked;
    watcher.add_filter = [&](const Event& event) {
      EXPECT_EQ(event.mask, IN_CREATE | IN_ISDIR);
      EXPECT_EQ(event.fullpath, std::string(event.path) + "/" + std::string(event.name));
      asked.push_back(relative(event.fullpath));
      return event.name != "no";
    };
    EXPECT_THAT(watcher.add_all(dir_.path(), mask), SizeIs(5));
    EXPECT_THAT(asked,
                UnorderedElementsAre("a", "a/no", "a/yes", "a/yes/no", "no", "yes", "yes/deep"));
    for (const char* name : {"a", "a/yes", "yes", "yes/deep"})
      EXPECT_TRUE(watcher.path(dir_ / name));
    EXPECT_EQ(test::audit(watcher), "");
  }
  w_.add_filter = [](const Event& event) { return event.name != "no"; };
  EXPECT_EQ(std::ranges::distance(w_.add_iter(dir_.path(), IN_CREATE)), 5);
}

TEST_F(WatcherWalk, WhatTheFilterThrowsEndsTheWalk) {
  directories({"a/b/c"});
  w_.add_filter = [](const Event& event) -> bool {
    if (event.name == "c") throw std::runtime_error("enough");
    return true;
  };
  EXPECT_THROW(w_.add_all(dir_.path(), IN_CREATE), std::runtime_error);
  EXPECT_EQ(test::audit(w_), "");
  w_.add_filter = {};
  EXPECT_THAT(w_.add_all(dir_.path(), IN_CREATE), SizeIs(4));
}

TEST_F(WatcherWalk, IgnoresWhatIsARaceByDefaultAndNothingElse) {
  EXPECT_THAT(w_.ignored_errors, UnorderedElementsAre(ENOENT, EPERM, ENOTDIR));
}

// Makes a directory vanish, or become something else, between its listing and its turn.
class WatcherWalkRace : public WatcherWalk {
 protected:
  // Walks "a" and "b", of which `change` is told the one whose turn is yet to come; returns the
  // errors told.
  template <class Change>
  std::vector<int> walk_with(Change change) {
    directories({"a", "b"});
    std::vector<int> errors;
    int steps = 0;
    for (const int wd : w_.add_iter(dir_.path(), IN_CREATE,
                                    [&](const auto& e) { errors.push_back(e.code().value()); })) {
      if (++steps != 2) continue;
      change(dir_ / (relative(w_.wd(wd)->path) == "a" ? "b" : "a"));
    }
    EXPECT_EQ(steps, 2) << "the other one was watched";
    return errors;
  }
};

TEST_F(WatcherWalkRace, ADirectoryThatVanishesIsSkipped) {
  EXPECT_THAT(walk_with([](const fs::path& other) { fs::remove(other); }), IsEmpty());
}

TEST_F(WatcherWalkRace, ADirectoryThatBecomesAFileIsSkipped) {
  EXPECT_THAT(walk_with([](const fs::path& other) {
                fs::remove(other);
                write_file(other);
              }),
              IsEmpty());
}

TEST_F(WatcherWalkRace, ADirectoryThatBecomesASymlinkIsNotFollowed) {
  const TempDir elsewhere;
  EXPECT_THAT(walk_with([&](const fs::path& other) {
                fs::remove(other);
                fs::create_directory_symlink(elsewhere.path(), other);
              }),
              IsEmpty());
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherWalkRace, ADirectoryThatVanishesIsToldIfNothingIsIgnored) {
  w_.ignored_errors.clear();
  EXPECT_THAT(walk_with([](const fs::path& other) { fs::remove(other); }), ElementsAre(ENOENT));
}

TEST_F(WatcherWalk, ARootThatVanishesBeforeItIsListedEndsTheWalkQuietly) {
  directories({"a/b"});
  auto walk = w_.add_iter(dir_ / "a", IN_CREATE);
  fs::remove_all(dir_ / "a");
  auto it = walk.begin();
  EXPECT_NO_THROW(++it);
  EXPECT_TRUE(it == walk.end());
  told();
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherWalk, TellsWhatMayNotBeReadAndWatchesTheRest) {
  directories({"a", "open/below", "secret/below"});
  fs::permissions(dir_.path(), fs::perms::all);
  fs::permissions(dir_ / "secret", fs::perms::none);
  // As nobody in particular, in a child process; it tells by its exit status which check failed.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t nobody = 65534;
    if (::geteuid() == 0 &&
        (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0)) {
      ::_exit(77);
    }
    int status = 1;
    try {
      Watcher w;
      std::vector<std::string> failed;
      const auto wds = w.add_all(dir_.path(), IN_CREATE, [&](const fs::filesystem_error& e) {
        failed.push_back(relative(e.path1().native()) +
                         (e.code().value() == EACCES ? "" : " otherwise"));
      });
      status = wds.size() != 4 ? 2 : failed != std::vector<std::string>{"secret"} ? 3 : 0;
      if (status == 0) {
        status = 4;
        try {
          w.add_all(dir_.path(), IN_CREATE);
        } catch (const fs::filesystem_error& e) {
          status = relative(e.path1().native()) == "secret" && e.code().value() == EACCES ? 0 : 5;
        }
      }
      if (status == 0 && !test::audit(w).empty()) status = 6;
    } catch (...) {
      status = 7;
    }
    ::_exit(status);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  fs::permissions(dir_ / "secret", fs::perms::owner_all);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this process may not become another user";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(WatcherWalk, SurvivesDirectoriesThatComeAndGoMeanwhile) {
  constexpr int rounds = 2000;
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::atomic<bool> done = false;
  std::atomic<int> changes = 0;
  test::Thread churn([&] {
    std::mt19937 random(seed);
    const auto path = [&] {
      std::string text = dir_.str();
      for (auto depth = 1 + random() % 3; depth > 0; --depth)
        text += std::string("/") + static_cast<char>('a' + random() % 3);
      return text;
    };
    while (!done) {
      std::error_code ignored;
      switch (random() % 5) {
        case 0:
          fs::remove_all(path(), ignored);
          break;
        case 1:
          fs::rename(path(), path(), ignored);
          break;
        case 2: {
          const std::string name = path();  // a file where a directory was
          if (::rmdir(name.c_str()) == 0)
            ::close(::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
          break;
        }
        default:
          fs::create_directories(path(), ignored);
          break;
      }
      ++changes;
    }
  });
  std::size_t most = 0;
  std::string wrong;
  // As long as it takes for the other thread to have its share, on a busy machine as well.
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  const auto goes_on = [&](int round) {
    return (round < rounds || changes < rounds) && std::chrono::steady_clock::now() < deadline;
  };
  for (int round = 0; goes_on(round) && wrong.empty(); ++round) {
    try {
      const auto wds = w_.add_all(dir_.path(), IN_DELETE_SELF);
      most = std::max(most, wds.size());
    } catch (const std::exception& e) {
      wrong = "round " + std::to_string(round) + ": " + e.what();
    }
    for (auto events = w_.read(0ms); !events.empty(); events = w_.read(0ms)) {
      for (const Event& e : events) {
        if (e.is_overflow()) wrong = "overflow";
      }
    }
  }
  done = true;
  churn.join();
  EXPECT_EQ(wrong, "");
  EXPECT_GT(most, 1U) << "there was never anything to walk";
  EXPECT_GE(changes, rounds) << "too little happened meanwhile";
  while (!w_.read(0ms).empty()) {
  }
  EXPECT_EQ(test::audit(w_), "");
  w_.add_all(dir_.path(), IN_DELETE_SELF);
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
    EXPECT_EQ(w_.path(entry.path()).has_value(), entry.is_directory()) << entry.path();
  }
}

}  // namespace
