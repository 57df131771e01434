#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <inotify/detail/look_ahead.hpp>
#include <inotify/instance.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/hand_made.hpp"
#include "support/naive_look_ahead.hpp"

namespace {

using inotify::Mask;
using inotify::RawEvent;
using inotify::RawEvents;
using inotify::detail::LookAhead;
using test::HandMade;
using test::name_bits;
using Naive = test::NaiveLookAhead;
using testing::ElementsAre;
using Entry = LookAhead::Entry;

constexpr auto nothing_is_noise = [](const RawEvent&) { return false; };

// Puts the bytes where a read(2) would.
template <class IsNoise = decltype(nothing_is_noise)>
void feed(LookAhead& look_ahead, const HandMade& made, IsNoise is_noise = {}) {
  const std::span<std::byte> room = look_ahead.room();
  ASSERT_GE(room.size(), made.bytes().size()) << "the test feeds too much at once";
  std::ranges::copy(made.bytes(), room.begin());
  const RawEvents events(room.first(made.bytes().size()));
  look_ahead.append(events);
  look_ahead.drop(events, is_noise);
}

class LookAheadTest : public testing::Test {
 protected:
  void feed(const HandMade& made) { ::feed(look_ahead_, made); }

  // Makes the next event the current one, and tells it.
  std::string next() {
    const RawEvent* raw = look_ahead_.next();
    if (raw == nullptr) return "none";
    return inotify::to_string(raw->mask) + " " + std::to_string(raw->wd) + " " +
           std::string(raw->name);
  }

  LookAhead look_ahead_;
};

// ---- a queue

TEST_F(LookAheadTest, IsEmptyAtFirst) {
  EXPECT_TRUE(look_ahead_.empty());
  EXPECT_EQ(look_ahead_.bytes(), 0U);
  EXPECT_EQ(next(), "none");
  EXPECT_FALSE(look_ahead_.touches(1, "a"));
  EXPECT_FALSE(look_ahead_.leaves(1, "a"));
  EXPECT_EQ(look_ahead_.arrival(1), nullptr);
  EXPECT_EQ(look_ahead_.departure(1, "a", nullptr), nullptr);
}

TEST_F(LookAheadTest, AlwaysHasRoomForTheLargestEvent) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_GE(look_ahead_.room().size(), inotify::Instance::max_event_size) << i;
    feed(HandMade().append(1, IN_CREATE, 0, std::string(200, 'n')));
  }
}

TEST_F(LookAheadTest, HandsOutInTheOrderOfArrival) {
  feed(HandMade().append(1, IN_CREATE, 0, "a").append(-1, IN_Q_OVERFLOW));
  feed(HandMade().append(2, IN_DELETE_SELF));
  EXPECT_EQ(next(), "IN_CREATE 1 a");
  EXPECT_EQ(next(), "IN_Q_OVERFLOW -1 ");
  feed(HandMade().append(1, IN_MODIFY, 0, "late"));
  EXPECT_EQ(next(), "IN_DELETE_SELF 2 ");
  EXPECT_EQ(next(), "IN_MODIFY 1 late");
  EXPECT_EQ(next(), "none");
  EXPECT_EQ(next(), "none");
  feed(HandMade().append(1, IN_OPEN, 0, "again"));
  EXPECT_EQ(next(), "IN_OPEN 1 again");
}

TEST_F(LookAheadTest, CountsTheBytesTheKernelWouldCount) {  // [12]
  const HandMade made =
      HandMade().append(1, IN_CREATE, 0, "fifteen-letters").append(1, IN_DELETE_SELF);
  feed(made);
  EXPECT_EQ(look_ahead_.bytes(), made.bytes().size());
  next();
  EXPECT_EQ(look_ahead_.bytes(), 16U) << "the current event is interpreted";
  EXPECT_FALSE(look_ahead_.empty());
  next();
  EXPECT_TRUE(look_ahead_.empty());
}

