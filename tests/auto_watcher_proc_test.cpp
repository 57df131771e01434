// A17 whatever has become of /proc/self: it is about the thread that main() began in [41].
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <inotify/file_watch.hpp>
#include <string>
#include <thread>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"

namespace {

using test::Contract;

// New directories are entered by way of /proc, and told.
void expect_to_follow() {
  Contract contract;
  test::make_dirs(contract.in("old/below"));
  contract.start();
  test::make_dirs(contract.in("new/below"));
  test::make_dirs(contract.in("old/below/new"));
  contract.drain();
  contract.check();
}

TEST(AutoWatcherProc, A17_FollowsAfterTheMainThreadHasEnded) {
  test::in_child([] {
    std::thread([] {
      const std::string own = "/proc/self/fd/0";
      while (::access(own.c_str(), F_OK) == 0) std::this_thread::yield();
      expect_to_follow();
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }).detach();
    ::syscall(SYS_exit, 0);  // pthread_exit() of main(), without unwinding this test
  });
}

TEST(AutoWatcherProc, A17_FollowsInAThreadWithDescriptorsOfItsOwn) {
  test::in_child([] {
    std::thread([] {
      if (::unshare(CLONE_FILES) == 0) expect_to_follow();
    }).join();
  });
}

// Calls `call()` where there is no /proc: it says so, and that it is about `path`.
void expect_proc_missed(const test::fs::path& path, const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "does not throw";
  } catch (const std::filesystem::filesystem_error& error) {
    EXPECT_NE(std::string(error.what()).find("/proc is not mounted"), std::string::npos)
        << error.what();
    EXPECT_NE(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.path1(), path);
  }
}

TEST(AutoWatcherProc, A17_SaysThatProcIsMissing) {
  test::in_child([] {
    test::enter_mount_namespace();
    const test::TempDir dir;
    test::make_dirs(dir / "below");
    test::mount_tmpfs("/proc");  // hides what was there; to unmount it takes more rights
    inotify::AutoWatcher watcher;
    expect_proc_missed(dir.path(), [&] { watcher.add_all(dir.path(), test::names); });
    EXPECT_TRUE(watcher.empty());
    std::error_code ec;
    EXPECT_GT(watcher.add(dir.path(), test::names, ec), 0) << ec.message();
  });
}

// It follows a path by what is open.
TEST(AutoWatcherProc, AFileWatchSaysThatProcIsMissing) {
  test::in_child([] {
    test::enter_mount_namespace();
    const test::TempDir dir;
    test::write_file(dir / "file");
    test::mount_tmpfs("/proc");
    expect_proc_missed(dir / "file", [&] { inotify::FileWatch{dir / "file"}; });
  });
}

TEST(AutoWatcherProc, AWatcherWatchesATreeWithoutIt) {
  test::in_child([] {
    test::enter_mount_namespace();
    const test::TempDir dir;
    test::make_dirs(dir / "below");
    test::mount_tmpfs("/proc");
    inotify::Watcher watcher;
    watcher.add_all(dir.path(), test::names);
    test::write_file(dir / "below/new");
    const test::Events told = test::drain(watcher);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].fullpath, dir / "below/new");
  });
}

}  // namespace
