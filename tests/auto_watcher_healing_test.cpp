// A8, A17: a hole heals by itself when the kernel tells that it may, and then all that it holds is reported; until then nothing is
// known of what is below. So a replay is right at any time, if an event with `error` is taken to say: forget what is below.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/faults.hpp"

namespace healing {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

using test::Events;
using test::lines;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

void shut(const std::string& path) { fs::permissions(path, fs::perms::none); }
void unshut(const std::string& path) { fs::permissions(path, fs::perms::owner_all); }

// Whether a listing of `path`, which is not empty, tells what is a directory; it may have to be looked up.
bool lists_types(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(path.c_str()), ::closedir);
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    if (entry->d_type == DT_UNKNOWN) return false;
  }
  return true;
}

// Somebody who may not read everything watches a tree: closed/f, closed/inner/g, open.
class HealingTest : public testing::Test {
 protected:
  HealingTest() {
    fs::create_directories(in("closed/inner"));
    test::write_file(in("closed/f"));
    test::write_file(in("closed/inner/g"));
    fs::create_directory(in("open"));
  }
  ~HealingTest() override {
    // What a failed test has left shut.
    if (::geteuid() == 0) return;
    std::error_code ignored;
    for (const char* name : {"", "/closed", "/open"}) {
      fs::permissions(root_ + name, fs::perms::owner_all, ignored);
    }
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

  void start(Options options = {}, inotify::Mask wanted = mask) {
    watcher_.emplace(std::move(options));
    replay_ = Replay(test::tree_on_disk(root_));
    watcher_->add_all(root_, wanted);
  }
  test::Lines told() {
    const Events events = test::drain(*watcher_);
    test::apply(replay_, events);
    return lines(events, root_);
  }
  // All is readable by now: the table, the kernel and the consumer agree with the disk.
  void expect_whole() {
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(test::difference(replay_.tree(), test::tree_on_disk(root_)), "");
    test::expect_watched(*watcher_, test::directories(root_));
    test::expect_heard(*watcher_, test::directories(root_));
    EXPECT_EQ(watcher_->retry_holes(), 0U);
    EXPECT_THAT(told(), IsEmpty());
  }

  [[nodiscard]] std::string in(const std::string& name) const { return root_ + "/" + name; }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::optional<Probe> watcher_;
  Replay replay_;
};

const auto content_of_closed = UnorderedElementsAre(
    "synthetic IN_CREATE|IN_CLOSE_WRITE closed/f", "synthetic IN_CREATE|IN_ISDIR closed/inner",
    "synthetic IN_CREATE|IN_CLOSE_WRITE closed/inner/g");

TEST_F(HealingTest, A17_AHoleHealsWhenItMayBeRead) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    EXPECT_THAT(told(), ElementsAre("hole closed"));
    unshut(in("closed"));
    EXPECT_THAT(told(), content_of_closed);
    expect_whole();
  });
}

TEST_F(HealingTest, A17_TheChangeIsReportedToThoseWhoAskForIt) {
  as_nobody([&] {
    shut(in("closed"));
    start({}, mask | IN_ATTRIB);
    told();
    unshut(in("closed"));
    const test::Lines all = told();
    ASSERT_EQ(all.size(), 4U) << testing::PrintToString(all);
    EXPECT_EQ(all.front(), "IN_ATTRIB|IN_ISDIR closed");
  });
}

TEST_F(HealingTest, A17_NothingMoreIsReportedThanWasAskedFor) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    test::write_file(in("open/f"));
    test::write_file(in("f"));
    told();
    shut(in("f"));
    shut(in("open/f"));
    EXPECT_EQ(::chmod(in("open").c_str(), 0750), 0);
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_NE(test::kernel_mask(*watcher_, root_) & IN_ATTRIB, 0U);
    EXPECT_EQ(test::kernel_mask(*watcher_, in("open")) & IN_ATTRIB, 0U) << "no hole in it";
  });
}

// It may be read, but by others.
TEST_F(HealingTest, A17_AHoleThatStaysOneIsNamedOnce) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    EXPECT_THAT(told(), ElementsAre("hole closed"));
    for (const mode_t mode : {0077U, 0177U, 0300U, 0U}) {
      EXPECT_EQ(::chmod(in("closed").c_str(), mode), 0);
      EXPECT_THAT(told(), IsEmpty()) << mode;
    }
    unshut(in("closed"));
    EXPECT_THAT(told(), content_of_closed);
    expect_whole();
  });
}

