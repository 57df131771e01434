// A17 on a file system that knows a directory under any spelling of its name, and on one with longer
// names than others.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <functional>
#include <inotify/detail/directory.hpp>
#include <inotify/instance.hpp>
#include <string>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"
#include "support/fuse_server.hpp"

namespace {

using test::Contract;
using test::Lines;

void on_fuse(const std::function<void(Contract&)>& body) {
  test::in_child([&] {
    const test::FuseServer server;
    Contract contract;
    body(contract);
  });
}

// ---- another spelling

TEST(AutoWatcherFuse, A17_RenamedByAnotherSpelling) {
  on_fuse([](Contract& contract) {
    test::make_dirs(contract.in("Foo/below"));
    contract.start();
    test::move(contract.in("FOO"), contract.in("bar"));
    contract.drain();
    contract.check();
    test::make_dirs(contract.in("Foo"));
    contract.drain();
    contract.check();
  });
}

TEST(AutoWatcherFuse, A17_RenamedByAnotherSpellingAndReplacedAtOnce) {
  on_fuse([](Contract& contract) {
    test::make_dirs(contract.in("Foo/below"));
    contract.start();
    test::move(contract.in("FOO"), contract.in("bar"));
    test::make_dirs(contract.in("foo/other"));
    contract.drain();
    contract.check();
  });
}

TEST(AutoWatcherFuse, A17_RenamedByAnotherSpellingIntoANewDirectory) {
  on_fuse([](Contract& contract) {
    test::make_dirs(contract.in("Foo/below"));
    contract.start();
    test::make_dirs(contract.in("new"));
    test::move(contract.in("fOO"), contract.in("new/bar"));
    contract.drain();
    contract.check();
  });
}

TEST(AutoWatcherFuse, A17_CreatedBelowAnotherSpelling) {
  on_fuse([](Contract& contract) {
    test::make_dirs(contract.in("Foo"));
    contract.start();
    test::make_dirs(contract.in("FOO/a/b"));
    test::write_file(contract.in("foo/A/B/file"));
    contract.drain();
    contract.check();
  });
}

// ---- long names

// At most what a path may have, with all that is before it.
TEST(AutoWatcherFuse, A17_NamesOfAnyLength) {
  on_fuse([](Contract& contract) {
    contract.start();
    const int in = ::open(contract.in().c_str(), O_PATH | O_CLOEXEC);
    std::size_t most = 0;
    for (const std::size_t length : {255U, 256U, 300U, 765U, 1024U, 2143U, 2144U, 4000U, 4095U}) {
      const std::string name(length, 'n');
      if (::mkdirat(in, name.c_str(), 0755) != 0) continue;
      most = length;
      const std::string path = contract.in() + '/' + name;
      const auto told = contract.drain();
      EXPECT_EQ(told, Lines{"CREATE " + name + '/'});
      EXPECT_EQ(contract.watcher().num_watches(), 2U) << length;
      EXPECT_EQ(::unlinkat(in, name.c_str(), AT_REMOVEDIR), 0);
      EXPECT_EQ(contract.drain(), Lines{"DELETE " + name + '/'});
      EXPECT_EQ(contract.watcher().num_watches(), 1U) << length;
    }
    ::close(in);
    EXPECT_GT(most, 255U);
    contract.check();
  });
}

// What is left of the buffer after a read(2) is too small for the next event only if that is long.
TEST(AutoWatcherFuse, A17_ALongNameFitsBehindManyEvents) {
  on_fuse([](Contract& contract) {
    contract.start();
    test::Probe watcher;
    for (const char* name : {"a", "b"}) test::make_dirs(contract.in(name));
    watcher.add_all(contract.in(), test::contract_mask | IN_ATTRIB);
    const auto queued = [&] { return inotify::bytes_readable(watcher.inotify_fd()); };
    for (unsigned i = 0; queued() < 62'500; ++i) {
      ::chmod(contract.in(i % 2 == 0 ? "a" : "b").c_str(), 0700 | (i / 2 % 2));
    }
    const int in = ::open(contract.in().c_str(), O_PATH | O_CLOEXEC);
    const std::string name(4000, 'n');
    EXPECT_EQ(::mkdirat(in, name.c_str(), 0755), 0);
    const test::Events told = test::drain(watcher);
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().name, name);
    EXPECT_EQ(::unlinkat(in, name.c_str(), AT_REMOVEDIR), 0);
    ::close(in);
  });
}

TEST(AutoWatcherFuse, A17_ReadTakesTheLargestEventThereIs) {
  test::in_child([] {
    const test::FuseServer server;
    const test::TempDir dir;
    inotify::Instance instance;
    instance.add_watch(dir.str().c_str(), IN_CREATE);
    const int fd = ::open(dir.str().c_str(), O_PATH | O_CLOEXEC);
    const std::string name(4095, 'n');
    if (::mkdirat(fd, name.c_str(), 0755) != 0) throw test::Forbidden("names of 4095 bytes");
    alignas(inotify_event) std::array<std::byte, inotify::Instance::max_event_size> buffer;
    const inotify::RawEvents events = instance.read(buffer);
    EXPECT_EQ(events.bytes().size(), buffer.size());
    for (const auto& event : events) EXPECT_EQ(event.name, name);
    ::close(fd);
  });
}

// The fence takes the directory's lock even where a name of 256 bytes is a good one, and that there
// is nothing of that name is known without asking.
TEST(AutoWatcherFuse, A17_AFenceWaitsForWhatIsUnderWay) {
  test::in_child([] {
    test::FuseServer server;
    const test::TempDir dir;
    std::error_code ec;
    const inotify::detail::Directory directory(
        AT_FDCWD, dir.str().c_str(), inotify::detail::Directory::Use::name_only, true, ec);
    ASSERT_FALSE(ec);
    inotify::Instance instance;
    instance.add_watch(dir.str().c_str(), IN_ALL_EVENTS);
    for (int i = 0; i < 5; ++i) {
      directory.fence();
      EXPECT_EQ(instance.readable(), 0U) << "a fence that is told";
      test::SecondProcess other([&] { test::fs::create_directory(dir / server.slow); });
      server.await_slow();
      directory.fence();
      EXPECT_GT(instance.readable(), 0U);
      while (other.is_running()) {
      }
      EXPECT_EQ(std::distance(test::fs::directory_iterator(dir.path()), {}), 1);
      test::fs::remove(dir / server.slow);
      alignas(inotify_event) std::array<std::byte, 4096> buffer;
      while (!instance.read(buffer).bytes().empty()) {
      }
    }
  });
}

}  // namespace
