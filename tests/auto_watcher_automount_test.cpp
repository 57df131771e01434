// A12: with one_file_system nothing is mounted because we look at it [42].
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"

namespace {

// debugfs mounts tracefs on its directory "tracing" as soon as that is opened.
class Automount {
 public:
  Automount() {
    if (::geteuid() != 0) throw test::Forbidden("mounting debugfs");
    test::enter_mount_namespace();
    test::fs::create_directories(below_);
    if (::mount("debugfs", below_.c_str(), "debugfs", 0, nullptr) != 0)
      throw test::Forbidden("mounting debugfs");
    struct stat status {};
    if (::stat(trigger().c_str(), &status) != 0) throw test::Forbidden("tracing in debugfs");
    if (is_mounted()) throw test::Forbidden("an automount that waits");
  }
  ~Automount() {
    ::umount2(trigger().c_str(), MNT_DETACH);
    ::umount2(below_.c_str(), MNT_DETACH);
  }
  Automount(const Automount&) = delete;
  Automount& operator=(const Automount&) = delete;

  [[nodiscard]] std::string root() const { return below_; }
  [[nodiscard]] std::string trigger() const { return below_ + "/tracing"; }
  [[nodiscard]] bool is_mounted() const {
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
      if (line.find(' ' + trigger() + ' ') != std::string::npos) return true;
    }
    return false;
  }

 private:
  test::TempDir dir_;
  std::string below_ = dir_ / "debug";
};

void expect_no_automount(inotify::AutoWatcher::Options options) {
  test::in_child([&] {
    const Automount automount;
    options.one_file_system = true;
    inotify::AutoWatcher watcher(options);
    watcher.add_all(automount.root(), IN_CREATE);
    EXPECT_GT(watcher.num_watches(), 1U);
    EXPECT_FALSE(watcher.path(automount.trigger()));
    EXPECT_FALSE(automount.is_mounted());
    test::drain(watcher);
    EXPECT_FALSE(automount.is_mounted());
    test::fs::directory_iterator(automount.trigger());
    EXPECT_TRUE(automount.is_mounted()) << "it would not have been mounted by anybody";
  });
}

TEST(AutoWatcherAutomount, A12_OneFileSystemMountsNothingInBulk) { expect_no_automount({}); }

TEST(AutoWatcherAutomount, A12_OneFileSystemMountsNothingInThisThread) {
  expect_no_automount({.threads = 0});
}

TEST(AutoWatcherAutomount, A12_OneFileSystemMountsNothingWithAFilter) {
  expect_no_automount({.add_filter = [](const inotify::Event&) { return true; }});
}

}  // namespace