TEST_F(HealingTest, A17_AHoleThatWasCreatedHeals) {
  as_nobody([&] {
    start();
    ASSERT_EQ(::mkdir(in("open/new").c_str(), 0), 0);
    EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR open/new", "hole open/new"));
    unshut(in("open/new"));
    fs::create_directories(in("open/new/a/b"));
    EXPECT_THAT(told(), ElementsAre("synthetic IN_CREATE|IN_ISDIR open/new/a",
                                    "synthetic IN_CREATE|IN_ISDIR open/new/a/b"));
    expect_whole();
  });
}

TEST_F(HealingTest, A17_AHoleHealsAndIsRenamedBeforeThatIsRead) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    told();
    unshut(in("closed"));
    fs::rename(in("closed"), in("open/closed"));
    fs::create_directory(in("closed"));
    told();
    expect_whole();
  });
}

// Content, but no way to what is in it.
TEST_F(HealingTest, A17_AHoleHealsLevelByLevel) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    told();
    EXPECT_EQ(::chmod(in("closed").c_str(), 0400), 0);
    // What cannot be looked up may be a directory.
    test::Lines readable = {"synthetic IN_CREATE|IN_CLOSE_WRITE closed/f",
                            "synthetic IN_CREATE|IN_ISDIR closed/inner"};
    test::Lines later = {"synthetic IN_CREATE|IN_CLOSE_WRITE closed/inner/g"};
    if (lists_types(root_)) {
      readable.emplace_back("hole closed/inner");
    } else {
      later.insert(later.begin(), readable.begin(), readable.end());
      readable = {"hole closed/f", "hole closed/inner"};
    }
    EXPECT_THAT(told(), UnorderedElementsAreArray(readable));
    unshut(in("closed"));
    EXPECT_THAT(told(), UnorderedElementsAreArray(later));
    expect_whole();
  });
}

// ---- what stands in the way is above

// Watched directories that are shut are still heard, but nothing in them can be looked up.
TEST_F(HealingTest, A17_AHoleHealsWhenADirectoryAboveItIsOpened) {
  as_nobody([&] {
    start();
    fs::create_directory(in("closed/inner/new"));
    test::write_file(in("closed/inner/new/f"));
    shut(in("closed/inner"));
    shut(in("closed"));
    EXPECT_THAT(told(),
                ElementsAre("IN_CREATE|IN_ISDIR closed/inner/new", "hole closed/inner/new"));
    unshut(in("closed"));
    EXPECT_THAT(told(), IsEmpty()) << "closed/inner is shut";
    unshut(in("closed/inner"));
    EXPECT_THAT(told(), ElementsAre("synthetic IN_CREATE|IN_CLOSE_WRITE closed/inner/new/f"));
    expect_whole();
  });
}

TEST_F(HealingTest, A17_AHoleHealsWhenTheRootIsOpened) {
  as_nobody([&] {
    start();
    fs::create_directories(in("open/new"));
    shut(root_);
    EXPECT_THAT(told(), ElementsAre("IN_CREATE|IN_ISDIR open/new", "hole open/new"));
    unshut(root_);
    EXPECT_THAT(told(), IsEmpty());
    expect_whole();
  });
}

// By somebody who may do so.
TEST_F(HealingTest, A17_AHoleHealsWhenADirectoryAboveItIsMoved) {
  test::in_child([&] {
    if (::geteuid() != 0) test::need_user_namespace();
    test::Signal go;
    test::Signal done;
    test::SecondProcess mover([&] {
      test::become_root_of_ones_own();
      go.take();
      fs::rename(in("closed/inner"), in("open/inner"));
      done.give();
    });
    test::become_nobody(dir_.str());
    start();
    fs::create_directory(in("closed/inner/new"));
    test::write_file(in("closed/inner/new/f"));
    EXPECT_EQ(::chmod(in("closed").c_str(), 0600), 0);
    EXPECT_THAT(told(),
                ElementsAre("IN_CREATE|IN_ISDIR closed/inner/new", "hole closed/inner/new"));
    go.give();
    done.take();
    EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR closed/inner to open/inner",
                                    "IN_MOVED_TO|IN_ISDIR open/inner from closed/inner",
                                    "synthetic IN_CREATE|IN_CLOSE_WRITE open/inner/new/f"));
    unshut(in("closed"));
    EXPECT_THAT(told(), IsEmpty());
    expect_whole();
    while (mover.is_running()) {
    }
  });
}

