// Watcher: reading, masks, aliases, removal, names, deletion, closing and moving.
//
// Numbers in [brackets] are facts about the kernel; after each step the table is compared with the
// kernel's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <inotify/watcher.hpp>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/audit.hpp"
#include "support/kernel_table.hpp"
#include "support/queue_limit.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Mask;
using inotify::OwnedEvent;
using inotify::Watcher;
using std::chrono::steady_clock;
using test::TempDir;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

// The inode a watch is on.
std::pair<std::uint64_t, std::uint64_t> watched_inode(const Watcher& w, int wd) {
  const auto watch = test::kernel_table(w.fileno()).at(wd);
  return {watch.device, watch.inode};
}

void append_to(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(fd, 0) << path;
  ASSERT_EQ(::write(fd, "x", 1), 1);
  ::close(fd);
}

// A descriptor that lives as long as this.
class OpenFile {
 public:
  explicit OpenFile(const fs::path& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

class WorkingDirectory {
 public:
  explicit WorkingDirectory(const fs::path& path) : before_(fs::current_path()) {
    fs::current_path(path);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { fs::current_path(before_); }

 private:
  fs::path before_;
};

class WatcherTest : public ::testing::Test {
 protected:
  // "IN_CREATE d/f" for each event that is queued, with paths relative to the test's directory.
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Event& e : w_.read(0ms)) lines.push_back(line(e));
    return lines;
  }

  [[nodiscard]] std::string line(const Event& e) const {
    std::string text = inotify::to_string(e.mask) + ' ' + relative(e.fullpath);
    if (!e.moved_from.empty()) text += " from " + relative(e.moved_from);
    if (!e.moved_to.empty()) text += " to " + relative(e.moved_to);
    return text;
  }

  [[nodiscard]] std::string relative(std::string_view path) const {
    const std::string base = dir_.str();
    if (path == base) return ".";
    return std::string(path.starts_with(base + '/') ? path.substr(base.size() + 1) : path);
  }

  // The names of a watch, relative.
  [[nodiscard]] std::vector<std::string> names(int wd) const {
    std::vector<std::string> names;
    for (const auto& path : w_.paths(wd)) names.push_back(relative(path));
    return names;
  }

  std::string file(const std::string& name) {
    write_file(dir_ / name);
    return (dir_ / name).string();
  }

  std::string directory(const std::string& name) {
    fs::create_directories(dir_ / name);
    return (dir_ / name).string();
  }

  TempDir dir_;
  Watcher w_;
};

using WatcherRead = WatcherTest;
using WatcherAdd = WatcherTest;
using WatcherAlias = WatcherTest;
using WatcherRemove = WatcherTest;
using WatcherPath = WatcherTest;
using WatcherDeletion = WatcherTest;
using WatcherLife = WatcherTest;

// ---- reading

TEST_F(WatcherRead, ReturnsWhatIsQueuedWithoutWaiting) {
  w_.add(dir_.path(), IN_CREATE);
  file("f");
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(line(events[0]), "IN_CREATE f");
}

TEST_F(WatcherRead, AnEventSaysWatchNamePathAndNothingElse) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  file("f");
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(1));
  const Event& e = events[0];
  EXPECT_EQ(e.wd, wd);
  EXPECT_EQ(e.mask, Mask{IN_CREATE});
  EXPECT_EQ(e.cookie, 0U);
  EXPECT_EQ(e.name, "f");
  EXPECT_EQ(e.path, dir_.str());
  EXPECT_EQ(e.fullpath, dir_.str() + "/f");
  EXPECT_EQ(e.moved_from, "");
  EXPECT_EQ(e.moved_to, "");
  EXPECT_FALSE(e.synthetic);
  EXPECT_FALSE(e.error);
}

TEST_F(WatcherRead, AnEventAboutTheWatchedFileItselfHasNoName) {
  const std::string f = file("f");
  w_.add(f, IN_MODIFY);
  append_to(f);
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].name, "");
  EXPECT_EQ(events[0].path, f);
  EXPECT_EQ(events[0].fullpath, f);
}

TEST_F(WatcherRead, ZeroTimeoutTakesWhatIsThereAndDoesNotWait) {
  w_.add(dir_.path(), IN_CREATE);
  EXPECT_THAT(w_.read(0ms), IsEmpty());
  file("f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f"));
  EXPECT_THAT(w_.read(0ms), IsEmpty());
}

TEST_F(WatcherRead, ANegativeTimeoutIsNone) {
  w_.add(dir_.path(), IN_CREATE);
  EXPECT_THAT(w_.read(-1ms), IsEmpty());
  file("f");
  EXPECT_THAT(w_.read(-5h), SizeIs(1));
}

TEST_F(WatcherRead, WaitsAtLeastItsTimeoutAndThenReturnsNothing) {
  w_.add(dir_.path(), IN_CREATE);
  const auto start = steady_clock::now();
  EXPECT_THAT(w_.read(30ms), IsEmpty());
  EXPECT_GE(steady_clock::now() - start, 30ms);
}

TEST_F(WatcherRead, ATimeoutIsNotWaitedForWhenEventsAreQueued) {
  w_.add(dir_.path(), IN_CREATE);
  file("f");
  const auto start = steady_clock::now();
  EXPECT_THAT(w_.read(1h), SizeIs(1));
  EXPECT_LT(steady_clock::now() - start, 10min);
}

TEST_F(WatcherRead, TheLongestTimeoutsAreTakenAsTheyAre) {
  // A deadline reckoned as now + timeout would overflow and return at once, or never.
  w_.add(dir_.path(), IN_CREATE);
  file("f");
  EXPECT_THAT(w_.read(std::chrono::milliseconds::max()), SizeIs(1));
  w_.interrupt();
  EXPECT_THAT(w_.read(std::chrono::milliseconds::max() - 1ms), IsEmpty());
  const auto start = steady_clock::now();
  EXPECT_THAT(w_.read(20ms), IsEmpty());
  EXPECT_GE(steady_clock::now() - start, 20ms)
      << "the interrupt was still pending: nobody had waited";
  EXPECT_THAT(w_.read(std::chrono::milliseconds::min()), IsEmpty());
}

