// Watcher: renames. Every event carries the path that is right at its own place in the stream, and
// what is watched at or below a renamed name goes along.
//
// Numbers in [brackets] are facts about the kernel. What no program can make happen at will, such
// as a batch that ends between the halves of a rename with other watches' events in between, is
// driven by a stream written by hand.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <inotify/watcher.hpp>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/audit.hpp"
#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace watcher_renames {
namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Mask;
using inotify::Watcher;
using test::TempDir;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

constexpr Mask names = IN_CREATE | IN_DELETE | IN_MOVE;
constexpr Mask everything = names | IN_MOVE_SELF | IN_DELETE_SELF;

std::string relative(std::string_view path, const std::string& base) {
  if (path == base) return ".";
  return std::string(path.starts_with(base + '/') ? path.substr(base.size() + 1) : path);
}

std::string line(const Event& e, const std::string& base) {
  std::string text =
      inotify::to_string(e.mask & ~Mask{IN_ISDIR}) + ' ' + relative(e.fullpath, base);
  if (!e.moved_from.empty()) text += " from " + relative(e.moved_from, base);
  if (!e.moved_to.empty()) text += " to " + relative(e.moved_to, base);
  return text;
}

class WatcherRename : public ::testing::Test {
 protected:
  // What is queued, one line per event, with paths relative to the test's directory and without
  // IN_ISDIR.
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Event& e : w_.read(0ms)) lines.push_back(line(e, dir_.str()));
    return lines;
  }

  int add(const std::string& name, Mask mask = everything) { return w_.add(at(name), mask); }
  void directory(const std::string& name) { fs::create_directories(at(name)); }
  void file(const std::string& name) { write_file(at(name)); }
  void rename(const std::string& from, const std::string& to) { fs::rename(at(from), at(to)); }
  void exchange(const std::string& a, const std::string& b) {
    ASSERT_EQ(::renameat2(AT_FDCWD, at(a).c_str(), AT_FDCWD, at(b).c_str(), RENAME_EXCHANGE), 0)
        << std::strerror(errno);
  }

  [[nodiscard]] fs::path at(const std::string& name) const {
    return name == "." ? dir_.path() : dir_ / name;
  }

  // The path a watch is known under, relative.
  [[nodiscard]] std::string known(int wd) const {
    const auto found = w_.wd(wd);
    return found ? relative(found->path, dir_.str()) : "unknown";
  }

  // The watch of a path, or -1.
  [[nodiscard]] int watch_of(const std::string& name) const {
    const auto found = w_.path(at(name));
    return found ? found->wd : -1;
  }

  TempDir dir_;
  Watcher w_;
};

// ---- of what is not watched itself

TEST_F(WatcherRename, OfAFileTellsBothPathsAndACookie) {
  file("a");
  add(".");
  rename("a", "b");
  const auto events = w_.read();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(line(events[0], dir_.str()), "IN_MOVED_FROM a to b");
  EXPECT_EQ(line(events[1], dir_.str()), "IN_MOVED_TO b from a");
  EXPECT_NE(events[0].cookie, 0U);
  EXPECT_EQ(events[0].cookie, events[1].cookie);
}

TEST_F(WatcherRename, BetweenTwoWatchedDirectoriesTellsBothPaths) {
  directory("d");
  directory("e");
  file("d/a");
  const int d = add("d");
  const int e = add("e");
  rename("d/a", "e/b");
  const auto events = w_.read();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(line(events[0], dir_.str()), "IN_MOVED_FROM d/a to e/b");
  EXPECT_EQ(line(events[1], dir_.str()), "IN_MOVED_TO e/b from d/a");
  EXPECT_EQ(events[0].wd, d);
  EXPECT_EQ(events[1].wd, e);
}

TEST_F(WatcherRename, OutOfTheWatchedDirectoryHasNoMovedTo) {
  directory("d");
  file("d/a");
  add("d");
  rename("d/a", "gone");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM d/a"));
}

TEST_F(WatcherRename, IntoTheWatchedDirectoryHasNoMovedFrom) {
  directory("d");
  file("a");
  add("d");
  rename("a", "d/a");
  const auto events = w_.read();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(line(events[0], dir_.str()), "IN_MOVED_TO d/a");
  EXPECT_NE(events[0].cookie, 0U);
}

