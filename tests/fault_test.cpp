// What happens when a system call fails: the error is clear, nothing leaks, and what is left goes
// on working.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <inotify/inotify.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/audit.hpp"
#include "support/close_later.hpp"
#include "support/faults.hpp"
#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"

namespace {

using inotify::Instance;
using inotify::Mask;
using inotify::OwnedEvent;
using test::Call;
using test::Fault;
using test::TempDir;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::UnorderedElementsAreArray;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Mask follow = IN_CREATE | IN_DELETE | IN_MOVE;

std::size_t open_descriptors() {
  const fs::directory_iterator list("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

// Gives the inotify descriptor away, for comparison with the kernel's table.
template <class Base>
class Probe : public Base {
 public:
  using Base::Base;
  [[nodiscard]] int inotify_fd() const { return this->instance_.fileno(); }
};
using Watcher = Probe<inotify::Watcher>;
using AutoWatcher = Probe<inotify::AutoWatcher>;

template <class AnyWatcher>
std::set<std::string> watched_paths(const AnyWatcher& watcher) {
  std::set<std::string> paths;
  for (const auto& watch : watcher.watches()) paths.insert(watch.path);
  return paths;
}

template <class AnyWatcher>
std::vector<OwnedEvent> drain(AnyWatcher& watcher) {
  std::vector<OwnedEvent> all;
  for (auto events = watcher.read(0ms); !events.empty(); events = watcher.read(0ms)) {
    for (const auto& event : events) all.emplace_back(event);
  }
  return all;
}

std::set<std::string> holes_of(const std::vector<OwnedEvent>& events, std::errc condition) {
  std::set<std::string> paths;
  for (const OwnedEvent& event : events) {
    if (!event.error) continue;
    EXPECT_EQ(event.error, condition) << event;
    EXPECT_TRUE(paths.insert(event.path).second) << "told twice: " << event;
  }
  return paths;
}

std::vector<std::string> created(const std::vector<OwnedEvent>& events) {
  std::vector<std::string> paths;
  for (const OwnedEvent& event : events) {
    if (event.is_create()) paths.push_back(event.fullpath);
  }
  return paths;
}

// A tree of three levels, and what every test does with it.
class FaultTest : public testing::Test {
 protected:
  FaultTest() {
    for (const char* name : {"a/x", "a/y", "b/x", "c"}) fs::create_directories(dir_ / name);
    all_ = {dir_.str()};
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path()))
      all_.insert(entry.path().string());
  }

  // All directories but those at or below one of `paths`.
  [[nodiscard]] std::set<std::string> all_but(const std::set<std::string>& paths) const {
    std::set<std::string> rest;
    for (const std::string& path : all_) {
      const bool below = std::ranges::any_of(paths, [&](const std::string& top) {
        return path == top || path.starts_with(top + '/');
      });
      if (!below) rest.insert(path);
    }
    return rest;
  }

  // A new file in each directory is reported, so none is deaf.
  template <class AnyWatcher>
  void expect_all_heard(AnyWatcher& watcher) {
    drain(watcher);
    std::set<std::string> files;
    for (const std::string& path : all_) {
      files.insert(path + "/new-file");
      test::write_file(path + "/new-file");
    }
    std::set<std::string> heard;
    for (const OwnedEvent& event : drain(watcher)) {
      if (event.is_create()) heard.insert(event.fullpath);
    }
    EXPECT_EQ(heard, files);
    for (const std::string& file : files) fs::remove(file);
  }

  TempDir dir_;
  std::set<std::string> all_;
};

// ---- making one

template <class Made>
void expect_clean_failure(Call call, int error, int nth) {
  SCOPED_TRACE("call " + std::to_string(nth) + " of kind " +
               std::to_string(static_cast<int>(call)));
  test::finish_closing();
  const std::size_t before = open_descriptors();
  {
    const Fault fault(call, error, nth);
    std::error_code ec;
    const Made made(ec);
    EXPECT_EQ(ec.value(), error);
    EXPECT_FALSE(made.is_open());
    EXPECT_EQ(made.fileno(), -1);
    EXPECT_EQ(fault.hits(), 1);
    EXPECT_EQ(open_descriptors(), before);
  }
  const Fault fault(call, error, nth);
  try {
    const Made made;
    ADD_FAILURE() << "no error";
  } catch (const std::system_error& thrown) {
    EXPECT_EQ(thrown.code(), inotify::make_error(error));
    EXPECT_THAT(thrown.what(), HasSubstr("inotify: "));
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Fault, AnInstanceThatCannotBeMadeLeavesNothingBehind) {
  for (const int error : {EMFILE, ENFILE, ENOMEM})
    expect_clean_failure<Instance>(Call::init, error, 1);
  expect_clean_failure<Instance>(Call::eventfd, ENFILE, 1);
}

TEST(Fault, AWatcherThatCannotBeMadeLeavesNothingBehind) {
  expect_clean_failure<inotify::Watcher>(Call::init, EMFILE, 1);
  expect_clean_failure<inotify::Watcher>(Call::eventfd, ENOMEM, 1);
}

TEST(Fault, AnAutoWatcherThatCannotBeMadeLeavesNothingBehind) {
  expect_clean_failure<inotify::AutoWatcher>(Call::init, EMFILE, 1);
  expect_clean_failure<inotify::AutoWatcher>(Call::eventfd, ENOMEM, 1);
  expect_clean_failure<inotify::AutoWatcher>(Call::eventfd, ENOMEM, 2);
  expect_clean_failure<inotify::AutoWatcher>(Call::epoll_create, ENFILE, 1);
}

TEST(Fault, ADescriptorThatCannotBeTakenOverStaysTheCallersAsItWas) {
  const inotify::detail::UniqueFd fd(::inotify_init1(0));
  const Fault fault(Call::eventfd, ENFILE);
  std::error_code ec;
  EXPECT_FALSE(Instance::from_fd(fd.get(), ec).is_open());
  EXPECT_EQ(ec, std::errc::too_many_files_open_in_system);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), 0);
}

