#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <concepts>
#include <inotify/auto_watcher.hpp>
#include <inotify/detail/unique_fd.hpp>
#include <inotify/instance.hpp>
#include <inotify/threshold.hpp>
#include <inotify/watcher.hpp>
#include <string>

#include "support/temp_dir.hpp"

namespace threshold {
namespace {

using inotify::AutoWatcher;
using inotify::Instance;
using inotify::Threshold;
using inotify::Watcher;
using inotify::detail::UniqueFd;
using namespace std::chrono_literals;

static_assert(!std::constructible_from<Threshold, std::string>, "has no readable()");
static_assert(std::constructible_from<Threshold, const Instance&, std::size_t>);
static_assert(std::constructible_from<Threshold, const Watcher&, std::size_t>);
static_assert(std::constructible_from<Threshold, const AutoWatcher&>);
static_assert(
    !std::constructible_from<Threshold, int> &&
        !std::constructible_from<Threshold, int, std::size_t>,
    "an AutoWatcher's fileno() is an epoll descriptor, which answers FIONREAD with EINVAL");

// Each makes one event of 32 bytes: a header, and a short name padded to 16 [12].
void make_files(const test::TempDir& dir, int count, const std::string& prefix) {
  for (int i = 0; i < count; ++i) test::write_file(dir / (prefix + std::to_string(i)));
}

TEST(Threshold, IsReachedOnceSoManyBytesAreQueued) {
  const test::TempDir dir;
  Instance instance;
  instance.add_watch(dir.path().c_str(), IN_CREATE);
  const Threshold enough(instance, 64);
  EXPECT_EQ(enough.bytes(), 64U);
  EXPECT_FALSE(enough());
  make_files(dir, 1, "a");
  EXPECT_EQ(enough.readable(), 32U);
  EXPECT_FALSE(enough());
  make_files(dir, 1, "b");
  EXPECT_EQ(enough.readable(), 64U);
  EXPECT_TRUE(enough());
}

TEST(Threshold, Is1024BytesByDefault) {
  const Instance instance;
  EXPECT_EQ(Threshold(instance).bytes(), 1024U);
}

TEST(Threshold, OfNothingIsAlwaysReached) {
  const Instance instance;
  EXPECT_TRUE(Threshold(instance, 0)());
}

// Whatever has readable(): here a pipe.
TEST(Threshold, TakesWhateverKnowsHowMuchCanBeRead) {
  struct Pipe {
    Pipe() {
      std::array<int, 2> ends{};
      EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
      out = UniqueFd(ends[0]);
      in = UniqueFd(ends[1]);
    }
    [[nodiscard]] std::size_t readable() const { return inotify::bytes_readable(out.get()); }
    UniqueFd out;
    UniqueFd in;
  } pipe;
  const Threshold enough(pipe, 3);
  EXPECT_FALSE(enough());
  ASSERT_EQ(::write(pipe.in.get(), "abc", 3), 3);
  EXPECT_EQ(enough.readable(), 3U);
  EXPECT_TRUE(enough());
}

TEST(Threshold, OfAClosedWatcherThrowsEbadf) {
  Watcher watcher;
  const Threshold enough(watcher);
  watcher.close();
  try {
    static_cast<void>(enough.readable());
    FAIL() << "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::bad_file_descriptor) << error.what();
  }
}

TEST(Threshold, OfAWatcherCountsWhatReadWouldTake) {
  const test::TempDir dir;
  Watcher watcher;
  watcher.add(dir.path(), IN_CREATE);
  const Threshold enough(watcher, 96);
  make_files(dir, 3, "f");
  EXPECT_TRUE(enough());
  EXPECT_EQ(watcher.read(0ms).size(), 3U);
  EXPECT_EQ(enough.readable(), 0U);
  EXPECT_FALSE(enough());
}

TEST(Threshold, OfAnAutoWatcherCountsWhatIsPulledAndNotYetDelivered) {
  const test::TempDir dir;
  AutoWatcher watcher;
  watcher.add_all(dir.path(), IN_CREATE);
  const Threshold enough(watcher, 1);
  // More than one read() delivers: the rest waits in the look-ahead, not in the kernel.
  const int count = 12000;
  make_files(dir, count, "f");
  std::size_t delivered = 0;
  int reads = 0;
  while (enough()) {
    delivered += watcher.read(0ms).size();
    ASSERT_LE(++reads, count) << delivered << " delivered";
  }
  EXPECT_EQ(delivered, static_cast<std::size_t>(count));
  EXPECT_GT(reads, 1) << "else this test says nothing";
  EXPECT_EQ(enough.readable(), 0U);
}

TEST(Threshold, OfAnAutoWatcherCountsWhatAddAllFound) {
  const test::TempDir dir;
  test::write_file(dir / "f");
  AutoWatcher::Options options;
  options.announce = true;
  AutoWatcher watcher(options);
  watcher.add_all(dir.path(), IN_CREATE);
  const Threshold any(watcher, 1);
  EXPECT_TRUE(any());
  EXPECT_EQ(watcher.read(0ms).size(), 1U);
  EXPECT_FALSE(any());
}

}  // namespace
}  // namespace threshold
