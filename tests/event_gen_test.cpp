// event_gen: each promise of its header. How a watcher loses events is written where it can be made
// to happen at will: a terminal mask may name any event.
#include <inotify/event_gen.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <inotify/auto_watcher.hpp>
#include <inotify/limits.hpp>

#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::AutoWatcher;
using inotify::Event;
using inotify::event_gen;
using inotify::EventGen;
using inotify::EventGenOptions;
using inotify::TerminalEvent;
using inotify::Watcher;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

static_assert(std::ranges::input_range<EventGen>);
static_assert(!std::ranges::forward_range<EventGen>);
static_assert(std::ranges::view<EventGen>);
static_assert(std::derived_from<TerminalEvent, std::runtime_error>);
static_assert(std::is_nothrow_copy_constructible_v<TerminalEvent>);

std::string line(const Event* event) {
  if (event == nullptr) return "idle";
  return inotify::to_string(event->mask) + ' ' + std::string(event->name);
}

/// What is there, and no tick: ends as soon as the queue is empty.
EventGenOptions queued() { return {.timeout = 0ms, .yield_idle = false}; }

Lines lines(Watcher& w, EventGenOptions options = queued()) {
  Lines lines;
  for (const Event* event : event_gen(w, std::move(options))) lines.push_back(line(event));
  return lines;
}

class EventGenTest : public testing::Test {
 protected:
  EventGenTest() { w_.add(dir_.path(), IN_CREATE | IN_DELETE); }

  void create(std::initializer_list<const char*> names) {
    for (const char* name : names) test::write_file(dir_ / name);
  }

  test::TempDir dir_;
  Watcher w_;
};

TEST_F(EventGenTest, YieldsTheEventsInTheirOrder) {
  create({"a", "b"});
  EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE a", "IN_CREATE b"));
  create({"c"});
  EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE c"));
}

TEST_F(EventGenTest, TakesAnAutoWatcherAsWell) {
  AutoWatcher w;
  w.add_all(dir_.path(), IN_CREATE);
  std::filesystem::create_directories(dir_ / "new/deep");
  EXPECT_THAT(lines(w), ElementsAre("IN_CREATE|IN_ISDIR new", "IN_CREATE|IN_ISDIR deep"));
}

TEST_F(EventGenTest, TicksInEachCycleWithoutAnEvent) {
  create({"a"});
  Lines seen;
  for (const Event* event : event_gen(w_, {.block_duration = 1ms})) {
    seen.push_back(line(event));
    if (seen.size() == 2) create({"b"});
    if (seen.size() == 4) break;
  }
  EXPECT_THAT(seen, ElementsAre("IN_CREATE a", "idle", "IN_CREATE b", "idle"));
}

// PyInotify yields None after each cycle, whether it had events or not.
TEST_F(EventGenTest, TicksAfterEachBatchIfAskedTo) {
  EventGenOptions options{.block_duration = 1ms, .tick = inotify::Tick::each_batch};
  create({"a", "b"});
  Lines seen;
  for (const Event* event : event_gen(w_, options)) {
    seen.push_back(line(event));
    if (seen.size() == 3) create({"c"});  // so the next cycle is not idle
    if (seen.size() == 6) break;
  }
  EXPECT_THAT(seen,
              ElementsAre("IN_CREATE a", "IN_CREATE b", "idle", "IN_CREATE c", "idle", "idle"));
  options.yield_idle = false;
  options.timeout = 0ms;
  create({"d", "e"});
  EXPECT_THAT(lines(w_, options), ElementsAre("IN_CREATE d", "IN_CREATE e"));
}

// On a tree so busy that there is always more to read.
TEST_F(EventGenTest, TicksOnABusyTreeAsWell) {
  for (const auto tick : {inotify::Tick::each_batch, inotify::Tick::idle}) {
    AutoWatcher w;
    w.add_all(dir_.path(), IN_CREATE | IN_DELETE);
    int made = 0;
    int ticks = 0;
    const auto make = [&] {
      for (int i = 0; i < 3; ++i) create({std::to_string(++made).c_str()});
    };
    make();
    int events = 0;
    for (const Event* event : event_gen(w, {.tick = tick})) {
      if (event == nullptr) ++ticks;
      if (event != nullptr && ++events % 3 == 0) make();  // before the last one of a batch is left
      if (events >= 300) break;
    }
    EXPECT_GE(ticks, tick == inotify::Tick::idle ? 0 : 50);
    EXPECT_LE(ticks, tick == inotify::Tick::idle ? 0 : 300);
    for (int i = 1; i <= made; ++i) std::filesystem::remove(dir_ / std::to_string(i));
  }
}