// ---- Watcher

TEST_F(FaultTest, AFailedAddLeavesTheWatcherAsItWas) {
  Watcher watcher;
  watcher.add(dir_ / "a", IN_CREATE);
  const Fault fault(Call::add_watch, ENOMEM);
  std::error_code ec;
  EXPECT_EQ(watcher.add(dir_ / "b", IN_CREATE, ec), -1);
  EXPECT_EQ(ec, std::errc::not_enough_memory);
  EXPECT_EQ(watcher.num_watches(), 1U);
  EXPECT_FALSE(watcher.path(dir_ / "b"));
  EXPECT_EQ(test::audit_on_disk(watcher), "");
  watcher.add(dir_ / "b", IN_CREATE, ec);
  EXPECT_FALSE(ec);
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

TEST_F(FaultTest, AMaskThatCannotBeReplacedIsTheKernels) {
  for (const int nth : {1, 2}) {  // widening, then narrowing
    Watcher watcher;
    watcher.add(dir_ / "a", IN_CREATE | IN_DELETE);
    const Fault fault(Call::add_watch, ENOMEM, nth);
    std::error_code ec;
    watcher.add(dir_ / "a", IN_MODIFY, ec);
    ASSERT_EQ(fault.hits(), 1);
    EXPECT_EQ(ec, std::errc::not_enough_memory);
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  }
}

TEST_F(FaultTest, WatcherAddAllWatchesTheRestAndThrowsOnceAtTheEnd) {
  for (const int error : {ENOSPC, ENOMEM}) {
    for (std::size_t nth = 2; nth <= all_.size(); ++nth) {
      SCOPED_TRACE("call " + std::to_string(nth));
      const std::size_t before = open_descriptors();
      Watcher watcher;
      std::string failed;
      {
        const Fault fault(Call::add_watch, error, static_cast<int>(nth));
        try {
          watcher.add_all(dir_.path(), IN_CREATE);
          ADD_FAILURE() << "no error";
        } catch (const fs::filesystem_error& thrown) {
          EXPECT_EQ(thrown.code(), inotify::make_error(error));
          EXPECT_THAT(thrown.what(), HasSubstr("1 directory"));
          failed = thrown.path1().string();
        }
      }
      EXPECT_TRUE(all_.contains(failed)) << failed;
      EXPECT_EQ(watched_paths(watcher), all_but({failed}));
      EXPECT_EQ(test::audit_on_disk(watcher), "");
      watcher.add_all(dir_.path(), IN_CREATE);
      EXPECT_EQ(watched_paths(watcher), all_);
      expect_all_heard(watcher);
      watcher.close();
      EXPECT_EQ(open_descriptors(), before);
    }
  }
}

TEST_F(FaultTest, WatcherAddAllCountsItsFailuresAndNamesTheFirst) {
  std::vector<std::string> failed;
  {
    const Fault fault(Call::add_watch, ENOSPC, 2, test::for_ever);
    Watcher watcher;
    watcher.add_all(dir_.path(), IN_CREATE, [&](const fs::filesystem_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_space_on_device);
      failed.push_back(error.path1().string());
    });
    EXPECT_EQ(watched_paths(watcher), std::set{dir_.str()});
  }
  EXPECT_THAT(failed, UnorderedElementsAreArray({dir_ / "a", dir_ / "b", dir_ / "c"}));
  const Fault fault(Call::add_watch, ENOSPC, 2, test::for_ever);
  Watcher watcher;
  try {
    watcher.add_all(dir_.path(), IN_CREATE);
    FAIL() << "no error";
  } catch (const fs::filesystem_error& thrown) {
    EXPECT_EQ(thrown.path1(), failed.front());
    EXPECT_THAT(thrown.what(), HasSubstr("3 directories"));
  }
}

