// FileWatch over many paths: what fails holds up no other path, and nothing takes more work than it must.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <inotify/file_watch.hpp>
#include <inotify/limits.hpp>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/close_later.hpp"
#include "support/contract.hpp"
#include "support/faults.hpp"
#include "support/many_files.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using test::FileWatchMany;
using test::is_readable;
using test::is_silent;
using test::ManyPaths;
using test::show;
using test::told_by;
using test::ToldChanges;
using test::watched_by;

class FileWatchBound : public FileWatchMany {};

// ---- what fails

TEST_F(FileWatchBound, OneThatCannotBeFollowedHoldsUpNoOther) {
  names_ = {"a", "b", "c"};
  for (const auto& name : names_) write(name, "1");
  FileWatch files(all());
  for (const auto& name : names_) replace(name, "2");
  std::error_code ec;
  {
    const test::Fault fault(test::Call::add_watch, ENOSPC);
    EXPECT_EQ(files.read(0ms, ec), FileChange::none);
    EXPECT_EQ(ec, std::errc::no_space_on_device);
  }
  const std::filesystem::path wrong = files.path();
  std::vector<std::filesystem::path> told;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(files.read(0ms, ec), FileChange::replaced);
    EXPECT_FALSE(ec);
    told.push_back(files.path());
  }
  EXPECT_EQ(told.back(), wrong) << "after all others";
  EXPECT_EQ(std::set(told.begin(), told.end()).size(), 3U);
  EXPECT_EQ(files.read(0ms), FileChange::none);
}

TEST_F(FileWatchBound, OneThatCannotBeFollowedIsToldOfAfterTheOthers) {
  names_ = {"a", "b"};
  for (const auto& name : names_) write(name, "1");
  FileWatch files(all());
  replace("b", "2");
  std::error_code ec;
  {
    const test::Fault fault(test::Call::add_watch, ENOSPC, 1, test::for_ever);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(files.read(0ms, ec), FileChange::none);
      EXPECT_EQ(ec, std::errc::no_space_on_device);
      EXPECT_EQ(files.path(), in("b"));
      write("a", "2");
      EXPECT_EQ(files.read(0ms, ec), FileChange::modified);
      EXPECT_FALSE(ec) << ec.message();
      EXPECT_EQ(files.path(), in("a"));
    }
  }
  EXPECT_EQ(show(told_by(files, dir_.str())), "b: replaced\n");
  EXPECT_TRUE(is_silent(files));
}

// What several paths need takes a watch of its own, which the limit may forbid.
TEST_F(FileWatchBound, WithinTheLimitOfOnePathThatOneIsFollowed) {
  names_ = {"a", "b", "c"};
  for (const auto& name : names_) write(name, "1");
  int watches = 0;
  {
    const test::Fault count(test::Call::add_watch, [&](int) { ++watches; });
    const FileWatch alone(in("a"));
    test::close_later(alone.fileno());
  }
  std::optional<FileWatch> files;
  std::error_code ec;
  const auto expect_told = [&](FileChange change, const std::string& name) {
    EXPECT_EQ(files->read(0ms, ec), change);
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_EQ(files->path(), in(name));
    EXPECT_FALSE(is_readable(*files)) << "for nothing is left";
    EXPECT_EQ(files->read(10s, ec), FileChange::none);
    EXPECT_EQ(ec, std::errc::no_space_on_device);
    EXPECT_NE(files->path(), in(name));
  };
  {
    const test::Fault limit(test::Call::add_watch, ENOSPC, watches + 1, test::for_ever);
    files.emplace(FileWatch::Paths(all()), ec);
    EXPECT_EQ(ec, std::errc::no_space_on_device);
    EXPECT_EQ(files->path(), in("b"));
    for (int i = 0; i < 3; ++i) {
      write("a", "2");
      expect_told(FileChange::modified, "a");
    }
    files->remove(in("a"));
  }
  {
    const test::Fault bell(test::Call::add_watch, ENOSPC, 1);
    EXPECT_EQ(files->read(0ms, ec), FileChange::appeared) << "in its place";
    EXPECT_EQ(files->path(), in("b"));
  }
  {
    const test::Fault limit(test::Call::add_watch, ENOSPC, 1, test::for_ever);
    write("b", "2");
    expect_told(FileChange::modified, "b");
  }
  EXPECT_EQ(show(told_by(*files, dir_.str())), "c: appeared\n");
  EXPECT_TRUE(is_silent(*files));
}