TEST_F(WatcherRead, TheBatchIsInTheTableBeforeItsFirstEventIsSeen) {
  const std::string d = directory("d");
  const std::string f = file("f");
  w_.add(dir_.path(), IN_CREATE | IN_MOVE);
  const int wd = w_.add(d, IN_CREATE);
  const int dying = w_.add(f, IN_DELETE_SELF);
  file("first");
  fs::rename(d, dir_ / "e");
  fs::remove(f);

  const auto events = w_.read();
  ASSERT_FALSE(events.empty());
  ASSERT_EQ(line(events.front()), "IN_CREATE first");
  EXPECT_EQ(w_.wd(wd)->path, (dir_ / "e").string());
  EXPECT_FALSE(w_.path(d));
  EXPECT_FALSE(w_.wd(dying));
  EXPECT_EQ(w_.num_watches(), 2U);
}

TEST_F(WatcherRead, EachEventCarriesThePathOfItsOwnPlaceInTheStream) {
  const std::string d = directory("d");
  w_.add(dir_.path(), IN_MOVE);
  w_.add(d, IN_CREATE);
  write_file(dir_ / "d/one");
  fs::rename(dir_ / "d", dir_ / "e");
  write_file(dir_ / "e/two");
  fs::rename(dir_ / "e", dir_ / "f");
  write_file(dir_ / "f/three");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE d/one",                //
                                  "IN_MOVED_FROM|IN_ISDIR d to e",  //
                                  "IN_MOVED_TO|IN_ISDIR e from d",  //
                                  "IN_CREATE e/two",                //
                                  "IN_MOVED_FROM|IN_ISDIR e to f",  //
                                  "IN_MOVED_TO|IN_ISDIR f from e",  //
                                  "IN_CREATE f/three"));
}

TEST_F(WatcherRead, MoreThanOneBufferComesInOrderAndWhole) {
  w_.add(dir_.path(), IN_CREATE);
  std::vector<std::string> made;
  for (int i = 0; i < 3000; ++i) {
    made.push_back("file-number-" + std::to_string(i));
    file(made.back());
  }
  std::vector<std::string> seen;
  int reads = 0;
  for (auto events = w_.read(0ms); !events.empty(); events = w_.read(0ms), ++reads) {
    for (const Event& e : events) seen.emplace_back(e.name);
  }
  EXPECT_EQ(seen, made);
  EXPECT_GT(reads, 1);
}

TEST_F(WatcherRead, ViewsStayTheSameUntilTheNextCallWhateverHappensOnDisk) {
  const std::string d = directory("d");
  w_.add(dir_.path(), IN_CREATE | IN_MOVE | IN_DELETE);
  w_.add(d, IN_CREATE | IN_DELETE | IN_DELETE_SELF);
  for (int i = 0; i < 300; ++i)
    write_file(dir_ / ("d/" + std::string(200, 'n') + std::to_string(i)));
  fs::rename(d, dir_ / "e");

  const auto events = w_.read();
  const std::vector<OwnedEvent> copies(events.begin(), events.end());
  fs::remove_all(dir_ / "e");
  ASSERT_EQ(events.size(), copies.size());
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const Event& e = events[i];
    EXPECT_EQ(e.fullpath, copies[i].fullpath);
    EXPECT_EQ(e.path, copies[i].path);
    EXPECT_EQ(e.name, copies[i].name);
    EXPECT_EQ(e.moved_from, copies[i].moved_from);
    EXPECT_EQ(e.moved_to, copies[i].moved_to);
    EXPECT_EQ(e.fullpath.data()[e.fullpath.size()], '\0');
    if (!e.moved_from.empty()) {
      EXPECT_EQ(e.moved_from.data()[e.moved_from.size()], '\0');
    }
    if (!e.moved_to.empty()) {
      EXPECT_EQ(e.moved_to.data()[e.moved_to.size()], '\0');
    }
  }
}

TEST_F(WatcherRead, FailsWithEnodataInsteadOfWaitingForEverWhenNothingIsWatched) {
  try {
    w_.read();
    FAIL() << "read() returned";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code().value(), ENODATA);
    EXPECT_EQ(e.code(), std::error_condition(ENODATA, std::generic_category()));
    EXPECT_NE(std::string(e.what()).find("watched"), std::string::npos) << e.what();
  }
  std::error_code ec;
  EXPECT_THAT(w_.read(ec), IsEmpty());
  EXPECT_EQ(ec.value(), ENODATA);
}

TEST_F(WatcherRead, WithATimeoutOfZeroNothingWatchedIsNoError) {
  std::error_code ec = inotify::make_error(EIO);
  EXPECT_THAT(w_.read(0ms, ec), IsEmpty());
  EXPECT_FALSE(ec);
}

TEST_F(WatcherRead, DeliversTheLastIgnoredBeforeItSaysThatNothingIsWatched) {
  const std::string f = file("f");
  w_.add(f, IN_DELETE_SELF);
  fs::remove(f);
  EXPECT_THAT(w_.read(), SizeIs(2));
  EXPECT_TRUE(w_.empty());
  std::error_code ec;
  EXPECT_THAT(w_.read(ec), IsEmpty());
  EXPECT_EQ(ec.value(), ENODATA);
}

TEST_F(WatcherRead, ReadableCountsTheBytesThatAreQueued) {
  w_.add(dir_.path(), IN_CREATE);
  EXPECT_EQ(w_.readable(), 0U);
  file("f");
  EXPECT_EQ(w_.readable(), sizeof(inotify_event) + 16);  // a name takes a multiple of 16 bytes [12]
  w_.read();
  EXPECT_EQ(w_.readable(), 0U);
}

// Runs `act` and read() until `act` was run as often as it takes for all buffers to have grown,
// then counts.
template <class Act>
std::size_t allocations_in_the_steady_state(Watcher& w, Act act) {
  std::size_t counted_here = 0;
  for (int round = 0; round < 20; ++round) {
    act();
    const std::size_t before = test::allocations();
    while (!w.read(0ms).empty()) {
    }
    if (round >= 10) counted_here += test::allocations() - before;
  }
  return counted_here;
}

