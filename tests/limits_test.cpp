#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <inotify/instance.hpp>
#include <inotify/limits.hpp>
#include <optional>
#include <string>

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

}  // namespace