TEST_F(LookAheadTest, LeavesNoiseOut) {
  ::feed(look_ahead_, HandMade().append(1, IN_OPEN, 0, "noise").append(1, IN_CREATE, 0, "a"),
         [](const RawEvent& raw) { return raw.name == "noise"; });
  ::feed(look_ahead_, HandMade().append(1, IN_OPEN, 0, "noise"),
         [](const RawEvent&) { return true; });
  ::feed(look_ahead_, HandMade().append(1, IN_CREATE, 0, "b"));
  EXPECT_EQ(next(), "IN_CREATE 1 a");
  EXPECT_EQ(next(), "IN_CREATE 1 b");
  EXPECT_EQ(next(), "none");
}

TEST_F(LookAheadTest, TakesOverNothingToo) {
  look_ahead_.room();
  look_ahead_.append(RawEvents());
  EXPECT_TRUE(look_ahead_.empty());
  EXPECT_EQ(next(), "none");
}

TEST_F(LookAheadTest, AnEventLivesUntilTheNextIsHandedOut) {
  const std::string filler(200, 'n');
  feed(HandMade().append(1, IN_CREATE, 0, "first"));
  const RawEvent* first = look_ahead_.next();
  ASSERT_NE(first, nullptr);
  const RawEvent raw = *first;
  const std::byte* begin = reinterpret_cast<const std::byte*>(raw.name.data());
  for (int i = 0; i < 2000; ++i) {
    feed(HandMade().append(1, IN_CREATE, 0, filler));  // several segments
    EXPECT_FALSE(look_ahead_.touches(1, "other"));
  }
  EXPECT_EQ(reinterpret_cast<const std::byte*>(raw.name.data()), begin);
  EXPECT_EQ(raw.name, "first");
}

TEST_F(LookAheadTest, UsesItsMemoryAgainOnceItIsEmpty) {
  const std::size_t whole = look_ahead_.room().size();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) feed(HandMade().append(1, IN_CREATE, 0, std::string(200, 'n')));
    while (next() != "none") {
    }
    EXPECT_EQ(look_ahead_.room().size(), whole) << "round " << round;
  }
  const std::byte* const room = look_ahead_.room().data();
  feed(HandMade().append(1, IN_CREATE, 0, "a"));
  EXPECT_NE(look_ahead_.room().data(), room);
  while (next() != "none") {
  }
  EXPECT_EQ(look_ahead_.room().data(), room);
}

TEST_F(LookAheadTest, ClearDropsAllOfIt) {
  feed(HandMade().append(1, IN_MOVED_FROM, 5, "a").append(1, IN_MOVED_TO, 5, "b"));
  EXPECT_TRUE(look_ahead_.touches(1, "b"));
  next();
  look_ahead_.clear();
  EXPECT_TRUE(look_ahead_.empty());
  EXPECT_FALSE(look_ahead_.touches(1, "b"));
  EXPECT_EQ(look_ahead_.arrival(5), nullptr);
  EXPECT_EQ(next(), "none");
  feed(HandMade().append(1, IN_DELETE, 0, "c"));
  EXPECT_TRUE(look_ahead_.touches(1, "c"));
  EXPECT_EQ(next(), "IN_DELETE 1 c");
}

// ---- questions

TEST_F(LookAheadTest, ANameIsTouchedByItsNameEventsAlone) {
  feed(HandMade()
           .append(1, IN_CREATE, 0, "created")
           .append(1, IN_DELETE, 0, "deleted")
           .append(1, IN_MOVED_FROM, 1, "from")
           .append(1, IN_MOVED_TO, 1, "to")
           .append(1, IN_MODIFY, 0, "modified")
           .append(1, IN_OPEN | IN_ISDIR, 0, "opened"));
  for (const char* name : {"created", "deleted", "from", "to"}) {
    EXPECT_TRUE(look_ahead_.touches(1, name)) << name;
    EXPECT_FALSE(look_ahead_.touches(2, name)) << name << " of another directory";
  }
  for (const char* name : {"modified", "opened", "creat", "created "}) {
    EXPECT_FALSE(look_ahead_.touches(1, name)) << name;
  }
}

TEST_F(LookAheadTest, TheCurrentEventTouchesNothingMore) {
  feed(HandMade()
           .append(1, IN_CREATE, 0, "a")
           .append(1, IN_CREATE, 0, "b")
           .append(1, IN_DELETE, 0, "a"));
  next();
  EXPECT_TRUE(look_ahead_.touches(1, "a")) << "by the last";
  next();
  EXPECT_FALSE(look_ahead_.touches(1, "b"));
  next();
  EXPECT_FALSE(look_ahead_.touches(1, "a"));
}