TEST_F(WatcherRename, OutAndInAgainIsADepartureAndAnArrival) {
  directory("d");
  file("d/a");
  add("d");
  rename("d/a", "outside");
  rename("outside", "d/b");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM d/a", "IN_MOVED_TO d/b"))
      << "two renames, two cookies";
}

TEST_F(WatcherRename, AMaskWithoutOneHalfLeavesTheOtherAlone) {
  directory("d");
  directory("e");
  file("d/a");
  add("d", IN_MOVED_FROM);
  add("e", IN_MOVED_FROM);
  rename("d/a", "e/a");
  rename("e/a", "d/a");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM d/a", "IN_MOVED_FROM e/a"));
}

// ---- of what is watched

TEST_F(WatcherRename, OfAWatchedDirectoryMovesEverythingBelowAtOnceAndInItsPlace) {
  directory("d/e/f");
  add(".", names);
  const int d = add("d", names);
  const int f = add("d/e/f", names);
  file("d/1");
  file("d/e/f/2");
  rename("d", "x");
  file("x/3");
  file("x/e/f/4");
  EXPECT_EQ(known(f), "d/e/f") << "not read yet";
  EXPECT_THAT(told(), ElementsAre("IN_CREATE d/1", "IN_CREATE d/e/f/2", "IN_MOVED_FROM d to x",
                                  "IN_MOVED_TO x from d", "IN_CREATE x/3", "IN_CREATE x/e/f/4"));
  EXPECT_EQ(known(d), "x");
  EXPECT_EQ(known(f), "x/e/f");
  EXPECT_EQ(watch_of("x/e/f"), f);
  EXPECT_EQ(watch_of("d"), -1);
  EXPECT_EQ(watch_of("d/e/f"), -1);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRename, OfAnUnwatchedDirectoryMovesWhatIsWatchedBelowIt) {
  directory("d/e/f");
  add(".", names);
  const int f = add("d/e/f", names);
  rename("d", "x");
  file("x/e/f/new");
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM d to x", "IN_MOVED_TO x from d", "IN_CREATE x/e/f/new"));
  EXPECT_EQ(known(f), "x/e/f");
}

TEST_F(WatcherRename, OfAWatchedFileIsFollowed) {
  file("a");
  add(".", names);
  const int a = add("a", IN_ATTRIB | IN_MOVE_SELF);
  rename("a", "b");
  fs::permissions(at("b"), fs::perms::owner_read);
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM a to b", "IN_MOVED_TO b from a", "IN_MOVE_SELF b",
                                  "IN_ATTRIB b"));
  EXPECT_EQ(known(a), "b");
}

TEST_F(WatcherRename, IntoAnotherWatchedDirectoryIsFollowed) {
  directory("d/sub");
  directory("e");
  add("d", names);
  add("e", names);
  const int sub = add("d/sub", everything);
  rename("d/sub", "e/other");
  file("e/other/new");
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM d/sub to e/other", "IN_MOVED_TO e/other from d/sub",
                          "IN_MOVE_SELF e/other", "IN_CREATE e/other/new"));
  EXPECT_EQ(watch_of("e/other"), sub);
  EXPECT_EQ(watch_of("d/sub"), -1);
}

TEST_F(WatcherRename, ThatNobodyTellsKeepsTheOldName) {
  // The parent is not watched: MOVE_SELF does not say where to [22].
  directory("d");
  const int d = add("d");
  rename("d", "x");
  file("x/new");
  EXPECT_THAT(told(), ElementsAre("IN_MOVE_SELF d", "IN_CREATE d/new"));
  EXPECT_EQ(known(d), "d");
}