TEST_F(WatcherRead, AllocatesNothingInTheSteadyState) {
  directory("d");
  w_.add(dir_.path(), IN_ALL_EVENTS);
  w_.add(dir_ / "d", IN_ALL_EVENTS);
  const auto files = [&] {
    for (int i = 0; i < 100; ++i) {
      const std::string name = std::string(60, 'n') + std::to_string(i);
      for (const auto& path : {dir_ / name, dir_ / ("d/" + name)}) {
        write_file(path, "text");
        fs::remove(path);
      }
    }
  };
  EXPECT_EQ(allocations_in_the_steady_state(w_, files), 0U);
}

// ---- adding

TEST_F(WatcherAdd, PutsTheWatchIntoTheTableAsTheKernelHasIt) {
  const int wd = w_.add(dir_.path(), IN_CREATE | IN_DELETE);
  ASSERT_TRUE(w_.path(dir_.path()));
  EXPECT_EQ(w_.path(dir_.path())->wd, wd);
  EXPECT_EQ(w_.path(dir_.path())->mask, Mask{IN_CREATE | IN_DELETE});
  ASSERT_TRUE(w_.wd(wd));
  EXPECT_EQ(w_.wd(wd)->path, dir_.str());
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE | IN_DELETE});
  const auto watches = w_.watches();
  ASSERT_THAT(watches, SizeIs(1));
  EXPECT_EQ(watches[0].path, dir_.str());
  EXPECT_EQ(watches[0].wd, wd);
  EXPECT_EQ(watches[0].mask, Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_EQ(w_.size(), 1U);
  EXPECT_FALSE(w_.empty());
  EXPECT_EQ(test::audit(w_), "");
  EXPECT_EQ(watched_inode(w_, wd), test::identity(dir_.str()));
}

TEST_F(WatcherAdd, WhatIsNotWatchedIsNotKnown) {
  const int wd = w_.add(directory("d/e"), IN_CREATE);
  EXPECT_FALSE(w_.path(dir_.path()));
  EXPECT_FALSE(w_.path(dir_ / "d"));  // on the way to a watched one
  EXPECT_FALSE(w_.path(dir_ / "d/e/f"));
  EXPECT_FALSE(w_.path(""));
  EXPECT_FALSE(w_.wd(wd + 1));
  EXPECT_FALSE(w_.wd(-1));
  EXPECT_FALSE(w_.wd(0));
  EXPECT_THAT(w_.paths(wd + 1), IsEmpty());
  EXPECT_THAT(w_.watches(), SizeIs(1));
}

TEST_F(WatcherAdd, WatchesComeParentsBeforeChildren) {
  for (const char* name : {"d/e/f", "d", "d/e", "d/e/g"}) w_.add(directory(name), IN_CREATE);
  std::vector<std::string> seen;
  for (const auto& watch : w_.watches()) {
    seen.push_back(relative(watch.path));
    const std::string parent = fs::path(seen.back()).parent_path().string();
    if (!parent.empty()) {
      EXPECT_THAT(seen, ::testing::Contains(parent)) << seen.back() << " came before its parent";
    }
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("d", "d/e", "d/e/f", "d/e/g"));
}

TEST_F(WatcherAdd, AnotherMaskReplacesTheOldOneWhetherWiderNarrowerOrDifferent) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  for (const Mask mask : {Mask{IN_CREATE | IN_DELETE}, Mask{IN_ALL_EVENTS}, Mask{IN_ALL_EVENTS},
                          Mask{IN_DELETE}, Mask{IN_CREATE}, Mask{IN_CREATE | IN_EXCL_UNLINK},
                          Mask{IN_CREATE | IN_ONESHOT}, Mask{IN_MODIFY}}) {
    EXPECT_EQ(w_.add(dir_.path(), mask), wd);
    EXPECT_EQ(w_.path(dir_.path())->mask, mask) << inotify::to_string(mask);
    EXPECT_EQ(test::audit(w_), "");
  }
  file("f");
  EXPECT_THAT(told(), IsEmpty()) << "IN_CREATE is no longer asked for";
}

TEST_F(WatcherAdd, MaskAddAddsToTheMask) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  EXPECT_EQ(w_.add(dir_.path(), IN_DELETE | IN_MASK_ADD), wd);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(test::audit(w_), "");
  EXPECT_EQ(w_.add(dir_.path(), IN_CREATE | IN_MASK_ADD), wd);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(test::audit(w_), "");
  EXPECT_EQ(w_.add(dir_.path(), IN_DELETE | IN_EXCL_UNLINK | IN_MASK_ADD),
            wd);  // flags as well [35]
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE | IN_DELETE | IN_EXCL_UNLINK});
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, MaskCreateRefusesWhatIsWatchedAlreadyAndChangesNothing) {
  const int wd = w_.add(dir_.path(), IN_CREATE | IN_MASK_CREATE);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE});
  EXPECT_EQ(test::audit(w_), "");
  std::error_code ec;
  EXPECT_EQ(w_.add(dir_.path(), IN_DELETE | IN_MASK_CREATE, ec), -1);
  EXPECT_EQ(ec.value(), EEXIST);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE});
  EXPECT_EQ(test::audit(w_), "");
  EXPECT_EQ(w_.add(directory("link-target"), IN_DELETE | IN_MASK_CREATE, ec), wd + 1);
  EXPECT_FALSE(ec);
}