TEST_F(FileWatchBound, NoDescriptorOrWatchIsLeftByWhatFails) {
  names_ = {"a/1", "a/2"};
  for (const auto& name : names_) write(name, "1");
  write("new/3", "1");
  FileWatch files(in("a/1"));
  const auto before = watched_by(files);
  for (const auto call : {test::Call::add_watch, test::Call::openat, test::Call::fstat}) {
    bool has_failed = true;
    for (int nth = 1; has_failed && nth < 100; ++nth) {
      FileWatch more(in("a/1"));
      std::error_code ec;
      {
        const test::Fault fault(call, ENOMEM, nth);
        more.add(in("new/3"), ec);
        has_failed = fault.hits() > 0;
      }
      EXPECT_EQ(ec == std::errc::not_enough_memory, has_failed) << ec.message();
      if (!has_failed) break;
      EXPECT_EQ(watched_by(more), before) << name_of(call) << ' ' << nth;
      EXPECT_EQ(more.size(), 1U);
      more.add(in("new/3"));
      write("new/3", "2");
      EXPECT_EQ(show(told_by(more, dir_.str())), "new/3: modified\n");
      test::close_later(more.fileno());
    }
    EXPECT_FALSE(has_failed) << name_of(call);
  }
}

// Whatever call fails while three changes are told: they are told in the end.
TEST_F(FileWatchBound, WhatFailsInAReadIsMadeUpForByTheNext) {
  using test::Call;
  names_ = {"a/1", "a/2", "b/c/3"};
  for (const Call call : {Call::add_watch, Call::rm_watch, Call::openat, Call::fstat, Call::read}) {
    bool has_failed = true;
    for (int nth = 1; has_failed && nth < 200; ++nth) {
      SCOPED_TRACE(name_of(call) + (' ' + std::to_string(nth)));
      write("a/1", "1");
      write("a/2", "1");
      FileWatch files(all());
      replace("a/1", "2");
      std::filesystem::remove(in("a/2"));
      write("b/c/3", "2");
      std::size_t told = 0;
      {
        const test::Fault fault(call, EIO, nth);
        std::error_code ec;
        while (files.read(0ms, ec) != FileChange::none) ++told;
        has_failed = fault.hits() > 0;
      }
      for (const auto& [path, changes] : told_by(files, dir_.str())) told += changes.size();
      EXPECT_EQ(told, 3U);
      EXPECT_TRUE(files.exists(in("a/1")) && !files.exists(in("a/2")) && files.exists(in("b/c/3")));
      if (call != Call::rm_watch) {
        const FileWatch fresh(all());
        EXPECT_EQ(watched_by(files), watched_by(fresh));
        test::close_later(fresh.fileno());
      }
      test::close_later(files.fileno());
      std::filesystem::remove_all(in("b"));
    }
    EXPECT_FALSE(has_failed) << name_of(call);
  }
}

TEST_F(FileWatchBound, WithAnErrorCodeWhatFailsIsTriedAgain) {
  names_ = {"a/1", "b/2", "c/3"};
  for (const auto& name : names_) write(name, "1");
  for (int nth = 1; nth < 30; ++nth) {
    std::optional<FileWatch> files;
    std::error_code ec;
    {
      const test::Fault fault(test::Call::add_watch, ENOSPC, nth);
      files.emplace(FileWatch::Paths(all()), ec);
      if (fault.hits() == 0) break;
    }
    EXPECT_EQ(ec, std::errc::no_space_on_device);
    EXPECT_EQ(files->size(), 3U);
    const std::string wrong = files->path().string();
    EXPECT_EQ(show(told_by(*files, dir_.str())),
              wrong.substr(dir_.str().size() + 1) + ": appeared\n")
        << nth;
    write("b/2", "2");
    test::close_later(files->fileno());
    EXPECT_EQ(show(told_by(*files, dir_.str())), "b/2: modified\n") << nth;
  }
}

// ---- overflow