TEST_F(LookAheadTest, SeesWhatIsAppendedAfterTheFirstQuestion) {
  feed(HandMade().append(1, IN_CREATE, 0, "a"));
  next();
  EXPECT_FALSE(look_ahead_.touches(1, "a"));
  feed(HandMade().append(1, IN_MOVED_FROM, 9, "a"));
  EXPECT_TRUE(look_ahead_.touches(1, "a"));
  EXPECT_TRUE(look_ahead_.leaves(1, "a"));
  EXPECT_EQ(look_ahead_.arrival(9), nullptr);
  feed(HandMade().append(2, IN_MOVED_TO, 9, "b"));
  ASSERT_NE(look_ahead_.arrival(9), nullptr);
  EXPECT_EQ(look_ahead_.arrival(9)->raw.name, "b");
}

TEST_F(LookAheadTest, FollowsANameFromDepartureToDeparture) {
  feed(HandMade()
           .append(1, IN_MOVED_FROM, 1, "a")
           .append(1, IN_MOVED_TO, 2, "a")
           .append(1, IN_MOVED_FROM, 3, "a"));
  const Entry* first = look_ahead_.departure(1, "a", nullptr);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->raw.cookie, 1U);
  const Entry* second = look_ahead_.departure(1, "a", first);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->raw.cookie, 3U);
  EXPECT_EQ(look_ahead_.departure(1, "a", second), nullptr);

  next();
  EXPECT_EQ(look_ahead_.departure(1, "a", nullptr), first) << "the current event counts";
  EXPECT_TRUE(look_ahead_.leaves(1, "a")) << "once more";
  next();
  next();
  EXPECT_EQ(look_ahead_.departure(1, "a", nullptr), second);
  EXPECT_FALSE(look_ahead_.leaves(1, "a")) << "it is leaving already";
}

TEST_F(LookAheadTest, FollowsTheNameEventsOfADirectory) {
  feed(HandMade()
           .append(1, IN_MOVED_FROM, 1, "x")
           .append(2, IN_CREATE, 0, "y")
           .append(1, IN_MODIFY, 0, "x")
           .append(1, IN_MOVE_SELF)
           .append(1, IN_DELETE, 0, "z"));
  next();
  const Entry& current = look_ahead_.current();
  EXPECT_EQ(current.raw.name, "x");
  const Entry* of_other = look_ahead_.following(current, 2);
  ASSERT_NE(of_other, nullptr);
  EXPECT_EQ(of_other->raw.name, "y");
  const Entry* of_same = look_ahead_.following(current, 1);
  ASSERT_NE(of_same, nullptr);
  EXPECT_EQ(of_same->raw.name, "z") << "neither a MODIFY nor a MOVE_SELF is a name event";
  EXPECT_EQ(look_ahead_.following(*of_other, 1), of_same);
  EXPECT_EQ(look_ahead_.following(*of_same, 2), nullptr);
  EXPECT_EQ(look_ahead_.following(current, 3), nullptr);
}

TEST_F(LookAheadTest, KnowsWhetherAWatchMovesItselfInBetween) {  // [19]
  feed(HandMade()
           .append(1, IN_MOVED_FROM, 1, "x")
           .append(1, IN_MOVED_TO, 1, "y")
           .append(7, IN_MOVE_SELF)
           .append(1, IN_CREATE, 0, "z")
           .append(8, IN_MOVE_SELF));
  next();
  const Entry* to = look_ahead_.arrival(1);
  ASSERT_NE(to, nullptr);
  const Entry* end = look_ahead_.following(*to, 1);
  ASSERT_NE(end, nullptr);
  EXPECT_TRUE(look_ahead_.moves_self(7, *to, end));
  EXPECT_FALSE(look_ahead_.moves_self(8, *to, end)) << "later";
  EXPECT_TRUE(look_ahead_.moves_self(8, *to, nullptr));
  EXPECT_FALSE(look_ahead_.moves_self(7, *end, nullptr)) << "earlier";
  EXPECT_FALSE(look_ahead_.moves_self(9, *to, nullptr));
}

