// AutoWatcher, A5 and A6: directories leave the watched tree, and enter it.
//
// What is queued before a read() is an exact race: the library then sees events that are older than
// the disk. Numbers in [brackets] are facts about the kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include "support/contract.hpp"

namespace {

using test::Contract;
using test::exchange;
using test::make_dirs;
using test::move;
using test::nothing_more;
using test::race_in_rounds;
using test::rounds;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

namespace fs = std::filesystem;

using Lines = std::vector<std::string>;

class Border : public test::ContractTest {
 protected:
  void check_silent(const std::string& directory) { contract_.check_silent(directory); }
};

// What a listing reports of a regular file.
std::string found(const std::string& path) { return "~CREATE|CLOSE_WRITE " + path; }

// ---- A5: moved out

TEST_F(Border, A5_ADirectoryThatLeavesIsSilentAtOnce) {
  make_dirs(in("d/sub/deep"));
  make_dirs(in("stays"));
  start();
  move(in("d"), out("d"));
  // Its watches are alive until the departure is read: the kernel tells all this.
  write_file(out("d/f"));
  make_dirs(out("d/sub/new/newer"));
  fs::remove(out("d/sub/deep"));
  EXPECT_GT(contract_.watcher().readable(), 64U);
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM d/"));
  check();
  check_silent(out("d"));
}

TEST_F(Border, A5_WhatWasBeforeIsReported) {
  make_dirs(in("d/sub"));
  start();
  write_file(in("d/sub/f"));
  make_dirs(in("d/sub/new"));
  move(in("d"), out("d"));
  write_file(out("d/sub/g"));
  EXPECT_THAT(drain(), ElementsAre("CREATE d/sub/f", "CLOSE_WRITE d/sub/f", "CREATE d/sub/new/",
                                   "MOVED_FROM d/"));
  check();
  check_silent(out("d"));
}

TEST_F(Border, A5_NothingOfALeavingTreeIsFound) {
  // The new directories are still to be entered when their tree is gone.
  start();
  make_dirs(in("d/a/b/c"));
  move(in("d"), out("d"));
  EXPECT_THAT(drain(), ElementsAre("CREATE d/", "MOVED_FROM d/"));
  check();
  check_silent(out("d"));
}

TEST_F(Border, A5_NewOnesBelowALeavingTreeAreNotEntered) {
  make_dirs(in("p/d/sub"));
  start();
  make_dirs(in("p/d/sub/new/newer"));
  write_file(in("p/d/sub/new/f"));
  move(in("p"), out("p"));
  EXPECT_THAT(drain(), ElementsAre("CREATE p/d/sub/new/", "MOVED_FROM p/"));
  check();
  check_silent(out("p"));
}

TEST_F(Border, A5_RenamedAndThenGone) {
  make_dirs(in("d/sub"));
  start();
  move(in("d"), in("e"));
  make_dirs(in("e/new"));
  move(in("e"), out("e"));
  make_dirs(out("e/newer"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM d/ -> e/", "MOVED_TO e/ <- d/", "CREATE e/new/",
                                   "MOVED_FROM e/"));
  check();
  check_silent(out("e"));
}

TEST_F(Border, A5_PartAfterPart) {
  make_dirs(in("x/y/z"));
  start();
  move(in("x/y/z"), out("z"));
  move(in("x/y"), out("y"));
  move(in("x"), out("x"));
  for (const char* path : {"x/1", "y/1", "z/1"}) make_dirs(out(path));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM x/y/z/", "MOVED_FROM x/y/", "MOVED_FROM x/"));
  check();
  check_silent(out());
}

TEST_F(Border, A5_OutAndBackIn) {
  make_dirs(in("d/sub"));
  start();
  move(in("d"), out("d"));
  write_file(out("d/sub/f"));
  move(out("d"), in("e"));
  write_file(in("e/sub/g"));
  const Lines told = drain();
  ASSERT_EQ(told.size(), 5U) << testing::PrintToString(told);
  EXPECT_THAT(Lines(told.begin(), told.begin() + 3),
              ElementsAre("MOVED_FROM d/", "MOVED_TO e/", "~CREATE e/sub/"));
  EXPECT_THAT(Lines(told.begin() + 3, told.end()),
              UnorderedElementsAreArray({found("e/sub/f"), found("e/sub/g")}));
  check();
}

TEST_F(Border, A5_OutAndBackInUnderTheSameName) {
  make_dirs(in("d/sub"));
  start();
  for (int i = 0; i < 3; ++i) {
    move(in("d"), out("d"));
    write_file(out("d/sub/f"));
    move(out("d"), in("d"));
  }
  make_dirs(in("d/sub/last"));
  drain();
  check();
}

TEST_F(Border, A5_OutAndAnotherBackInUnderTheSameName) {
  make_dirs(in("d/of_d"));
  make_dirs(out("e/of_e"));
  start();
  move(in("d"), out("d"));
  move(out("e"), in("d"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM d/", "MOVED_TO d/", "~CREATE d/of_e/"));
  check();
  check_silent(out("d"));
}

TEST_F(Border, A5_OneOutAndItsChildBackIn) {
  make_dirs(in("x/y/z"));
  start();
  move(in("x"), out("x"));
  move(out("x/y"), in("y"));
  write_file(in("y/z/f"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM x/", "MOVED_TO y/", "~CREATE y/z/", found("y/z/f")));
  check();
  check_silent(out("x"));
}

TEST_F(Border, A5_OneOutAndItsGrandchildBackInWhereItWas) {
  make_dirs(in("x/y/z"));
  start();
  move(in("x"), out("x"));
  make_dirs(in("x/y"));
  move(out("x/y/z"), in("x/y/z"));
  move(out("x/y"), in("x/z"));
  drain();
  check();
  check_silent(out("x"));
}

TEST_F(Border, A5_OutOfAPlaceThatIsRenamedThen) {
  make_dirs(in("p/d/sub"));
  start();
  move(in("p/d"), out("d"));
  move(in("p"), in("q"));
  make_dirs(in("q/d"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM p/d/", "MOVED_FROM p/ -> q/", "MOVED_TO q/ <- p/",
                                   "CREATE q/d/"));
  check();
  check_silent(out("d"));
}

TEST_F(Border, A5_FilesThatLeaveAndEnter) {
  write_file(in("f"));
  write_file(out("g"), "text");
  start();
  move(in("f"), out("f"));
  move(out("g"), in("g"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM f", "MOVED_TO g"));
  check();
}

TEST_F(Border, A5_AndThenEverythingElseIsStillWatched) {
  for (int i = 0; i < 20; ++i) make_dirs(in("d/" + std::to_string(i)));
  start();
  for (int i = 0; i < 20; i += 2) move(in("d/" + std::to_string(i)), out(std::to_string(i)));
  drain();
  check();
  for (int i = 0; i < 20; i += 2) check_silent(out(std::to_string(i)));
}

// ---- A5: from one root into another

TEST_F(Border, A5_FromOneRootIntoAnother) {
  make_dirs(in("d/sub"));
  make_dirs(out("root"));
  start();
  contract_.start_at(out("root"));
  move(in("d"), out("root/e"));
  write_file(out("root/e/sub/f"));
  const std::string e = out("root/e");
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM d/ -> " + e + "/", "MOVED_TO " + e + "/ <- d/",
                                   "CREATE " + e + "/sub/f", "CLOSE_WRITE " + e + "/sub/f"));
  check();
  move(out("root/e"), in("d"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM " + e + "/ -> d/", "MOVED_TO d/ <- " + e + "/"));
  check();
}

TEST_F(Border, A5_FromOneRootOutAndIntoAnother) {
  make_dirs(in("d/sub"));
  make_dirs(out("root"));
  start();
  contract_.start_at(out("root"));
  move(in("d"), out("d"));
  make_dirs(out("d/new"));
  move(out("d"), out("root/d"));
  drain();
  check();
}

TEST_F(Border, A5_ExchangeBetweenRoots) {
  make_dirs(in("x/of_x"));
  make_dirs(out("root/y/of_y"));
  start();
  contract_.start_at(out("root"));
  exchange(in("x"), out("root/y"));
  const std::string y = out("root/y/");
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM x/ -> " + y, "MOVED_FROM " + y + " -> x/",
                                   "MOVED_TO " + y + " <- x/", "MOVED_TO x/ <- " + y));
  check();
}

TEST_F(Border, A5_IntoARootWithAnotherMask) {
  make_dirs(in("d/sub"));
  make_dirs(out("root"));
  start();
  contract_.watcher().add_all(out("root"), IN_CLOSE_WRITE);
  const auto told = [&] {
    Lines lines;
    for (auto events = contract_.watcher().read(std::chrono::milliseconds(0)); !events.empty();
         events = contract_.watcher().read(std::chrono::milliseconds(0))) {
      for (const auto& event : events) lines.push_back(test::brief(event, in()));
    }
    return lines;
  };
  move(in("d"), out("root/d"));
  EXPECT_THAT(told(), ElementsAre("MOVED_FROM d/ -> " + out("root/d/")));
  write_file(out("root/d/sub/f"));
  EXPECT_THAT(told(), ElementsAre("CLOSE_WRITE " + out("root/d/sub/f")));
  move(out("root/d"), in("d"));
  EXPECT_THAT(told(), ElementsAre("MOVED_TO d/ <- " + out("root/d/")));
  write_file(in("d/sub/g"));
  EXPECT_THAT(told(), ElementsAre("CREATE d/sub/g", "CLOSE_WRITE d/sub/g"));
}

// ---- A5, A6: exchange across the border

enum class Inside { watched, fresh, file };
enum class Outside { directory, file };

class BorderExchange : public test::ContractTest,
                       public testing::WithParamInterface<std::tuple<Inside, Outside, bool>> {};

TEST_P(BorderExchange, A5_A6_OneLeavesAndTheOtherEnters) {
  const Inside inside = std::get<0>(GetParam());
  const Outside outside = std::get<1>(GetParam());
  const bool is_inside_first = std::get<2>(GetParam());
  if (outside == Outside::directory) {
    make_dirs(out("y/of_out"));
    write_file(out("y/of_out/f"));
  } else {
    write_file(out("y"), "text");
  }
  const auto make_inside = [&] {
    inside == Inside::file ? write_file(in("y")) : make_dirs(in("y/of_in/deep"));
  };
  if (inside != Inside::fresh) make_inside();
  start();
  if (inside == Inside::fresh) make_inside();
  if (is_inside_first) {
    exchange(in("y"), out("y"));
  } else {
    exchange(out("y"), in("y"));  // the arrival is queued before the departure
  }
  if (outside == Outside::directory) make_dirs(in("y/of_out/later"));
  if (inside != Inside::file) make_dirs(out("y/of_in/deep/later"));
  const Lines told = drain();
  const Lines content{"~CREATE y/of_out/", found("y/of_out/f"), "~CREATE y/of_out/later/"};
  if (inside == Inside::watched) {  // by its watch it is known for what it is
    Lines expected{"MOVED_FROM y/", outside == Outside::directory ? "MOVED_TO y/" : "MOVED_TO y"};
    if (outside == Outside::directory)
      expected.insert(expected.end(), content.begin(), content.end());
    ASSERT_GE(told.size(), 2U);
    EXPECT_THAT(Lines(told.begin(), told.begin() + 2),
                ElementsAreArray(Lines(expected.begin(), expected.begin() + 2)));
    EXPECT_THAT(told, UnorderedElementsAreArray(expected));
  } else if (inside == Inside::file && outside == Outside::file) {
    EXPECT_THAT(
        told, ElementsAreArray(is_inside_first ? Lines{"MOVED_FROM y", "MOVED_TO y"}
                                               : Lines{"MOVED_TO y", "MOVED_FROM y", found("y")}));
  }
  check();
  if (inside != Inside::file) contract_.check_silent(out("y"));
}

std::string name_of(const testing::TestParamInfo<BorderExchange::ParamType>& test) {
  const auto& [inside, outside, is_inside_first] = test.param;
  const std::string one = inside == Inside::watched ? "Watched"
                          : inside == Inside::fresh ? "New"
                                                    : "File";
  return one + "With" + (outside == Outside::directory ? "Directory" : "File") +
         (is_inside_first ? "" : "ArrivalFirst");
}

INSTANTIATE_TEST_SUITE_P(
    All, BorderExchange,
    testing::Combine(testing::Values(Inside::watched, Inside::fresh, Inside::file),
                     testing::Values(Outside::directory, Outside::file), testing::Bool()),
    name_of);

TEST_F(Border, A5_A6_ExchangedAndBack) {
  make_dirs(in("y/of_in"));
  make_dirs(out("y/of_out"));
  start();
  exchange(out("y"), in("y"));
  exchange(out("y"), in("y"));
  drain();
  check();
  check_silent(out("y"));
  exchange(in("y"), out("y"));
  exchange(out("y"), in("y"));
  drain();
  check();
  check_silent(out("y"));
}

TEST_F(Border, A6_InAndOutAtOnceIsNoExchange) {
  make_dirs(out("y/of_out"));
  start();
  move(out("y"), in("y"));
  move(in("y"), out("y"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_TO y/", "MOVED_FROM y/"));
  check();
  check_silent(out("y"));
}

TEST_F(Border, A6_OverAnEmptyDirectoryAndOutAtOnceIsNoExchange) {
  make_dirs(out("y/of_out"));
  make_dirs(in("y"));
  start();
  move(out("y"), in("y"));
  move(in("y"), out("y"));
  drain();
  check();
  check_silent(out("y"));
}

// ---- A6: moved in

class Populated {
 public:
  // 1,000 directories in three levels, a file in each.
  explicit Populated(const std::string& top) {
    for (int i = 0; i < 9; ++i) {
      for (int k = 0; k < 10; ++k) {
        const std::string path = std::to_string(i) + '/' + std::to_string(k);
        for (int j = 0; j < 10; ++j) add(top, path + '/' + std::to_string(j));
        add(top, path);
      }
      add(top, std::to_string(i));
    }
    write_file(top + "/f");
    files_.emplace_back("f");
  }

  [[nodiscard]] std::size_t directories() const { return directories_.size() + 1; }

  // What is told of its content when it is found at `at`.
  [[nodiscard]] Lines found_at(const std::string& at) const {
    Lines lines;
    for (const auto& path : directories_) lines.push_back("~CREATE " + at + '/' + path + '/');
    for (const auto& path : files_) lines.push_back(found(at + '/' + path));
    return lines;
  }

 private:
  void add(const std::string& top, const std::string& path) {
    make_dirs(top + '/' + path);
    write_file(top + '/' + path + "/f");
    directories_.push_back(path);
    files_.push_back(path + "/f");
  }

  Lines directories_;
  Lines files_;
};

TEST_F(Border, A6_APopulatedTreeIsReportedAndWatchedWhole) {
  const Populated tree(out("t"));
  ASSERT_EQ(tree.directories(), 1000U);
  start();
  move(out("t"), in("t"));
  Lines told = drain();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "MOVED_TO t/");
  told.erase(told.begin());
  EXPECT_THAT(told, UnorderedElementsAreArray(tree.found_at("t")));
  EXPECT_EQ(contract_.watcher().num_watches(), 1001U);
  check();
}

TEST_F(Border, A6_APopulatedTreeRenamedAtOnce) {
  const Populated tree(out("t"));
  start();
  move(out("t"), in("t"));
  move(in("t"), in("u"));
  Lines told = drain();
  ASSERT_GE(told.size(), 3U);
  EXPECT_THAT(Lines(told.begin(), told.begin() + 3),
              ElementsAre("MOVED_TO t/", "MOVED_FROM t/", "MOVED_TO u/"));
  told.erase(told.begin(), told.begin() + 3);
  EXPECT_THAT(told, UnorderedElementsAreArray(tree.found_at("u")));
  EXPECT_EQ(contract_.watcher().num_watches(), 1001U);
  check();
}

TEST_F(Border, A6_APopulatedTreeInAndOutAndInAgain) {
  const Populated tree(out("t"));
  start();
  move(out("t"), in("t"));
  drain();
  move(in("t"), out("t"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_FROM t/"));
  EXPECT_EQ(contract_.watcher().num_watches(), 1U);
  check();
  move(out("t"), in("t"));
  EXPECT_EQ(drain().size(), 1 + tree.found_at("t").size());
  check();
}

TEST_F(Border, A6_IntoANewDirectory) {
  make_dirs(out("t/a/b"));
  start();
  make_dirs(in("E"));
  move(out("t"), in("E/t"));
  EXPECT_THAT(drain(),
              ElementsAre("CREATE E/", "~CREATE E/t/", "~CREATE E/t/a/", "~CREATE E/t/a/b/"));
  check();
}

TEST_F(Border, A6_OverAnEmptyDirectory) {
  make_dirs(out("t/a"));
  make_dirs(in("v"));
  start();
  move(out("t"), in("v"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_TO v/", "~CREATE v/a/"));
  check();
}

TEST_F(Border, A6_IntoAPlaceThatIsRenamedAtOnce) {
  make_dirs(out("t/a/b"));
  make_dirs(in("p/q"));
  start();
  move(out("t"), in("p/q/t"));
  move(in("p"), in("P"));
  write_file(in("P/q/t/a/f"));
  drain();
  check();
}

TEST_F(Border, A6_IntoAPlaceThatLeavesAtOnce) {
  make_dirs(out("t/a/b"));
  make_dirs(in("p/q"));
  start();
  move(out("t"), in("p/q/t"));
  move(in("p"), out("p"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_TO p/q/t/", "MOVED_FROM p/"));
  check();
  check_silent(out("p"));
}

TEST_F(Border, A6_AndRemovedAtOnce) {
  make_dirs(out("t/a/b"));
  start();
  move(out("t"), in("t"));
  fs::remove_all(in("t"));
  EXPECT_THAT(drain(), ElementsAre("MOVED_TO t/", "DELETE t/"));
  check();
}

TEST_F(Border, A6_AndTakenApartAtOnce) {
  make_dirs(out("t/a/b"));
  make_dirs(out("t/c"));
  start();
  move(out("t"), in("t"));
  move(in("t/a"), in("a"));
  move(in("t/c"), out("c"));
  move(in("t"), in("a/b/t"));
  drain();
  check();
  check_silent(out("c"));
}

// ---- whatever is queued

// All that can be done with a few names, in the tree and outside of it. What cannot be done does
// nothing.
class Deeds {
 public:
  Deeds(const Contract& contract, bool are_files)
      : are_files_(are_files),
        paths_{contract.in("x"), contract.in("p/y"),
               are_files ? contract.out("y") : contract.in("p"), contract.out("x")} {
    for (const auto& one : paths_) {
      deeds_.push_back({Deed::Kind::make_directory, one, {}});
      deeds_.push_back({Deed::Kind::make_file, one, {}});
      deeds_.push_back({Deed::Kind::remove, one, {}});
      for (const auto& other : paths_) {
        if (one == other) continue;
        deeds_.push_back({Deed::Kind::rename, one, other});
        deeds_.push_back({Deed::Kind::exchange, one, other});
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return deeds_.size(); }

  void prepare() const {
    for (const auto& path : paths_) {
      if (are_files_) {
        make_dirs(fs::path(path).parent_path());
        write_file(path);
      } else {
        make_dirs(path + "/sub");
      }
    }
  }

  void act(std::size_t index) const {
    const Deed& deed = deeds_.at(index);
    std::error_code ignored;
    switch (deed.kind) {
      case Deed::Kind::make_directory:
        fs::create_directories(deed.one + "/deep/er", ignored);
        break;
      case Deed::Kind::make_file:
        std::ofstream(deed.one).put('x');
        break;
      case Deed::Kind::remove:
        fs::remove_all(deed.one, ignored);
        break;
      case Deed::Kind::rename:
        std::rename(deed.one.c_str(), deed.other.c_str());
        break;
      case Deed::Kind::exchange:
        ::renameat2(AT_FDCWD, deed.one.c_str(), AT_FDCWD, deed.other.c_str(), RENAME_EXCHANGE);
        break;
    }
  }

  [[nodiscard]] std::string name(std::size_t index) const {
    static constexpr const char* names[] = {"make directory", "make file", "remove", "rename",
                                            "exchange"};
    const Deed& deed = deeds_.at(index);
    return std::string("  ") + names[static_cast<int>(deed.kind)] + ' ' + deed.one + ' ' +
           deed.other + '\n';
  }

 private:
  struct Deed {
    enum class Kind { make_directory, make_file, remove, rename, exchange } kind;
    std::string one;
    std::string other;
  };
  bool are_files_;
  std::array<std::string, 4> paths_;
  std::vector<Deed> deeds_;
};

class BorderDeeds : public test::ContractTest, public testing::WithParamInterface<bool> {
 protected:
  BorderDeeds() : deeds_(contract_, GetParam()) {}
  void SetUp() override { start(); }

  void try_out(const std::vector<std::size_t>& sequence) {
    std::string text = "deeds:\n";
    for (const std::size_t index : sequence) text += deeds_.name(index);
    SCOPED_TRACE(text);
    deeds_.prepare();
    drain();
    for (const std::size_t index : sequence) deeds_.act(index);
    drain();
    check();
    if (fs::is_directory(out("x"))) contract_.check_silent(out());
    contract_.clear();
  }

  Deeds deeds_;
};

INSTANTIATE_TEST_SUITE_P(With, BorderDeeds, testing::Bool(), [](const auto& are_files) {
  return std::string(are_files.param ? "Files" : "Directories");
});

TEST_P(BorderDeeds, A1_A7_AnyTwoInARow) {
  for (std::size_t one = 0; one < deeds_.size(); ++one) {
    for (std::size_t other = 0; other < deeds_.size() && !HasFailure(); ++other)
      try_out({one, other});
  }
}

TEST_P(BorderDeeds, A1_A7_ManyInARow) {
  const int count = 5 * rounds(20);
  const int first = test::number("INOTIFY_SEED", 1);
  for (int seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
    std::vector<std::size_t> sequence(3 + random() % 8);
    for (std::size_t& index : sequence) index = random() % deeds_.size();
    try_out(sequence);
  }
}

// ---- against a second process

TEST(BorderRace, A5_OthersGoOnCreatingDirectoriesInIt) {
  race_in_rounds(
      rounds(20), [](const Contract& contract) { make_dirs(contract.in("d/sub")); },
      [](const Contract& contract, int) {
        for (int i = 0; i < 10; ++i) make_dirs(contract.in("d/sub/" + std::to_string(i) + "/a"));
        move(contract.in("d"), contract.out("d"));
        for (int i = 0; i < 30; ++i) make_dirs(contract.out("d/sub/x" + std::to_string(i) + "/a"));
      },
      [](Contract& contract, const Lines& told) {
        ASSERT_FALSE(told.empty());
        EXPECT_EQ(told.back(), "MOVED_FROM d/");
        EXPECT_EQ(contract.watcher().num_watches(), 1U);
        contract.check_silent(contract.out("d"));
      });
}

TEST(BorderRace, A5_OneMovesItAndAnotherFillsIt) {
  Contract contract;
  contract.start();
  for (int i = 0; i < rounds(20) && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("round " + std::to_string(i));
    make_dirs(contract.in("d/sub"));
    contract.drain();
    test::SecondProcess mover([&] {
      for (int k = 0; k < 40; ++k) {
        move(contract.in("d"), contract.out("d"));
        move(contract.out("d"), contract.in("d"));
      }
      if (i % 2 == 0) move(contract.in("d"), contract.out("d"));
    });
    test::SecondProcess filler([&] {
      // Wherever it is; there may be nothing at the moment.
      for (int k = 0; k < 60; ++k) {
        const std::string name = std::to_string(k);
        for (const std::string& d : {contract.in("d"), contract.out("d")}) {
          ::mkdir((d + "/sub/" + name).c_str(), 0755);
          ::mkdir((d + "/sub/" + name + "/a").c_str(), 0755);
        }
      }
    });
    bool are_running = true;
    while (are_running) {
      const bool first = mover.is_running();
      are_running = filler.is_running() || first;
      contract.step();
    }
    contract.drain();
    contract.check();
    if (i % 2 == 0) contract.check_silent(contract.out("d"));
    contract.clear();
  }
}

TEST(BorderRace, A6_FilledWhileItEnters) {
  race_in_rounds(
      rounds(20), [](const Contract& contract) { make_dirs(contract.out("t/a/b")); },
      [](const Contract& contract, int) {
        for (int i = 0; i < 15; ++i) make_dirs(contract.out("t/a/" + std::to_string(i) + "/x"));
        move(contract.out("t"), contract.in("t"));
        for (int i = 0; i < 15; ++i) {
          make_dirs(contract.in("t/a/" + std::to_string(i) + "/x/y"));
          write_file(contract.in("t/a/" + std::to_string(i) + "/f"));
        }
        move(contract.in("t"), contract.in("u"));
        for (int i = 0; i < 15; ++i) write_file(contract.in("u/a/" + std::to_string(i) + "/x/y/f"));
      },
      [](const Contract& contract, const Lines&) {
        // Whatever it was told by, and before or after it was renamed: it was told.
        for (int i = 0; i < 15; ++i) {
          EXPECT_TRUE(contract.replay().tree().contains(
              contract.in("u/a/" + std::to_string(i) + "/x/y/f")));
        }
      });
}

TEST(BorderRace, A5_A6_InAndOut) {
  race_in_rounds(
      rounds(20),
      [](const Contract& contract) {
        make_dirs(contract.in("d/a/b"));
        make_dirs(contract.out("e/c"));
      },
      [](const Contract& contract, int) {
        for (int i = 0; i < 20; ++i) {
          const std::string number = std::to_string(i);
          move(contract.in("d"), contract.out("d"));
          move(contract.out("e"), contract.in("d"));
          make_dirs(contract.in("d/c/" + number));
          move(contract.out("d/a"), contract.in("a"));
          make_dirs(contract.in("a/b/" + number));
          move(contract.in("a"), contract.in("d/a"));
          move(contract.in("d/a"), contract.out("d/a"));
          move(contract.in("d"), contract.out("e"));
          move(contract.out("d"), contract.in("d"));
        }
      },
      [](Contract& contract, const Lines&) { contract.check_silent(contract.out()); });
}

TEST(BorderRace, A5_A6_ExchangesAcrossTheBorder) {
  race_in_rounds(
      rounds(20),
      [](const Contract& contract) {
        make_dirs(contract.in("y/of_in/deep"));
        make_dirs(contract.out("y/of_out/deep"));
        write_file(contract.in("f"));
        write_file(contract.out("f"));
      },
      [](const Contract& contract, int) {
        for (int i = 0; i < 20; ++i) {
          exchange(contract.out("y"), contract.in("y"));
          exchange(contract.out("f"), contract.in("f"));
          exchange(contract.in("y"), contract.out("f"));
          exchange(contract.out("f"), contract.in("y"));
          make_dirs(contract.in("g"));
          exchange(contract.out("y"), contract.in("g"));
          move(contract.in("g"), contract.in("h"));
          fs::remove(contract.out("y"));
          move(contract.in("h"), contract.out("y"));
          exchange(contract.in("f"), contract.out("f"));
          exchange(contract.in("y"), contract.out("y"));
        }
      },
      [](Contract& contract, const Lines&) { contract.check_silent(contract.out("y")); });
}

}  // namespace
