// AutoWatcher, A4 and A7: renames, chains, swaps and replacements; every path is the right one.
//
// What is queued before a read() is an exact race: the library then sees events that are older than
// the disk. Numbers in [brackets] are facts about the kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <inotify/threshold.hpp>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "support/churn.hpp"
#include "support/contract.hpp"

namespace {

using test::Contract;
using test::exchange;
using test::make_dirs;
using test::move;
using test::nothing_before;
using test::nothing_more;
using test::race_in_rounds;
using test::rounds;
using test::write_file;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

namespace fs = std::filesystem;

using Lines = std::vector<std::string>;

class Rename : public test::ContractTest {};

// What a listing reports of a regular file.
std::string found(const std::string& path) { return "~CREATE|CLOSE_WRITE " + path; }

// What a rename is told as.
Lines renamed(const std::string& from, const std::string& to) {
  return {"MOVED_FROM " + from + " -> " + to, "MOVED_TO " + to + " <- " + from};
}

Lines exchanged(const std::string& x, const std::string& y) {
  const std::string x_dir = x.ends_with('/') ? "/" : "";
  const std::string y_dir = y.ends_with('/') ? "/" : "";
  const auto bare = [](const std::string& path) {
    return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  };
  const std::string x_at_y = bare(y) + x_dir;
  const std::string y_at_x = bare(x) + y_dir;
  return {"MOVED_FROM " + x + " -> " + x_at_y, "MOVED_FROM " + y + " -> " + y_at_x,
          "MOVED_TO " + x_at_y + " <- " + x, "MOVED_TO " + y_at_x + " <- " + y};
}

Lines& operator+=(Lines& all, const Lines& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Lines operator+(Lines all, const Lines& more) { return std::move(all += more); }

// ---- A4: below the new name

TEST_F(Rename, A4_WhatIsBelowIsReportedUnderTheNewName) {
  make_dirs(in("d/sub"));
  start();
  move(in("d"), in("e"));
  write_file(in("e/f"));
  write_file(in("e/sub/g"));
  make_dirs(in("e/sub/h"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("d/", "e/") +
                                        Lines{"CREATE e/f", "CLOSE_WRITE e/f", "CREATE e/sub/g",
                                              "CLOSE_WRITE e/sub/g", "CREATE e/sub/h/"}));
  check();
}

TEST_F(Rename, A4_WhatWasBeforeIsReportedUnderTheOldName) {
  make_dirs(in("d/sub"));
  start();
  write_file(in("d/sub/f"));
  move(in("d"), in("e"));
  fs::remove(in("e/sub/f"));
  EXPECT_THAT(drain(), ElementsAreArray(Lines{"CREATE d/sub/f", "CLOSE_WRITE d/sub/f"} +
                                        renamed("d/", "e/") + Lines{"DELETE e/sub/f"}));
  check();
}

TEST_F(Rename, A4_AChainOfRenamesInOneGo) {
  make_dirs(in("a/sub"));
  start();
  move(in("a"), in("b"));
  write_file(in("b/sub/f"));
  move(in("b"), in("c"));
  write_file(in("c/sub/g"));
  EXPECT_THAT(drain(), ElementsAreArray(
                           renamed("a/", "b/") + Lines{"CREATE b/sub/f", "CLOSE_WRITE b/sub/f"} +
                           renamed("b/", "c/") + Lines{"CREATE c/sub/g", "CLOSE_WRITE c/sub/g"}));
  check();
}

TEST_F(Rename, A4_AChainThroughOtherDirectories) {
  make_dirs(in("p/a/sub"));
  make_dirs(in("q"));
  make_dirs(in("r/s"));
  start();
  move(in("p/a"), in("q/b"));
  move(in("q/b"), in("r/s/c"));
  write_file(in("r/s/c/sub/f"));
  move(in("r/s"), in("s"));
  move(in("p"), in("s/c/sub/p"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("p/a/", "q/b/") + renamed("q/b/", "r/s/c/") +
                                        Lines{"CREATE r/s/c/sub/f", "CLOSE_WRITE r/s/c/sub/f"} +
                                        renamed("r/s/", "s/") + renamed("p/", "s/c/sub/p/")));
  check();
}

TEST_F(Rename, A4_FilesTellWhereTheyWent) {
  make_dirs(in("p"));
  make_dirs(in("q"));
  write_file(in("p/f"));
  write_file(in("g"));
  start();
  move(in("p/f"), in("q/f"));
  move(in("g"), in("h"));
  move(in("h"), in("q/f"));
  EXPECT_THAT(drain(),
              ElementsAreArray(renamed("p/f", "q/f") + renamed("g", "h") + renamed("h", "q/f")));
  check();
}

TEST_F(Rename, A4_ANewDirectoryRenamedBeforeItIsEntered) {
  start();
  make_dirs(in("d/sub"));
  write_file(in("d/f"));
  move(in("d"), in("e"));
  write_file(in("e/sub/g"));
  // Nothing is known of its content: it departs, and arrives with it.
  EXPECT_THAT(drain(), ElementsAre("CREATE d/", "MOVED_FROM d/", "MOVED_TO e/", testing::_,
                                   testing::_, found("e/sub/g")));
  check();
}

TEST_F(Rename, A4_ASubtreeOfAnySizeInOneStep) {
  for (int i = 0; i < 300; ++i)
    make_dirs(in("d/" + std::to_string(i % 10) + '/' + std::to_string(i)));
  start();
  move(in("d"), in("e"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("d/", "e/")));
  check();
}

TEST_F(Rename, A4_ALevelInTheMiddleIsRenamedAndOneAboveIt) {
  make_dirs(in("a/b/c/d"));
  start();
  move(in("a/b"), in("a/B"));
  move(in("a"), in("A"));
  move(in("A/B/c"), in("A/B/C"));
  write_file(in("A/B/C/d/f"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("a/b/", "a/B/") + renamed("a/", "A/") +
                                        renamed("A/B/c/", "A/B/C/") +
                                        Lines{"CREATE A/B/C/d/f", "CLOSE_WRITE A/B/C/d/f"}));
  check();
}

TEST_F(Rename, A4_TheWatchOfADirectoryOutlivesItsRename) {
  make_dirs(in("d/sub"));
  start();
  const auto before = contract_.watcher().path(in("d/sub"));
  ASSERT_TRUE(before);
  move(in("d"), in("e"));
  drain();
  const auto after = contract_.watcher().path(in("e/sub"));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->wd, before->wd);
  EXPECT_FALSE(contract_.watcher().path(in("d/sub")));
}

TEST_F(Rename, A4_ARenamedRootKeepsItsName) {
  make_dirs(in("d"));
  start();
  const std::string elsewhere = out("in");
  move(in(), elsewhere);
  write_file(elsewhere + "/d/f");
  const auto told = drain();
  EXPECT_THAT(told, ElementsAre("MOVE_SELF " + in(), "CREATE d/f", "CLOSE_WRITE d/f"));
  move(elsewhere, in());
  EXPECT_THAT(drain(), ElementsAre("MOVE_SELF " + in()));
  check();
}

// ---- A7: into a directory that is not watched yet

TEST_F(Rename, A7_IntoANewDirectory) {
  make_dirs(in("d/sub"));
  write_file(in("d/f"));
  start();
  make_dirs(in("E"));
  move(in("d"), in("E/d"));
  write_file(in("E/d/sub/g"));
  const Lines told = drain();
  // Between two watched directories a rename is told as one; E was not watched then.
  for (const char* line : {"~CREATE E/d/", "~CREATE E/d/sub/", "MOVED_FROM d/"})
    EXPECT_THAT(told, Contains(line));
  EXPECT_THAT(told, Not(Contains(HasSubstr(" -> "))));
  check();
}

TEST_F(Rename, A7_IntoANewDirectoryOfANewDirectory) {
  make_dirs(in("d/sub"));
  start();
  make_dirs(in("E/F/G"));
  move(in("d"), in("E/F/G/d"));
  write_file(in("E/F/G/d/sub/g"));
  drain();
  check();
}

TEST_F(Rename, A7_IntoANewDirectoryAndOutOfItAgain) {
  make_dirs(in("d/sub"));
  start();
  make_dirs(in("E"));
  move(in("d"), in("E/d"));
  write_file(in("E/d/f"));
  move(in("E/d"), in("d"));
  drain();
  check();
}

TEST_F(Rename, A7_IntoANewDirectoryThatIsRenamedThen) {
  make_dirs(in("d/sub"));
  start();
  make_dirs(in("E"));
  move(in("d"), in("E/d"));
  move(in("E"), in("F"));
  write_file(in("F/d/sub/f"));
  drain();
  check();
}

TEST_F(Rename, A7_AllIntoANewDirectoryAndItUnderAnOldName) {
  for (const char* path : {"a/x", "b/y", "c/z"}) make_dirs(in(path));
  start();
  make_dirs(in("E"));
  for (const char* name : {"a", "b", "c"}) move(in(name), in("E") + '/' + name);
  move(in("E"), in("a"));
  make_dirs(in("b"));
  drain();
  check();
}

TEST_F(Rename, A7_ANewDirectoryBetweenParentAndChild) {
  make_dirs(in("p/c/d"));
  start();
  make_dirs(in("p/new"));
  move(in("p/c"), in("p/new/c"));
  move(in("p"), in("q"));
  write_file(in("q/new/c/d/f"));
  drain();
  check();
}

// ---- A7: in place of something

TEST_F(Rename, A7_OverAnEmptyDirectory) {  // [20]
  make_dirs(in("d/sub"));
  make_dirs(in("v"));
  write_file(in("d/f"));
  start();
  move(in("d"), in("v"));
  write_file(in("v/sub/g"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("d/", "v/") +
                                        Lines{"CREATE v/sub/g", "CLOSE_WRITE v/sub/g"}));
  check();
}

TEST_F(Rename, A7_OverAnEmptyDirectoryElsewhere) {
  make_dirs(in("p/d/sub"));
  make_dirs(in("q/v"));
  start();
  move(in("p/d"), in("q/v"));
  make_dirs(in("p/d/again"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("p/d/", "q/v/") +
                                        Lines{"CREATE p/d/", "~CREATE p/d/again/"}));
  check();
}

TEST_F(Rename, A7_OverADirectoryThatIsHeldOpen) {
  // The victim's IN_IGNORED comes much later, when its name means another.
  make_dirs(in("d/sub"));
  make_dirs(in("v"));
  start();
  const int held = ::open(in("v").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  move(in("d"), in("v"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("d/", "v/")));
  ::close(held);
  EXPECT_THAT(drain(), IsEmpty());
  check();
}

TEST_F(Rename, A7_OverAFile) {
  write_file(in("f"));
  write_file(in("g"));
  start();
  move(in("f"), in("g"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("f", "g")));
  check();
}

TEST_F(Rename, A7_OverANewDirectory) {
  make_dirs(in("d/sub"));
  start();
  make_dirs(in("v"));
  move(in("d"), in("v"));
  EXPECT_THAT(drain(), ElementsAreArray(Lines{"CREATE v/"} + renamed("d/", "v/")));
  check();
}

TEST_F(Rename, A7_OneAfterAnotherOverTheSameName) {
  for (int i = 0; i < 5; ++i) make_dirs(in("d" + std::to_string(i)));
  make_dirs(in("v"));
  start();
  Lines expected;
  for (int i = 0; i < 5; ++i) {
    move(in("d" + std::to_string(i)), in("v"));
    expected += renamed("d" + std::to_string(i) + '/', "v/");
  }
  EXPECT_THAT(drain(), ElementsAreArray(expected));
  check();
}

TEST_F(Rename, A7_TheNameIsUsedAgainAtOnce) {
  make_dirs(in("d/sub"));
  start();
  move(in("d"), in("e"));
  make_dirs(in("d/other"));
  write_file(in("d/other/f"));
  write_file(in("e/sub/g"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("d/", "e/") +
                                        Lines{"CREATE d/", "~CREATE d/other/", found("d/other/f"),
                                              "CREATE e/sub/g", "CLOSE_WRITE e/sub/g"}));
  check();
}

TEST_F(Rename, A7_DeletedAndCreatedAtOnce) {
  make_dirs(in("d/sub"));
  start();
  for (int i = 0; i < 4; ++i) {
    fs::remove_all(in("d"));
    make_dirs(in("d/sub"));
    write_file(in("d/sub/f"));
  }
  drain();
  check();
}

// A stale MOVED_FROM must not take the directory away that bears the name by now [18].
TEST_F(Rename, A7_AStaleDepartureMeetsANamesake) {
  make_dirs(in("d/old"));
  start();
  move(in("d"), out("d"));
  make_dirs(in("d/new"));
  write_file(in("d/new/f"));
  EXPECT_THAT(drain(),
              ElementsAre("MOVED_FROM d/", "CREATE d/", "~CREATE d/new/", found("d/new/f")));
  check();
  contract_.check_silent(out("d"));
}

TEST_F(Rename, A7_AStaleDepartureOfADirectoryThatWasNeverEntered) {
  start();
  make_dirs(in("d/old"));
  move(in("d"), out("d"));
  make_dirs(in("d/new"));
  write_file(in("d/new/f"));
  EXPECT_THAT(drain(), ElementsAre("CREATE d/", "MOVED_FROM d/", "CREATE d/", "~CREATE d/new/",
                                   found("d/new/f")));
  check();
  contract_.check_silent(out("d"));
}

TEST_F(Rename, A7_AStaleRenameOfADirectoryThatWasNeverEntered) {
  start();
  for (int i = 0; i < 4; ++i) {
    make_dirs(in("d/" + std::to_string(i)));
    move(in("d"), in("e" + std::to_string(i)));
  }
  make_dirs(in("d/last"));
  drain();
  check();
}

// ---- A7: swaps

// What stands where, and how the two change places.
enum class Kind { directory, empty, file };
struct Swap {
  const char* name;
  Kind x;
  Kind y;
  bool is_exchange;
};

void PrintTo(const Swap& swap, std::ostream* out) { *out << swap.name; }

class RenameSwap : public test::ContractTest,
                   public testing::WithParamInterface<std::tuple<Swap, bool>> {
 protected:
  static void make(const std::string& path, Kind kind, const std::string& content) {
    if (kind == Kind::file) return write_file(path);
    make_dirs(kind == Kind::empty ? path : path + '/' + content);
  }
};

TEST_P(RenameSwap, A7_EveryPathIsRight) {
  const auto& [swap, is_across] = GetParam();
  const std::string x = is_across ? "p/x" : "x";
  const std::string y = is_across ? "q/y" : "y";
  make_dirs(in("p"));
  make_dirs(in("q"));
  make(in(x), swap.x, "of_x");
  make(in(y), swap.y, "of_y");
  start();
  if (swap.is_exchange) {
    exchange(in(x), in(y));
  } else {
    move(in(x), in(y));
    move(in(y), in(x));
  }
  const Lines told = drain();
  const bool x_is_dir = swap.x != Kind::file;
  const bool y_is_dir = swap.y != Kind::file;
  const std::string x_then = x + (x_is_dir ? "/" : "");
  const std::string y_then = y + (y_is_dir ? "/" : "");
  if (x_is_dir || y_is_dir) {
    EXPECT_THAT(
        told, ElementsAreArray(swap.is_exchange ? exchanged(x_then, y_then)
                                                : renamed(x_then, y + (x_is_dir ? "/" : "")) +
                                                      renamed(y + (x_is_dir ? "/" : ""), x_then)));
  } else {  // two files are told apart by nothing but the disk [19]
    const Lines halves{"MOVED_FROM " + x, "MOVED_TO " + y, "MOVED_FROM " + y, "MOVED_TO " + x};
    EXPECT_THAT(told, ElementsAreArray(swap.is_exchange ? halves + Lines{found(y)} : halves));
  }
  check();
}

TEST_P(RenameSwap, A7_TwiceAndThenFilled) {
  const auto& [swap, is_across] = GetParam();
  const std::string x = is_across ? "p/x" : "x";
  const std::string y = is_across ? "q/y" : "y";
  make_dirs(in("p"));
  make_dirs(in("q"));
  make(in(x), swap.x, "of_x");
  make(in(y), swap.y, "of_y");
  start();
  for (int i = 0; i < 2; ++i) {
    if (swap.is_exchange) {
      exchange(in(x), in(y));
    } else {
      move(in(x), in(y));
      move(in(y), in(x));
    }
  }
  for (const std::string& path : {x, y}) {
    if (fs::is_directory(in(path))) make_dirs(in(path + "/later/and/deeper"));
  }
  drain();
  check();
}

// The directories are new: neither is entered when they change places.
TEST_P(RenameSwap, A7_OfNewOnes) {
  const auto& [swap, is_across] = GetParam();
  const std::string x = is_across ? "p/x" : "x";
  const std::string y = is_across ? "q/y" : "y";
  make_dirs(in("p"));
  make_dirs(in("q"));
  for (const bool first_is_known : {false, true}) {
    SCOPED_TRACE(first_is_known ? "x is known" : "both are new");
    if (!first_is_known) start();
    make(in(x), swap.x, "of_x");
    if (first_is_known) drain();
    make(in(y), swap.y, "of_y");
    if (swap.is_exchange) {
      exchange(in(x), in(y));
    } else {
      move(in(x), in(y));
      move(in(y), in(x));
    }
    drain();
    check();
    fs::remove_all(in(x));
    fs::remove_all(in(y));
    drain();
  }
}

constexpr Swap swaps[] = {
    {"ExchangeOfDirectories", Kind::directory, Kind::directory, true},
    {"ExchangeWithAnEmptyOne", Kind::directory, Kind::empty, true},
    {"ExchangeOfEmptyOnes", Kind::empty, Kind::empty, true},
    {"ExchangeOfADirectoryWithAFile", Kind::directory, Kind::file, true},
    {"ExchangeOfAFileWithADirectory", Kind::file, Kind::directory, true},
    {"ExchangeOfFiles", Kind::file, Kind::file, true},
    {"ThereAndBackOverAnEmptyOne", Kind::directory, Kind::empty, false},
    {"ThereAndBackOfFiles", Kind::file, Kind::file, false},
};

INSTANTIATE_TEST_SUITE_P(All, RenameSwap,
                         testing::Combine(testing::ValuesIn(swaps), testing::Bool()),
                         [](const auto& swap) {
                           return std::string(std::get<0>(swap.param).name) +
                                  (std::get<1>(swap.param) ? "AcrossParents" : "");
                         });

TEST_F(Rename, A7_ThereAndBack) {
  make_dirs(in("x/of_x"));
  start();
  move(in("x"), in("y"));
  move(in("y"), in("x"));
  write_file(in("x/of_x/f"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("x/", "y/") + renamed("y/", "x/") +
                                        Lines{"CREATE x/of_x/f", "CLOSE_WRITE x/of_x/f"}));
  check();
}

TEST_F(Rename, A7_ThereAndBackWhenThereIsNoNeedToAskTheDisk) {
  // A name event of the parent follows, so both renames are over: no lock has to be taken.
  make_dirs(in("x/of_x"));
  make_dirs(in("y"));
  start();
  move(in("x"), in("y"));
  move(in("y"), in("x"));
  write_file(in("z"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("x/", "y/") + renamed("y/", "x/") +
                                        Lines{"CREATE z", "CLOSE_WRITE z"}));
  check();
}

TEST_F(Rename, A7_AnExchangeOfADirectoryWithANewOne) {
  make_dirs(in("x/of_x"));
  start();
  make_dirs(in("y/of_y"));
  exchange(in("x"), in("y"));
  make_dirs(in("x/later"));
  drain();
  check();
}

TEST_F(Rename, A7_ExchangesInARing) {
  for (const char* name : {"a", "b", "c", "d"}) make_dirs(in(std::string(name) + "/of_" + name));
  start();
  Lines expected;
  for (const auto& [x, y] :
       {std::pair("a", "b"), std::pair("b", "c"), std::pair("c", "d"), std::pair("d", "a")}) {
    exchange(in(x), in(y));
    expected += exchanged(std::string(x) + '/', std::string(y) + '/');
  }
  EXPECT_THAT(drain(), ElementsAreArray(expected));
  check();
}

TEST_F(Rename, A7_ExchangedAndMovedOn) {
  make_dirs(in("x/of_x"));
  make_dirs(in("y/of_y"));
  start();
  exchange(in("x"), in("y"));
  move(in("x"), in("y/of_x/z"));
  EXPECT_THAT(drain(), ElementsAreArray(exchanged("x/", "y/") + renamed("x/", "y/of_x/z/")));
  check();
}

TEST_F(Rename, A7_RotatedThroughAThirdName) {
  make_dirs(in("x/of_x"));
  make_dirs(in("y/of_y"));
  start();
  move(in("x"), in("z"));
  move(in("y"), in("x"));
  move(in("z"), in("y"));
  write_file(in("x/of_y/f"));
  EXPECT_THAT(drain(),
              ElementsAreArray(renamed("x/", "z/") + renamed("y/", "x/") + renamed("z/", "y/") +
                               Lines{"CREATE x/of_y/f", "CLOSE_WRITE x/of_y/f"}));
  check();
}

TEST_F(Rename, A7_ParentAndChildChangePlaces) {
  make_dirs(in("p/c/d"));
  start();
  move(in("p/c"), in("c"));
  move(in("p"), in("c/p"));
  move(in("c"), in("p"));
  move(in("p/p"), in("p/c"));
  write_file(in("p/c/f"));
  EXPECT_THAT(drain(), ElementsAreArray(renamed("p/c/", "c/") + renamed("p/", "c/p/") +
                                        renamed("c/", "p/") + renamed("p/p/", "p/c/") +
                                        Lines{"CREATE p/c/f", "CLOSE_WRITE p/c/f"}));
  check();
}

TEST_F(Rename, A7_AWhiteoutLeftBehindDoesNoHarm) {  // [37]
  write_file(in("f"));
  make_dirs(in("d/sub"));
  start();
  const auto whiteout = [&](const char* from, const char* to) {
    return ::renameat2(AT_FDCWD, in(from).c_str(), AT_FDCWD, in(to).c_str(), RENAME_WHITEOUT);
  };
  if (whiteout("f", "g") != 0 || whiteout("d", "e") != 0) {
    GTEST_SKIP() << "RENAME_WHITEOUT: " << std::strerror(errno);
  }
  EXPECT_THAT(drain(), ElementsAreArray(renamed("f", "g") + renamed("d/", "e/")));
  fs::remove(in("f"));
  fs::remove(in("d"));
  write_file(in("e/sub/h"));
  EXPECT_THAT(drain(),
              ElementsAre("DELETE f", "DELETE d", "CREATE e/sub/h", "CLOSE_WRITE e/sub/h"));
  check();
}

// ---- in small portions

bool is_readable(Contract& contract) {
  pollfd poll{contract.watcher().fileno(), POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

// What the kernel counts for an event [12].
std::size_t size_of(const inotify::Event& event) {
  return sizeof(inotify_event) + (event.name.empty() ? 0 : (event.name.size() + 16) / 16 * 16);
}

TEST_F(Rename, A4_A7_MoreThanOneReadTakesIsDeliveredInOrder) {
  make_dirs(in("x0/sub"));
  start();
  constexpr int count = 5000;
  Lines expected;
  const auto name = [](int i) { return "x" + std::to_string(i); };
  for (int i = 0; i < count; ++i) {
    move(in(name(i)), in(name(i + 1)));
    expected += renamed(name(i) + '/', name(i + 1) + '/');
  }
  ASSERT_TRUE(contract_.step());
  // The rest waits, some of it in the library: it can be polled for, and counts.
  EXPECT_TRUE(is_readable(contract_));
  EXPECT_GT(contract_.watcher().readable(), 0U);
  move(in(name(count)), in("y"));
  expected += renamed(name(count) + '/', "y/");
  const Lines told = drain();
  EXPECT_EQ(told.size(), expected.size());
  EXPECT_EQ(told, expected);
  EXPECT_FALSE(is_readable(contract_));
  check();
}

TEST_F(Rename, A4_WhatIsPendingIsCountedToTheByte) {
  write_file(in("gone"));
  start();
  // Whether it is a departure is known only when all that is queued has been pulled.
  move(in("gone"), out("gone"));
  for (int i = 0; i < 5000; ++i) write_file(in("file " + std::to_string(i)));
  auto& watcher = contract_.watcher();
  std::size_t left = watcher.readable();
  EXPECT_EQ(left, (1 + 2 * 5000) * 32U);
  int reads = 0;
  while (left > 0) {
    const inotify::Threshold threshold(watcher, left);
    EXPECT_TRUE(threshold());
    EXPECT_EQ(threshold.readable(), left);
    EXPECT_FALSE(inotify::Threshold(watcher, left + 1)());
    ASSERT_TRUE(is_readable(contract_));
    const auto events = watcher.read(std::chrono::milliseconds(0));
    ASSERT_FALSE(events.empty());
    for (const auto& event : events) left -= size_of(event);
    ASSERT_EQ(watcher.readable(), left);
    ++reads;
  }
  EXPECT_GT(reads, 1);
  EXPECT_FALSE(is_readable(contract_));
}

TEST_F(Rename, A4_ReadableExactlyAsLongAsSomethingIsToBeDelivered) {
  start();
  EXPECT_FALSE(is_readable(contract_));
  for (int i = 0; i < 200; ++i) {
    for (int k = 0; k < i % 7; ++k) write_file(in(std::to_string(k)));
    for (bool any = i % 7 != 0; any;) {
      ASSERT_TRUE(is_readable(contract_)) << i;
      ASSERT_TRUE(contract_.step()) << i;
      any = contract_.watcher().readable() != 0;
    }
    ASSERT_FALSE(is_readable(contract_)) << i;
  }
}

// A read(2) that brings only what is not told is not the end of what there is.
TEST(RenamePortions, A4_ReadingUntilNothingIsLeftReadsAll) {
  Contract contract({}, IN_DELETE);
  contract.start();
  for (int i = 0; i < 5000; ++i) write_file(contract.in(std::to_string(i)));
  fs::remove(contract.in("0"));
  EXPECT_THAT(contract.drain(), ElementsAre("DELETE 0"));
  EXPECT_FALSE(is_readable(contract));
}

// Reads after every few operations: nothing is delivered unpolled, and in the end nothing is left
// that can be polled.
TEST(RenamePortions, A4_A7_ReadingInSmallPortions) {
  const int seeds = rounds(40);
  const int first = test::number("INOTIFY_SEED", 1);
  for (int seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    Contract contract;
    test::Churn churn(contract.in(), contract.out(), static_cast<unsigned>(seed));
    churn.run(50);
    contract.start();
    for (int i = 0; i < 150; ++i) {
      churn.run(1 + (seed + i) % 5);
      const bool was_readable = is_readable(contract);
      const bool had_bytes = contract.watcher().readable() > 0;
      EXPECT_EQ(was_readable, had_bytes);
      if (contract.step()) {
        EXPECT_TRUE(was_readable);
      }
    }
    contract.drain();
    EXPECT_FALSE(is_readable(contract));
    contract.check();
  }
}

// ---- against a second process

TEST(RenameRace, A4_FilesCreatedBelowTheNewNameAtOnce) {
  constexpr int count = 60;
  const auto name = [](int i) { return "d" + std::to_string(i); };
  race_in_rounds(
      rounds(20), [](const Contract& contract) { make_dirs(contract.in("d0/sub")); },
      [&](const Contract& contract, int) {
        for (int i = 1; i <= count; ++i) {
          move(contract.in(name(i - 1)), contract.in(name(i)));
          write_file(contract.in(name(i) + "/sub/f" + std::to_string(i)));
        }
      },
      [&](const Contract&, const Lines& told) {
        Lines expected;
        for (int i = 1; i <= count; ++i) {
          const std::string file = name(i) + "/sub/f" + std::to_string(i);
          expected += renamed(name(i - 1) + '/', name(i) + '/') +
                      Lines{"CREATE " + file, "CLOSE_WRITE " + file};
        }
        EXPECT_EQ(told, expected);
      });
}

TEST(RenameRace, A4_RenamedBetweenDirectories) {
  race_in_rounds(
      rounds(20),
      [](const Contract& contract) {
        make_dirs(contract.in("p/d/sub"));
        make_dirs(contract.in("q/r"));
      },
      [&](const Contract& contract, int) {
        const std::string places[] = {contract.in("p/d"), contract.in("q/r/d"), contract.in("d"),
                                      contract.in("q/e")};
        for (std::size_t i = 0; i < 60; ++i) {
          move(places[i % 4], places[(i + 1) % 4]);
          make_dirs(places[(i + 1) % 4] + "/sub/" + std::to_string(i));
        }
      },
      [](const Contract&, const Lines& told) {
        // Every directory was watched all the time: each rename is told as one.
        EXPECT_EQ(std::ranges::count_if(
                      told, [](const auto& line) { return line.starts_with("MOVED_TO"); }),
                  60);
        EXPECT_THAT(told,
                    testing::Each(testing::AnyOf(Not(StartsWith("MOVED_TO")), HasSubstr(" <- "))));
      });
}

TEST(RenameRace, A7_IntoNewDirectories) {
  race_in_rounds(
      rounds(20), [](const Contract& contract) { make_dirs(contract.in("d/sub")); },
      [](const Contract& contract, int) {
        std::string at = contract.in("d");
        for (int i = 0; i < 25; ++i) {
          const std::string next = contract.in("E" + std::to_string(i));
          make_dirs(next);
          move(at, next + "/d");
          at = next + "/d";
          write_file(at + "/sub/f" + std::to_string(i));
        }
      },
      nothing_more);
}

TEST(RenameRace, A7_RenamedAsSoonAsCreated) {
  race_in_rounds(
      rounds(20), nothing_before,
      [](const Contract& contract, int) {
        for (int i = 0; i < 25; ++i) {
          const std::string number = std::to_string(i);
          make_dirs(contract.in("new/a/b"));
          move(contract.in("new"), contract.in(number));
          write_file(contract.in(number + "/a/b/f"));
          move(contract.in(number + "/a"), contract.in(number + "/z"));
        }
      },
      nothing_more);
}

TEST(RenameRace, A7_SwapsOfAllKinds) {
  race_in_rounds(
      rounds(20),
      [](const Contract& contract) {
        for (const char* path : {"p/x/of_x", "q/y/of_y", "p/e", "v"}) make_dirs(contract.in(path));
        write_file(contract.in("p/f"));
        write_file(contract.in("q/g"));
      },
      [](const Contract& contract, int) {
        const auto in = [&](const char* path) { return contract.in(path); };
        for (int i = 0; i < 20; ++i) {
          exchange(in("p/x"), in("q/y"));
          exchange(in("p/f"), in("q/g"));
          exchange(in("p/x"), in("p/f"));
          exchange(in("p/x"), in("p/f"));
          move(in("p/x"), in("p/e"));
          move(in("p/e"), in("p/x"));
          make_dirs(in("p/e"));
          exchange(in("p"), in("q"));
          exchange(in("p"), in("q"));
          move(in("q/y"), in("v"));
          move(in("v"), in("q/y"));
          make_dirs(in("v"));
        }
      },
      nothing_more);
}

TEST(RenameRace, A7_ExchangesAreToldApartFromRenamesThereAndBack) {
  race_in_rounds(
      rounds(20),
      [](const Contract& contract) {
        make_dirs(contract.in("p/x/of_x"));
        make_dirs(contract.in("q/y/of_y"));
      },
      [](const Contract& contract, int) {
        const auto in = [&](const char* path) { return contract.in(path); };
        for (int i = 0; i < 40; ++i) {
          exchange(in("p/x"), in("q/y"));
          move(in("p/x"), in("q/z"));
          move(in("q/z"), in("p/x"));
        }
      },
      [](const Contract&, const Lines& told) {
        Lines expected;
        for (int i = 0; i < 40; ++i) {
          expected += exchanged("p/x/", "q/y/") + renamed("p/x/", "q/z/") + renamed("q/z/", "p/x/");
        }
        EXPECT_EQ(told, expected);
      });
}

TEST(RenameRace, A7_OneNameForManyDirectories) {
  race_in_rounds(
      rounds(20), [](const Contract& contract) { make_dirs(contract.in("v/v")); },
      [](const Contract& contract, int) {
        const auto in = [&](const std::string& path) { return contract.in(path); };
        for (int i = 0; i < 20; ++i) {
          make_dirs(in("d/sub"));
          write_file(in("d/sub/f"));
          fs::remove_all(in("v"));
          move(in("d"), in("v"));
          make_dirs(in("d"));
          exchange(in("d"), in("v"));
          fs::remove_all(in("d"));
        }
      },
      nothing_more);
}

TEST(RenameRace, A4_TwoWritersRenameAboveAndBelow) {
  for (int i = 0; i < rounds(20) && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("round " + std::to_string(i));
    Contract contract;
    make_dirs(contract.in("a/b/c"));
    contract.start();
    // Whoever comes late finds nothing under the name: then it does nothing.
    const auto turn = [&](const std::string& one, const std::string& other) {
      for (int k = 0; k < 150; ++k) {
        std::rename(contract.in(k % 2 == 0 ? one : other).c_str(),
                    contract.in(k % 2 == 0 ? other : one).c_str());
        if (k % 10 == 0) ::mkdir(contract.in("a/b/c/" + std::to_string(k)).c_str(), 0755);
      }
    };
    test::SecondProcess above([&] { turn("a", "A"); });
    test::SecondProcess below([&] { turn("a/b", "a/B"); });
    bool are_running = true;
    while (are_running) {
      const bool first = above.is_running();
      are_running = below.is_running() || first;
      contract.step();
    }
    contract.drain();
    contract.check();
  }
}

}  // namespace
