// Handlers: functions by what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <inotify/error.hpp>
#include <inotify/handler_chain.hpp>
#include <inotify/notifier.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using inotify::Chain;
using inotify::Event;
using inotify::Handlers;
using inotify::Mask;
using ::testing::ElementsAre;

Event event_of(Mask mask) {
  Event event;
  event.mask = mask;
  return event;
}

class HandlersTest : public ::testing::Test {
 protected:
  auto note(const char* who) {
    return
        [this, who](const Event& e) { calls_.push_back(who + (' ' + inotify::to_string(e.mask))); };
  }
  std::vector<std::string> calls_;
};

TEST_F(HandlersTest, NeedNotReturnAnythingAndAreCalledBitByBit) {
  Handlers handlers;
  handlers.on(IN_CLOSE, note("close")).on(IN_CREATE | IN_CLOSE_WRITE, note("new"));
  EXPECT_EQ(handlers(event_of(IN_CREATE | IN_CLOSE_WRITE | IN_ISDIR)), Chain::go_on);
  EXPECT_EQ(handlers(event_of(IN_DELETE | IN_ISDIR)), Chain::go_on);
  EXPECT_THAT(calls_, ElementsAre("new IN_CREATE|IN_ISDIR", "close IN_CLOSE_WRITE|IN_ISDIR",
                                  "new IN_CLOSE_WRITE|IN_ISDIR"));
}

TEST_F(HandlersTest, WhatNoneAsksForGoesToTheOther) {
  Handlers handlers;
  handlers.on(IN_CREATE | IN_ISDIR, note("new")).otherwise(note("other"));
  handlers(event_of(IN_CREATE | IN_ATTRIB));
  handlers(event_of(IN_DELETE | IN_ISDIR));
  Event hole = event_of(IN_ISDIR);
  hole.error = inotify::make_error(EACCES);
  handlers(hole);
  EXPECT_THAT(calls_, ElementsAre("new IN_CREATE", "other IN_ATTRIB", "other IN_DELETE|IN_ISDIR",
                                  "other IN_ISDIR"));
}

TEST_F(HandlersTest, MayStopAChain) {
  Handlers handlers;
  handlers.on(IN_CREATE, [](const Event&) { return Chain::stop; }).on(IN_ALL_EVENTS, note("all"));
  EXPECT_EQ(handlers(event_of(IN_CREATE)), Chain::stop);
  EXPECT_EQ(handlers(event_of(IN_DELETE)), Chain::go_on);
  EXPECT_THAT(calls_, ElementsAre("all IN_CREATE", "all IN_DELETE"));
}

TEST_F(HandlersTest, ANotifierTakesThemAsTheyAre) {
  const test::TempDir dir;
  inotify::Watcher watcher;
  watcher.add(dir.path(), IN_CREATE);
  Handlers handlers;
  handlers.on(IN_CREATE, note("new"));
  inotify::Notifier notifier(watcher, handlers);
  test::write_file(dir / "a");
  notifier.loop([](inotify::Notifier&) { return true; });
  EXPECT_THAT(calls_, ElementsAre("new IN_CREATE"));
}

}  // namespace
