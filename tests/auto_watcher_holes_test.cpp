// A8: a directory that could not be watched is named by an event with `error`, and retry_holes() heals it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>

#include <cerrno>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/error.hpp>
#include <set>
#include <string>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"

namespace holes {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using test::Events;
using test::Probe;
using test::Replay;
using test::TempDir;
namespace fs = std::filesystem;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

// `width` directories, each with a file and a directory that holds a file.
void make_tree(const std::string& root, int width) {
  for (int i = 0; i < width; ++i) {
    const std::string one = root + "/d" + std::to_string(i);
    fs::create_directories(one + "/below");
    test::write_file(one + "/f");
    test::write_file(one + "/below/f");
  }
}

// Every directory is watched, or it or one above it is in `holes`.
void expect_watched_or_named(const Probe& watcher, const std::string& root,
                             const std::set<std::string>& holes) {
  const auto open = test::directories(
      root, [&](const std::string& path) { return !holes.contains(test::below(root, path)); });
  test::expect_watched(watcher, open);
}

void expect_whole(Probe& watcher, const std::string& root) {
  test::expect_watched(watcher, test::directories(root));
  test::expect_heard(watcher, test::directories(root));
}

TEST(AutoWatcherHolesTest, A8_WatchLimitReachedHalfWayThroughAddAll) {
  const TempDir dir;
  const std::string root = dir.str();
  make_tree(root, 20);  // 41 directories
  test::in_child([&] {
    test::enter_user_namespace();
    test::limit_watches(15);
    Probe watcher;
    EXPECT_EQ(watcher.add_all(root, mask).size(), 15U);
    const Events told = test::drain(watcher);
    const auto holes = test::holes(told, root);
    ASSERT_FALSE(holes.empty()) << test::show(told);
    EXPECT_EQ(holes.size(), told.size()) << "a hole is named once, and nothing else is told\n"
                                         << test::show(told);
    for (const auto& event : told) {
      EXPECT_EQ(event.error, std::errc::no_space_on_device) << event;
      EXPECT_EQ(event.mask & IN_ALL_EVENTS, 0U) << event;
      EXPECT_THAT(event.error.message(), AllOf(HasSubstr("user.max_inotify_watches"),
                                               HasSubstr("= 15"), HasSubstr("15 used")));
    }
    expect_watched_or_named(watcher, root, holes);

    // The rest goes on.
    for (const auto& watch : watcher.watches()) test::write_file(watch.path + "/new");
    EXPECT_EQ(test::with(test::drain(watcher), IN_CREATE).size(), watcher.num_watches());

    test::limit_watches(100);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    const Events found = test::drain(watcher);
    for (const auto& event : found) EXPECT_TRUE(event.synthetic && !event.error) << event;
    for (const std::string& hole : holes) {  // each hole was a d with a file, or below a d
      const std::string file = root + "/" + hole + "/f";
      EXPECT_THAT(found, testing::Contains(testing::Field(&inotify::OwnedEvent::fullpath, file)));
    }
    expect_whole(watcher, root);
  });
}

TEST(AutoWatcherHolesTest, A8_WatchLimitReachedHalfWayThroughAMovedInTree) {
  const TempDir dir;
  const std::string root = dir / "in";
  fs::create_directory(root);
  make_tree(dir / "new", 20);
  test::in_child([&] {
    test::enter_user_namespace();
    test::limit_watches(15);
    Probe watcher;
    watcher.add_all(root, mask);
    fs::rename(dir / "new", root + "/new");
    Events told = test::drain(watcher);
    const auto holes = test::holes(told, root);
    ASSERT_FALSE(holes.empty()) << test::show(told);
    EXPECT_EQ(watcher.num_watches(), 15U);
    expect_watched_or_named(watcher, root, holes);
    Replay replay;
    test::apply(replay, told);

    // With half the room, half of them heal.
    test::limit_watches(20);
    EXPECT_GT(watcher.retry_holes(), 0U);
    told = test::drain(watcher);
    test::apply(replay, told);
    EXPECT_EQ(watcher.num_watches(), 20U);

    test::limit_watches(100);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    told = test::drain(watcher);
    EXPECT_THAT(test::holes(told, root), IsEmpty());
    test::apply(replay, told);
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root)), "");
    EXPECT_THAT(replay.twice(), IsEmpty());
    expect_whole(watcher, root);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root), IsEmpty());
  });
}