TEST_F(WatcherRename, ThenAddingTheNewNameReturnsTheSameWatchUnderBothNames) {  // [21]
  directory("d");
  const int d = add("d");
  rename("d", "x");
  EXPECT_EQ(add("x"), d);
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRename, AddedUnderItsNewNameBeforeTheRenameIsReadHasThatNameOnce) {
  directory("d");
  add(".", names);
  const int d = add("d");
  rename("d", "x");
  ASSERT_EQ(add("x"), d);
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM d to x", "IN_MOVED_TO x from d", "IN_MOVE_SELF x"));
  EXPECT_EQ(w_.paths(d), std::vector<std::string>{at("x").string()});
  EXPECT_EQ(watch_of("x"), d);
  EXPECT_EQ(watch_of("d"), -1);
  w_.remove_path(at("x"));
  EXPECT_THAT(told(), ElementsAre("IN_IGNORED x")) << "it was the only name";
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRename, OfOneOfTwoHardLinksMovesThatNameOnly) {
  file("a");
  fs::create_hard_link(at("a"), at("b"));
  add(".", names);
  const int wd = add("a", IN_ATTRIB);
  add("b", IN_ATTRIB);
  rename("a", "c");
  told();
  EXPECT_EQ(w_.paths(wd), (std::vector{at("c").string(), at("b").string()}));
  EXPECT_EQ(watch_of("c"), wd);
  EXPECT_EQ(watch_of("b"), wd);
  EXPECT_EQ(watch_of("a"), -1);
}

TEST_F(WatcherRename, BelowTheWorkingDirectoryIsFollowedWithAndWithoutTheDot) {
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  directory("a");
  directory("b");
  w_.add(".", names);
  const int a = w_.add("a", names);
  const int b = w_.add("./b", names);
  rename("a", "x");
  rename("b", "y");
  write_file("x/new");
  write_file("y/new");
  std::vector<std::string> ends;
  for (const Event& e : w_.read(0ms)) {
    if (e.is_create())
      ends.push_back(std::string(e.path.starts_with("./") ? e.path.substr(2) : e.path));
  }
  EXPECT_THAT(ends, ElementsAre("x", "y"));
  for (const auto& [wd, path] : {std::pair(a, "x"), std::pair(b, "y")}) {
    const auto found = w_.path(path);
    EXPECT_EQ(found ? found->wd : -1, wd) << path;
  }
  EXPECT_FALSE(w_.path("a"));
  EXPECT_FALSE(w_.path("b"));
  fs::current_path(before);
}

// ---- several at once

TEST_F(WatcherRename, ChainIsFollowedToItsEnd) {
  directory("a/sub");
  add(".", names);
  const int a = add("a", names);
  const int sub = add("a/sub", names);
  rename("a", "b");
  file("b/1");
  rename("b", "c");
  file("c/2");
  rename("c", "a");
  file("a/sub/3");
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM a to b", "IN_MOVED_TO b from a", "IN_CREATE b/1",
                          "IN_MOVED_FROM b to c", "IN_MOVED_TO c from b", "IN_CREATE c/2",
                          "IN_MOVED_FROM c to a", "IN_MOVED_TO a from c", "IN_CREATE a/sub/3"));
  EXPECT_EQ(known(a), "a");
  EXPECT_EQ(known(sub), "a/sub");
}

TEST_F(WatcherRename, SwapByWayOfAThirdNameSwapsTheWatches) {
  directory("a");
  directory("b");
  add(".", names);
  const int a = add("a", names);
  const int b = add("b", names);
  rename("a", "third");
  rename("b", "a");
  rename("third", "b");
  file("b/in-a");
  file("a/in-b");
  const auto lines = told();
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_EQ(lines[6], "IN_CREATE b/in-a");
  EXPECT_EQ(lines[7], "IN_CREATE a/in-b");
  EXPECT_EQ(watch_of("b"), a);
  EXPECT_EQ(watch_of("a"), b);
  EXPECT_EQ(watch_of("third"), -1);
}

TEST_F(WatcherRename, ThereAndBackIsNoExchange) {  // [19]
  directory("a");
  directory("b");
  add(".", names);
  const int a = add("a");
  fs::remove(at("b"));
  rename("a", "b");
  rename("b", "a");
  file("a/new");
  EXPECT_EQ(told().back(), "IN_CREATE a/new");
  EXPECT_EQ(known(a), "a");
}

