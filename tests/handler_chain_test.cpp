// HandlerChain, chain_if, HandlerMap.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <inotify/handler_chain.hpp>
#include <inotify/watcher.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using inotify::Chain;
using inotify::chain_if;
using inotify::Event;
using inotify::EventHandler;
using inotify::HandlerChain;
using inotify::HandlerMap;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Event event_at(std::string_view fullpath, int wd = 1, inotify::Mask mask = IN_CREATE) {
  Event event;
  event.wd = wd;
  event.mask = mask;
  event.fullpath = fullpath;
  return event;
}

// Handlers that note which of them was called.
class Noted : public ::testing::Test {
 protected:
  auto note(std::string text, Chain result = Chain::go_on) {
    return [this, text = std::move(text), result](const Event&) {
      calls_.push_back(text);
      return result;
    };
  }
  std::vector<std::string> take() { return std::exchange(calls_, {}); }

  std::vector<std::string> calls_;
};
using HandlerChainTest = Noted;
using HandlerMapTest = Noted;

TEST_F(HandlerChainTest, CallsInTheOrderOfWritingUpToTheFirstStop) {
  HandlerChain chain;
  EXPECT_EQ(chain(event_at("/a")), Chain::go_on);  // empty
  chain.then(note("1")).then(note("2"));
  EXPECT_EQ(chain(event_at("/a")), Chain::go_on);
  EXPECT_THAT(take(), ElementsAre("1", "2"));
  chain.then(note("3", Chain::stop)).then(note("4"));
  EXPECT_EQ(chain(event_at("/a")), Chain::stop);
  EXPECT_THAT(take(), ElementsAre("1", "2", "3"));
}

TEST_F(HandlerChainTest, TakesWhatReturnsNothingAndReferencesToHandlers) {
  class : public EventHandler {
   public:
    int creates = 0;

   private:
    Chain on_create(const Event&) override {
      ++creates;
      return Chain::stop;
    }
  } handler;
  HandlerChain chain;
  int seen = 0;
  chain.then([&](const Event&) { ++seen; }).then(std::ref(handler)).then(note("rest"));
  chain(event_at("/a"));
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(handler.creates, 1);
  EXPECT_THAT(take(), IsEmpty());
  chain(event_at("/a", 1, IN_MODIFY));
  EXPECT_THAT(take(), ElementsAre("rest"));
}

TEST_F(HandlerChainTest, ChainIfAsksAPredicate) {
  HandlerChain chain;
  chain.then(note("all"))
      .then(chain_if([](const Event& e) { return e.fullpath == "/wanted"; }))
      .then(note("wanted"));
  EXPECT_EQ(chain(event_at("/other")), Chain::stop);
  EXPECT_THAT(take(), ElementsAre("all"));
  EXPECT_EQ(chain(event_at("/wanted")), Chain::go_on);
  EXPECT_THAT(take(), ElementsAre("all", "wanted"));
}