TEST_F(LookAheadTest, WhatIsTakenOutIsNotToCome) {
  feed(HandMade()
           .append(1, IN_MOVED_FROM, 1, "x")
           .append(1, IN_MOVED_FROM, 2, "y")
           .append(1, IN_MOVED_TO, 1, "to")
           .append(1, IN_CREATE, 0, "last"));
  next();
  const std::size_t before = look_ahead_.bytes();
  const Entry* to = look_ahead_.arrival(1);
  ASSERT_NE(to, nullptr);
  look_ahead_.take(*to);
  EXPECT_EQ(look_ahead_.bytes(), before - 32);
  EXPECT_FALSE(look_ahead_.touches(1, "to"));
  EXPECT_EQ(look_ahead_.arrival(1), nullptr);
  const Entry* y = look_ahead_.departure(1, "y", nullptr);
  ASSERT_NE(y, nullptr);
  EXPECT_EQ(look_ahead_.following(*y, 1)->raw.name, "last");
  look_ahead_.take(*y);
  EXPECT_FALSE(look_ahead_.leaves(1, "y"));
  EXPECT_EQ(next(), "IN_CREATE 1 last");
  EXPECT_EQ(next(), "none");
}

TEST_F(LookAheadTest, IsEmptyOnceTheRestIsTakenOut) {
  feed(HandMade().append(1, IN_CREATE, 0, "a").append(1, IN_MOVED_TO, 1, "b"));
  next();
  look_ahead_.take(*look_ahead_.arrival(1));
  EXPECT_TRUE(look_ahead_.empty());
  EXPECT_EQ(next(), "none");
}

TEST_F(LookAheadTest, GoesOnToWhatIsAlike) {
  feed(HandMade()
           .append(1, IN_CREATE, 0, "a")
           .append(1, IN_MODIFY, 0, "a")
           .append(1, IN_CLOSE_WRITE, 0, "a")
           .append(1, IN_DELETE, 0, "a"));
  constexpr Mask alike = IN_MODIFY | IN_CLOSE_WRITE;
  next();
  ASSERT_NE(look_ahead_.next_alike(alike), nullptr);
  const RawEvent* raw = look_ahead_.next_alike(alike);
  ASSERT_NE(raw, nullptr);
  EXPECT_EQ(raw->mask, Mask{IN_CLOSE_WRITE});
  EXPECT_EQ(raw->name, "a");
  EXPECT_EQ(look_ahead_.next_alike(alike), nullptr) << "a DELETE is not";
  EXPECT_EQ(next(), "IN_DELETE 1 a");
  EXPECT_EQ(next(), "none");
}

TEST_F(LookAheadTest, WhatIsAlikePassesTheDepartureBeforeIt) {
  feed(HandMade().append(1, IN_MOVED_FROM, 1, "a").append(1, IN_MODIFY, 0, "a"));
  EXPECT_TRUE(look_ahead_.leaves(1, "a"));
  next();
  EXPECT_NE(look_ahead_.departure(1, "a", nullptr), nullptr) << "the current event";
  ASSERT_NE(look_ahead_.next_alike(IN_MODIFY), nullptr);
  EXPECT_EQ(look_ahead_.departure(1, "a", nullptr), nullptr);
  EXPECT_FALSE(look_ahead_.leaves(1, "a"));
}

TEST_F(LookAheadTest, NothingElseIsAlike) {
  const std::string longer(40, 'a');
  for (const auto& [wd, name] :
       {std::pair(2, std::string("a")), std::pair(1, std::string("b")),
        std::pair(1, std::string("aa")), std::pair(1, longer), std::pair(1, std::string())}) {
    feed(HandMade().append(1, IN_CREATE, 0, "a").append(wd, IN_MODIFY, 0, name));
    next();
    EXPECT_EQ(look_ahead_.next_alike(IN_MODIFY), nullptr) << wd << ' ' << name;
    EXPECT_EQ(next(), "IN_MODIFY " + std::to_string(wd) + " " + name);
    EXPECT_EQ(next(), "none");
  }
  EXPECT_EQ(look_ahead_.next_alike(IN_MODIFY), nullptr) << "there is none";
}