TEST(AutoWatcherHolesTest, A8_ARootThatCannotBeWatchedThrows) {
  const TempDir dir;
  fs::create_directories(dir / "a");
  fs::create_directories(dir / "b");
  test::in_child([&] {
    test::enter_user_namespace();
    test::limit_watches(1);
    Probe watcher;
    watcher.add_all(dir / "a", mask);
    try {
      watcher.add_all(dir / "b", mask);
      ADD_FAILURE() << "no throw";
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_space_on_device);
      EXPECT_EQ(error.path1(), dir / "b");
      EXPECT_THAT(error.what(), HasSubstr("user.max_inotify_watches"));
    }
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    test::expect_watched(watcher, {dir / "a"});
    test::expect_heard(watcher, {dir / "a"});
  });
}

// A directory that cannot be watched, for want of a watch: root/hole/f and root/open/ in a child that may have two watches (root and
// open).
class HoleTest : public testing::Test {
 protected:
  void with_hole(const std::function<void(Probe&)>& body) {
    fs::create_directories(root_ + "/open");
    test::in_child([&] {
      test::enter_user_namespace();
      test::limit_watches(2);
      Probe watcher;
      watcher.add_all(root_, mask);
      fs::create_directory(root_ + "/hole");
      test::write_file(root_ + "/hole/f");
      ASSERT_THAT(test::lines(test::drain(watcher), root_),
                  ElementsAre("IN_CREATE|IN_ISDIR hole", testing::StartsWith("hole hole")));
      body(watcher);
    });
  }

  void heal(Probe& watcher, const test::Lines& found) {
    test::limit_watches(100);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_EQ(test::lines(test::drain(watcher), root_), found);
    expect_whole(watcher, root_);
  }

  TempDir dir_;
  std::string root_ = dir_ / "in";
};

TEST_F(HoleTest, A8_AHoleIsNamedOnceAndItsFieldsAreSet) {
  fs::create_directories(root_ + "/open");
  test::in_child([&] {
    test::enter_user_namespace();
    test::limit_watches(2);
    Probe watcher;
    watcher.add_all(root_, mask);
    fs::create_directory(root_ + "/hole");
    const Events told = test::drain(watcher);
    ASSERT_EQ(told.size(), 2U) << test::show(told);
    EXPECT_EQ(told[1].wd, -1);
    EXPECT_EQ(told[1].path, root_ + "/hole");
    EXPECT_EQ(told[1].fullpath, root_ + "/hole");
    EXPECT_EQ(told[1].name, "");
    EXPECT_EQ(told[1].cookie, 0U);
    EXPECT_EQ(told[1].mask & ~inotify::Mask{IN_ISDIR}, 0U) << told[1];
    EXPECT_EQ(&told[1].error.category(), &inotify::error_category());
    test::write_file(root_ + "/hole/f");  // in the hole: unseen
    EXPECT_THAT(test::drain(watcher), IsEmpty());
  });
}

TEST_F(HoleTest, A8_AHealedHoleReportsItsContent) {
  with_hole([&](Probe& watcher) { heal(watcher, {"synthetic IN_CREATE|IN_CLOSE_WRITE hole/f"}); });
}

// "What is found is reported by the next read(), as is a cause that has changed": the same cause is old news.
TEST_F(HoleTest, A8_AHoleThatStaysOneIsNotNamedAgain) {
  with_hole([&](Probe& watcher) {
    EXPECT_EQ(watcher.retry_holes(), 1U);
    EXPECT_EQ(watcher.retry_holes(), 1U);
    EXPECT_THAT(test::lines(test::drain(watcher), root_), IsEmpty());
    heal(watcher, {"synthetic IN_CREATE|IN_CLOSE_WRITE hole/f"});
  });
}

TEST_F(HoleTest, A8_AHoleThatIsRenamedIsNamedAnew) {
  with_hole([&](Probe& watcher) {
    fs::rename(root_ + "/hole", root_ + "/hole2");
    const Events told = test::drain(watcher);
    EXPECT_THAT(test::lines(told, root_), ElementsAre("IN_MOVED_FROM|IN_ISDIR hole",
                                                      "IN_MOVED_TO|IN_ISDIR hole2", "hole hole2"));
    EXPECT_EQ(watcher.retry_holes(), 1U);
    test::drain(watcher);
    heal(watcher, {"synthetic IN_CREATE|IN_CLOSE_WRITE hole2/f"});
  });
}

