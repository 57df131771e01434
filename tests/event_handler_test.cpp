// EventHandler: which handler an event comes to; PrintAll.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <inotify/error.hpp>
#include <inotify/event_handler.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using inotify::Chain;
using inotify::Event;
using inotify::EventHandler;
using inotify::Mask;
using ::testing::ElementsAre;

using Calls = std::vector<std::string>;

Event event_of(Mask mask) {
  Event event;
  event.wd = 1;
  event.mask = mask;
  event.name = "name";
  event.path = "/dir";
  event.fullpath = "/dir/name";
  return event;
}

class Recorder : public EventHandler {
 public:
  Calls calls;
  Mask stops_at = 0;
  Mask throws_at = 0;

 protected:
  Chain note(const char* handler, const Event& event) {
    calls.push_back(handler + (' ' + inotify::to_string(event.mask)));
    if ((event.mask & throws_at) != 0) throw std::runtime_error(handler);
    return (event.mask & stops_at) != 0 ? Chain::stop : Chain::go_on;
  }
};

// Overrides on_default alone.
class Default : public Recorder {
  Chain on_default(const Event& e) override { return note("default", e); }
};

class Families : public Default {
  Chain on_close(const Event& e) override { return note("close", e); }
  Chain on_move(const Event& e) override { return note("move", e); }
};

class All : public Families {
  Chain on_access(const Event& e) override { return note("access", e); }
  Chain on_modify(const Event& e) override { return note("modify", e); }
  Chain on_attrib(const Event& e) override { return note("attrib", e); }
  Chain on_close_write(const Event& e) override { return note("close_write", e); }
  Chain on_close_nowrite(const Event& e) override { return note("close_nowrite", e); }
  Chain on_open(const Event& e) override { return note("open", e); }
  Chain on_moved_from(const Event& e) override { return note("moved_from", e); }
  Chain on_moved_to(const Event& e) override { return note("moved_to", e); }
  Chain on_create(const Event& e) override { return note("create", e); }
  Chain on_delete(const Event& e) override { return note("delete", e); }
  Chain on_delete_self(const Event& e) override { return note("delete_self", e); }
  Chain on_move_self(const Event& e) override { return note("move_self", e); }
  Chain on_unmount(const Event& e) override { return note("unmount", e); }
  Chain on_overflow(const Event& e) override { return note("overflow", e); }
  Chain on_ignored(const Event& e) override { return note("ignored", e); }
  Chain on_error(const Event& e) override { return note("error", e); }
};

template <class Handler>
std::string handler_of(const Event& event) {
  Handler handler;
  handler(event);
  if (handler.calls.size() != 1) return ::testing::PrintToString(handler.calls);
  return handler.calls.front().substr(0, handler.calls.front().find(' '));
}

struct Case {
  Mask bit;
  const char* special;
  const char* family;
};
const std::vector<Case> cases = {
    {IN_ACCESS, "access", "default"},
    {IN_MODIFY, "modify", "default"},
    {IN_ATTRIB, "attrib", "default"},
    {IN_CLOSE_WRITE, "close_write", "close"},
    {IN_CLOSE_NOWRITE, "close_nowrite", "close"},
    {IN_OPEN, "open", "default"},
    {IN_MOVED_FROM, "moved_from", "move"},
    {IN_MOVED_TO, "moved_to", "move"},
    {IN_CREATE, "create", "default"},
    {IN_DELETE, "delete", "default"},
    {IN_DELETE_SELF, "delete_self", "default"},
    {IN_MOVE_SELF, "move_self", "default"},
    {IN_UNMOUNT, "unmount", "default"},
    {IN_Q_OVERFLOW, "overflow", "default"},
    {IN_IGNORED, "ignored", "default"},
};

TEST(EventHandler, TheSpecialHandlerElseTheFamilyElseTheDefault) {
  for (const Mask flag : {Mask{0}, Mask{IN_ISDIR}}) {
    for (const Case& each : cases) {
      const Event event = event_of(each.bit | flag);
      EXPECT_EQ(handler_of<All>(event), each.special) << event;
      EXPECT_EQ(handler_of<Families>(event), each.family) << event;
      EXPECT_EQ(handler_of<Default>(event), "default") << event;
    }
  }
}

TEST(EventHandler, WithoutHandlersNothingHappens) {
  class : public EventHandler {
  } nothing;
  for (const Case& each : cases) EXPECT_EQ(nothing(event_of(each.bit)), Chain::go_on);
}

TEST(EventHandler, AnErrorHasAHandlerOfItsOwn) {
  Event event = event_of(IN_ISDIR);
  event.error = inotify::make_error(EACCES);
  EXPECT_EQ(handler_of<All>(event), "error");
  EXPECT_EQ(handler_of<Families>(event), "default");
  event.mask = IN_CREATE | IN_MODIFY;
  EXPECT_EQ(handler_of<All>(event), "error");
}