TEST_F(WatcherAdd, MaskCreateRefusesAnotherNameOfAWatchedInode) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY);
  std::error_code ec;
  w_.add(dir_ / "g", IN_ATTRIB | IN_MASK_CREATE, ec);
  EXPECT_EQ(ec.value(), EEXIST);
  EXPECT_THAT(names(wd), ElementsAre("f"));
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, MaskCreateWithMaskAddIsRefusedByTheKernel) {
  std::error_code ec;
  w_.add(dir_.path(), IN_CREATE | IN_MASK_CREATE | IN_MASK_ADD, ec);
  EXPECT_EQ(ec.value(), EINVAL);
  EXPECT_TRUE(w_.empty());
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, OneshotReportsOnceAndIsGone) {
  const int wd = w_.add(dir_.path(), IN_CREATE | IN_ONESHOT);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE | IN_ONESHOT});
  EXPECT_EQ(test::audit(w_), "");
  file("f");
  file("g");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f", "IN_IGNORED ."));
  EXPECT_TRUE(w_.empty());
  EXPECT_FALSE(w_.path(dir_.path()));
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, OneshotCanBeAddedAgainBeforeItsEventIsRead) {
  const int first = w_.add(dir_.path(), IN_CREATE | IN_ONESHOT);
  file("f");
  const int second = w_.add(dir_.path(), IN_CREATE | IN_ONESHOT);
  EXPECT_NE(first, second);
  file("g");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f", "IN_IGNORED .", "IN_CREATE g", "IN_IGNORED ."));
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherAdd, OnlydirTakesDirectoriesOnly) {
  std::error_code ec;
  w_.add(file("f"), IN_MODIFY | IN_ONLYDIR, ec);
  EXPECT_EQ(ec.value(), ENOTDIR);
  EXPECT_TRUE(w_.empty());
  const int wd = w_.add(dir_.path(), IN_CREATE | IN_ONLYDIR);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE}) << "an order, not a part of the mask";
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, OnlydirFollowsASymlinkUnlessDontFollowIsGivenToo) {
  directory("d");
  fs::create_directory_symlink(dir_ / "d", dir_ / "link");
  const int wd = w_.add(dir_ / "link", IN_CREATE | IN_ONLYDIR);
  EXPECT_EQ(watched_inode(w_, wd), test::identity((dir_ / "d").string()));
  std::error_code ec;
  w_.add(dir_ / "link", IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW, ec);  // [3]
  EXPECT_EQ(ec.value(), ENOTDIR);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, DontFollowWatchesTheSymlinkItself) {
  const std::string f = file("f");
  fs::create_symlink(f, dir_ / "link");
  const int of_link =
      w_.add(dir_ / "link", IN_ATTRIB | IN_MODIFY | IN_DELETE_SELF | IN_DONT_FOLLOW);
  const int of_file = w_.add(f, IN_MODIFY);
  EXPECT_NE(of_link, of_file);
  EXPECT_EQ(test::audit(w_), "");
  append_to(dir_ / "link");
  EXPECT_THAT(told(), ElementsAre("IN_MODIFY f"));
  fs::remove(dir_ / "link");
  EXPECT_THAT(told(), ElementsAre("IN_ATTRIB link", "IN_DELETE_SELF link", "IN_IGNORED link"));
}

TEST_F(WatcherAdd, ANameThatNowMeansAnotherInodeGetsItsOwnWatch) {
  // The editors' way to save: the file is replaced, and the old inode lives on while somebody has
  // it open.
  const std::string f = file("f");
  const int before = w_.add(f, IN_MODIFY | IN_DELETE_SELF);
  OpenFile held(f);
  fs::rename(file("new"), f);
  const int after = w_.add(f, IN_MODIFY | IN_DELETE_SELF);
  EXPECT_NE(before, after);
  EXPECT_EQ(w_.path(f)->wd, after);
  EXPECT_EQ(w_.wd(before)->path, f);
  EXPECT_EQ(w_.wd(after)->path, f);
  EXPECT_EQ(watched_inode(w_, after), test::identity(f));
  EXPECT_EQ(test::audit(w_), "");
  append_to(f);
  held.close();
  EXPECT_THAT(told(), ElementsAre("IN_MODIFY f", "IN_DELETE_SELF f", "IN_IGNORED f"));
  EXPECT_EQ(w_.path(f)->wd, after);
  EXPECT_FALSE(w_.wd(before));
  EXPECT_EQ(test::audit(w_), "");
}

// Creates files as fast as it can while `add` is called again and again, and counts what is
// reported.
template <class Add>
void expect_nothing_lost(Watcher& w, const TempDir& dir, Add add) {
  constexpr int files = 5000;
  std::atomic<bool> done = false;
  test::Thread writer([&] {
    for (int i = 0; i < files; ++i) {
      const std::string path = (dir / std::to_string(i)).string();
      ::close(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      ::unlink(path.c_str());
    }
    done = true;
  });
  std::vector<int> seen(files);
  int overflows = 0;
  const auto take = [&](std::span<const Event> events) {
    for (const Event& e : events) {
      overflows += e.is_overflow();
      if (e.is_create()) ++seen.at(static_cast<std::size_t>(std::stoi(std::string(e.name))));
    }
  };
  for (long round = 0; !done; ++round) {
    add(round);
    if (round % 16 == 0) take(w.read(0ms));
  }
  for (auto events = w.read(0ms); !events.empty(); events = w.read(0ms)) take(events);
  ASSERT_EQ(overflows, 0) << "the reader was too slow for this test to tell anything, or "
                          << test::QueueLimit().text();
  std::string missing;
  for (int i = 0; i < files; ++i) {
    if (seen[static_cast<std::size_t>(i)] != 1) missing += ' ' + std::to_string(i);
  }
  EXPECT_EQ(missing, "") << "not reported exactly once";
}

TEST_F(WatcherAdd, LosesNoEventWhenTheSameMaskIsAddedAgain) {  // [33]
  w_.add(dir_.path(), IN_CREATE);
  expect_nothing_lost(w_, dir_, [&](long) { w_.add(dir_.path(), IN_CREATE); });
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, LosesNoEventWhenMaskAddRepeatsWhatIsThere) {
  w_.add(dir_.path(), IN_CREATE);
  expect_nothing_lost(w_, dir_, [&](long) { w_.add(dir_.path(), IN_CREATE | IN_MASK_ADD); });
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAdd, LosesNoEventWhenTheMaskGrows) {
  w_.add(dir_.path(), IN_CREATE);
  Mask mask = IN_CREATE;
  expect_nothing_lost(w_, dir_, [&](long round) {
    // A bit more every 64 rounds, none of which this traffic would queue.
    constexpr Mask silent[] = {IN_ACCESS,   IN_ATTRIB,      IN_MOVED_FROM,
                               IN_MOVED_TO, IN_DELETE_SELF, IN_MOVE_SELF};
    mask |= silent[static_cast<std::size_t>(round / 64) % std::size(silent)];
    w_.add(dir_.path(), mask);
  });
  EXPECT_EQ(test::audit(w_), "");
}

// ---- one inode, many names

TEST_F(WatcherAlias, AHardLinkIsAnotherNameOfTheSameWatch) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY);
  EXPECT_EQ(w_.add(dir_ / "g", IN_ATTRIB), wd);
  EXPECT_THAT(names(wd), ElementsAre("f", "g"));
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_THAT(w_.watches(), SizeIs(2));
  EXPECT_EQ(w_.path(f)->wd, wd);
  EXPECT_EQ(w_.path(dir_ / "g")->wd, wd);
  EXPECT_EQ(w_.wd(wd)->path, f);
  for (const auto& watch : w_.watches())
    EXPECT_EQ(watch.mask, Mask{IN_MODIFY | IN_ATTRIB}) << watch.path;
  EXPECT_EQ(test::audit(w_), "");
  append_to(dir_ / "g");
  EXPECT_THAT(told(), ElementsAre("IN_MODIFY f")) << "once, under the first name";
}