TEST_F(HandlerChainTest, AChainInAChainPassesItsStopOn) {
  HandlerChain inner;
  inner.then(chain_if([](const Event& e) { return e.is_create(); })).then(note("inner"));
  HandlerChain outer;
  outer.then(std::ref(inner)).then(note("outer"));
  outer(event_at("/a"));
  EXPECT_THAT(take(), ElementsAre("inner", "outer"));
  outer(event_at("/a", 1, IN_DELETE));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(HandlerChainTest, AnExceptionKeepsTheRestFromBeingCalled) {
  HandlerChain chain;
  chain.then([](const Event&) { throw std::runtime_error("no"); }).then(note("rest"));
  EXPECT_THROW(chain(event_at("/a")), std::runtime_error);
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(HandlerMapTest, WithoutAHandlerNothingHappens) {
  HandlerMap map;
  EXPECT_EQ(map(event_at("/a")), Chain::go_on);
  EXPECT_EQ(map(event_at("")), Chain::go_on);
}

TEST_F(HandlerMapTest, TheLongestRootWins) {
  HandlerMap map;
  map.at_root("/etc//./ssl/", note("ssl")).at_root("/etc", note("etc")).otherwise(note("rest"));
  const auto handler_of = [&](std::string_view path) {
    map(event_at(path));
    return take();
  };
  EXPECT_THAT(handler_of("/etc/ssl/a/b"), ElementsAre("ssl"));
  EXPECT_THAT(handler_of("/etc/ssl"), ElementsAre("ssl"));
  EXPECT_THAT(handler_of("/etc/ssl2"), ElementsAre("etc"));  // by components, not by letters
  EXPECT_THAT(handler_of("/etc"), ElementsAre("etc"));
  EXPECT_THAT(handler_of("/etcetera"), ElementsAre("rest"));
  EXPECT_THAT(handler_of("/"), ElementsAre("rest"));
  EXPECT_THAT(handler_of(""), ElementsAre("rest"));  // an overflow of a plain Watcher
  EXPECT_THAT(handler_of("etc/x"), ElementsAre("rest"));
  map.at_root("/", note("root"));
  EXPECT_THAT(handler_of("/home"), ElementsAre("root"));
  EXPECT_THAT(handler_of("/"), ElementsAre("root"));
  EXPECT_THAT(handler_of("/etc/x"), ElementsAre("etc"));
  EXPECT_THAT(handler_of("home"), ElementsAre("rest"));
  EXPECT_TRUE(map.remove_root("/etc/ssl"));
  EXPECT_FALSE(map.remove_root("/etc/ssl"));
  EXPECT_THAT(handler_of("/etc/ssl/a"), ElementsAre("etc"));
}

TEST_F(HandlerMapTest, RelativeRoots) {
  HandlerMap map;
  map.at_root("./src", note("src")).otherwise(note("rest"));
  map(event_at("src/a"));
  map(event_at("./src/a"));
  map(event_at("test/a"));
  EXPECT_THAT(take(), ElementsAre("src", "src", "rest"));
  map.at_root(".", note("here"));
  map(event_at("./test/a"));
  map(event_at("test/a"));
  map(event_at("."));
  map(event_at("src/a"));
  map(event_at("../other"));
  map(event_at("/abs"));
  EXPECT_THAT(take(), ElementsAre("here", "here", "here", "src", "rest", "rest"));
  map.at_root("..//", note("above"));
  map(event_at("../other"));
  map(event_at("../.."));
  map(event_at("../../a"));
  EXPECT_THAT(take(), ElementsAre("above", "rest", "rest"));
}

TEST_F(HandlerMapTest, AWatchComesBeforeRoots) {
  HandlerMap map;
  map.at_root("/", note("root")).at_watch(5, note("watch", Chain::stop));
  EXPECT_EQ(map(event_at("/a", 5)), Chain::stop);
  EXPECT_EQ(map(event_at("/a", 6)), Chain::go_on);
  EXPECT_THAT(take(), ElementsAre("watch", "root"));
  EXPECT_TRUE(map.remove_watch(5));
  EXPECT_FALSE(map.remove_watch(5));
  map(event_at("/a", 5));
  EXPECT_THAT(take(), ElementsAre("root"));
}

TEST_F(HandlerMapTest, AWatchsHandlerEndsWithTheWatch) {
  const test::TempDir dir;
  test::write_file(dir / "pid");
  inotify::Watcher watcher;
  HandlerMap map;
  std::vector<std::string> seen;
  const int wd = watcher.add(dir / "pid", IN_DELETE_SELF);
  map.at_watch(wd, [&](const Event& e) { seen.push_back(inotify::to_string(e.mask)); });
  watcher.remove(wd);
  for (const Event& event : watcher.read(std::chrono::seconds(30))) map(event);
  EXPECT_THAT(seen, ElementsAre("IN_IGNORED"));
  EXPECT_FALSE(map.remove_watch(wd));
}

TEST_F(HandlerMapTest, MayBeChangedByTheHandlerThatRuns) {
  HandlerMap map;
  const std::string text(100, 'x');
  map.at_root("/a", [&, text](const Event&) {
    map.at_root("/a", note("new")).otherwise(note("rest"));
    map.at_watch(9, note("nine"));
    map.remove_root("/a");
    calls_.push_back(text);  // still there
  });
  map(event_at("/a"));
  EXPECT_THAT(take(), ElementsAre(text));
  map(event_at("/a"));
  map(event_at("/a", 9));
  EXPECT_THAT(take(), ElementsAre("rest", "nine"));
}

}  // namespace