TEST_F(WatcherRename, OverAnEmptyWatchedDirectoryTakesItsName) {  // [20]
  directory("a");
  directory("victim");
  add(".", names);
  const int a = add("a");
  const int victim = add("victim");
  rename("a", "victim");
  file("victim/new");
  const auto lines = told();
  // The order of the victim's end and the mover's MOVE_SELF is the kernel's business.
  EXPECT_THAT(lines, ::testing::UnorderedElementsAre("IN_MOVED_FROM a to victim",
                                                     "IN_MOVED_TO victim from a",
                                                     "IN_MOVE_SELF victim", "IN_DELETE_SELF victim",
                                                     "IN_IGNORED victim", "IN_CREATE victim/new"));
  EXPECT_EQ(watch_of("victim"), a);
  EXPECT_EQ(known(victim), "unknown");
  EXPECT_EQ(w_.num_watches(), 2U);
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRename, OverAWatchedFileTakesItsName) {
  file("a");
  file("victim");
  add(".", names);
  const int a = add("a", IN_MODIFY);
  const int victim = add("victim", IN_DELETE_SELF);
  rename("a", "victim");
  EXPECT_THAT(told(), ::testing::UnorderedElementsAre(
                          "IN_MOVED_FROM a to victim", "IN_MOVED_TO victim from a",
                          "IN_DELETE_SELF victim", "IN_IGNORED victim"));
  EXPECT_EQ(watch_of("victim"), a);
  EXPECT_EQ(known(victim), "unknown");
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRename, IntoItsOwnSiblingMovesTheWatchBelow) {
  directory("a");
  directory("b");
  add(".", names);
  const int a = add("a", names);
  add("b", names);
  rename("a", "b/a");
  rename("b", "c");
  file("c/a/new");
  EXPECT_EQ(told().back(), "IN_CREATE c/a/new");
  EXPECT_EQ(known(a), "c/a");
}

// ---- a name and who bears it

TEST_F(WatcherRename, AYoungerWatchKeepsTheNameAnOlderRenameGaveAway) {
  directory("a");
  add(".", names);
  rename("a", "b");
  directory("a");
  const int young = add("a", names);
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM a to b", "IN_MOVED_TO b from a", "IN_CREATE a"));
  EXPECT_EQ(watch_of("a"), young);
  EXPECT_EQ(watch_of("b"), -1);
  file("a/new");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE a/new"));
  EXPECT_EQ(known(young), "a");
}

TEST_F(WatcherRename, AYoungerWatchIsKnownAsYoungHoweverItsPathIsWritten) {
  directory("a");
  add(".", names);
  rename("a", "b");
  directory("a");
  const int young = w_.add(dir_.str() + "//./a/.", names);
  told();
  EXPECT_EQ(known(young), "a");
}

TEST_F(WatcherRename, AYoungerWatchKeepsTheNameWhoseOldBearerWasWatchedToo) {
  directory("a");
  add(".", names);
  const int old = add("a", names);
  rename("a", "b");
  directory("a");
  const int young = add("a", names);
  ASSERT_NE(old, young);
  file("b/in-old");
  file("a/in-young");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM a to b", "IN_MOVED_TO b from a", "IN_CREATE a",
                                  "IN_CREATE b/in-old", "IN_CREATE a/in-young"));
  EXPECT_EQ(watch_of("b"), old);
  EXPECT_EQ(watch_of("a"), young);
}

TEST_F(WatcherRename, AYoungerWatchKeepsTheNameAnOlderRenameLedTo) {
  directory("a");
  add(".", names);
  const int old = add("a", names);
  rename("a", "b");
  rename("b", "c");
  directory("b");
  const int young = add("b", names);
  file("c/in-old");
  file("b/in-young");
  const auto lines = told();
  EXPECT_THAT(lines, ::testing::IsSupersetOf({"IN_CREATE c/in-old", "IN_CREATE b/in-young"}));
  EXPECT_EQ(known(old), "c");
  EXPECT_EQ(known(young), "b");
  EXPECT_EQ(watch_of("b"), young);
}

TEST_F(WatcherRename, AYoungWatchIsFollowedByLaterRenames) {
  directory("a");
  add(".", names);
  rename("a", "b");
  directory("a");
  const int young = add("a", names);
  rename("a", "c");
  file("c/new");
  EXPECT_EQ(told().back(), "IN_CREATE c/new");
  EXPECT_EQ(known(young), "c");
}

TEST_F(WatcherRename, AWatchThatLeftTheTreeIsNotLedAwayByItsNamesake) {
  // The old "in/d" is outside, still watched; the rename is its namesake's, which is not watched.
  directory("in/d");
  add("in", names);
  const int left = add("in/d", names);
  rename("in/d", "outside");
  directory("in/d");
  rename("in/d", "in/e");
  file("outside/new");
  told();
  EXPECT_NE(known(left), "in/e") << "that is another directory";
  EXPECT_EQ(watch_of("in/e"), -1);
}