TEST_F(HoleTest, A8_AHoleInARenamedDirectoryHealsUnderItsNewName) {
  with_hole([&](Probe& watcher) {
    fs::create_directory(root_ + "/open/inner");
    EXPECT_EQ(test::holes(test::drain(watcher), root_), std::set<std::string>{"open/inner"});
    fs::rename(root_ + "/open", root_ + "/moved");
    EXPECT_THAT(test::lines(test::drain(watcher), root_),
                ElementsAre("IN_MOVED_FROM|IN_ISDIR open to moved",
                            "IN_MOVED_TO|IN_ISDIR moved from open"));
    test::write_file(root_ + "/moved/inner/f");
    test::limit_watches(100);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root_),
                UnorderedElementsAre("synthetic IN_CREATE|IN_CLOSE_WRITE hole/f",
                                     "synthetic IN_CREATE|IN_CLOSE_WRITE moved/inner/f"));
    expect_whole(watcher, root_);
  });
}

// The renames are still queued when the holes are tried again.
TEST_F(HoleTest, A8_AHoleIsRenamedWhileItIsTriedAgain) {
  with_hole([&](Probe& watcher) {
    test::limit_watches(100);
    fs::rename(root_ + "/hole", root_ + "/open/hole2");
    watcher.retry_holes();
    Replay replay({{root_ + "/open", true}, {root_ + "/hole", true}, {root_ + "/hole/f", false}});
    const Events told = test::drain(watcher);
    test::apply(replay, told);
    EXPECT_THAT(test::holes(told, root_), IsEmpty());
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "") << test::show(told);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    expect_whole(watcher, root_);
  });
}

TEST_F(HoleTest, A8_AHoleThatIsDeletedIsNoHole) {
  with_hole([&](Probe& watcher) {
    fs::remove_all(root_ + "/hole");
    // Told or not yet told.
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root_), ElementsAre("IN_DELETE|IN_ISDIR hole"));
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    expect_whole(watcher, root_);
  });
}

TEST_F(HoleTest, A8_AHoleIsReplacedByAFileAndByAnotherDirectory) {
  with_hole([&](Probe& watcher) {
    fs::remove_all(root_ + "/hole");
    test::write_file(root_ + "/hole");
    test::drain(watcher);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    fs::remove(root_ + "/hole");
    fs::create_directory(root_ + "/hole");
    EXPECT_EQ(test::holes(test::drain(watcher), root_), std::set<std::string>{"hole"});
    heal(watcher, {});
  });
}

TEST_F(HoleTest, A8_AHoleThatIsMovedOutIsNoHole) {
  with_hole([&](Probe& watcher) {
    fs::rename(root_ + "/hole", dir_ / "out");
    test::limit_watches(100);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root_),
                ElementsAre("IN_MOVED_FROM|IN_ISDIR hole"));
    expect_whole(watcher, root_);
  });
}

TEST_F(HoleTest, A8_AHoleOfARemovedRootIsForgotten) {
  with_hole([&](Probe& watcher) {
    watcher.remove_path(root_);
    test::drain(watcher);
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    EXPECT_TRUE(watcher.empty());
  });
}