TEST_F(LookAheadTest, WhatIsNoiseIsNotAlike) {
  const HandMade made = HandMade()
                            .append(1, IN_CREATE, 0, "a")
                            .append(1, IN_OPEN, 0, "a")
                            .append(1, IN_MODIFY, 0, "a");
  ::feed(look_ahead_, made, [](const RawEvent& raw) { return raw.mask == IN_OPEN; });
  next();
  EXPECT_EQ(look_ahead_.next_alike(IN_OPEN | IN_MODIFY), nullptr);
  EXPECT_EQ(next(), "IN_MODIFY 1 a");
  EXPECT_TRUE(look_ahead_.empty());
}

// ---- against the simplest thing that could work

constexpr Mask plain = IN_MODIFY | IN_CLOSE_WRITE;

class LookAheadModel {
 public:
  explicit LookAheadModel(unsigned seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      step();
    }
    EXPECT_GT(renames_, 20) << "too few renames taken out to say much";
    EXPECT_GT(runs_, 20) << "too few events alike";
  }

 private:
  std::size_t pick(std::size_t n) { return random_() % n; }
  int any_wd() { return static_cast<int>(1 + pick(4)); }
  std::string any_name() {
    return std::string(pick(8) == 0 ? 200 : 1, static_cast<char>('a' + pick(5)));
  }

  void step() {
    // Now the queue grows, now it runs dry: both over several segments.
    const bool grows = (phase_++ / 300) % 2 == 0;
    switch (pick(8)) {
      case 0:
        return append(grows ? 20 + pick(100) : pick(3));
      case 1:
      case 2:
      case 3:
        for (std::size_t n = grows ? 1 : 1 + pick(60); n > 0; --n) next();
        return;
      case 4:
        return ask_about_names();
      case 5:
        return ask_about_current();
      case 6:
        return take_a_rename();
      default:
        if (pick(200) == 0) clear();
    }
  }

  void append(std::size_t count) {
    HandMade made;
    for (std::size_t i = 0; i < count; ++i) {
      static constexpr Mask masks[] = {IN_CREATE,      IN_DELETE,           IN_MODIFY,
                                       IN_MOVED_TO,    IN_MOVED_FROM,       IN_MOVE_SELF,
                                       IN_DELETE_SELF, IN_CREATE | IN_ISDIR};
      const Mask mask = masks[pick(std::size(masks))];
      const bool self = (mask & (IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
      if ((mask & IN_MOVED_FROM) != 0) {
        push(made, any_wd(), mask, ++cookie_, any_name());
        if (pick(2) == 0) push(made, 9, IN_MODIFY, 0, "between");
        if (pick(4) != 0) push(made, any_wd(), IN_MOVED_TO, cookie_, any_name());
      } else {
        const int wd = any_wd();
        const std::string name = self ? "" : any_name();
        push(made, wd, mask, (mask & IN_MOVED_TO) != 0 ? ++cookie_ : 0, name);
        if (pick(4) == 0) push(made, wd, IN_CLOSE_WRITE, 0, name);
      }
      if (made.bytes().size() < 1024 && i + 1 < count) continue;
      feed(look_ahead_, made);
      made = HandMade();
    }
  }

  void push(HandMade& made, int wd, Mask mask, std::uint32_t cookie, const std::string& name) {
    made.append(wd, mask, cookie, name);
    naive_.push({wd, mask, cookie, name});
  }

  // Now and then asks for one that is like the current one, which must then be the next. That may
  // be missed only where what was read at once ends.
  const RawEvent* any_next() {
    const bool was_current = naive_.current != 0;
    const std::size_t before = naive_.handed_out;
    const RawEvent* alike = was_current && pick(2) == 0 ? look_ahead_.next_alike(plain) : nullptr;
    const RawEvent* next = alike != nullptr ? alike : look_ahead_.next();
    EXPECT_EQ(next != nullptr, naive_.next());
    if (alike == nullptr) return next;
    ++runs_;
    EXPECT_EQ(naive_.current, before + 1) << "one has been left out";
    EXPECT_EQ(naive_.at(before).wd, alike->wd);
    EXPECT_EQ(naive_.at(before).name, alike->name);
    EXPECT_EQ(alike->mask & ~plain, 0U);
    return next;
  }

  void next() {
    const RawEvent* next = any_next();
    if (naive_.current != 0) {
      const RawEvent& raw = *next;
      const Naive::Item& item = naive_.at(naive_.current);
      ASSERT_EQ(raw.wd, item.wd);
      ASSERT_EQ(raw.mask, item.mask);
      ASSERT_EQ(raw.cookie, item.cookie);
      ASSERT_EQ(raw.name, item.name);
    }
    std::size_t bytes = 0;
    for (std::size_t i = naive_.handed_out + 1; i <= naive_.items.size(); ++i) {
      if (!naive_.at(i).taken) bytes += naive_.at(i).size();
    }
    ASSERT_EQ(look_ahead_.bytes(), bytes);
    ASSERT_EQ(look_ahead_.empty(), bytes == 0);
  }

  [[nodiscard]] std::size_t number(const Entry* entry) const { return naive_.number(entry); }

  void ask_about_names() {
    const int wd = any_wd();
    const std::string name = any_name();
    const auto is_it = [&](const Naive::Item& item) {
      return item.wd == wd && item.name == name && (item.mask & name_bits) != 0;
    };
    const auto departs = [&](const Naive::Item& item) {
      return is_it(item) && (item.mask & IN_MOVED_FROM) != 0;
    };
    ASSERT_EQ(look_ahead_.touches(wd, name), naive_.first_after(0, is_it) != 0);
    const std::size_t leaves = naive_.first_after(0, departs);
    ASSERT_EQ(look_ahead_.leaves(wd, name), leaves != 0);
    const Entry* from = look_ahead_.departure(wd, name, nullptr);
    const bool now = naive_.current != 0 && departs(naive_.at(naive_.current));
    ASSERT_EQ(number(from), now ? naive_.current : leaves);
    if (from == nullptr) return;
    ASSERT_EQ(number(look_ahead_.departure(wd, name, from)),
              naive_.first_after(number(from), departs));
    check_following(*from);
  }

  void ask_about_current() {
    if (naive_.current == 0 || !naive_.is_name_event(naive_.current)) return;
    const Entry& current = look_ahead_.current();
    ASSERT_EQ(number(&current), naive_.current);
    check_following(current);
  }

  void check_following(const Entry& entry) {
    const int wd = any_wd();
    const auto is_it = [&](const Naive::Item& item) {
      return item.wd == wd && (item.mask & name_bits) != 0;
    };
    const Entry* next = look_ahead_.following(entry, wd);
    ASSERT_EQ(number(next), naive_.first_after(number(&entry), is_it));
    const int mover = any_wd();
    const std::size_t self = naive_.first_after(number(&entry), [&](const Naive::Item& item) {
      return item.wd == mover && (item.mask & IN_MOVE_SELF) != 0;
    });
    ASSERT_EQ(look_ahead_.moves_self(mover, entry, next),
              self != 0 && (next == nullptr || self < number(next)));
    ASSERT_EQ(look_ahead_.moves_self(mover, entry, nullptr), self != 0);
  }

  void take_a_rename() {
    const std::uint32_t cookie =
        cookie_ - static_cast<std::uint32_t>(pick(std::min<std::size_t>(cookie_, 300) + 1));
    const std::size_t expected = naive_.first_after(0, [&](const Naive::Item& item) {
      return item.cookie == cookie && (item.mask & IN_MOVED_TO) != 0;
    });
    const Entry* to = look_ahead_.arrival(cookie);
    ASSERT_EQ(number(to), expected);
    if (to == nullptr || pick(2) == 0) return;
    look_ahead_.take(*to);
    naive_.items[expected - 1].taken = true;
    ++renames_;
  }

  void clear() {
    look_ahead_.clear();
    naive_.clear();
  }

  std::mt19937 random_;
  LookAhead look_ahead_;
  Naive naive_;
  std::uint32_t cookie_ = 0;
  int phase_ = 0;
  int renames_ = 0;
  int runs_ = 0;
};

TEST(LookAhead, AgreesWithANaiveOneAfterAnyOperations) {
  for (const unsigned seed : {1U, 2U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LookAheadModel(seed).run(4000);
  }
}

}  // namespace
