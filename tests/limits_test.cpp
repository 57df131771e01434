#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <inotify/instance.hpp>
#include <inotify/limits.hpp>
#include <optional>
#include <string>

#include "support/queue_limit.hpp"
#include "support/temp_dir.hpp"

namespace {

using inotify::Instance;

std::optional<long> read_sysctl(const std::string& name) {
  std::ifstream file("/proc/sys/" + name);
  long value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

// Both sysctls bind [10]; an older kernel has the first alone.
std::optional<long> smaller(const std::string& machine, const std::string& name_space) {
  const auto one = read_sysctl(machine);
  const auto other = read_sysctl(name_space);
  return one && other ? std::min(one, other) : one;
}

TEST(Limits, AreThoseOfProc) {
  EXPECT_EQ(inotify::max_queued_events(), read_sysctl("fs/inotify/max_queued_events"));
  EXPECT_EQ(inotify::max_user_instances(),
            smaller("fs/inotify/max_user_instances", "user/max_inotify_instances"));
  EXPECT_EQ(inotify::max_user_watches(),
            smaller("fs/inotify/max_user_watches", "user/max_inotify_watches"));
}

TEST(Limits, CountTheInstancesThisProcessHasOpen) {
  const std::size_t before = inotify::instances_in_use();
  Instance one;
  EXPECT_EQ(inotify::instances_in_use(), before + 1);
  {
    const Instance other;
    EXPECT_EQ(inotify::instances_in_use(), before + 2);
  }
  EXPECT_EQ(inotify::instances_in_use(), before + 1);
  one.close();
  EXPECT_EQ(inotify::instances_in_use(), before);
}

TEST(Limits, CountTheWatchesOfAllInstances) {
  const test::TempDir dir;
  test::write_file(dir / "f");
  const std::size_t before = inotify::watches_in_use();
  Instance one;
  Instance other;
  EXPECT_EQ(inotify::watches_in_use(), before);
  one.add_watch(dir.path().c_str(), IN_CREATE);
  const int wd = one.add_watch((dir / "f").c_str(), IN_MODIFY);
  other.add_watch(dir.path().c_str(), IN_CREATE);
  EXPECT_EQ(inotify::watches_in_use(), before + 3);
  one.add_watch(dir.path().c_str(), IN_DELETE);
  EXPECT_EQ(inotify::watches_in_use(), before + 3) << "one watch per inode and instance [1]";
  one.rm_watch(wd);
  EXPECT_EQ(inotify::watches_in_use(), before + 2);
  other.close();
  EXPECT_EQ(inotify::watches_in_use(), before + 1);
}

// What a race that failed says of the queue it had.
TEST(QueueLimit, SaysWhatTheInstanceWasMadeWith) {
  static long now;
  const auto text = [](long before, long after) {
    now = before;
    test::QueueLimit limit([] { return std::optional(now); });
    now = after;
    limit.made();
    return limit.text();
  };
  EXPECT_EQ(text(16384, 16384), "queue of 16384");
  EXPECT_EQ(text(1 << 20, 1 << 20), "queue of 1048576");
  EXPECT_THAT(text(50, 50), testing::StartsWith("queue of 50: fs.inotify.max_queued_events"));
  EXPECT_THAT(text(50, 16384), testing::StartsWith("queue of 50 or 16384: fs.inotify"));
  EXPECT_THAT(text(16384, 50), testing::HasSubstr("no defect"));
  EXPECT_EQ(test::QueueLimit([] { return std::optional<long>(); }).text(), "queue of 16384");
}

TEST(QueueLimit, IsThatOfTheSystem) {
  const auto limit = inotify::max_queued_events();
  if (!limit) GTEST_SKIP() << "no /proc/sys";
  EXPECT_THAT(test::QueueLimit().text(), testing::StartsWith("queue of " + std::to_string(*limit)));
}

}  // namespace
