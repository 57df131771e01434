#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <inotify/raw_event.hpp>
#include <iterator>
#include <ranges>
#include <string>
#include <type_traits>
#include <vector>

#include "support/hand_made.hpp"

namespace {

using inotify::Mask;
using inotify::RawEvent;
using inotify::RawEvents;
using test::Bytes;
using test::HandMade;
using testing::ElementsAre;
using testing::IsEmpty;

static_assert(std::forward_iterator<RawEvents::iterator>);
static_assert(std::ranges::forward_range<const RawEvents>);
static_assert(std::is_nothrow_default_constructible_v<RawEvents>);

std::vector<std::string> names(const RawEvents& events) {
  std::vector<std::string> names;
  for (const RawEvent& raw : events) names.emplace_back(raw.name);
  return names;
}

TEST(RawEvents, OfNoBytesIsEmpty) {
  EXPECT_TRUE(RawEvents().empty());
  EXPECT_TRUE(RawEvents(Bytes()).empty());
  EXPECT_TRUE(RawEvents().well_formed());
  EXPECT_EQ(RawEvents().begin(), RawEvents().end());
}

TEST(RawEvents, TellsTheFieldsAsTheKernelWroteThem) {
  const HandMade made = HandMade().append(7, IN_MOVED_FROM | IN_ISDIR, 42, "directory");
  const RawEvents events(made);
  ASSERT_FALSE(events.empty());
  const RawEvent raw = *events.begin();
  EXPECT_EQ(raw.wd, 7);
  EXPECT_EQ(raw.mask, IN_MOVED_FROM | IN_ISDIR);
  EXPECT_EQ(raw.cookie, 42U);
  EXPECT_EQ(raw.name, "directory");
  EXPECT_EQ(events.bytes().size(), 32U) << "a header, and a name padded to a multiple of 16 [12]";
}

TEST(RawEvents, WalksAllEventsInOrder) {
  HandMade made;
  made.append(1, IN_CREATE, 0, "a").append(2, IN_DELETE_SELF).append(2, IN_IGNORED);
  made.append(1, IN_DELETE, 0, "fifteen-letters").append(1, IN_DELETE, 0, "sixteen--letters");
  const RawEvents events(made);
  EXPECT_THAT(names(events), ElementsAre("a", "", "", "fifteen-letters", "sixteen--letters"));
  EXPECT_TRUE(events.well_formed());
  EXPECT_EQ(std::ranges::distance(events), 5);
}

TEST(RawEvents, AnOverflowHasNoWatchAndNoName) {
  const HandMade made = HandMade().append(-1, IN_Q_OVERFLOW).append(1, IN_MODIFY, 0, "f");
  const auto first = RawEvents(made).begin();
  EXPECT_EQ(first->wd, -1);
  EXPECT_EQ(first->mask, Mask{IN_Q_OVERFLOW});
  EXPECT_THAT(first->name, IsEmpty());
  EXPECT_EQ(std::next(first)->name, "f");
}

TEST(RawEvents, ATruncatedHeaderEndsTheWalk) {
  const Bytes whole = HandMade().append(1, IN_CREATE, 0, "a").append(2, IN_CREATE).bytes();
  for (std::size_t size = 32; size < 48; ++size) {
    const Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(names(RawEvents(bytes)), ElementsAre("a")) << size << " bytes";
    EXPECT_EQ(RawEvents(bytes).well_formed(), size == 32) << size << " bytes";
  }
}

TEST(RawEvents, ANameBeyondTheEndEndsTheWalk) {
  for (const std::uint32_t length : {1U, 16U, 0x7fffffffU, 0xffffffffU}) {
    HandMade made;
    made.append(1, IN_CREATE, 0, "a").append_header(1, IN_CREATE, 0, length);
    EXPECT_THAT(names(RawEvents(made)), ElementsAre("a")) << length;
    EXPECT_FALSE(RawEvents(made).well_formed()) << length;
  }
  const Bytes whole = HandMade().append(1, IN_CREATE, 0, "cut short").bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_TRUE(RawEvents(bytes).empty()) << size << " bytes";
  }
}

TEST(RawEvents, ANameNeedsNeitherPaddingNorNul) {
  HandMade made;
  made.append(1, IN_CREATE, 0, "unpadded", false)
      .append(2, IN_CREATE, 0, "sixteen--letters", false);
  EXPECT_THAT(names(RawEvents(made)), ElementsAre("unpadded", "sixteen--letters"));
  EXPECT_TRUE(RawEvents(made).well_formed());
}

TEST(RawEvents, ANameEndsAtItsFirstNul) {
  using namespace std::string_literals;
  HandMade made;
  made.append(1, IN_CREATE, 0, "abc\0def"s).append(1, IN_CREATE, 0, "\0x"s);
  EXPECT_THAT(names(RawEvents(made)), ElementsAre("abc", ""));
}

TEST(RawEvents, NamesAreBytesInNoEncoding) {
  const std::string name = "\xff\xfe\n\x01 \xc3";
  EXPECT_THAT(names(RawEvents(HandMade().append(1, IN_CREATE, 0, name))), ElementsAre(name));
}