TEST_F(FileWatchBound, AnOverflowMakesThemAllBeLookedAt) {
  const long limit = inotify::max_queued_events().value_or(16384);
  if (limit > 100'000) GTEST_SKIP() << "the queue holds " << limit << " events";
  names_ = {"a/1", "a/2", "b/3", "b/4", "c/5"};
  write("a/1", "1");
  write("a/2", "1");
  write("b/3", "1");
  FileWatch files(all());
  ASSERT_TRUE(test::overrun(dir_.str()));
  for (long i = 0; i <= limit / 2 + 1; ++i) {  // of what concerns it
    std::filesystem::create_directory(in("c"));
    std::filesystem::remove(in("c"));
  }
  replace("a/1", "2");
  write("a/2", "2");
  std::filesystem::remove(in("b/3"));
  write("b/4", "2");
  ToldChanges told = told_by(files, dir_.str());
  EXPECT_EQ(told["a/1"], std::vector{FileChange::replaced});
  EXPECT_EQ(told["a/2"], std::vector{FileChange::modified});
  EXPECT_EQ(told["b/3"], std::vector{FileChange::disappeared});
  EXPECT_EQ(told["b/4"], std::vector{FileChange::appeared});
  EXPECT_TRUE(is_silent(files));
  write("a/1", "3");
  write("b/4", "3");
  EXPECT_EQ(show(told_by(files, dir_.str())), "a/1: modified\nb/4: modified\n");
}

// ---- how much it takes

// How many system calls of these kinds are made, but those of the test.
template <class Act>
int steps_of(Act act) {
  int adds = 0;
  int opens = 0;
  int reads = 0;
  const test::Fault add(test::Call::add_watch, [&](int) { ++adds; });
  const test::Fault open(test::Call::openat, [&](int) { ++opens; });
  const test::Fault read(test::Call::read, [&](int) { ++reads; });
  act();
  return adds + opens + reads;
}

TEST_F(FileWatchBound, TenThousandTakeOneInstanceAndAnEventNoMoreThanOfTen) {
  constexpr std::size_t directories = 100;
  constexpr std::size_t files_each = 100;
  if (inotify::max_user_watches().value_or(0) < 20'000) GTEST_SKIP() << "too few watches";
  ManyPaths paths;
  for (std::size_t i = 0; i < directories; ++i) {
    const std::string directory = "etc/" + std::to_string(i);
    std::filesystem::create_directories(in(directory));
    for (std::size_t k = 0; k < files_each; ++k) {
      paths.push_back(in(directory + '/' + std::to_string(k)));
      std::ofstream(paths.back()) << '1';
    }
  }
  test::finish_closing();
  const std::size_t instances = inotify::instances_in_use();
  FileWatch many(paths);
  EXPECT_EQ(inotify::instances_in_use(), instances + 1);
  const std::size_t above =
      static_cast<std::size_t>(std::distance(dir_.path().begin(), dir_.path().end())) + 1;
  EXPECT_EQ(watched_by(many).size(), above + directories + paths.size());

  FileWatch few(FileWatch::Paths(paths).first(10));
  const auto steps = [&](FileWatch& files, FileChange change) {
    const int count = steps_of([&] { EXPECT_EQ(files.read(0ms), change); });
    EXPECT_EQ(files.path(), paths[7]);
    EXPECT_EQ(files.read(0ms), FileChange::none);
    return count;
  };
  struct Measured {
    FileChange change;
    std::function<void()> act;
    int of_few = 1'000'000;
    int of_many = 1'000'000;
  };
  std::vector<Measured> acts{{FileChange::modified, [&] { test::write_file(paths[7], "2"); }},
                             {FileChange::replaced, [&] { replace("etc/0/7", "3"); }},
                             {FileChange::disappeared, [&] { std::filesystem::remove(paths[7]); }},
                             {FileChange::appeared, [&] { test::write_file(paths[7], "4"); }}};
  // The least of several rounds, for what others do beside the directory has to be read, too.
  const auto is_as_much = [](const Measured& act) { return act.of_few == act.of_many; };
  for (int round = 0; round < 20 && !(round > 0 && std::ranges::all_of(acts, is_as_much));
       ++round) {
    for (Measured& act : acts) {
      act.act();
      act.of_few = std::min(act.of_few, steps(few, act.change));
      act.of_many = std::min(act.of_many, steps(many, act.change));
    }
  }
  for (const Measured& act : acts) {
    EXPECT_EQ(act.of_many, act.of_few) << to_string(act.change);
    EXPECT_LT(act.of_many, 40) << to_string(act.change);
  }
  EXPECT_EQ(acts.front().of_many, 1) << "it is read, and that is all";

  const auto none = [&] { EXPECT_EQ(many.read(0ms), FileChange::none); };
  int least = 1'000'000;
  for (int round = 0; round < 20 && least > 1; ++round) {
    test::write_file(in("etc/3/other"), "1");
    least = std::min(least, steps_of(none));
  }
  EXPECT_EQ(least, 1) << "what concerns none of them";
}

// Others do in all directories what puts all paths in doubt, each time it is asked how much there is.
TEST_F(FileWatchBound, ACallFollowsEachPathOnceWhateverOthersDo) {
  for (int i = 0; i < 50; ++i) names_.push_back("a/" + std::to_string(i));
  std::filesystem::create_directory(in("a"));
  FileWatch files(all());
  const auto chmod = [&](int times) {
    for (int i = 0; i < times; ++i) {
      std::filesystem::permissions(in("a"), std::filesystem::perms::owner_all);
      std::filesystem::create_symlink("x", in("y"));
      std::filesystem::remove(in("y"));
    }
  };
  chmod(1);
  const int once = steps_of([&] { static_cast<void>(told_by(files, dir_.str())); });
  chmod(1000);
  int calls = 0;
  const test::Fault meanwhile(test::Call::fstat, [&](int) { chmod(++calls < 100 ? 1 : 0); });
  EXPECT_LT(steps_of([&] { static_cast<void>(files.read(0ms)); }), 2 * once + 20);
}

}  // namespace