TEST_F(WatcherAlias, ASymlinkIsAnotherNameOfTheSameWatch) {
  const std::string d = directory("d");
  fs::create_directory_symlink(d, dir_ / "link");
  const int wd = w_.add(dir_ / "link", IN_CREATE);
  EXPECT_EQ(w_.add(d, IN_DELETE), wd);
  EXPECT_THAT(names(wd), ElementsAre("link", "d"));
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(test::audit(w_), "");
  write_file(dir_ / "d/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE link/f"));
}

TEST_F(WatcherAlias, RemovingTheFirstNameLeavesTheNextToReportUnder) {
  const std::string f = file("f");
  for (const char* name : {"g", "h"}) fs::create_hard_link(f, dir_ / name);
  const int wd = w_.add(f, IN_MODIFY);
  w_.add(dir_ / "g", IN_MODIFY);
  w_.add(dir_ / "h", IN_MODIFY);

  w_.remove_path(f);
  EXPECT_FALSE(w_.path(f));
  EXPECT_THAT(names(wd), ElementsAre("g", "h"));
  EXPECT_EQ(test::audit(w_), "");
  append_to(f);
  EXPECT_THAT(told(), ElementsAre("IN_MODIFY g"));

  w_.remove_path(dir_ / "g");
  append_to(f);
  EXPECT_THAT(told(), ElementsAre("IN_MODIFY h"));

  w_.remove_path(dir_ / "h");
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED h"));
  EXPECT_TRUE(w_.empty());
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAlias, RemovingALaterNameChangesNothingForTheFirst) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY);
  w_.add(dir_ / "g", IN_ATTRIB);
  w_.remove_path(dir_ / "g");
  EXPECT_THAT(names(wd), ElementsAre("f"));
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_MODIFY | IN_ATTRIB})
      << "the kernel's mask is not taken apart again";
  EXPECT_EQ(test::audit(w_), "");
  append_to(f);
  EXPECT_THAT(told(), ElementsAre("IN_MODIFY f"));
}

TEST_F(WatcherAlias, RemovingTheWatchRemovesAllItsNames) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY);
  w_.add(dir_ / "g", IN_MODIFY);
  w_.remove(wd);
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED f"));
  EXPECT_TRUE(w_.empty());
  EXPECT_FALSE(w_.path(f));
  EXPECT_FALSE(w_.path(dir_ / "g"));
  EXPECT_THAT(w_.watches(), IsEmpty());
}

TEST_F(WatcherAlias, AddingANameAgainDoesNotDoubleIt) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY);
  for (int i = 0; i < 3; ++i) {
    w_.add(dir_ / "g", IN_MODIFY);
    w_.add(f, IN_MODIFY);
  }
  EXPECT_THAT(names(wd), ElementsAre("f", "g"));
}

TEST_F(WatcherAlias, NoNameNarrowsTheMaskForTheOthers) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY | IN_ATTRIB);
  w_.add(dir_ / "g", IN_OPEN);
  w_.add(dir_ / "g", IN_CLOSE);
  w_.add(f, IN_MODIFY);
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_CLOSE});
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherAlias, ANameThatMovesToAnotherInodeLeavesTheOthersAlone) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_MODIFY);
  w_.add(dir_ / "g", IN_MODIFY);
  fs::rename(file("new"), f);
  const int after = w_.add(f, IN_MODIFY);
  EXPECT_NE(after, wd);
  EXPECT_EQ(w_.path(f)->wd, after);
  EXPECT_EQ(w_.path(dir_ / "g")->wd, wd);
  EXPECT_EQ(w_.num_watches(), 2U);
  EXPECT_EQ(test::audit(w_), "");
}

// ---- removing

TEST_F(WatcherRemove, TheEntryStaysUntilItsIgnoredIsRead) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  file("f");
  w_.remove(wd);
  file("unseen");
  EXPECT_TRUE(w_.wd(wd));
  EXPECT_TRUE(w_.path(dir_.path()));
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f", "IN_IGNORED ."));
  EXPECT_FALSE(w_.wd(wd));
  EXPECT_FALSE(w_.path(dir_.path()));
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherRemove, RemovePathDoesTheSameByName) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  file("f");
  w_.remove_path(dir_.str() + "//./");
  EXPECT_TRUE(w_.wd(wd));
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f", "IN_IGNORED ."));
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherRemove, TwiceIsNoErrorWhileTheIgnoredIsUnread) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  w_.remove(wd);
  EXPECT_NO_THROW(w_.remove(wd));
  EXPECT_NO_THROW(w_.remove_path(dir_.path()));
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED ."));
  std::error_code ec;
  w_.remove(wd, ec);
  EXPECT_EQ(ec.value(), EINVAL) << "now it is unknown";
}