// ---- races

// It is opened after the look-up has failed and before the kernel has been asked to tell.
TEST_F(HealingTest, A17_TheChangeIsMadeBeforeItWouldBeTold) {
  as_nobody([&] {
    fs::rename(in("closed"), in("open/closed"));
    const std::string closed = in("open/closed");
    for (int nth = 1; nth < 20; ++nth) {
      SCOPED_TRACE(nth);
      unshut(closed);
      watcher_.emplace(Options{.announce = true});
      replay_ = Replay();
      watcher_->add_all(root_, mask);
      told();
      fs::rename(closed, dir_ / "closed");
      told();
      fs::permissions(dir_ / "closed", fs::perms::owner_write);  // or it may not be moved
      fs::rename(dir_ / "closed", closed);
      bool is_open = false;
      {
        const test::Fault fault(test::Call::add_watch, [&](int call) {
          if (call != nth) return;
          unshut(closed);
          is_open = true;
        });
        told();
      }
      if (!is_open) unshut(closed);
      told();
      expect_whole();
    }
  });
}

// ---- add_all once more

TEST_F(HealingTest, A17_AddAllOnceMoreReportsWhatAHealedHoleHolds) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    told();
    unshut(in("closed"));
    watcher_->add_all(root_, mask | IN_ATTRIB);
    EXPECT_THAT(told(), Contains("synthetic IN_CREATE|IN_CLOSE_WRITE closed/inner/g"));
    expect_whole();
  });
}

TEST_F(HealingTest, A8_AddAllOnceMoreNamesTheHolesOnceMore) {
  as_nobody([&] {
    shut(in("closed"));
    start();
    EXPECT_THAT(told(), ElementsAre("hole closed"));
    watcher_->add_all(root_, mask);
    EXPECT_THAT(told(), ElementsAre("hole closed"));
    std::vector<std::string> paths;
    watcher_->add_all(root_, mask,
                      [&](const fs::filesystem_error& error) { paths.push_back(error.path1()); });
    EXPECT_THAT(paths, ElementsAre(in("closed")));
    EXPECT_THAT(told(), IsEmpty());
  });
}

// ---- watched directories that become holes

// Its mask cannot be widened, so not all is heard of it.
TEST_F(HealingTest, A8_AShutDirectoryThatMovesToARootOfAnotherMask) {
  as_nobody([&] {
    const std::string other = dir_ / "other";
    fs::create_directory(other);
    start();
    watcher_->add_all(other, mask | IN_MODIFY);
    EXPECT_EQ(::chmod(in("closed").c_str(), 0300), 0);
    fs::rename(in("closed"), other + "/closed");
    told();
    EXPECT_EQ(replay_.tree().count(other + "/closed"), 1U);
    EXPECT_EQ(replay_.tree().count(other + "/closed/f"), 0U)
        << "the hole says: forget what is below";
    test::write_file(other + "/closed/inner/unheard");
    EXPECT_THAT(told(), IsEmpty()) << "nothing is said of what is in a hole";
    EXPECT_EQ(test::audit(*watcher_), "");
    unshut(other + "/closed");
    told();
    test::Tree disk = test::tree_on_disk(root_);
    disk.merge(test::tree_on_disk(other));
    EXPECT_EQ(test::difference(replay_.tree(), disk), "");
    EXPECT_EQ(test::audit_on_disk(*watcher_), "");
  });
}

// ---- roots

TEST_F(HealingTest, A17_ARootThatWasShutInAnOverflowHeals) {
  as_nobody([&] {
    start();
    fs::current_path(in("open"));
    shut(root_);
    if (!test::overrun(".")) throw test::Forbidden("a queue that can be overrun");
    const test::Lines all = told();
    EXPECT_EQ(all.back(), "hole .") << testing::PrintToString(all);
    EXPECT_EQ(replay_.tree(), test::Tree());
    EXPECT_EQ(test::audit(*watcher_), "");
    unshut(root_);
    told();
    expect_whole();
  });
}