TEST_F(WatcherRename, ANamesakeMovedBelowAWatchThatLeftDoesNotTieAKnot) {
  // To the table the old "in/d" still is there, with its "sub", below which its namesake goes now.
  directory("in/d/sub");
  add("in", names);
  add("in/d", names);
  const int sub = add("in/d/sub", names);
  rename("in/d", "outside");
  directory("in/d");
  rename("in/d", "outside/sub/x");
  file("outside/sub/new");
  ::alarm(10);  // a knot in the table is walked for ever
  const auto lines = told();
  EXPECT_EQ(w_.watches().size(), 3U);
  EXPECT_NE(known(sub), "unknown");
  ::alarm(0);
  ASSERT_FALSE(lines.empty());
  EXPECT_TRUE(lines.back().starts_with("IN_CREATE ")) << lines.back();
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherRename, AnUnlinkedFileIsNotLedAwayByItsNamesake) {
  // The inode lives on under a name that nobody watches, so its watch does.
  directory("other");
  file("a");
  fs::create_hard_link(at("a"), at("other/link"));
  add(".", names);
  const int wd = add("a", IN_MODIFY);
  fs::remove(at("a"));
  file("a");
  rename("a", "b");
  told();
  EXPECT_NE(known(wd), "b") << "that is another file";
  EXPECT_EQ(watch_of("b"), -1);
}

TEST_F(WatcherRename, AReplacedFileIsNotLedAwayByItsNamesake) {
  directory("other");
  file("a");
  fs::create_hard_link(at("a"), at("other/link"));
  add(".", names);
  const int wd = add("a", IN_MODIFY);
  file("new");
  rename("new", "a");
  rename("a", "b");
  told();
  EXPECT_NE(known(wd), "b") << "that is another file";
  EXPECT_EQ(watch_of("b"), -1);
}

// ---- the edge of a batch

// Knows the size of the buffer.
class Sized : public Watcher {
 public:
  using Watcher::buffer_size;
};

TEST(WatcherRenameAtTheEdgeOfABatch, TheHalvesAreJoinedAcrossTwoReads) {
  constexpr std::size_t short_event = sizeof(inotify_event) + 16;
  const TempDir dir;
  fs::create_directories(dir / "a/sub");
  Sized w;
  w.add(dir.path(), names);
  const int sub = w.add(dir / "a/sub", names);
  // One kernel thread of events: fill the buffer so that the MOVED_FROM is the last event that
  // fits.
  int made = 0;
  for (; w.readable() + short_event < Sized::buffer_size; ++made)
    write_file(dir / std::to_string(made));
  ASSERT_EQ(w.readable() + short_event, Sized::buffer_size);
  fs::rename(dir / "a", dir / "b");
  write_file(dir / "b/sub/new");

  const auto first = w.read();
  ASSERT_EQ(first.size(), static_cast<std::size_t>(made) + 1);
  EXPECT_EQ(line(first.back(), dir.str()), "IN_MOVED_FROM a") << "where to is not known yet";
  const auto cookie = first.back().cookie;
  EXPECT_EQ(w.wd(sub)->path, (dir / "a/sub").string());

  const auto second = w.read();
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(line(second[0], dir.str()), "IN_MOVED_TO b from a");
  EXPECT_EQ(second[0].cookie, cookie);
  EXPECT_EQ(line(second[1], dir.str()), "IN_CREATE b/sub/new");
  EXPECT_EQ(w.wd(sub)->path, (dir / "b/sub").string());
}

// A watcher whose descriptor is a pipe: the events are written by the test. Its watches are real,
// and live on in a copy of the descriptor.
class WatcherPuppet : public ::testing::Test {
 protected:
  // inotify_event without its flexible member, which cannot be initialised.
  struct Header {
    int wd;
    Mask mask;
    std::uint32_t cookie;
    std::uint32_t len;
  };
  static_assert(sizeof(Header) == sizeof(inotify_event));

  WatcherPuppet() {
    for (const char* name : {"p", "q", "r"}) {
      fs::create_directories(dir_ / name / "d/sub");
      wds_[*name] = w_.add(dir_ / name, everything);
    }
    d_ = w_.add(dir_ / "p/d", everything);
    sub_ = w_.add(dir_ / "p/d/sub", everything);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe");
    kernel_fd_ = ::fcntl(w_.fileno(), F_DUPFD_CLOEXEC, 0);
    if (::dup2(ends[0], w_.fileno()) < 0) throw std::runtime_error("dup2");
    ::close(ends[0]);
    write_fd_ = ends[1];
  }
  ~WatcherPuppet() override {
    ::close(kernel_fd_);
    ::close(write_fd_);
  }

