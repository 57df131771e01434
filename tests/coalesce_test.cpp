// coalesce(): each class of folding, and what must not be folded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <inotify/coalesce.hpp>
#include <string>
#include <vector>

#include "support/contract.hpp"
#include "support/stream.hpp"

namespace {

using inotify::CoalesceOptions;
using inotify::Mask;
using testing::ElementsAre;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

constexpr CoalesceOptions with_renames{.renames = true};
constexpr CoalesceOptions without_short_lived{.drop_short_lived = true};

class Coalesce : public testing::Test {
 protected:
  /// What is left, a line for each event; folding it again must change nothing.
  Lines folded(const CoalesceOptions& options = {}) {
    const auto events = inotify::coalesce(stream_.events(), options);
    EXPECT_EQ(lines(inotify::coalesce(events, options)), lines(events));
    return lines(events);
  }

  /// The same if nothing is to be folded.
  void expect_unchanged(const CoalesceOptions& options = {}) {
    EXPECT_EQ(folded(options), lines(stream_.events()));
  }

  void add(std::initializer_list<Mask> masks, std::string_view path) {
    for (const Mask mask : masks) stream_.add(mask, path);
  }

  test::Stream stream_;

 private:
  static Lines lines(const std::vector<inotify::Event>& events) {
    Lines lines;
    for (const inotify::Event& event : events) lines.push_back(test::brief(event, "/r"));
    return lines;
  }
};

TEST_F(Coalesce, NothingIsNothing) { EXPECT_THAT(folded(), IsEmpty()); }

TEST_F(Coalesce, ANewFileIsOneEventWithAllBits) {
  add({IN_CREATE, IN_OPEN, IN_MODIFY, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE}, "/r/f");
  EXPECT_THAT(folded(), ElementsAre("CREATE|OPEN|MODIFY|ATTRIB|CLOSE_WRITE f"));
}

TEST_F(Coalesce, RepeatedContentIsOneEventWhereTheFirstStood) {
  add({IN_MODIFY}, "/r/f");
  add({IN_ATTRIB}, "/r/g");
  add({IN_MODIFY, IN_MODIFY}, "/r/f");
  add({IN_ATTRIB}, "/r/g");
  EXPECT_THAT(folded(), ElementsAre("MODIFY f", "ATTRIB g"));
}

TEST_F(Coalesce, ReadersFoldToo) {
  add({IN_OPEN, IN_ACCESS, IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN, IN_CLOSE_NOWRITE}, "/r/f");
  EXPECT_THAT(folded(), ElementsAre("OPEN|ACCESS|CLOSE_NOWRITE f"));
}

TEST_F(Coalesce, AFileThatIsWrittenAgainSinceItsCloseIsToldTwice) {
  add({IN_MODIFY, IN_CLOSE_WRITE, IN_MODIFY, IN_ATTRIB, IN_MODIFY}, "/r/f");
  EXPECT_THAT(folded(), ElementsAre("MODIFY|CLOSE_WRITE f", "MODIFY|ATTRIB f"));
}

TEST_F(Coalesce, UnlessItIsClosedAgain) {
  add({IN_MODIFY, IN_CLOSE_WRITE, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE}, "/r/f");
  EXPECT_THAT(folded(), ElementsAre("MODIFY|ATTRIB|CLOSE_WRITE f"));
}

TEST_F(Coalesce, KeepsWhatIsSyntheticOfTheFirst) {
  stream_.add(IN_CREATE | IN_CLOSE_WRITE, "/r/f").synthetic = true;
  add({IN_MODIFY, IN_CLOSE_WRITE}, "/r/f");
  EXPECT_THAT(folded(), ElementsAre("~CREATE|MODIFY|CLOSE_WRITE f"));
}

TEST_F(Coalesce, KeepsTheOrderOfNames) {
  add({IN_CREATE, IN_DELETE, IN_CREATE}, "/r/f");
  expect_unchanged();
  EXPECT_THAT(folded(without_short_lived), ElementsAre("CREATE f"));
}

TEST_F(Coalesce, FoldsNothingAcrossTheEndOfAFile) {
  add({IN_CREATE, IN_CLOSE_WRITE, IN_DELETE, IN_CLOSE_WRITE, IN_CREATE, IN_MODIFY}, "/r/f");
  EXPECT_THAT(folded(),
              ElementsAre("CREATE|CLOSE_WRITE f", "DELETE f", "CLOSE_WRITE f", "CREATE|MODIFY f"));
}

TEST_F(Coalesce, FoldsNothingIntoTheOtherEventsOfAName) {
  add({IN_MOVED_TO, IN_MODIFY, IN_MOVED_FROM, IN_MODIFY, IN_DELETE, IN_MODIFY}, "/r/f");
  expect_unchanged();
}

TEST_F(Coalesce, FoldsNothingAcrossARenameOfEitherName) {
  add({IN_MODIFY}, "/r/f");
  add({IN_MODIFY}, "/r/g");
  stream_.rename("/r/f", "/r/g");
  add({IN_MODIFY}, "/r/f");
  add({IN_MODIFY}, "/r/g");
  expect_unchanged();
}

TEST_F(Coalesce, FoldsNothingBelowADirectoryAcrossItsEvents) {
  const auto touch = [this] { add({IN_MODIFY}, "/r/d/e/f"); };
  touch();
  stream_.rename("/r/d", "/r/x", IN_ISDIR);
  touch();
  stream_.rename("/r/x", "/r/d", IN_ISDIR);
  touch();
  for (const Mask mask : {IN_CREATE + 0U, IN_DELETE + 0U, IN_MOVED_FROM + 0U, IN_MOVED_TO + 0U}) {
    stream_.add(mask | IN_ISDIR, "/r/d");
    touch();
  }
  stream_.add_self(IN_MOVE_SELF, "/r/d");
  touch();
  expect_unchanged();
}

TEST_F(Coalesce, FoldsBesideADirectoryAcrossItsEvents) {
  for (const char* path : {"/r/d.f", "/r/d0", "/r/c/d", "/r/dd/f"}) add({IN_MODIFY}, path);
  stream_.rename("/r/d", "/r/x", IN_ISDIR);
  for (const char* path : {"/r/d.f", "/r/d0", "/r/c/d", "/r/dd/f"}) add({IN_MODIFY}, path);
  EXPECT_THAT(folded(), ElementsAre("MODIFY d.f", "MODIFY d0", "MODIFY c/d", "MODIFY dd/f",
                                    "MOVED_FROM d/ -> x/", "MOVED_TO x/ <- d/"));
}

TEST_F(Coalesce, FoldsTheContentOfADirectoryAcrossWhatHappensInIt) {
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d");
  add({IN_CREATE}, "/r/d/f");
  stream_.add(IN_ATTRIB | IN_ISDIR, "/r/d");
  EXPECT_THAT(folded(), ElementsAre("CREATE|ATTRIB d/", "CREATE d/f"));
}

TEST_F(Coalesce, FoldsNothingAcrossABarrier) {
  const auto touch = [this] { add({IN_MODIFY}, "/r/f"); };
  touch();
  stream_.add_self(IN_Q_OVERFLOW, "/r", -1);
  touch();
  stream_.add_self(IN_IGNORED, "/elsewhere", 7);
  touch();
  stream_.add_self(IN_UNMOUNT, "/elsewhere", 7);
  touch();
  stream_.hole("/elsewhere");
  touch();
  stream_.add_self(IN_MODIFY, "", 9);  // of a watch that is not known
  touch();
  stream_.add_self(0x10000, "/elsewhere", 7);  // not of this inotify
  touch();
  expect_unchanged();
  expect_unchanged(without_short_lived);
}

TEST_F(Coalesce, DropsNothingAcrossABarrier) {
  add({IN_CREATE}, "/r/f");
  stream_.add_self(IN_Q_OVERFLOW, "/r", -1);
  add({IN_DELETE}, "/r/f");
  expect_unchanged(without_short_lived);
}

TEST_F(Coalesce, KeepsWhatTwoWatchesTellApart) {
  stream_.add(IN_MODIFY, "/r/f", 1);
  stream_.add_self(IN_MODIFY, "/r/f", 2);
  stream_.add(IN_ATTRIB, "/r/f", 1);
  stream_.add_self(IN_ATTRIB, "/r/f", 2);
  EXPECT_THAT(folded(), ElementsAre("MODIFY|ATTRIB f", "MODIFY|ATTRIB f"));
}

TEST_F(Coalesce, KeepsFilesAndDirectoriesApart) {
  stream_.add(IN_ATTRIB, "/r/f");
  stream_.add(IN_ATTRIB | IN_ISDIR, "/r/f");
  stream_.add(IN_OPEN | IN_ISDIR, "/r/f");
  EXPECT_THAT(folded(), ElementsAre("ATTRIB f", "OPEN|ATTRIB f/"));
}

TEST_F(Coalesce, KnowsWhatIsBelowTheRootOfTheFileSystem) {
  add({IN_MODIFY}, "/f");
  stream_.add_self(IN_MOVE_SELF, "/");
  add({IN_MODIFY}, "/f");
  EXPECT_EQ(folded().size(), 3U);
}

// ---- renames

TEST_F(Coalesce, LeavesRenamesAloneUnlessAsked) {
  stream_.rename("/r/f", "/r/g");
  expect_unchanged();
}

TEST_F(Coalesce, ARenameIsOneEvent) {
  stream_.rename("/r/d", "/r/e", IN_ISDIR);
  const auto events = inotify::coalesce(stream_.events(), with_renames);
  ASSERT_EQ(events.size(), 1U);
  const inotify::Event& event = events[0];
  EXPECT_EQ(event.mask, Mask{IN_MOVED_FROM | IN_MOVED_TO | IN_ISDIR});
  EXPECT_EQ(event.fullpath, "/r/e");
  EXPECT_EQ(event.moved_from, "/r/d");
  EXPECT_EQ(event.moved_to, "");
  EXPECT_EQ(event.cookie, stream_.events()[1].cookie);
  EXPECT_THAT(folded(with_renames), ElementsAre("MOVED_FROM|MOVED_TO e/ <- d/"));
}

TEST_F(Coalesce, AChainOfRenamesStaysAChain) {
  stream_.rename("/r/a", "/r/b");
  stream_.rename("/r/b", "/r/c");
  EXPECT_THAT(folded(with_renames),
              ElementsAre("MOVED_FROM|MOVED_TO b <- a", "MOVED_FROM|MOVED_TO c <- b"));
}

TEST_F(Coalesce, AnExchangeStaysAsItIs) {
  const auto add_half = [this](Mask mask, const char* path, const char* other, unsigned cookie) {
    auto& event = stream_.add(mask, path);
    (event.is_moved_to() ? event.moved_from : event.moved_to) = other;
    event.cookie = cookie;
  };
  add_half(IN_MOVED_FROM, "/r/x", "/r/y", 1);
  add_half(IN_MOVED_FROM, "/r/y", "/r/x", 2);
  add_half(IN_MOVED_TO, "/r/y", "/r/x", 1);
  add_half(IN_MOVED_TO, "/r/x", "/r/y", 2);
  expect_unchanged(with_renames);
}

TEST_F(Coalesce, HalvesThatDoNotKnowOfEachOtherAreNoRename) {
  stream_.add(IN_MOVED_FROM, "/r/f").cookie = 5;
  stream_.add(IN_MOVED_TO, "/r/g").cookie = 5;
  expect_unchanged(with_renames);
}

// ---- what does not live long

TEST_F(Coalesce, KeepsWhatIsShortLivedUnlessAsked) {
  add({IN_CREATE, IN_DELETE}, "/r/f");
  expect_unchanged();
}

TEST_F(Coalesce, ATemporaryFileVanishesWithItsContent) {
  add({IN_ATTRIB}, "/r/g");
  add({IN_CREATE, IN_MODIFY, IN_CLOSE_WRITE, IN_MODIFY}, "/r/f");
  stream_.add_self(IN_DELETE_SELF, "/r/f");
  add({IN_DELETE}, "/r/f");
  add({IN_ATTRIB}, "/r/g");
  EXPECT_THAT(folded(without_short_lived), ElementsAre("ATTRIB g"));
}

TEST_F(Coalesce, WhatWasThereBeforeStaysDeleted) {
  add({IN_DELETE, IN_CREATE, IN_DELETE}, "/r/f");
  EXPECT_THAT(folded(without_short_lived), ElementsAre("DELETE f"));
}

TEST_F(Coalesce, WhatStandsTogetherThenIsFolded) {
  add({IN_DELETE, IN_CLOSE_WRITE, IN_CREATE, IN_DELETE, IN_CLOSE_WRITE}, "/r/f");
  EXPECT_THAT(folded(without_short_lived), ElementsAre("DELETE f", "CLOSE_WRITE f"));
}

TEST_F(Coalesce, ATemporaryTreeVanishes) {
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d");
  add({IN_CREATE, IN_CLOSE_WRITE, IN_DELETE}, "/r/d/f");
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d/e");
  stream_.add_self(IN_OPEN | IN_ISDIR, "/r/d/e");
  stream_.add(IN_DELETE | IN_ISDIR, "/r/d/e");
  stream_.add(IN_DELETE | IN_ISDIR, "/r/d");
  EXPECT_THAT(folded(without_short_lived), IsEmpty());
}

TEST_F(Coalesce, ADirectoryOutOfWhichSomethingWasMovedStays) {
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d");
  add({IN_CREATE}, "/r/d/f");
  stream_.rename("/r/d/f", "/r/f");
  stream_.add(IN_DELETE | IN_ISDIR, "/r/d");
  expect_unchanged(without_short_lived);
}

TEST_F(Coalesce, AlsoIfItsNameIsUsedAgainAndDropped) {
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d");
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d/e");
  stream_.add(IN_MOVED_FROM | IN_ISDIR, "/r/d/e");
  stream_.add(IN_CREATE | IN_ISDIR, "/r/d/e");
  stream_.add(IN_DELETE | IN_ISDIR, "/r/d/e");
  stream_.add(IN_DELETE | IN_ISDIR, "/r/d");
  EXPECT_THAT(folded(without_short_lived),
              ElementsAre("CREATE d/", "CREATE d/e/", "MOVED_FROM d/e/", "DELETE d/"));
}

TEST_F(Coalesce, WhatWasMovedMeanwhileStays) {
  add({IN_CREATE}, "/r/f");
  stream_.rename("/r/f", "/r/g");
  stream_.rename("/r/g", "/r/f");
  add({IN_DELETE}, "/r/f");
  add({IN_MOVED_TO, IN_DELETE}, "/r/h");
  expect_unchanged(without_short_lived);
}

TEST_F(Coalesce, WhatIsBelowADirectoryThatWasRenamedMeanwhileStays) {
  add({IN_CREATE}, "/r/d/e/f");
  stream_.rename("/r/d", "/r/x", IN_ISDIR);
  stream_.rename("/r/x", "/r/d", IN_ISDIR);
  add({IN_DELETE}, "/r/d/e/f");
  expect_unchanged(without_short_lived);
}

}  // namespace