// Whatever others do meanwhile: once there is room, nothing is missing.
TEST(AutoWatcherHolesTest, A8_HolesHealWhateverHappenedMeanwhile) {
  const int most = test::rounds(8);
  test::in_child([&] {
    test::enter_user_namespace();
    std::size_t holes = 0;
    for (int round = 1; round <= most && !testing::Test::HasFailure(); ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      const TempDir dir;
      const std::string root = dir / "in";
      const std::string outside = dir / "out";
      fs::create_directory(root);
      fs::create_directory(outside);
      const auto seed = static_cast<std::uint64_t>(round);
      test::Churn(root, outside, seed).run(200);
      test::limit_watches(8);
      Probe watcher(inotify::AutoWatcher::Options{.announce = true});
      watcher.add_all(root, mask);
      Replay replay;
      {
        test::SecondProcess writer([&] { test::Churn(root, outside, seed * 31).run(1000); });
        for (int reads = 0; writer.is_running(); ++reads) {
          const auto events = watcher.read(std::chrono::milliseconds(1));
          for (const auto& event : events) holes += event.error ? 1U : 0U;
          replay.apply(events);
          if (reads % 8 == 7) watcher.retry_holes();
        }
      }
      test::apply(replay, test::drain(watcher));
      const bool is_whole = watcher.retry_holes() == 0;  // watches may have become free
      EXPECT_EQ(is_whole, test::directories(root).size() == watcher.num_watches());
      test::apply(replay, test::drain(watcher));
      test::limit_watches(10000);
      EXPECT_EQ(watcher.retry_holes(), 0U);
      const Events healed = test::drain(watcher);
      EXPECT_THAT(test::holes(healed, root), IsEmpty()) << test::show(healed);
      test::apply(replay, healed);
      EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root)), "");
      expect_whole(watcher, root);
    }
    EXPECT_GT(holes, 0U);
  });
}

// ---- no permission

class ClosedTest : public testing::Test {
 protected:
  ClosedTest() {
    fs::create_directories(root_ + "/closed/inner");
    test::write_file(root_ + "/closed/f");
    fs::create_directory(root_ + "/open");
  }
  ~ClosedTest() override {
    std::error_code ignored;
    fs::permissions(root_ + "/closed", fs::perms::owner_all, ignored);
  }

  void as_nobody(const std::function<void()>& body) {
    test::in_child([&] {
      if (::geteuid() == 0 && std::getenv("INOTIFY_TEST_DIR") != nullptr &&
          ::access(std::getenv("INOTIFY_TEST_DIR"), X_OK) != 0) {
        throw test::Forbidden("the test directory");
      }
      test::become_nobody(dir_.str());
      body();
    });
  }
  void shut() { fs::permissions(root_ + "/closed", fs::perms::none); }
  void unshut() { fs::permissions(root_ + "/closed", fs::perms::owner_all); }

  TempDir dir_;
  std::string root_ = dir_ / "in";
};

TEST_F(ClosedTest, A8_AnUnreadableDirectoryInAddAllIsNamed) {
  as_nobody([&] {
    shut();
    Probe watcher;
    watcher.add_all(root_, mask);
    const Events told = test::drain(watcher);
    EXPECT_THAT(test::lines(told, root_), ElementsAre("hole closed"));
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told[0].error, std::errc::permission_denied);
    test::expect_watched(watcher, {root_, root_ + "/open"});
    test::expect_heard(watcher, {root_, root_ + "/open"});
    EXPECT_EQ(watcher.retry_holes(), 1U);
    test::drain(watcher);

    unshut();
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root_),
                UnorderedElementsAre("synthetic IN_CREATE|IN_CLOSE_WRITE closed/f",
                                     "synthetic IN_CREATE|IN_ISDIR closed/inner"));
    expect_whole(watcher, root_);
  });
}

TEST_F(ClosedTest, A8_OnErrorIsCalledInsteadOfAnEvent) {
  as_nobody([&] {
    shut();
    Probe watcher;
    std::vector<std::pair<std::string, std::error_code>> errors;
    watcher.add_all(root_, mask, [&](const fs::filesystem_error& error) {
      errors.emplace_back(error.path1(), error.code());
    });
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].first, root_ + "/closed");
    EXPECT_EQ(errors[0].second, std::errc::permission_denied);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    unshut();
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_EQ(test::drain(watcher).size(), 2U);
    expect_whole(watcher, root_);
  });
}

TEST_F(ClosedTest, A8_OnErrorMayThrow) {
  as_nobody([&] {
    shut();
    Probe watcher;
    EXPECT_THROW(
        watcher.add_all(root_, mask, [](const fs::filesystem_error& error) { throw error; }),
        fs::filesystem_error);
    // What was watched stays watched, and works.
    unshut();
    watcher.add_all(root_, mask);
    test::drain(watcher);
    expect_whole(watcher, root_);
  });
}