TEST_F(FaultTest, WatcherAddAllTellsABadRootAtOnce) {
  const Fault fault(Call::add_watch, ENOENT, 1, test::for_ever);
  Watcher watcher;
  try {
    watcher.add_all(dir_.path(), IN_CREATE);
    FAIL() << "no error";
  } catch (const fs::filesystem_error& thrown) {
    EXPECT_EQ(thrown.path1(), dir_.path());
  }
  int calls = 0;
  const auto onerror = [&](const fs::filesystem_error& error) {
    EXPECT_EQ(error.path1(), dir_.path());
    ++calls;
  };
  EXPECT_TRUE(watcher.add_all(dir_.path(), IN_CREATE, onerror).empty());
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(watcher.empty());
}

TEST_F(FaultTest, WatcherAddAllTakesWhatVanishesForARace) {
  for (const int error : {ENOENT, EPERM, ENOTDIR}) {
    Watcher watcher;
    const Fault fault(Call::add_watch, error, 2);
    EXPECT_NO_THROW(watcher.add_all(dir_.path(), IN_CREATE));
    EXPECT_EQ(fault.hits(), 1);
    EXPECT_LT(watcher.num_watches(), all_.size());
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  }
}

TEST_F(FaultTest, AnErrorHandlerMayEndTheWalk) {
  struct Stop {};
  Watcher watcher;
  const Fault fault(Call::add_watch, ENOMEM, 2, test::for_ever);
  EXPECT_THROW(watcher.add_all(dir_.path(), IN_CREATE, [](const auto&) { throw Stop(); }), Stop);
  EXPECT_EQ(fault.hits(), 3) << "a, b and c: they are watched in bulk";
  EXPECT_EQ(watched_paths(watcher), std::set{dir_.str()});
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

// ---- what others do between two system calls of a walk

// Whoever asks for everything once more while a rename is unread is told the new name all the same.
TEST_F(FaultTest, WatcherAddAllAfterARenameTakesNothingKnownForNew) {
  Watcher watcher;
  watcher.add_all(dir_.path(), follow);
  fs::rename(dir_ / "a", dir_ / "z");
  watcher.add_all(dir_.path(), follow);
  drain(watcher);
  test::write_file(dir_ / "z/file");
  EXPECT_THAT(created(drain(watcher)), UnorderedElementsAreArray({dir_ / "z/file"}));
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

// A rename that is older than the watch of who took the name, and younger than the walk.
TEST_F(FaultTest, WatcherAddAllKnowsWhichOfTwoARenameMeant) {
  for (int moment = 2; moment <= 4; ++moment) {
    for (const char* name : {"a", "b", "c"}) {
      SCOPED_TRACE(std::string(name) + " before call " + std::to_string(moment));
      const TempDir dir;
      for (const char* each : {"a", "b", "c"}) fs::create_directory(dir / each);
      Watcher watcher;
      {
        const Fault fault(Call::add_watch, [&](int nth) {
          if (nth != moment) return;
          fs::rename(dir / name, dir / "away");
          fs::create_directory(dir / name);
        });
        watcher.add_all(dir.path(), follow);
      }
      drain(watcher);
      for (const auto& watch : watcher.watches()) test::write_file(fs::path(watch.path) / "file");
      std::vector<std::string> expected;
      for (const auto& watch : watcher.watches()) expected.push_back(watch.path + "/file");
      EXPECT_THAT(created(drain(watcher)), UnorderedElementsAreArray(expected));
      EXPECT_GE(expected.size(), 4U);
      EXPECT_EQ(test::audit_on_disk(watcher), "");
    }
  }
}

// Between its watch and its listing, which lie far apart, a directory is replaced.
TEST_F(FaultTest, WatcherAddAllListsUnderANameWhatItHasWatchedUnderIt) {
  for (const int moment : {3, 300, 700, 902, 903}) {
    SCOPED_TRACE(moment);
    const TempDir dir;
    for (int i = 0; i < 900; ++i) fs::create_directory(dir / std::to_string(i));
    const fs::path first = fs::directory_iterator(dir.path())->path();
    fs::create_directories(first / "old/x");
    Watcher watcher;
    {
      const Fault fault(Call::add_watch, [&](int nth) {
        if (nth != moment) return;
        fs::rename(first, dir / "away");
        fs::create_directories(first / "new/x");
      });
      watcher.add_all(dir.path(), follow);
    }
    drain(watcher);
    std::set<std::string> all{dir.str()};
    for (const auto& entry : fs::recursive_directory_iterator(dir.path()))
      all.insert(entry.path().string());
    EXPECT_EQ(watched_paths(watcher), all);
    std::vector<std::string> files;
    for (const std::string& path : all) {
      files.push_back(path + "/file");
      test::write_file(files.back());
    }
    EXPECT_THAT(created(drain(watcher)), testing::UnorderedElementsAreArray(files));
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  }
}

// A watch that was set already, by who was asked for the same before, is no reason to refuse.
TEST_F(FaultTest, WatcherAddAllThatCreatesWatchesWhatTookTheNameOfAnother) {
  Watcher watcher;
  watcher.add(dir_ / "a", follow);
  fs::rename(dir_ / "a", dir_ / "z");
  fs::create_directory(dir_ / "a");
  std::set<std::string> failed;
  watcher.add_all(dir_.path(), follow | IN_MASK_CREATE,
                  [&](const fs::filesystem_error& error) { failed.insert(error.path1()); });
  EXPECT_EQ(failed, std::set<std::string>{dir_ / "z"});
  drain(watcher);
  test::write_file(dir_ / "a/file");
  EXPECT_THAT(created(drain(watcher)), testing::ElementsAre(dir_ / "a/file"));
}

// The kernel has widened the mask of what is known, whatever becomes of the walk.
TEST_F(FaultTest, WatcherAddAllThatIsEndedKnowsTheMasksItHasWidened) {
  struct Stop {};
  Watcher watcher;
  watcher.add_all(dir_.path(), IN_CREATE);
  const Fault fault(Call::getdents, EIO, 3, test::for_ever);
  EXPECT_THROW(
      watcher.add_all(dir_.path(), IN_CREATE | IN_MODIFY, [](const auto&) { throw Stop(); }), Stop);
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

// A directory whose mask is narrowed gives way to a symlink that leads out.
TEST_F(FaultTest, WatcherAddAllDoesNotFollowASymlinkThatTookTheNameOfAWatch) {
  const TempDir out;
  for (int moment = 2; moment <= 8; ++moment) {
    SCOPED_TRACE(moment);
    const TempDir dir;
    fs::create_directory(dir / "d");
    Watcher watcher;
    watcher.add_all(dir.path(), follow | IN_MODIFY);
    {
      const Fault fault(Call::add_watch, [&](int nth) {
        if (nth != moment) return;
        fs::rename(dir / "d", dir / "e");
        fs::create_directory_symlink(out.path(), dir / "d");
      });
      watcher.add_all(dir.path(), follow);
    }
    drain(watcher);
    test::write_file(out / "file");
    fs::remove(out / "file");
    EXPECT_TRUE(drain(watcher).empty());
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  }
}

// A directory of one root moves to another in an overflow, and is met there before the walk that
// repairs the first has missed it.
TEST_F(FaultTest, WhatWasAskedForByHandIsKeptIfAnotherWalkMeetsIt) {
  const std::string one = dir_ / "a";
  const std::string other = dir_ / "b";
  fs::create_directory(one + "/d");
  fs::create_directory(one + "/k");
  AutoWatcher watcher;
  watcher.add_all(one, follow);
  watcher.add(one + "/d", IN_ATTRIB);
  drain(watcher);
  const long queue = inotify::max_queued_events().value_or(0);
  if (queue <= 0 || queue > 1 << 17) GTEST_SKIP() << "the queue is too long to overflow";
  for (long i = 0; i <= queue / 2; ++i) {
    test::write_file(one + "/k/file");
    fs::remove(one + "/k/file");
  }
  fs::rename(one + "/d", other + "/d");
  {
    int late = 0;
    const Fault fault(Call::add_watch, [&](int) {
      if (++late < 40) test::write_file(one + "/late" + std::to_string(late));
    });
    watcher.add_all(other, follow);
  }
  drain(watcher);
  EXPECT_EQ(test::audit_on_disk(watcher), "");
  fs::permissions(other + "/d", fs::perms::owner_all);
  const auto events = drain(watcher);
  EXPECT_TRUE(std::ranges::any_of(
      events, [&](const OwnedEvent& e) { return e.is_attrib() && e.fullpath == other + "/d"; }));
}

// What ended in the gap is known from the kernel's list alone, where no directory of a root is concerned.
TEST_F(FaultTest, A17_AListOfWatchesThatCannotBeOpenedIsAskedForAgain) {
  const std::string file = dir_ / "b/file";
  int hits = 1;
  for (int nth = 1; hits > 0; ++nth) {
    SCOPED_TRACE("open number " + std::to_string(nth));
    test::write_file(file);
    AutoWatcher watcher;
    watcher.add_all(dir_ / "a", follow);
    watcher.add(file, IN_MODIFY);
    fs::remove(file);
    Fault::lose_what_is_queued();
    {
      const Fault fault(Call::open, EMFILE, nth);
      std::error_code ec;
      watcher.read(0ms, ec);
      hits = fault.hits();
    }
    drain(watcher);
    EXPECT_EQ(watcher.path(file), std::nullopt);
    EXPECT_EQ(test::audit_on_disk(watcher), "");
  }
}

// ---- without what is nice to have

// In a container that forbids it.
TEST_F(FaultTest, WithoutAWorkingDirectoryOfItsOwnAWalkFindsAllJustAsWell) {
  const fs::path here = fs::current_path();
  for (const std::size_t threads : {1U, 3U}) {
    for (const int nth : {1, 2}) {
      const Fault fault(Call::unshare, EPERM, nth, test::for_ever);
      inotify::AutoWatcher::Options options;
      options.threads = threads;
      AutoWatcher follower(options);
      follower.add_all(dir_.path(), IN_CREATE);
      Watcher watcher;
      watcher.add_all(dir_.path(), IN_CREATE);
      EXPECT_GE(fault.hits(), 1);
      EXPECT_EQ(watched_paths(follower), all_);
      EXPECT_EQ(watched_paths(watcher), all_);
      EXPECT_EQ(test::audit_on_disk(follower), "");
      EXPECT_EQ(test::audit_on_disk(watcher), "");
      EXPECT_EQ(fs::current_path(), here);
    }
  }
}

// Whichever listing fails: it is told, or was of no consequence.
TEST_F(FaultTest, ADirectoryThatCannotBeListedIsWatchedAndToldOf) {
  std::set<std::string> failed;
  int hits = 1;
  for (int nth = 1; hits > 0; ++nth) {
    Watcher watcher;
    const Fault fault(Call::getdents, EIO, nth);
    try {
      watcher.add_all(dir_.path(), IN_CREATE);
      EXPECT_EQ(watched_paths(watcher), all_);
    } catch (const fs::filesystem_error& thrown) {
      EXPECT_EQ(thrown.code(), std::errc::io_error);
      failed.insert(thrown.path1().string());
      EXPECT_TRUE(watcher.path(thrown.path1())) << thrown.path1();
    }
    EXPECT_EQ(test::audit_on_disk(watcher), "");
    hits = fault.hits();
    ASSERT_LT(nth, 100) << "the fault is always hit";
  }
  // c and the x and y are leaves; on some file systems it takes a listing to know that.
  std::set<std::string> listed = {dir_ / "a", dir_ / "b"};
  if (failed.contains(dir_ / "c")) {
    listed = all_;
    listed.erase(dir_.str());
  }
  EXPECT_EQ(failed, listed);
}

TEST_F(FaultTest, RemovingWhatTheKernelHasDroppedIsNoError) {  // [5]
  Watcher watcher;
  const int wd = watcher.add(dir_ / "a", IN_CREATE);
  const Fault fault(Call::rm_watch, EINVAL);
  EXPECT_NO_THROW(watcher.remove(wd));
  EXPECT_EQ(fault.hits(), 1);
}

TEST_F(FaultTest, AWatchThatCannotBeRemovedIsKept) {
  Watcher watcher;
  const int wd = watcher.add(dir_ / "a", IN_CREATE);
  const Fault fault(Call::rm_watch, EBADF);
  std::error_code ec;
  watcher.remove(wd, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_TRUE(watcher.wd(wd));
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

// ---- AutoWatcher

TEST_F(FaultTest, AutoWatcherAddAllThrowsABadRootAndKeepsNothingOfIt) {
  const std::size_t before = open_descriptors();
  AutoWatcher watcher;
  {
    const Fault fault(Call::add_watch, ENOSPC);
    try {
      watcher.add_all(dir_.path(), follow);
      FAIL() << "no error";
    } catch (const fs::filesystem_error& thrown) {
      EXPECT_EQ(thrown.code(), std::errc::no_space_on_device);
      EXPECT_EQ(thrown.path1(), dir_.path());
    }
  }
  EXPECT_TRUE(watcher.empty());
  EXPECT_TRUE(drain(watcher).empty());
  watcher.add_all(dir_.path(), follow);
  EXPECT_EQ(watched_paths(watcher), all_);
  watcher.close();
  EXPECT_EQ(open_descriptors(), before);
}

// Whichever call it is that fails once: what is not watched after it is told, and can be healed.
TEST_F(FaultTest, AutoWatcherAddAllSurvivesAnySingleFailure) {
  for (const auto& [call, error] :
       {std::pair(Call::add_watch, ENOMEM), std::pair(Call::getdents, EIO)}) {
    int hits = 1;
    for (int nth = 2; hits > 0; ++nth) {
      SCOPED_TRACE("call " + std::to_string(nth) + " of kind " +
                   std::to_string(static_cast<int>(call)));
      AutoWatcher watcher;
      std::set<std::string> holes;
      {
        const Fault fault(call, error, nth);
        watcher.add_all(dir_.path(), follow);
        holes = holes_of(drain(watcher), static_cast<std::errc>(error));
        hits = fault.hits();
      }
      EXPECT_THAT(watched_paths(watcher), IsSupersetOf(all_but(holes)))
          << "not watched, and not told";
      EXPECT_EQ(test::audit_on_disk(watcher), "");
      EXPECT_EQ(watcher.retry_holes(), 0U);
      EXPECT_EQ(watched_paths(watcher), all_);
      EXPECT_EQ(test::audit_on_disk(watcher), "");
      expect_all_heard(watcher);
      ASSERT_LT(nth, 100) << "the fault is always hit";
    }
  }
}

TEST_F(FaultTest, AutoWatcherAddAllReportsHolesAsEventsAndRetryHolesHealsThem) {
  for (const auto& [call, error] :
       {std::pair(Call::add_watch, ENOSPC), std::pair(Call::getdents, EIO)}) {
    for (int first = call == Call::getdents ? 1 : 2; first <= 6; ++first) {
      SCOPED_TRACE("from call " + std::to_string(first) + " of kind " +
                   std::to_string(static_cast<int>(call)));
      AutoWatcher watcher(AutoWatcher::Options{.announce = true});  // so each directory is listed
      {
        const Fault fault(call, error, first, test::for_ever);
        watcher.add_all(dir_.path(), follow);
        const auto holes = holes_of(drain(watcher), static_cast<std::errc>(error));
        EXPECT_FALSE(holes.empty());
        EXPECT_THAT(watched_paths(watcher), IsSupersetOf(all_but(holes)))
            << "not watched, and not told";
        EXPECT_EQ(test::audit_on_disk(watcher), "");
      }
      EXPECT_EQ(watcher.retry_holes(), 0U);
      EXPECT_EQ(watched_paths(watcher), all_);
      EXPECT_EQ(test::audit_on_disk(watcher), "");
      expect_all_heard(watcher);
    }
  }
}

TEST_F(FaultTest, RetryHolesCountsWhatStillCannotBeWatchedAndTellsItNoSecondTime) {
  for (const auto& [call, error] :
       {std::pair(Call::add_watch, ENOSPC), std::pair(Call::getdents, EIO)}) {
    SCOPED_TRACE("kind " + std::to_string(static_cast<int>(call)));
    AutoWatcher watcher;
    const Fault fault(call, error, 3, test::for_ever);
    watcher.add_all(dir_.path(), follow);
    const auto holes = holes_of(drain(watcher), static_cast<std::errc>(error));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(watcher.retry_holes(), holes.size());
      const auto events = drain(watcher);
      EXPECT_TRUE(events.empty()) << "nothing found, and no cause has changed: " << events.front();
    }
  }
}

TEST_F(FaultTest, AHoleFoundByAddAllMakesTheDescriptorReadable) {
  AutoWatcher watcher;
  const Fault fault(Call::add_watch, ENOSPC, 2, test::for_ever);
  watcher.add_all(dir_.path(), follow);
  epoll_event event{};
  EXPECT_EQ(::epoll_wait(watcher.fileno(), &event, 1, 0), 1) << "a poller would never read of it";
  EXPECT_FALSE(holes_of(drain(watcher), std::errc::no_space_on_device).empty());
  EXPECT_EQ(::epoll_wait(watcher.fileno(), &event, 1, 0), 0);
}

TEST_F(FaultTest, AutoWatcherAddAllTellsItsErrorHandlerOfHolesAndNobodyElse) {
  AutoWatcher watcher;
  std::set<std::string> told;
  const Fault fault(Call::add_watch, ENOSPC, 2, test::for_ever);
  watcher.add_all(dir_.path(), follow, [&](const fs::filesystem_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    EXPECT_TRUE(told.insert(error.path1().string()).second) << "told twice: " << error.what();
  });
  EXPECT_THAT(told, UnorderedElementsAreArray({dir_ / "a", dir_ / "b", dir_ / "c"}));
  EXPECT_TRUE(drain(watcher).empty());
}

TEST_F(FaultTest, ANewDirectoryThatCannotBeWatchedIsAHoleUntilItIsRetried) {
  for (const auto& [call, error] :
       {std::pair(Call::add_watch, ENOMEM), std::pair(Call::getdents, EIO)}) {
    SCOPED_TRACE("kind " + std::to_string(static_cast<int>(call)));
    const std::string path = (dir_ / "new").string();
    AutoWatcher watcher;
    watcher.add_all(dir_.path(), follow);
    {
      const Fault fault(call, error, 1, test::for_ever);
      fs::create_directories(path + "/deep");
      test::write_file(path + "/file");
      const auto events = drain(watcher);
      EXPECT_EQ(holes_of(events, static_cast<std::errc>(error)), std::set{path});
      EXPECT_FALSE(watcher.path(path));
      EXPECT_EQ(test::audit_on_disk(watcher), "");
    }
    EXPECT_EQ(watcher.retry_holes(), 0U);
    std::set<std::string> found;
    for (const OwnedEvent& event : drain(watcher)) {
      EXPECT_TRUE(event.synthetic && event.is_create()) << event;
      found.insert(event.fullpath);
    }
    EXPECT_EQ(found, (std::set{path + "/deep", path + "/file"}));
    EXPECT_TRUE(watcher.path(path + "/deep"));
    EXPECT_EQ(test::audit_on_disk(watcher), "");
    fs::remove_all(path);
  }
}

TEST_F(FaultTest, AHoleThatIsRemovedIsForgotten) {
  const std::string path = (dir_ / "new").string();
  AutoWatcher watcher;
  watcher.add_all(dir_.path(), follow);
  {
    const Fault fault(Call::add_watch, ENOMEM, 1, test::for_ever);
    fs::create_directory(path);
    EXPECT_EQ(holes_of(drain(watcher), std::errc::not_enough_memory), std::set{path});
  }
  fs::remove(path);
  drain(watcher);
  EXPECT_EQ(watcher.retry_holes(), 0U);
  EXPECT_TRUE(drain(watcher).empty());
  EXPECT_EQ(test::audit_on_disk(watcher), "");
}

TEST_F(FaultTest, AWatchThatCannotBeReleasedDoesNoHarm) {
  const TempDir outside;
  AutoWatcher watcher;
  watcher.add_all(dir_.path(), follow);
  const Fault fault(Call::rm_watch, EINVAL, 1, test::for_ever);
  fs::rename(dir_ / "a", outside / "a");
  drain(watcher);
  EXPECT_GT(fault.hits(), 0);
  test::write_file(outside / "a/x/file");
  EXPECT_TRUE(drain(watcher).empty()) << "nothing is reported from there";
  EXPECT_EQ(watched_paths(watcher), all_but({(dir_ / "a").string()}));
}

}  // namespace