TEST(EventHandler, WhatHasNoHandlerComesToTheDefault) {
  for (const Mask mask : {Mask{0}, Mask{IN_ISDIR}, Mask{0x10000}, Mask{0x80000000}}) {
    EXPECT_EQ(handler_of<All>(event_of(mask)), "default") << mask;
  }
}

TEST(EventHandler, EachBitsHandlerIsCalledOnceInTheOrderInWhichItHappened) {
  All all;
  all(event_of(IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_OPEN));
  EXPECT_THAT(all.calls, ElementsAre("create IN_CREATE", "open IN_OPEN", "modify IN_MODIFY",
                                     "close_write IN_CLOSE_WRITE"));
  All renamed;
  renamed(event_of(IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | 0x10000U));
  EXPECT_THAT(renamed.calls, ElementsAre("attrib IN_ATTRIB", "moved_from IN_MOVED_FROM",
                                         "moved_to IN_MOVED_TO", "default 0x10000"));
  Families families;
  families(event_of(IN_CREATE | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_ISDIR));
  EXPECT_THAT(families.calls,
              ElementsAre("default IN_CREATE|IN_ISDIR", "close IN_CLOSE_WRITE|IN_ISDIR",
                          "close IN_CLOSE_NOWRITE|IN_ISDIR"));
}

TEST(EventHandler, ThePartsOfAnEventAreOtherwiseTheEvent) {
  class : public EventHandler {
   public:
    int count = 0;

   private:
    Chain on_default(const Event& e) override {
      ++count;
      EXPECT_EQ(e.wd, 7);
      EXPECT_EQ(e.cookie, 3U);
      EXPECT_TRUE(e.synthetic);
      EXPECT_EQ(e.fullpath, "/dir/name");
      EXPECT_EQ(e.moved_from, "/old");
      return Chain::go_on;
    }
  } handler;
  Event event = event_of(IN_CREATE | IN_ATTRIB);
  event.wd = 7;
  event.cookie = 3;
  event.synthetic = true;
  event.moved_from = "/old";
  handler(event);
  EXPECT_EQ(handler.count, 2);
}

TEST(EventHandler, StopOfOneBitIsTheAnswerAndKeepsNoOtherBitAway) {
  All all;
  all.stops_at = IN_MODIFY;
  EXPECT_EQ(all(event_of(IN_MODIFY | IN_CREATE)), Chain::stop);
  EXPECT_EQ(all.calls.size(), 2U);
  EXPECT_EQ(all(event_of(IN_MODIFY)), Chain::stop);
  EXPECT_EQ(all(event_of(IN_CREATE)), Chain::go_on);
}

TEST(EventHandler, AnExceptionPassesThrough) {
  All all;
  all.throws_at = IN_MODIFY;
  EXPECT_THROW(all(event_of(IN_MODIFY | IN_CREATE | IN_CLOSE_WRITE)), std::runtime_error);
  EXPECT_THAT(all.calls, ElementsAre("create IN_CREATE", "modify IN_MODIFY"));
}

TEST(EventHandler, IsNotCopiedByAccident) {
  static_assert(!std::is_copy_constructible_v<All>);
  static_assert(
      std::is_constructible_v<std::function<void(const Event&)>, std::reference_wrapper<All>>);
}

TEST(EventHandler, TakesWhatAnAutoWatcherDelivers) {
  const test::TempDir dir;
  inotify::AutoWatcher watcher({.announce = true});
  test::write_file(dir / "file");
  watcher.add_all(dir.path(), IN_CREATE | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE);
  std::filesystem::rename(dir / "file", dir / "new");
  All all;
  for (int i = 0; i < 100 && all.calls.size() < 4; ++i) {
    for (const Event& event : watcher.read(std::chrono::milliseconds(100))) all(event);
  }
  EXPECT_THAT(all.calls, ElementsAre("create IN_CREATE", "close_write IN_CLOSE_WRITE",
                                     "moved_from IN_MOVED_FROM", "moved_to IN_MOVED_TO"));
}

TEST(PrintAll, PrintsEachEventWholeOnALine) {
  std::ostringstream out;
  inotify::PrintAll print(out);
  EXPECT_EQ(print(event_of(IN_CREATE | IN_CLOSE_WRITE)), Chain::go_on);
  Event hole = event_of(IN_ISDIR);
  hole.error = inotify::make_error(EPERM);
  print(hole);
  std::ostringstream expected;
  expected << event_of(IN_CREATE | IN_CLOSE_WRITE) << '\n' << hole << '\n';
  EXPECT_EQ(out.str(), expected.str());
}

}  // namespace