TEST_F(ClosedTest, A8_ADirectoryThatIsCreatedUnreadableIsNamed) {
  as_nobody([&] {
    Probe watcher;
    watcher.add_all(root_, mask);
    ASSERT_EQ(::mkdir((root_ + "/open/shut").c_str(), 0), 0);
    const Events told = test::drain(watcher);
    EXPECT_THAT(test::lines(told, root_),
                ElementsAre("IN_CREATE|IN_ISDIR open/shut", "hole open/shut"));
    EXPECT_EQ(told.back().error, std::errc::permission_denied);
    fs::permissions(root_ + "/open/shut", fs::perms::owner_all);
    test::write_file(root_ + "/open/shut/f");
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root_),
                ElementsAre("synthetic IN_CREATE|IN_CLOSE_WRITE open/shut/f"));
    expect_whole(watcher, root_);
  });
}

// A watched directory that is shut is still heard, but nothing in it can be looked up: a directory that is created there is a hole.
TEST_F(ClosedTest, A8_AWatchedDirectoryThatIsShut) {
  as_nobody([&] {
    Probe watcher;
    watcher.add_all(root_, mask);
    const int closed = ::open((root_ + "/closed").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(::mkdirat(closed, "new", 0755), 0);
    shut();
    const Events told = test::drain(watcher);
    ::close(closed);
    EXPECT_THAT(test::lines(told, root_),
                ElementsAre("IN_CREATE|IN_ISDIR closed/new", "hole closed/new"));
    unshut();
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::drain(watcher), IsEmpty());
    expect_whole(watcher, root_);
  });
}

// The root of a user namespace may read everything, unless it gives that up.
void obey_permissions() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) throw test::Forbidden("capget");
  data[0].effective &= ~((1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH));
  if (::syscall(SYS_capset, &header, data) != 0) throw test::Forbidden("capset");
}

TEST_F(ClosedTest, A8_ACauseThatHasChangedIsTold) {
  as_nobody([&] {
    test::enter_user_namespace();
    obey_permissions();
    shut();
    Probe watcher;
    watcher.add_all(root_, mask);
    Events told = test::drain(watcher);
    ASSERT_EQ(told.size(), 1U) << test::show(told);
    EXPECT_EQ(told[0].error, std::errc::permission_denied);
    unshut();
    test::limit_watches(2);
    EXPECT_EQ(watcher.retry_holes(), 1U);
    told = test::drain(watcher);
    ASSERT_EQ(told.size(), 1U) << test::show(told);
    EXPECT_EQ(told[0].error, std::errc::no_space_on_device);
    EXPECT_EQ(told[0].path, root_ + "/closed");
  });
}

TEST_F(ClosedTest, A8_AHoleIsNamedAgainAfterAnOverflow) {
  as_nobody([&] {
    shut();
    Probe watcher;
    watcher.add_all(root_, mask);
    EXPECT_EQ(test::drain(watcher).size(), 1U);
    if (!test::overrun(root_ + "/open")) throw test::Forbidden("a queue that can be overrun");
    const Events told = test::drain(watcher);
    EXPECT_EQ(test::with(told, IN_Q_OVERFLOW).size(), 1U);
    EXPECT_EQ(test::holes(told, root_), std::set<std::string>{"closed"});
    unshut();
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_EQ(test::drain(watcher).size(), 2U);
    expect_whole(watcher, root_);
  });
}

// ---- no descriptors

TEST(AutoWatcherHolesTest, A8_DescriptorsUsedUp) {
  const TempDir dir;
  const std::string root = dir.str();
  test::in_child([&] {
    Probe watcher;
    watcher.add_all(root, mask);
    fs::create_directory(root + "/a");
    test::write_file(root + "/a/f");
    rlimit few{64, 64};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::vector<int> fds;
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fds.push_back(fd);
    const Events told = test::drain(watcher);
    std::string message;
    for (const auto& event : told) {
      if (event.error) message = event.error.message();
    }
    for (const int fd : fds) ::close(fd);
    EXPECT_THAT(test::lines(told, root), ElementsAre("IN_CREATE|IN_ISDIR a", "hole a"));
    EXPECT_EQ(told.back().error, std::errc::too_many_files_open);
    EXPECT_THAT(message, AllOf(HasSubstr("RLIMIT_NOFILE"), HasSubstr("64")));
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_THAT(test::lines(test::drain(watcher), root),
                ElementsAre("synthetic IN_CREATE|IN_CLOSE_WRITE a/f"));
    expect_whole(watcher, root);
  });
}

}  // namespace
}  // namespace holes