TEST_F(EventGenTest, AsksTheFunctionHowLongToWaitInEachCycle) {
  int asked = 0;
  int ticks = 0;
  const auto block = [&] { return std::chrono::milliseconds(++asked); };
  for ([[maybe_unused]] const Event* event : event_gen(w_, {.block_duration = block})) {
    if (++ticks == 3) break;
  }
  EXPECT_EQ(asked, 3);
}

TEST_F(EventGenTest, WaitsForTheBlockDuration) {
  const auto start = steady_clock::now();
  for (const Event* event : event_gen(w_, {.block_duration = 30ms})) {
    EXPECT_EQ(event, nullptr);
    break;
  }
  EXPECT_GE(steady_clock::now() - start, 30ms);
  EXPECT_LT(steady_clock::now() - start, 1s) << "the default was taken";
}

TEST_F(EventGenTest, TheTimeoutEndsItHoweverLongACycleIs) {
  const auto start = steady_clock::now();
  EXPECT_THAT(lines(w_, {.block_duration = 1h, .timeout = 30ms}), IsEmpty());
  EXPECT_GE(steady_clock::now() - start, 30ms);
  EXPECT_LT(steady_clock::now() - start, 10s);
}

TEST_F(EventGenTest, TheTimeoutCountsFromTheLastEvent) {
  int ticks = 0;
  auto last = steady_clock::now();
  for (const Event* event : event_gen(w_, {.block_duration = 1ms, .timeout = 300ms})) {
    if (event != nullptr) last = steady_clock::now();
    if (event == nullptr && ++ticks == 2) create({"late"});
  }
  EXPECT_GE(ticks, 2);
  EXPECT_GE(steady_clock::now() - last, 290ms);  // `last` is read after the range's own clock
}

TEST_F(EventGenTest, ThePredicateEndsItAndTheEventIsKept) {
  create({"a", "stop", "b"});
  auto options = queued();
  options.filter_predicate = [](const Event& event) { return event.name != "stop"; };
  auto gen = event_gen(w_, options);
  Lines seen;
  for (const Event* event : gen) seen.push_back(line(event));
  EXPECT_THAT(seen, ElementsAre("IN_CREATE a"));
  ASSERT_TRUE(gen.last_event());
  EXPECT_EQ(gen.last_event()->fullpath, (dir_ / "stop").string());
  EXPECT_TRUE(gen.begin() == gen.end());
  EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE b"));  // none lost
}

TEST_F(EventGenTest, WithoutThePredicateNoEventIsKept) {
  create({"a"});
  auto gen = event_gen(w_, queued());
  for ([[maybe_unused]] const Event* event : gen) {
  }
  EXPECT_FALSE(gen.last_event());
}

TEST_F(EventGenTest, ATerminalEventIsThrownAfterWhatWasBeforeIt) {
  create({"a"});
  std::filesystem::remove(dir_ / "a");
  create({"b", "c"});
  auto options = queued();
  options.terminal_events = IN_DELETE;
  auto gen = event_gen(w_, options);
  Lines seen;
  try {
    for (const Event* event : gen) seen.push_back(line(event));
    ADD_FAILURE() << "nothing thrown";
  } catch (const TerminalEvent& terminal) {
    EXPECT_TRUE(terminal.event().is_delete());
    EXPECT_EQ(terminal.event().name, "a");
    EXPECT_THAT(terminal.what(), HasSubstr((dir_ / "a").string()));
  }
  EXPECT_THAT(seen, ElementsAre("IN_CREATE a"));
  EXPECT_TRUE(gen.begin() == gen.end());
  EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE b", "IN_CREATE c"));  // none lost
}

TEST_F(EventGenTest, TerminalAreOverflowAndUnmountUnlessOneSaysOtherwise) {
  EXPECT_EQ(EventGenOptions{}.terminal_events, inotify::Mask{IN_Q_OVERFLOW | IN_UNMOUNT});
  Event overflow;
  overflow.mask = IN_Q_OVERFLOW;
  EXPECT_THAT(TerminalEvent(overflow).what(), HasSubstr("fs.inotify.max_queued_events"));
  Event unmount;
  unmount.mask = IN_UNMOUNT;
  unmount.fullpath = "/mnt";
  EXPECT_THAT(TerminalEvent(unmount).what(), HasSubstr("/mnt"));
  create({"a"});
  std::filesystem::remove(dir_ / "a");
  EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE a", "IN_DELETE a"));
}