TEST_F(WatcherRemove, OfWhatTheKernelHasDroppedIsNoError) {
  const std::string f = file("f");
  const int wd = w_.add(f, IN_DELETE_SELF);
  fs::remove(f);
  EXPECT_NO_THROW(w_.remove(wd));
  EXPECT_NO_THROW(w_.remove_path(f));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF f", "IN_IGNORED f"));
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherRemove, ThenAddingAgainBeforeTheIgnoredIsReadMakesANewWatch) {
  const int before = w_.add(dir_.path(), IN_CREATE);
  file("f");
  w_.remove(before);
  const int after = w_.add(dir_.path(), IN_CREATE | IN_DELETE);
  EXPECT_NE(before, after);
  EXPECT_EQ(w_.path(dir_.path())->wd, after);
  file("g");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f", "IN_IGNORED .", "IN_CREATE g"));
  EXPECT_EQ(w_.path(dir_.path())->wd, after);
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRemove, LeavesTheWatchesBelowAlone) {
  const int above = w_.add(directory("d"), IN_CREATE);
  const int below = w_.add(directory("d/e"), IN_CREATE);
  w_.remove(above);
  told();
  EXPECT_FALSE(w_.path(dir_ / "d"));
  EXPECT_EQ(w_.path(dir_ / "d/e")->wd, below);
  write_file(dir_ / "d/e/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE d/e/f"));
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRemove, AddAndRemoveForEverKeepsTheTableEqualToTheKernels) {
  for (int i = 0; i < 2000; ++i) {
    w_.remove(w_.add(dir_.path(), IN_CREATE));
    if (i % 10 == 0) {
      ASSERT_FALSE(told().empty());
    }
  }
  told();
  EXPECT_EQ(test::audit(w_), "");
  EXPECT_TRUE(w_.empty());
}

// ---- names and paths are bytes

class WatcherName : public WatcherTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(WatcherName, IsReportedByteForByte) {
  const std::string& name = GetParam();
  w_.add(dir_.path(), IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO);
  fs::create_directory(dir_ / name);
  const int wd = w_.add(dir_ / name, IN_CREATE);
  write_file(dir_ / name / name);
  const auto events = w_.read();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].name, name);
  EXPECT_EQ(events[1].name, name);
  EXPECT_EQ(events[1].path, dir_.str() + '/' + name);
  EXPECT_EQ(events[1].fullpath, dir_.str() + '/' + name + '/' + name);
  EXPECT_EQ(w_.wd(wd)->path, dir_.str() + '/' + name);
  EXPECT_EQ(w_.path(dir_ / name)->wd, wd);
  fs::rename(dir_ / name, dir_ / "other");
  EXPECT_THAT(told(), SizeIs(2));
  EXPECT_EQ(w_.path(dir_ / "other")->wd, wd);
}

INSTANTIATE_TEST_SUITE_P(All, WatcherName,
                         ::testing::Values("plain", "with space", " leading", "trailing ",
                                           "new\nline", "tab\tquote\"back\\slash", "caf\xc3\xa9",
                                           "not-utf8-\xff\xfe\x80", "\x01\x7f", "-rf", "*", "...",
                                           "..x", "~", std::string(15, 'a'), std::string(16, 'b'),
                                           std::string(17, 'c'), std::string(255, 'z')));

TEST_F(WatcherPath, DifferentWaysToWriteAPathAreOne) {
  const int wd = w_.add(directory("a/b/c"), IN_CREATE);
  for (const char* same : {"a/b/c/", "a//b/./c", "a/b/c/.", "a/./b//c/./", ".//a/b/c//"}) {
    const std::string path = dir_.str() + '/' + same;
    ASSERT_TRUE(w_.path(path)) << path;
    EXPECT_EQ(w_.path(path)->wd, wd);
    EXPECT_EQ(w_.add(path, IN_CREATE), wd);
  }
  EXPECT_THAT(names(wd), ElementsAre("a/b/c"));
}

TEST_F(WatcherPath, IsReportedWithoutWhatMeansNothing) {
  directory("a/b");
  w_.add(dir_.str() + "//a/./b/", IN_CREATE);
  write_file(dir_ / "a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f"));
}

TEST_F(WatcherPath, DotDotStaysForItMayCrossASymlink) {
  directory("a");
  directory("elsewhere/deep");
  fs::create_directory_symlink(dir_ / "elsewhere/deep", dir_ / "a/link");
  const int wd = w_.add(dir_ / "a/link/..", IN_CREATE);
  EXPECT_EQ(watched_inode(w_, wd), test::identity((dir_ / "elsewhere").string()));
  EXPECT_THAT(names(wd), ElementsAre("a/link/.."));
  EXPECT_FALSE(w_.path(dir_ / "a"));
  write_file(dir_ / "elsewhere/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/link/../f"));
}

