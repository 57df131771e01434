// A17 on overlayfs, where what lies in a lower layer is copied up when it is changed, hidden when it is removed, and does not let
// itself be renamed if it is a directory (EXDEV) [56].
//
// INOTIFY_ROUNDS (default 10) makes it longer; INOTIFY_SEED repeats one seed.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <inotify/file_watch.hpp>
#include <string>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"

namespace {

using test::Probe;
using test::Replay;
using test::tree_on_disk;
using test::write_file;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

bool is_in_user_namespace() {
  std::ifstream map("/proc/self/uid_map");
  std::uint64_t first = 0;
  std::uint64_t outside = 0;
  std::uint64_t size = 0;
  map >> first >> outside >> size;
  return size != 0xffff'ffff;
}

// An overlay in a mount namespace of its own, over what has been put into lower().
class Overlay {
 public:
  Overlay() {
    test::enter_mount_namespace();
    test::mount_tmpfs(dir_.str());  // an overlay takes not every file system for its upper layer
    for (const char* name : {"lower", "upper", "work", "merged"}) fs::create_directory(dir_ / name);
  }
  ~Overlay() {
    ::umount2(at_.c_str(), MNT_DETACH);
    ::umount2(dir_.str().c_str(), MNT_DETACH);
  }
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  /// What `work()` makes goes into the lower layer, and its symlinks lead to what will be seen.
  void fill(const std::function<void()>& work) const {
    if (::mount(lower("").c_str(), at_.c_str(), nullptr, MS_BIND, nullptr) != 0)
      throw test::Forbidden("bind mounts");
    work();
    ::umount2(at_.c_str(), MNT_DETACH);
  }
  void mount() const {
    const std::string options = "lowerdir=" + lower("") + ",upperdir=" + (dir_ / "upper").string() +
                                ",workdir=" + (dir_ / "work").string();
    // What is removed or replaced is marked so, which in a user namespace takes attributes of users.
    std::string more;
    if (is_in_user_namespace()) {
      if (::setxattr((dir_ / "upper").c_str(), "user.test", "", 0, 0) != 0)
        throw test::Forbidden("user.* attributes on a tmpfs");
      more = ",userxattr";
    }
    if (::mount("overlay", at_.c_str(), "overlay", 0, (options + more).c_str()) != 0)
      throw test::Forbidden("mounting an overlay");
  }

  [[nodiscard]] std::string lower(const std::string& name) const {
    return dir_ / ("lower/" + name);
  }
  [[nodiscard]] std::string operator()(const std::string& name) const { return at_ + '/' + name; }

 private:
  test::TempDir dir_;
  std::string at_ = dir_ / "merged";
};

void expect_right(Probe& watcher, Replay& replay, const std::string& in) {
  test::apply(replay, test::drain(watcher));
  EXPECT_EQ(test::difference(replay.tree(), tree_on_disk(in)), "");
  test::expect_watched(watcher, test::directories(in));
  test::expect_heard(watcher, test::directories(in));
}

TEST(AutoWatcherOverlay, A17_WhatIsCopiedUpIsFollowed) {
  test::in_child([] {
    Overlay at;
    for (const char* name : {"in/a/b", "in/c/d", "in/e", "out"})
      fs::create_directories(at.lower(name));
    for (const char* name : {"in/a/b/f", "in/c/g", "in/c/d/h", "in/i"}) write_file(at.lower(name));
    at.mount();
    Probe watcher;
    Replay replay(tree_on_disk(at("in")));
    watcher.add_all(at("in"), test::contract_mask);
    const auto expect_right_after = [&](const char* what) {
      SCOPED_TRACE(what);
      expect_right(watcher, replay, at("in"));
    };
    fs::create_directories(at("in/a/b/new/below"));
    expect_right_after("a directory is copied up");
    write_file(at("in/c/g"), "text");
    test::move(at("in/c/d/h"), at("in/a/b/h"));
    expect_right_after("files are copied up");
    if (std::rename(at("in/c").c_str(), at("in/a/c").c_str()) != 0) {
      EXPECT_EQ(errno, EXDEV);
      fs::copy(at("in/c"), at("in/a/c"), fs::copy_options::recursive);  // as mv does
      fs::remove_all(at("in/c"));
    }
    expect_right_after("a directory is moved");
    fs::create_directories(at("in/c/again"));  // in place of a whiteout
    expect_right_after("what was removed is made again");
    test::move(at("in/c"), at("out/c"));
    test::move(at("in/a/b/new"), at("in/c"));
    fs::remove(at("in/e"));
    fs::remove(at("in/i"));
    fs::create_directory(at("in/i"));
    expect_right_after("a file becomes a directory");
  });
}

TEST(AutoWatcherOverlay, A1_A2_A17_AnythingAtRandom) {
  test::in_child([] {
    const int only = test::number("INOTIFY_SEED", 0);
    const int count = test::rounds(10);
    for (int i = 1; i <= (only != 0 ? 1 : count) && !testing::Test::HasFailure(); ++i) {
      const auto seed = static_cast<std::uint64_t>(only != 0 ? only : i);
      SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
      Overlay at;
      at.fill([&] {
        for (const char* name : {"in", "out"}) fs::create_directory(at(name));
        test::Churn(at("in"), at("out"), seed).run(200);
      });
      at.mount();
      Probe watcher({.overflow = inotify::OverflowPolicy::announce});
      Replay replay(tree_on_disk(at("in")));
      watcher.add_all(at("in"), test::contract_mask);
      test::SecondProcess writer([&] { test::Churn(at("in"), at("out"), ~seed).run(400); });
      while (writer.is_running()) replay.apply(watcher.read(1ms));
      expect_right(watcher, replay, at("in"));
      if (testing::Test::HasFailure()) {
        for (const std::string& line : replay.log()) std::fprintf(stderr, "%s\n", line.c_str());
      }
    }
  });
}

TEST(AutoWatcherOverlay, AFileWatchSeesWhatIsWrittenToACopy) {
  test::in_child([] {
    Overlay at;
    write_file(at.lower("file"), "1");
    at.mount();
    inotify::FileWatch file(at("file"));
    EXPECT_TRUE(file.exists());
    write_file(at("file"), "2");
    EXPECT_NE(file.read(0ms), inotify::FileChange::none) << "copied up";
    while (file.read(0ms) != inotify::FileChange::none) {
    }
    write_file(at("file"), "3");
    EXPECT_NE(file.read(0ms), inotify::FileChange::none) << "written again";
    fs::remove(at("file"));
    while (file.read(0ms) != inotify::FileChange::none) {
    }
    EXPECT_FALSE(file.exists());
  });
}

}  // namespace