TEST(RawEvents, TheBufferNeedsNoAlignment) {
  const Bytes whole = HandMade().append(9, IN_CREATE, 5, "odd", false).append(8, IN_OPEN).bytes();
  for (std::size_t shift = 1; shift < 8; ++shift) {
    Bytes shifted(shift);
    shifted.insert(shifted.end(), whole.begin(), whole.end());
    const RawEvents events(std::span<const std::byte>(shifted).subspan(shift));
    EXPECT_THAT(names(events), ElementsAre("odd", "")) << shift;
    EXPECT_EQ(events.begin()->wd, 9) << shift;
    EXPECT_EQ(events.begin()->cookie, 5U) << shift;
  }
}

TEST(RawEvents, NamesAreViewsOfTheBuffer) {
  const Bytes bytes = HandMade().append(1, IN_CREATE, 0, "view").bytes();
  const char* in_buffer = reinterpret_cast<const char*>(bytes.data()) + sizeof(inotify_event);
  EXPECT_EQ(RawEvents(bytes).begin()->name.data(), in_buffer);
}

TEST(RawEvents, CanBeWalkedAgainAndFromTheMiddle) {
  const HandMade made = HandMade().append(1, IN_CREATE, 0, "a").append(1, IN_CREATE, 0, "b");
  const RawEvents events(made);
  auto it = events.begin();
  const auto first = it++;
  EXPECT_EQ(first->name, "a");
  EXPECT_EQ(first, events.begin());
  EXPECT_NE(first, it);
  EXPECT_EQ(it->name, "b");
  EXPECT_EQ(it.rest().size(), 32U) << "the current event is not walked yet";
  EXPECT_EQ(++it, events.end());
  EXPECT_TRUE(it.rest().empty());
  EXPECT_THAT(names(events), ElementsAre("a", "b"));
}

// An event is decoded, it lies in no buffer: a reference could only lead into the iterator, and end
// with it. A forward iterator must not give such a one away ([iterator.concept.forward]); `const
// RawEvent& first = *events.begin()` would dangle.
TEST(RawEvents, AnEventOutlivesTheIteratorThatYieldedIt) {
  EXPECT_FALSE(std::is_reference_v<std::iter_reference_t<RawEvents::iterator>>);
}

TEST(RawEvents, FollowsOneNameThroughEventsOfAKind) {
  constexpr inotify::Mask kind = IN_MODIFY | IN_CLOSE_WRITE;
  HandMade made;
  made.append(1, IN_CREATE, 0, "a").append(1, IN_MODIFY, 0, "a").append(1, IN_CLOSE_WRITE, 0, "a");
  made.append(1, IN_DELETE, 0, "a").append(1, IN_MODIFY, 0, "b").append(2, IN_MODIFY, 0, "b");
  auto it = RawEvents(made).begin();
  EXPECT_TRUE(it.follow(kind));
  EXPECT_EQ(it->mask, Mask{IN_MODIFY});
  EXPECT_TRUE(it.follow(kind));
  EXPECT_EQ(it->mask, Mask{IN_CLOSE_WRITE});
  EXPECT_EQ(it->name, "a");
  EXPECT_FALSE(it.follow(kind)) << "another kind";
  EXPECT_EQ(it->mask, Mask{IN_CLOSE_WRITE}) << "it stays";
  ++it;
  EXPECT_FALSE(it.follow(kind)) << "another name";
  ++it;
  EXPECT_FALSE(it.follow(kind)) << "another watch";
  ++it;
  EXPECT_FALSE(it.follow(kind)) << "the end";
  EXPECT_EQ(++it, RawEvents().end());
  EXPECT_FALSE(it.follow(kind));
}

TEST(RawEvents, FollowsAsFarAsItWouldWalk) {
  for (const std::size_t length : {0U, 1U, 15U, 16U, 31U, 32U, 255U}) {
    const std::string name(length, 'n');
    const HandMade made = HandMade().append(1, IN_OPEN, 0, name).append(1, IN_ACCESS, 0, name);
    const std::span<const std::byte> bytes = made;
    for (std::size_t size = bytes.size() / 2; size <= bytes.size(); ++size) {
      // A copy of its own, so that a sanitizer sees a step too far.
      const std::vector<std::byte> cut(bytes.begin(),
                                       bytes.begin() + static_cast<std::ptrdiff_t>(size));
      auto it = RawEvents(cut).begin();
      ASSERT_EQ(it.follow(IN_ACCESS), size == bytes.size()) << length << ' ' << size;
      ASSERT_EQ(it->name, name);
    }
  }
}

TEST(RawEvents, TellsTheWatchesOfWhatItWouldWalk) {
  HandMade made;
  made.append(3, IN_CREATE, 0, "a").append(3, IN_OPEN, 0, "b").append(1, IN_OPEN, 0, "a");
  made.append(3, IN_CLOSE, 0, "a").append_header(4, IN_CREATE, 0, 16);
  std::vector<int> wds;
  RawEvents(made).for_each_wd([&](int wd) { wds.push_back(wd); });
  EXPECT_THAT(wds, ElementsAre(3, 1, 3));
  RawEvents(Bytes(15)).for_each_wd([](int) { FAIL() << "no header"; });
}

TEST(RawEvents, IteratorsOfTwoBuffersDiffer) {
  const HandMade one = HandMade().append(1, IN_CREATE, 0, "a");
  const HandMade other = HandMade().append(1, IN_CREATE, 0, "a");
  EXPECT_NE(RawEvents(one).begin(), RawEvents(other).begin());
}

}  // namespace