TEST_F(WatcherPath, TheRootDirectoryNeedsNoSecondSlash) {
  const int wd = w_.add("/", IN_OPEN);
  EXPECT_EQ(w_.wd(wd)->path, "/");
  EXPECT_EQ(w_.path("/")->wd, wd);
  EXPECT_EQ(w_.path("//")->wd, wd);
  EXPECT_EQ(w_.path("/.")->wd, wd);
  // Others may open things there as well.
  ::close(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::close(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::close(::open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int of_itself = 0;
  int of_usr = 0;
  for (const Event& e : w_.read()) {
    EXPECT_EQ(e.path, "/");
    EXPECT_EQ(e.fullpath, '/' + std::string(e.name));
    of_itself += e.name.empty();
    of_usr += e.fullpath == "/usr";
  }
  EXPECT_GT(of_itself, 0);
  EXPECT_GT(of_usr, 0);
}

TEST_F(WatcherPath, RelativePathsAreReportedAsTheyWereGiven) {
  directory("a/b");
  const WorkingDirectory here(dir_.path());
  const int wd = w_.add("a/b", IN_CREATE);
  EXPECT_EQ(w_.path("a/b")->wd, wd);
  EXPECT_EQ(w_.path("./a//b/")->wd, wd);
  EXPECT_FALSE(w_.path(dir_ / "a/b")) << "nobody resolves it";
  write_file("a/b/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/b/f"));
}

TEST_F(WatcherPath, ARelativePathMeansWhatItMeantWhenItWasAdded) {
  directory("a");
  directory("elsewhere/a");
  int wd = 0;
  {
    const WorkingDirectory here(dir_.path());
    wd = w_.add("a", IN_CREATE);
  }
  const WorkingDirectory there(dir_ / "elsewhere");
  write_file("a/unseen");
  write_file(dir_ / "a/f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/f"));
  EXPECT_EQ(watched_inode(w_, wd), test::identity((dir_ / "a").string()));
}

TEST_F(WatcherPath, TheWorkingDirectoryIsADot) {
  const WorkingDirectory here(dir_.path());
  const int wd = w_.add(".", IN_CREATE);
  EXPECT_EQ(w_.wd(wd)->path, ".");
  EXPECT_EQ(w_.path("./")->wd, wd);
  EXPECT_EQ(w_.path("././/.")->wd, wd);
  write_file("f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE ./f"));
}

TEST_F(WatcherPath, DotSlashNameIsTheName) {
  directory("a");
  const WorkingDirectory here(dir_.path());
  const int wd = w_.add("./a", IN_CREATE);
  EXPECT_EQ(w_.path("a")->wd, wd);
  EXPECT_EQ(w_.add("a", IN_CREATE), wd);
  EXPECT_THAT(w_.paths(wd), SizeIs(1));
}

TEST_F(WatcherPath, ANameBelowADotIsFoundWithAndWithoutIt) {
  directory("a");
  const WorkingDirectory here(dir_.path());
  const int dot = w_.add(".", IN_CREATE);
  const int wd = w_.add("a", IN_CREATE);
  EXPECT_NE(dot, wd);
  EXPECT_EQ(w_.path("./a")->wd, wd);
  EXPECT_EQ(w_.path("a")->wd, wd);
  EXPECT_EQ(w_.path(".")->wd, dot);
  EXPECT_EQ(w_.add("./a", IN_CREATE), wd);
  EXPECT_THAT(w_.paths(wd), SizeIs(1));
}

TEST_F(WatcherPath, TheParentOfTheWorkingDirectoryIsDotDot) {
  directory("a");
  const WorkingDirectory here(dir_ / "a");
  const int wd = w_.add("..", IN_CREATE);
  EXPECT_EQ(w_.wd(wd)->path, "..");
  write_file("../f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE ../f"));
}

TEST_F(WatcherPath, AFileWithATrailingSlashIsNoDirectory) {
  const std::string f = file("f");
  std::error_code ec;
  w_.add(f + '/', IN_MODIFY, ec);
  EXPECT_EQ(ec.value(), ENOTDIR);
}

// ---- deletion

TEST_F(WatcherDeletion, DeleteSelfIsFollowedByIgnoredAndTheEntryGoes) {
  const std::string f = file("f");
  const int wd = w_.add(f, IN_DELETE_SELF);
  fs::remove(f);
  EXPECT_EQ(w_.num_watches(), 1U) << "not read yet";
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF f", "IN_IGNORED f"));
  EXPECT_EQ(w_.num_watches(), 0U);
  EXPECT_TRUE(w_.empty());
  EXPECT_FALSE(w_.wd(wd));
  EXPECT_FALSE(w_.path(f));
  EXPECT_THAT(w_.watches(), IsEmpty());
}

TEST_F(WatcherDeletion, AnOpenFileIsReportedDeletedWhenItIsClosed) {  // [8]
  const std::string f = file("f");
  w_.add(dir_.path(), IN_DELETE);
  const int wd = w_.add(f, IN_ATTRIB | IN_DELETE_SELF);
  OpenFile held(f);
  fs::remove(f);
  const auto at_once = told();
  EXPECT_THAT(at_once, ::testing::UnorderedElementsAre("IN_DELETE f", "IN_ATTRIB f"));
  EXPECT_EQ(w_.num_watches(), 2U);
  EXPECT_EQ(test::audit(w_), "");
  held.close();
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF f", "IN_IGNORED f"));
  EXPECT_FALSE(w_.wd(wd));
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherDeletion, AFileWithAnotherLinkIsNotDeleted) {
  const std::string f = file("f");
  fs::create_hard_link(f, dir_ / "g");
  const int wd = w_.add(f, IN_ATTRIB | IN_DELETE_SELF);
  fs::remove(f);
  EXPECT_THAT(told(), ElementsAre("IN_ATTRIB f"));
  EXPECT_TRUE(w_.wd(wd));
  fs::remove(dir_ / "g");
  EXPECT_THAT(told(), ElementsAre("IN_ATTRIB f", "IN_DELETE_SELF f", "IN_IGNORED f"));
}

TEST_F(WatcherDeletion, ADirectoryEndsBeforeItsParentSaysSo) {  // [23]
  const std::string d = directory("d");
  w_.add(dir_.path(), IN_DELETE);
  w_.add(d, IN_DELETE_SELF);
  fs::remove(d);
  EXPECT_THAT(told(), ElementsAre("IN_DELETE_SELF d", "IN_IGNORED d", "IN_DELETE|IN_ISDIR d"));
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherDeletion, AHeldDirectoryMayEndAfterItsNamesakeWasMade) {  // [23]
  const std::string d = directory("d");
  w_.add(dir_.path(), IN_CREATE | IN_DELETE);
  const int before = w_.add(d, IN_CREATE | IN_DELETE_SELF);
  OpenFile held(d);
  fs::remove(d);
  fs::create_directory(d);
  const int after = w_.add(d, IN_CREATE | IN_DELETE_SELF);
  ASSERT_NE(before, after);
  held.close();
  file("d/f");
  EXPECT_THAT(told(), ElementsAre("IN_DELETE|IN_ISDIR d", "IN_CREATE|IN_ISDIR d",
                                  "IN_DELETE_SELF d", "IN_IGNORED d", "IN_CREATE d/f"));
  EXPECT_EQ(w_.path(d)->wd, after);
  EXPECT_FALSE(w_.wd(before));
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherDeletion, OfAWholeTreeLeavesNothingBehind) {
  for (const char* name : {"d", "d/e", "d/e/f", "d/g"})
    w_.add(directory(name), IN_CREATE | IN_DELETE);
  fs::remove_all(dir_ / "d");
  told();
  EXPECT_TRUE(w_.empty());
  EXPECT_THAT(w_.watches(), IsEmpty());
  EXPECT_EQ(test::audit(w_), "");
}