  void tell(int wd, Mask mask, std::uint32_t cookie = 0, const std::string& name = "") {
    const std::size_t len = name.empty() ? 0 : (name.size() / 16 + 1) * 16;
    std::string bytes(sizeof(inotify_event) + len, '\0');
    const Header header{wd, mask, cookie, static_cast<std::uint32_t>(len)};
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes.replace(sizeof header, name.size(), name);
    tell_bytes(bytes);
  }
  void tell(char parent, Mask mask, std::uint32_t cookie, const std::string& name) {
    tell(wds_.at(parent), mask, cookie, name);
  }
  void tell_bytes(const std::string& bytes) {
    if (::write(write_fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("the pipe is full");
    }
  }

  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Event& e : w_.read(0ms)) lines.push_back(line(e, dir_.str()));
    return lines;
  }
  [[nodiscard]] std::string known(int wd) const {
    const auto found = w_.wd(wd);
    return found ? relative(found->path, dir_.str()) : "unknown";
  }

  TempDir dir_;
  Watcher w_;
  std::map<char, int> wds_;
  int d_ = -1;    // p/d
  int sub_ = -1;  // p/d/sub
  int kernel_fd_ = -1;
  int write_fd_ = -1;
};

TEST_F(WatcherPuppet, HalvesAreJoinedOverManyReadsWithOtherWatchesEventsBetween) {
  tell('p', IN_MOVED_FROM | IN_ISDIR, 7, "d");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM p/d"));
  for (int i = 0; i < 10; ++i) {
    for (int j = 0; j < 100; ++j) tell('r', IN_CREATE, 0, std::to_string(i * 100 + j));
    EXPECT_EQ(told().size(), 100U);
    EXPECT_EQ(known(sub_), "p/d/sub");
  }
  tell('q', IN_MOVED_TO | IN_ISDIR, 7, "x");
  tell(sub_, IN_CREATE, 0, "new");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_TO q/x from p/d", "IN_CREATE q/x/sub/new"));
  EXPECT_EQ(known(d_), "q/x");
}

TEST_F(WatcherPuppet, InterleavedRenamesAreToldApartByTheirCookies) {
  tell('p', IN_MOVED_FROM, 1, "one");
  tell('q', IN_MOVED_FROM, 2, "two");
  tell('r', IN_MOVED_FROM, 3, "three");
  tell('q', IN_MOVED_TO, 2, "2");
  tell('r', IN_MOVED_TO, 3, "3");
  tell('p', IN_MOVED_TO, 1, "1");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM p/one to p/1", "IN_MOVED_FROM q/two to q/2",
                                  "IN_MOVED_FROM r/three to r/3", "IN_MOVED_TO q/2 from q/two",
                                  "IN_MOVED_TO r/3 from r/three", "IN_MOVED_TO p/1 from p/one"));
}

TEST_F(WatcherPuppet, InterleavedRenamesAreJoinedAcrossReadsAsWell) {
  tell('p', IN_MOVED_FROM | IN_ISDIR, 1, "d");
  tell('q', IN_MOVED_FROM, 2, "two");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM p/d", "IN_MOVED_FROM q/two"));
  tell('r', IN_MOVED_TO | IN_ISDIR, 1, "x");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_TO r/x from p/d"));
  tell('q', IN_MOVED_TO, 2, "2");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_TO q/2 from q/two"));
  EXPECT_EQ(known(sub_), "r/x/sub");
}

TEST_F(WatcherPuppet, ANameEventOfTheSameDirectorySaysThatTheHalfStaysAlone) {
  // None ever stands between the halves of a rename [18], so the cookie is another rename's by now.
  tell('p', IN_MOVED_FROM | IN_ISDIR, 7, "d");
  tell('p', IN_CREATE, 0, "f");
  tell('q', IN_MOVED_TO | IN_ISDIR, 7, "x");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM p/d", "IN_CREATE p/f", "IN_MOVED_TO q/x"));
  EXPECT_NE(known(d_), "q/x");
}

