// examples/migrating/ibm-article.md, name by name: what stands on its right side does what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <inotify/inotify.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace migration_ibm {
namespace {

using namespace std::chrono_literals;
using inotify::OwnedEvent;
using testing::ElementsAre;
namespace fs = std::filesystem;

struct Handler : inotify::EventQueue::Handler {
  void on_file(const OwnedEvent& event) override { told.push_back("File " + event.name); }
  void on_directory(const OwnedEvent& event) override { told.push_back("Dir " + event.name); }
  void on_notice(const OwnedEvent& event) override {
    told.push_back(event.is_ignored() ? "end" : "notice");
  }
  std::vector<std::string> told{};
};

TEST(FromIbm, OneThread) {
  const test::TempDir dir;
  inotify::Watcher watcher;
  const int wd = watcher.add(dir.path(), IN_CREATE | IN_DELETE);
  EXPECT_EQ(watcher.num_watches(), 1U);
  inotify::EventQueue queue(watcher);
  EXPECT_EQ(queue.capacity(), 128U);
  test::write_file(dir / "f");
  fs::create_directory(dir / "d");
  watcher.remove(wd);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.fill(0ms), 3U);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_FALSE(queue.full());
  const OwnedEvent first = queue.try_pop().value();
  EXPECT_EQ(first.path, dir.path()) << "on WD #1";
  EXPECT_EQ(first.fullpath, dir / "f");
  EXPECT_TRUE(first.is_create() && !first.is_dir());
  Handler handler;
  EXPECT_EQ(queue.handle_queued(handler), 2U);
  EXPECT_THAT(handler.told, ElementsAre("Dir d", "end"));
  EXPECT_TRUE(watcher.empty()) << "watched_items follows IN_IGNORED";
  watcher.close();
}

TEST(FromIbm, AReaderThread) {
  const test::TempDir dir;
  inotify::AutoWatcher watcher({dir.path()}, IN_CREATE);
  inotify::EventQueue queue(watcher);
  auto reader = std::async(std::launch::async, [&] { queue.read_events(); });
  test::write_file(dir / "f");
  EXPECT_EQ(queue.pop()->name, "f");
  fs::create_directory(dir / "d");
  struct Last : Handler {
    inotify::EventQueue& queue;
    explicit Last(inotify::EventQueue& q) : queue(q) {}
    void on_directory(const OwnedEvent& event) override {
      Handler::on_directory(event);
      queue.stop();  // keep_running = 0
    }
  } handler(queue);
  queue.handle_events(handler);
  reader.get();
  EXPECT_THAT(handler.told, ElementsAre("Dir d"));
}

}  // namespace
}  // namespace migration_ibm
