// Settle: what is told, and when, by a clock of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "support/contract.hpp"
#include "support/settled.hpp"
#include "support/stream.hpp"

namespace settle {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using test::move;
using test::Settled;
using test::write_file;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class Settle : public testing::Test {
 protected:
  void append(std::string_view name) {
    std::ofstream(tree / name, std::ios::app) << "more" << std::flush;
  }
  void touch(std::string_view name) { ::chmod((tree / name).c_str(), 0600); }

  Settled tree;
};

// ---- when

TEST_F(Settle, TellsAPathOnceNothingHasHappenedToItForAWhile) {
  tree.start();
  write_file(tree / "a", "text");
  EXPECT_THAT(tree.after(199ms), IsEmpty());
  EXPECT_THAT(tree.after(1ms), ElementsAre("CREATE|MODIFY|CLOSE_WRITE a"));
  EXPECT_EQ(tree.motion().size(), 0U);
}

TEST_F(Settle, WhatHappensAgainWaitsAnew) {
  write_file(tree / "a");
  tree.start();
  for (int i = 0; i < 5; ++i) {
    append("a");
    EXPECT_THAT(tree.after(150ms), IsEmpty());
  }
  EXPECT_THAT(tree.after(50ms), ElementsAre("MODIFY|CLOSE_WRITE a"));
}

TEST_F(Settle, WhatIsNeverQuietIsToldAfterAtMostSoLong) {
  write_file(tree / "a");
  tree.start();
  for (int i = 0; i < 19; ++i) {
    append("a");
    EXPECT_THAT(tree.after(100ms), IsEmpty()) << i;
  }
  append("a");
  EXPECT_THAT(tree.after(100ms), ElementsAre("MODIFY|CLOSE_WRITE a"));
  append("a");
  EXPECT_THAT(tree.after(199ms), IsEmpty()) << "the wait begins anew";
}

TEST_F(Settle, EachPathWaitsForItself) {
  write_file(tree / "hot");
  write_file(tree / "cold");
  tree.start();
  append("hot");
  append("cold");
  EXPECT_THAT(tree.after(150ms), IsEmpty());
  append("hot");
  EXPECT_THAT(tree.after(50ms), ElementsAre("MODIFY|CLOSE_WRITE cold"));
  EXPECT_THAT(tree.after(150ms), ElementsAre("MODIFY|CLOSE_WRITE hot"));
}

TEST_F(Settle, SaysWhenThereWillBeSomethingToTell) {
  tree.start();
  EXPECT_FALSE(tree.motion().next_due());
  write_file(tree / "a");
  tree.read();
  EXPECT_EQ(tree.motion().next_due(), Settled::Motion::Time() + 200ms);
}

TEST_F(Settle, TellsAtOnceIfItIsToldAll) {
  tree.start();
  write_file(tree / "a");
  tree.read();
  tree.motion().tell_all();
  EXPECT_THAT(tree.told(), ElementsAre("CREATE|CLOSE_WRITE a"));
}

// ---- a finished file

class SettleFinished : public testing::Test {
 protected:
  Settled tree{{.quiet = 200ms, .at_most = 2s, .ends_when_finished = true}};
};

TEST_F(SettleFinished, WaitsNoMoreOnceItIsClosed) {
  tree.start();
  std::ofstream file(tree / "a");
  file << "half" << std::flush;
  EXPECT_THAT(tree.after(100ms), IsEmpty());
  file << "whole" << std::flush;
  file.close();
  EXPECT_THAT(tree.after(0ms), ElementsAre("CREATE|MODIFY|CLOSE_WRITE a"));
}

TEST_F(SettleFinished, WaitsNoMoreOnceItHasItsName) {
  write_file(tree / "b");
  tree.start();
  move(tree / "b", tree / "a");
  EXPECT_THAT(tree.after(0ms), ElementsAre("MOVED_FROM b -> a", "MOVED_TO a <- b"));
}

TEST_F(SettleFinished, IsOneThatWasFoundInANewDirectory) {
  tree.start();
  test::make_dirs(tree / "d");
  write_file(tree / "d/a");
  EXPECT_THAT(tree.after(0ms), ElementsAre("CREATE d/", "~CREATE|CLOSE_WRITE d/a"));
}

TEST_F(SettleFinished, IsNoneThatIsStillWrittenTo) {
  tree.start();
  std::ofstream file(tree / "a");
  file << "half" << std::flush;
  move(tree / "a", tree / "b");
  EXPECT_THAT(tree.after(199ms), IsEmpty());
  EXPECT_THAT(tree.after(1ms), ElementsAre("MODIFY|MOVED_TO b"));
}

TEST_F(SettleFinished, IsNoDirectory) {
  test::make_dirs(tree / "d");
  tree.start();
  move(tree / "d", tree / "e");
  EXPECT_THAT(tree.after(199ms), IsEmpty());
  EXPECT_THAT(tree.after(1ms), ElementsAre("MOVED_FROM d/ -> e/", "MOVED_TO e/ <- d/"));
}

// ---- what

TEST_F(Settle, CloseWriteSaysThatNobodyHasChangedItSince) {
  write_file(tree / "a");
  tree.start();
  append("a");
  std::ofstream file(tree / "a", std::ios::app);
  file << "open" << std::flush;
  EXPECT_THAT(tree.after(200ms), ElementsAre("MODIFY a"));
  file.close();
  EXPECT_THAT(tree.after(200ms), ElementsAre("CLOSE_WRITE a"));
}

TEST_F(Settle, WhatCameAndWentIsNotTold) {
  tree.start();
  write_file(tree / "lock");
  fs::remove(tree / "lock");
  test::make_dirs(tree / "d/e");
  write_file(tree / "d/e/f");
  fs::remove_all(tree / "d");
  EXPECT_THAT(tree.after(200ms), IsEmpty());
  EXPECT_EQ(tree.motion().size(), 0U);
}

TEST_F(Settle, NorIsARenameThereAndBack) {
  test::make_dirs(tree / "d");
  tree.start();
  move(tree / "d", tree / "e");
  move(tree / "e", tree / "d");
  EXPECT_THAT(tree.after(2s), ElementsAre("DELETE e/"))
      << "there may have been an empty one, which it replaced";
  EXPECT_EQ(tree.motion().size(), 0U);
}

TEST_F(Settle, OfSeveralRenamesOneIsTold) {
  write_file(tree / "a");
  tree.start();
  move(tree / "a", tree / "b");
  move(tree / "b", tree / "c");
  EXPECT_THAT(tree.after(200ms),
              testing::UnorderedElementsAre("MOVED_FROM a -> c", "MOVED_TO c <- a", "DELETE b"));
}

TEST_F(Settle, ANewFileIsToldUnderItsLastNameOnly) {
  write_file(tree / "a", "old");
  tree.start();
  write_file(tree / "a.tmp", "new");
  move(tree / "a.tmp", tree / "a");
  EXPECT_THAT(tree.after(200ms), ElementsAre("MODIFY|CLOSE_WRITE|MOVED_TO a"));
}

TEST_F(Settle, AFileInPlaceOfAnotherIsOneEvent) {
  write_file(tree / "a", "old");
  tree.start();
  fs::remove(tree / "a");
  EXPECT_THAT(tree.after(150ms), IsEmpty());
  write_file(tree / "a", "new");
  EXPECT_THAT(tree.after(200ms), ElementsAre("CREATE|MODIFY|CLOSE_WRITE a"));
}

TEST_F(Settle, AndHasWaitedAsLongAsBoth) {
  write_file(tree / "a", "old");
  tree.start();
  fs::remove(tree / "a");
  tree.after(150ms);
  std::ofstream file(tree / "a");
  for (int i = 0; i < 18; ++i) {
    file << "more" << std::flush;
    EXPECT_THAT(tree.after(100ms), IsEmpty());
  }
  EXPECT_THAT(tree.after(50ms), ElementsAre("CREATE|MODIFY a"));
}

TEST_F(Settle, AnOldFileThatIsMovedAsideAndDeletedIsReplaced) {
  write_file(tree / "a", "old");
  tree.start();
  move(tree / "a", tree / "a~");
  write_file(tree / "a", "new");
  fs::remove(tree / "a~");
  EXPECT_THAT(tree.after(200ms), testing::Contains("CREATE|MODIFY|CLOSE_WRITE a"));
}

TEST_F(Settle, WhatIsGoneIsToldUnlessSomethingTookItsPlace) {
  write_file(tree / "a");
  tree.start();
  fs::remove(tree / "a");
  EXPECT_THAT(tree.after(200ms), ElementsAre("DELETE a"));
}

// ---- where

TEST_F(Settle, ARenameCarriesTheWaitAlong) {
  write_file(tree / "a");
  tree.start();
  append("a");
  tree.after(150ms);
  move(tree / "a", tree / "b");
  EXPECT_THAT(tree.after(199ms), IsEmpty());
  EXPECT_THAT(tree.after(1ms),
              ElementsAre("MOVED_FROM a -> b", "MODIFY|CLOSE_WRITE|MOVED_TO b <- a"));
}

TEST_F(Settle, SoDoesTheRenameOfADirectoryAbove) {
  test::make_dirs(tree / "d/e");
  write_file(tree / "d/e/f");
  tree.start();
  append("d/e/f");
  tree.after(150ms);
  move(tree / "d", tree / "x");
  EXPECT_THAT(tree.after(50ms),
              ElementsAre("MOVED_FROM d/ -> x/", "MOVED_TO x/ <- d/", "MODIFY|CLOSE_WRITE x/e/f"))
      << "the directory is told with what is in it";
}

TEST_F(Settle, ADirectoryIsToldBeforeWhatIsInIt) {
  tree.start();
  test::make_dirs(tree / "d/e");
  tree.after(100ms);
  write_file(tree / "d/e/f");
  EXPECT_THAT(tree.after(100ms), ElementsAre("CREATE d/", "~CREATE d/e/"));
  EXPECT_THAT(tree.after(100ms), ElementsAre("CREATE|CLOSE_WRITE d/e/f"));
}

TEST_F(Settle, WhatLeavesADirectoryThatIsDeletedIsToldBefore) {
  test::make_dirs(tree / "d");
  write_file(tree / "d/f");
  tree.start();
  move(tree / "d/f", tree / "f");
  fs::remove(tree / "d");
  tree.after(150ms);
  append("f");
  EXPECT_THAT(tree.after(50ms), ElementsAre("MOVED_FROM d/f -> f",
                                            "MODIFY|CLOSE_WRITE|MOVED_TO f <- d/f", "DELETE d/"));
}

TEST_F(Settle, AnExchangeTakesUpBothAndPutsDownBoth) {
  test::make_dirs(tree / "a");
  test::make_dirs(tree / "b");
  tree.start();
  test::exchange(tree / "a", tree / "b");
  EXPECT_THAT(tree.after(200ms), ElementsAre("MOVED_FROM b/ -> a/", "MOVED_FROM a/ -> b/",
                                             "MOVED_TO a/ <- b/", "MOVED_TO b/ <- a/"));
}

// ---- what passes through

TEST_F(Settle, WhatWaitsBelowIsToldBeforeAnOverflow) {
  tree.start();
  write_file(tree / "a");
  tree.read();
  test::Stream stream;
  stream.add_self(IN_Q_OVERFLOW, tree.dir().str(), -1);
  tree.motion().take(stream.events(), Settled::Motion::Time());
  EXPECT_THAT(tree.told(), ElementsAre("CREATE|CLOSE_WRITE a", "Q_OVERFLOW " + tree.dir().str()));
  EXPECT_EQ(tree.motion().size(), 0U);
}

TEST_F(Settle, WhatWaitsElsewhereWaitsOn) {
  test::make_dirs(tree / "d");
  tree.start();
  write_file(tree / "a");
  write_file(tree / "d/b");
  tree.read();
  test::Stream stream;
  stream.hole(tree / "d");
  tree.motion().take(stream.events(), Settled::Motion::Time());
  EXPECT_THAT(tree.told(), ElementsAre("CREATE|CLOSE_WRITE d/b", " d/ [Permission denied]"));
  EXPECT_THAT(tree.after(200ms), ElementsAre("CREATE|CLOSE_WRITE a"));
}

TEST_F(Settle, WithoutAPathAllIsToldBefore) {
  tree.start();
  write_file(tree / "a");
  tree.read();
  test::Stream stream;
  inotify::OwnedEvent& overflow = stream.add(IN_Q_OVERFLOW, "", -1);
  overflow.path = overflow.name = overflow.fullpath = "";
  tree.motion().take(stream.events(), Settled::Motion::Time());
  EXPECT_THAT(tree.told(), ElementsAre("CREATE|CLOSE_WRITE a", "Q_OVERFLOW "));
}

TEST_F(Settle, ARenameGoesOnAroundIt) {
  const std::string root = tree.dir().str();
  test::Stream stream;
  stream.rename(root + "/x", root + "/y", IN_ISDIR);
  auto events = stream.events();
  test::Stream between;
  between.add_self(IN_DELETE_SELF, root + "/z");
  events.insert(events.begin() + 1, between.events().front());
  tree.motion().take(events, Settled::Motion::Time());
  EXPECT_THAT(tree.told(), ElementsAre("DELETE_SELF z"));
  EXPECT_THAT(tree.after(200ms), ElementsAre("MOVED_FROM x/ -> y/", "MOVED_TO y/ <- x/"));
}

TEST_F(Settle, UnlessItIsAboutWhatIsRenamed) {
  const std::string root = tree.dir().str();
  test::Stream stream;
  stream.rename(root + "/d/x", root + "/y", IN_ISDIR);
  auto events = stream.events();
  test::Stream between;
  between.hole(root + "/d");
  events.insert(events.begin() + 1, between.events().front());
  tree.motion().take(events, Settled::Motion::Time());
  EXPECT_THAT(tree.told(), ElementsAre("MOVED_FROM d/x/", " d/ [Permission denied]"));
  EXPECT_THAT(tree.after(200ms), ElementsAre("MOVED_TO y/"));
}

// Four queues full: it took most of a minute when it was quadratic.
TEST_F(Settle, AnOverflowAfterAStormTakesNoLongerThanTheStorm) {
  const std::string root = tree.dir().str();
  test::Stream stream;
  for (int i = 0; i < 64'000; ++i) stream.add(IN_CREATE, root + "/" + std::to_string(i));
  stream.add_self(IN_Q_OVERFLOW, root, -1);
  const auto begin = std::chrono::steady_clock::now();
  tree.motion().take(stream.events(), Settled::Motion::Time());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_EQ(tree.told().size(), 64'001U);
  EXPECT_LE(tree.motion().told().capacity(), Settled::Motion::most_kept) << "it is given back";
}

TEST_F(Settle, TheEndOfARootIsToldAtOnce) {
  test::make_dirs(tree / "root");
  tree.watcher().add_all(tree / "root", Settled::mask | IN_DELETE_SELF);
  write_file(tree / "root/a");
  tree.read();
  fs::remove_all(tree / "root");
  EXPECT_THAT(tree.after(0ms), ElementsAre("DELETE_SELF root", "IGNORED root"));
}

}  // namespace
}  // namespace settle