TEST_F(WatcherPuppet, AnOverflowBetweenTheHalvesPartsThem) {  // [15]
  tell('p', IN_MOVED_FROM | IN_ISDIR, 7, "d");
  tell(-1, IN_Q_OVERFLOW);
  tell('q', IN_MOVED_TO | IN_ISDIR, 7, "x");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM p/d", "IN_Q_OVERFLOW ", "IN_MOVED_TO q/x"));
  EXPECT_NE(known(d_), "q/x");
}

TEST_F(WatcherPuppet, AHalfOfAnUnknownWatchJoinsNothing) {
  tell(99, IN_MOVED_FROM | IN_ISDIR, 7, "d");
  tell('q', IN_MOVED_TO | IN_ISDIR, 7, "x");
  tell('p', IN_MOVED_FROM | IN_ISDIR, 8, "d");
  tell(99, IN_MOVED_TO | IN_ISDIR, 8, "x");
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM d", "IN_MOVED_TO q/x", "IN_MOVED_FROM p/d",
                                  "IN_MOVED_TO x"));
  EXPECT_EQ(known(sub_), "p/d/sub");
}

TEST_F(WatcherPuppet, TheParentOfAHalfMayEndBeforeTheOtherHalfComes) {
  tell('p', IN_MOVED_FROM | IN_ISDIR, 7, "d");
  tell(wds_['p'], IN_DELETE_SELF);
  tell(wds_['p'], IN_IGNORED);
  tell('q', IN_MOVED_TO | IN_ISDIR, 7, "x");
  tell(sub_, IN_CREATE, 0, "new");
  const auto lines = told();
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[2], "IN_IGNORED p");
  EXPECT_EQ(known(wds_['p']), "unknown");
}

TEST_F(WatcherPuppet, ARenameOntoItselfAndHalvesThatMakeNoSenseDoNotHarm) {
  tell('p', IN_MOVED_FROM | IN_ISDIR, 1, "d");
  tell('p', IN_MOVED_TO | IN_ISDIR, 1, "d");                  // onto itself
  tell('p', IN_MOVED_FROM | IN_MOVED_TO | IN_ISDIR, 2, "d");  // both at once
  tell('p', IN_MOVED_TO | IN_ISDIR, 0, "d");                  // no cookie
  tell('p', IN_MOVED_FROM | IN_ISDIR, 3, "");                 // no name
  tell('p', IN_MOVED_TO | IN_ISDIR, 3, "");
  tell(d_, IN_MOVED_FROM | IN_ISDIR, 4, "sub");
  tell(d_, IN_MOVED_FROM | IN_ISDIR, 4, "sub");                // twice the same
  tell(-5, IN_CREATE, 0, "f");                                 // a negative watch
  tell(INT32_MAX, 0xFFFFFFFF & ~Mask{IN_Q_OVERFLOW}, 0, "f");  // all bits
  EXPECT_EQ(told().size(), 10U);
  EXPECT_EQ(w_.num_watches(), 5U);
}

TEST_F(WatcherPuppet, ARenameIntoItselfDoesNotHangOrTearTheTable) {
  // The kernel refuses it; a damaged stream may say it all the same.
  tell('p', IN_MOVED_FROM | IN_ISDIR, 1, "d");
  tell(sub_, IN_MOVED_TO | IN_ISDIR, 1, "d");
  EXPECT_EQ(told().size(), 2U);
  EXPECT_EQ(w_.watches().size(), 5U);
}

TEST_F(WatcherPuppet, ATruncatedStreamEndsWhereItIsTruncated) {
  tell('p', IN_CREATE, 0, "whole");
  const Header header{wds_['p'], IN_CREATE, 0, 16};
  tell_bytes({reinterpret_cast<const char*>(&header), sizeof header});  // its name is missing
  EXPECT_THAT(told(), ElementsAre("IN_CREATE p/whole"));
  tell('q', IN_CREATE, 0, "next");
  EXPECT_THAT(told(), ElementsAre("IN_CREATE q/next"));
}

// ---- at full speed