// ---- closing and moving

TEST_F(WatcherLife, ANewWatcherIsOpenAndEmpty) {
  EXPECT_TRUE(w_.is_open());
  EXPECT_GE(w_.fileno(), 0);
  EXPECT_TRUE(w_.empty());
  EXPECT_EQ(w_.size(), 0U);
  EXPECT_EQ(w_.num_watches(), 0U);
  EXPECT_THAT(w_.watches(), IsEmpty());
  EXPECT_EQ(w_.readable(), 0U);
}

TEST_F(WatcherLife, ItsDescriptorIsNonBlockingAndClosedOnExec) {
  EXPECT_NE(::fcntl(w_.fileno(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(w_.fileno(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(WatcherLife, CloseForgetsEverythingAndMayBeCalledTwice) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  const int fd = w_.fileno();
  file("f");
  w_.close();
  w_.close();
  EXPECT_FALSE(w_.is_open());
  EXPECT_EQ(w_.fileno(), -1);
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "the descriptor is still open";
  EXPECT_TRUE(w_.empty());
  EXPECT_EQ(w_.size(), 0U);
  EXPECT_THAT(w_.watches(), IsEmpty());
  EXPECT_THAT(w_.paths(wd), IsEmpty());
  EXPECT_FALSE(w_.path(dir_.path()));
  EXPECT_FALSE(w_.wd(wd));
}

TEST_F(WatcherLife, ADestroyedWatcherLeavesNoDescriptorBehind) {
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = descriptors();
  for (int i = 0; i < 10; ++i) {
    Watcher w;
    w.add(dir_.path(), IN_CREATE);
    EXPECT_GT(descriptors(), before);
  }
  EXPECT_EQ(descriptors(), before);
}

TEST_F(WatcherLife, IsMoveOnlyAndNeverThrowsWhenMoved) {
  EXPECT_FALSE(std::is_copy_constructible_v<Watcher>);
  EXPECT_FALSE(std::is_copy_assignable_v<Watcher>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Watcher>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<Watcher>);
  EXPECT_TRUE(std::has_virtual_destructor_v<Watcher>);
}

TEST_F(WatcherLife, MovingTakesWatchesAndQueueAlong) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  const int fd = w_.fileno();
  file("f");
  Watcher moved(std::move(w_));
  EXPECT_EQ(moved.fileno(), fd);
  EXPECT_EQ(moved.wd(wd)->path, dir_.str());
  EXPECT_EQ(moved.num_watches(), 1U);
  EXPECT_EQ(test::audit(moved), "");
  file("g");
  EXPECT_THAT(moved.read(), SizeIs(2));
}

TEST_F(WatcherLife, MoveAssignmentClosesWhatWasThere) {
  Watcher other;
  other.add(directory("d"), IN_CREATE);
  const int closed = other.fileno();
  const int wd = w_.add(dir_.path(), IN_CREATE);
  const int fd = w_.fileno();
  other = std::move(w_);
  EXPECT_EQ(other.fileno(), fd);
  EXPECT_EQ(::fcntl(closed, F_GETFD), -1);
  EXPECT_EQ(other.num_watches(), 1U);
  EXPECT_EQ(other.path(dir_.path())->wd, wd);
  EXPECT_FALSE(other.path(dir_ / "d"));
  EXPECT_EQ(test::audit(other), "");
}

TEST_F(WatcherLife, LivesInAVectorThatGrows) {
  std::vector<Watcher> watchers;
  for (int i = 0; i < 20; ++i) {
    watchers.emplace_back();
    const std::string name = std::to_string(i);
    const std::string d = directory(name);
    watchers.back().add(d, IN_CREATE);
    write_file(dir_ / (name + "/f"));
  }
  for (int i = 0; i < 20; ++i) {
    const auto events = watchers[static_cast<std::size_t>(i)].read(0ms);
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(line(events[0]), "IN_CREATE " + std::to_string(i) + "/f");
  }
}

TEST_F(WatcherLife, AMovedFromWatcherIsLikeAClosedOne) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  const Watcher taken(std::move(w_));
  Watcher& left = w_;  // NOLINT(bugprone-use-after-move): what is left is the matter of this test
  EXPECT_FALSE(left.is_open());
  EXPECT_EQ(left.fileno(), -1);
  EXPECT_TRUE(left.empty());
  ::alarm(10);  // a table without its tops is walked for ever
  EXPECT_THAT(left.watches(), IsEmpty());
  ::alarm(0);
  EXPECT_FALSE(left.path(dir_.path()));
  EXPECT_FALSE(left.wd(wd));
  std::error_code ec;
  left.add(dir_.path(), IN_CREATE, ec);
  EXPECT_EQ(ec.value(), EBADF);
  EXPECT_THAT(left.read(0ms, ec), IsEmpty());
  EXPECT_EQ(ec.value(), EBADF);
  left.remove(wd, ec);
  EXPECT_EQ(ec.value(), EBADF);
  left.interrupt();
  left.close();
}

TEST_F(WatcherLife, AMovedFromWatcherCanBeAssignedToAndUsedAgain) {
  w_.add(dir_.path(), IN_CREATE);
  const Watcher taken(std::move(w_));
  w_ = Watcher();
  w_.add(dir_.path(), IN_CREATE);
  file("f");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE f"));
  EXPECT_EQ(test::audit(w_), "");
}

}  // namespace