// The two lines of the header.
TEST_F(EventGenTest, AnOverflowMayBeAnEventLikeOthers) {
  AutoWatcher w;
  w.add_all(dir_.path(), IN_ATTRIB);
  create({"a", "b"});
  const long most = inotify::max_queued_events().value_or(16384);
  for (long i = 0; i <= most; ++i)  // by turns, for twice the same would be one event
    std::filesystem::permissions(dir_ / (i % 2 == 0 ? "a" : "b"), std::filesystem::perms(0600));
  Lines listed;
  EventGenOptions options = queued();
  options.terminal_events = 0;
  const auto list = [&](std::string_view path) { listed.emplace_back(path); };
  for (const inotify::Event* event : inotify::event_gen(w, options))
    if (event && event->is_overflow()) list(event->path);
  EXPECT_THAT(listed, ElementsAre(dir_.str()));
  create({"c"});
  std::filesystem::permissions(dir_ / "c", std::filesystem::perms(0600));
  EXPECT_THAT(lines(w), ElementsAre("IN_ATTRIB c"));
}

TEST_F(EventGenTest, WhoBreaksLosesNothing) {
  create({"a", "b", "c"});
  for (const Event* event : event_gen(w_, queued())) {
    EXPECT_EQ(line(event), "IN_CREATE a");
    break;
  }
  for (const Event* event : event_gen(w_, queued())) {
    EXPECT_EQ(line(event), "IN_CREATE b");
    break;
  }
  const auto rest = w_.read(0ms);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].name, "c");
}

TEST_F(EventGenTest, AnExceptionOfAHandlerLosesNothing) {
  create({"a", "b"});
  try {
    for ([[maybe_unused]] const Event* event : event_gen(w_, queued())) throw std::logic_error("x");
  } catch (const std::logic_error&) {
  }
  EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE b"));
}

TEST_F(EventGenTest, WhatABlockFunctionThrowsPassesThroughAndLosesNothing) {
  create({"a"});
  bool throws = true;
  const auto block = [&] {
    if (throws) throw std::logic_error("x");
    return 0ms;
  };
  auto gen = event_gen(w_, {.block_duration = block});
  EXPECT_THROW(*gen.begin(), std::logic_error);
  throws = false;
  EXPECT_EQ(line(*gen.begin()), "IN_CREATE a");  // the range can go on
}

TEST_F(EventGenTest, InterruptEndsIt) {
  for (const auto block : {std::chrono::milliseconds(0), std::chrono::milliseconds(1h)}) {
    create({"a"});
    w_.interrupt();
    EXPECT_THAT(lines(w_, {.block_duration = block}), IsEmpty());
    EXPECT_THAT(lines(w_), ElementsAre("IN_CREATE a"));  // what is queued stays queued
    std::filesystem::remove(dir_ / "a");
    EXPECT_THAT(lines(w_), ElementsAre("IN_DELETE a"));
  }
}

TEST_F(EventGenTest, EndsWhenNothingIsWatchedAndAllIsDelivered) {
  create({"a"});
  w_.remove_path(dir_.path());
  EXPECT_THAT(lines(w_, {.block_duration = 1h}), ElementsAre("IN_CREATE a", "IN_IGNORED "));
}

TEST_F(EventGenTest, TellsErrorsOfTheWatcher) {
  w_.close();
  EXPECT_THROW(lines(w_), std::system_error);
}

#if !defined __clang__ || __clang_major__ >= 16  // older ones cannot compile libstdc++'s views
TEST_F(EventGenTest, WorksWithViews) {
  create({"a", "b", "c", "d"});
  Lines seen;
  const auto is_not_b = [](const Event* event) { return event != nullptr && event->name != "b"; };
  auto range = event_gen(w_, queued()) | std::views::filter(is_not_b);
  for (const std::string& text : std::move(range) | std::views::transform(line))
    seen.push_back(text);
  EXPECT_THAT(seen, ElementsAre("IN_CREATE a", "IN_CREATE c", "IN_CREATE d"));
}

TEST_F(EventGenTest, TakeNeitherTakesOneMoreNorWaitsForIt) {
  create({"a", "b"});
  Lines seen;
  for (const Event* event : event_gen(w_, {.block_duration = 1h}) | std::views::take(1))
    seen.push_back(line(event));
  EXPECT_THAT(seen, ElementsAre("IN_CREATE a"));
  for (const Event* event : event_gen(w_, {.block_duration = 1h}) | std::views::take(1))
    seen.push_back(line(event));
  EXPECT_THAT(seen, ElementsAre("IN_CREATE a", "IN_CREATE b"));
}
#endif

}  // namespace