TEST_F(WatcherRename, ByManyThreadsAtOnceJoinsEveryPair) {
  // Each thread has one directory and moves it about between two parents that all share; it counts
  // its moves in the name.
  constexpr int threads = 3;
  constexpr int moves =
      700;  // two events each and MOVE_SELF: less than a default queue holds, even unread
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  directory("even");
  directory("odd");
  add("even", names);
  add("odd", names);
  const auto name = [](int thread, int move) {
    return std::string(move % 2 == 0 ? "even/" : "odd/") + static_cast<char>('a' + thread) +
           std::to_string(move);
  };
  std::vector<int> wds;
  for (int t = 0; t < threads; ++t) {
    directory(name(t, 0) + "/sub");
    wds.push_back(add(name(t, 0) + "/sub", names));
  }

  std::atomic<int> running = threads;
  std::vector<test::Thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&, t] {
      std::mt19937 random(seed + static_cast<unsigned>(t));
      for (int i = 0; i < moves; ++i) {
        std::rename(at(name(t, i)).c_str(), at(name(t, i + 1)).c_str());
        if (random() % 4 == 0) {
          const std::string f = at(name(t, i + 1) + "/sub/" + std::to_string(i + 1)).string();
          ::close(::open(f.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        }
      }
      --running;
    });
  }

  std::map<char, int> done;
  std::string wrong;
  const auto check = [&](const Event& e) {
    const std::string text = line(e, dir_.str());
    if (e.is_overflow()) wrong += "overflow\n";
    if (e.is_moved_to()) {
      const int t = e.name.front() - 'a';
      const int move = ++done[e.name.front()];
      if (text != "IN_MOVED_TO " + name(t, move) + " from " + name(t, move - 1))
        wrong += text + '\n';
    } else if (e.is_create() && !e.is_dir()) {
      // The file is called as the move it follows: its path must be the one of then.
      const std::string path = relative(e.path, dir_.str());
      const int t = path.at(path.find('/') + 1) - 'a';
      if (path != name(t, std::stoi(std::string(e.name))) + "/sub") wrong += text + '\n';
    }
  };
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (running > 0 && std::chrono::steady_clock::now() < deadline) {
    for (const Event& e : w_.read(10ms)) check(e);
  }
  writers.clear();
  for (auto events = w_.read(0ms); !events.empty(); events = w_.read(0ms)) {
    for (const Event& e : events) check(e);
  }
  EXPECT_EQ(wrong, "");
  for (int t = 0; t < threads; ++t) {
    EXPECT_EQ(done[static_cast<char>('a' + t)], moves);
    EXPECT_EQ(known(wds[static_cast<std::size_t>(t)]), name(t, moves) + "/sub");
  }
}

TEST_F(WatcherRename, ThousandsAtRandomKeepEveryPathRight) {
  // One level of directories, renamed, swapped, replaced, re-made and re-added at random, and read
  // at random: after each read each path the table gives leads to the inode that is watched.
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&] { return std::string(1, static_cast<char>('a' + random() % 5)); };
  add(".", everything);
  std::string history;
  for (int step = 0; step < 20000; ++step) {
    std::error_code ec;
    const std::string a = pick();
    const std::string b = pick();
    switch (random() % 6) {
      case 0:
        ::mkdir(at(a).c_str(), 0700);
        history += " mkdir " + a;
        break;
      case 1:
        ::rmdir(at(a).c_str());
        history += " rmdir " + a;
        break;
      case 2:
      case 3:
        std::rename(at(a).c_str(), at(b).c_str());
        history += " mv " + a + b;
        break;
      case 4:
        while (!w_.read(0ms).empty()) {
        }
        w_.add(at(a), everything, ec);
        history += " add " + a;
        break;
      default: {
        if (random() % 4 != 0) break;
        w_.read(0ms);
        std::string wrong;
        const auto kernel = test::kernel_table(w_.fileno());
        for (const auto& watch : w_.watches()) {
          const auto it = kernel.find(watch.wd);
          if (it == kernel.end()) {
            wrong += "only in the table: " + watch.path + '\n';
          } else if (test::identity(watch.path) != std::pair(it->second.device, it->second.inode)) {
            wrong += "wd " + std::to_string(watch.wd) + " is not at " + watch.path + '\n';
          }
        }
        ASSERT_EQ(wrong, "") << "step " << step << ", since the last good read:" << history;
        ASSERT_EQ(test::audit(w_), "")
            << "step " << step << ", since the last good read:" << history;
        history.clear();
      }
    }
  }
}

}  // namespace
}  // namespace watcher_renames