class RootHoleTest : public HealingTest,
                     public testing::WithParamInterface<inotify::OverflowPolicy> {
 protected:
  // The queue overflows while the root is elsewhere: it is a hole.
  void start_away() {
    start(Options{.overflow = GetParam()});
    fs::rename(root_, away_);
    ASSERT_TRUE(test::overrun(away_ + "/open"));
    fs::remove(away_ + "/open/overrun1");
    EXPECT_EQ(told().back(), "hole .");
    EXPECT_EQ(replay_.tree(), test::Tree());
  }
  std::string away_ = dir_ / "away";
};

TEST_P(RootHoleTest, A6_A10_ARenamedRootHealsWhenItIsBack) {
  start_away();
  fs::create_directories(away_ + "/new/deep");
  EXPECT_THAT(told(), IsEmpty()) << "nothing is said of what is in a hole";
  fs::rename(away_, root_);
  test::write_file(in("new/deep/f"));
  const test::Lines all = told();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front(), "IN_MOVE_SELF .");
  EXPECT_THAT(replay_.twice(), IsEmpty());
  expect_whole();
}

TEST_P(RootHoleTest, A6_RetryHolesReportsAllThatARootHolds) {
  start_away();
  fs::rename(away_, root_);
  fs::create_directories(in("new/deep"));
  test::write_file(in("new/deep/f"));
  EXPECT_EQ(watcher_->retry_holes(), 0U);
  told();
  EXPECT_THAT(replay_.twice(), IsEmpty());
  expect_whole();
}

TEST_P(RootHoleTest, A6_ARootWithinOne) {
  start(Options{.overflow = GetParam()});
  watcher_->add_all(in("closed/inner"), mask | IN_MODIFY);
  fs::rename(root_, away_);
  ASSERT_TRUE(test::overrun(away_ + "/open"));
  fs::remove(away_ + "/open/overrun1");
  told();
  fs::rename(away_, root_);
  told();
  expect_whole();
}

INSTANTIATE_TEST_SUITE_P(Policies, RootHoleTest,
                         testing::Values(inotify::OverflowPolicy::report,
                                         inotify::OverflowPolicy::announce),
                         [](const auto& policy) {
                           const bool reports = policy.param == inotify::OverflowPolicy::report;
                           return std::string(reports ? "Report" : "Announce");
                         });

// It is announced with all below, so what was known of that is announced again, whatever happens meanwhile.
TEST_F(HealingTest, A6_AnnouncingOnceMoreWhileDirectoriesAreRenamed) {
  for (int i = 0; i < 8; ++i) fs::create_directories(in("d" + std::to_string(i) + "/x/y"));
  for (int nth = 1; nth < 60 && !HasFailure(); ++nth) {
    SCOPED_TRACE(nth);
    start(Options{.announce = true});
    told();
    {
      const test::Fault fault(test::Call::add_watch, [&](int call) {
        if (call == nth) fs::rename(in("d1"), in("d5/moved"));
        if (call == nth + 7) fs::rename(in("d3"), dir_ / "outside");
      });
      watcher_->add_all(root_, mask);
    }
    told();
    expect_whole();
    if (fs::exists(in("d5/moved"))) fs::rename(in("d5/moved"), in("d1"));
    if (fs::exists(dir_ / "outside")) fs::rename(dir_ / "outside", in("d3"));
  }
}

// A root in a part of another that the filter refuses.
TEST_F(HealingTest, A10_ARootBelowARefusedDirectorySurvivesAnOverflow) {
  start(Options{.add_filter = [](const inotify::Event& event) { return event.name != "closed"; }});
  watcher_->add_all(in("closed/inner"), mask);
  if (!test::overrun(in("open"))) GTEST_SKIP() << "no queue that can be overrun";
  fs::remove(in("open/overrun1"));
  told();
  EXPECT_EQ(test::audit_on_disk(*watcher_), "");
  test::expect_heard(*watcher_, {root_, in("open"), in("closed/inner")});
}

}  // namespace
}  // namespace healing
