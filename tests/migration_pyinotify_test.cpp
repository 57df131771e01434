// examples/migrating/pyinotify.md, name by name: what stands on its right side does what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <inotify/inotify.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace migration_pyinotify {
namespace {

using namespace std::chrono_literals;
using inotify::Chain;
using inotify::Event;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
namespace fs = std::filesystem;

class FromPyinotify : public testing::Test {
 protected:
  FromPyinotify() {
    fs::create_directories(dir_ / "a/deep");
    fs::create_directory(dir_ / "b");
  }
  std::string in(const std::string& name) const { return dir_ / name; }
  test::TempDir dir_;
};

TEST_F(FromPyinotify, WatchManager) {
  inotify::Watcher watcher;
  const int wd = watcher.add(in("a"), IN_CREATE);
  EXPECT_THAT(watcher.add_all(in("a"), IN_CREATE), SizeIs(2)) << "rec=True";
  EXPECT_THAT(inotify::glob_paths(in("[ab]")), ElementsAre(in("a"), in("b")));
  const auto result = inotify::add_watches(watcher, {in("[ab]"), in("none")}, IN_CREATE,
                                           {.glob = true, .quiet = true});
  EXPECT_EQ(result.at(in("a")).wd, wd);
  EXPECT_EQ(result.at(in("none")).wd, -1);
  EXPECT_EQ(result.at(in("none")).error, std::errc::no_such_file_or_directory);
  EXPECT_EQ(watcher.add(in("a"), IN_DELETE), wd) << "update_watch";
  EXPECT_EQ(watcher.path(in("a"))->wd, wd);
  EXPECT_EQ(watcher.wd(wd)->mask, inotify::Mask{IN_DELETE});
  EXPECT_THAT(watcher.watches(), SizeIs(3));
  EXPECT_GE(watcher.fileno(), 0);
  watcher.remove(wd);
  watcher.read();
  EXPECT_FALSE(watcher.wd(wd)) << "del_watch";
  EXPECT_THROW(watcher.add(in("none"), IN_CREATE), fs::filesystem_error);
  EXPECT_THROW(watcher.remove(wd), std::system_error);
}

TEST_F(FromPyinotify, AutoAdd) {
  inotify::AutoWatcher watcher(inotify::ExcludeFilter({in("b")}));
  const int root = watcher.add_all(dir_.path(), IN_CREATE).at(0);
  EXPECT_EQ(watcher.num_watches(), 3U);
  EXPECT_EQ(watcher.add_all(dir_.path(), IN_CREATE | IN_DELETE).at(0), root) << "update_watch";
  fs::create_directories(dir_ / "new/deeper");
  watcher.read();
  EXPECT_TRUE(watcher.path(in("new/deeper")));
  watcher.remove(root);
  watcher.read();
  EXPECT_TRUE(watcher.empty()) << "rm_watch(wd, rec=True)";
  watcher.add_all(dir_.path(), IN_CREATE);
  watcher.remove_all(dir_.path());
  watcher.read();
  EXPECT_TRUE(watcher.empty());
}

TEST_F(FromPyinotify, ProcFunAndIgnoreEvents) {
  inotify::Watcher watcher({in("a"), in("b")}, IN_CREATE);
  std::vector<std::string> told;
  const auto teller = [&](const std::string& who) {
    return
        [&told, who](const Event& event) { told.push_back(who + ' ' + std::string(event.name)); };
  };
  inotify::HandlerMap map;
  map.at_watch(watcher.path(in("a"))->wd, teller("watch"))
      .at_root(in("b"), teller("root"))
      .otherwise(teller("other"));
  bool ignore = false;
  inotify::HandlerChain chain;
  chain.then(inotify::chain_if([&](const Event&) { return !ignore; })).then(std::ref(map));
  for (const char* name : {"a/f", "b/g"}) test::write_file(dir_ / name);
  for (const Event& event : watcher.read()) chain(event);
  ignore = true;
  test::write_file(dir_ / "a/h");
  for (const Event& event : watcher.read()) EXPECT_EQ(chain(event), Chain::stop);
  EXPECT_THAT(told, ElementsAre("watch f", "root g"));
}

TEST_F(FromPyinotify, Event) {
  inotify::AutoWatcher watcher({dir_.path()}, IN_MOVE | IN_DELETE_SELF);
  fs::rename(dir_ / "b", dir_ / "a/c");
  const auto events = watcher.read();
  EXPECT_EQ(events[1].fullpath, in("a/c"));
  EXPECT_EQ(events[1].moved_from, in("b"));
  EXPECT_EQ(events[0].moved_to, in("a/c"));
  EXPECT_TRUE(events[1].is_dir());
  EXPECT_EQ(events[0].cookie, events[1].cookie);
  EXPECT_EQ(inotify::to_string(events[1].mask), "IN_MOVED_TO|IN_ISDIR");
  inotify::Watcher plain({in("a/c")}, IN_DELETE_SELF);
  fs::remove(dir_ / "a/c");
  EXPECT_FALSE(plain.read()[0].is_dir()) << "as the kernel has it";
}

struct Handler : inotify::EventHandler {
  explicit Handler(std::vector<std::string>& to) : told(to) {}  // my_init
  Chain on_create(const inotify::Event&) override { return tell("create"); }
  Chain on_close(const inotify::Event&) override { return tell("close"); }
  Chain on_move(const inotify::Event&) override { return tell("move"); }
  Chain on_delete_self(const inotify::Event&) override { return tell("delete_self"); }
  Chain on_move_self(const inotify::Event&) override { return tell("move_self"); }
  Chain on_error(const inotify::Event&) override { return tell("error"); }
  Chain on_default(const inotify::Event& event) override {
    return tell("default " + inotify::to_string(event.mask));
  }
  Chain tell(std::string what) {
    told.push_back(std::move(what));
    return Chain::go_on;
  }
  std::vector<std::string>& told;
};

TEST_F(FromPyinotify, ProcessEvent) {
  std::vector<std::string> told;
  Handler handler(told);
  std::ostringstream out;
  inotify::PrintAll print(out);
  inotify::HandlerChain chain;
  chain.then(std::ref(handler)).then(std::ref(print));
  inotify::Watcher watcher({in("b")}, IN_ALL_EVENTS & ~IN_OPEN);
  test::write_file(dir_ / "b/f");
  fs::rename(dir_ / "b/f", dir_ / "b/g");
  fs::remove(dir_ / "b/g");
  fs::rename(dir_ / "b", dir_ / "c");
  fs::remove(dir_ / "c");
  inotify::Notifier notifier(watcher, chain);
  EXPECT_EQ(notifier.loop(), inotify::Notifier::Ended::nothing_watched);
  EXPECT_THAT(told, ElementsAre("create", "close", "move", "move", "default IN_DELETE", "move_self",
                                "delete_self", "default IN_IGNORED"));
  EXPECT_THAT(out.str(), HasSubstr("IN_MOVED_TO"));
  inotify::Event overflow;
  overflow.mask = IN_Q_OVERFLOW;
  handler(overflow);
  EXPECT_EQ(told.back(), "default IN_Q_OVERFLOW");
  inotify::Event hole;
  hole.error = inotify::make_error(EACCES);
  handler(hole);
  EXPECT_EQ(told.back(), "error");
}

TEST_F(FromPyinotify, Notifiers) {
  inotify::Watcher watcher({in("b")}, IN_CREATE | IN_MODIFY);
  int handled = 0;
  const auto count = [&](const Event&) { ++handled; };
  test::write_file(dir_ / "b/f", "x");
  inotify::Notifier notifier(
      watcher, count,
      {.read_freq = 1ms, .threshold = 1, .timeout = 500ms, .fold = inotify::coalesce});
  EXPECT_EQ(notifier.loop([](inotify::Notifier&) { return true; }),
            inotify::Notifier::Ended::by_callback);
  EXPECT_EQ(handled, 1);
  {
    const inotify::InterruptOnSignal guard(notifier);
    ::raise(SIGINT);
    EXPECT_EQ(notifier.loop(), inotify::Notifier::Ended::stopped) << "Ctrl-C";
  }
  notifier.stop();
  EXPECT_EQ(notifier.loop(), inotify::Notifier::Ended::stopped);

  inotify::ThreadedNotifier threaded(watcher, count);
  threaded.start([&](inotify::Notifier&) { return handled == 2; });
  EXPECT_EQ(threaded.post([&] { return watcher.add(dir_.path(), IN_DELETE); }).get(), 2);
  test::write_file(dir_ / "b/g");
  EXPECT_EQ(threaded.join(), inotify::Notifier::Ended::by_callback);
  EXPECT_EQ(handled, 2);
}

TEST_F(FromPyinotify, TheRest) {
  inotify::Watcher watcher({in("b")}, IN_CREATE);
  test::write_file(dir_ / "b/f");
  inotify::Stats stats;
  stats.add(watcher.read());
  EXPECT_EQ(stats.counts().of(IN_CREATE), 1U);
  EXPECT_THAT(stats.histogram(), HasSubstr("IN_CREATE"));
  EXPECT_THAT(stats.report(), HasSubstr("IN_CREATE"));
  stats.dump(dir_ / "dump");
  EXPECT_THROW(stats.dump(dir_ / "dump"), fs::filesystem_error) << "it must not exist";
  test::write_file(dir_ / "list", "# comment\n/srv/.*\n");
  EXPECT_TRUE(inotify::ExcludeFilter::from_file(dir_ / "list").excludes("/srv/a"));
  EXPECT_TRUE(inotify::ExcludeFilter({}, {"*.o"}).excludes("/a/b.o"));
  EXPECT_EQ(inotify::FileWatch(dir_ / "list").read(0ms), inotify::FileChange::none);
  EXPECT_EQ(inotify::parse_mask("IN_CREATE,IN_DELETE"), inotify::Mask{IN_CREATE | IN_DELETE});
}

}  // namespace
}  // namespace migration_pyinotify
