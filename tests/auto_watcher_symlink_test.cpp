// A12: symlinks below a root are never followed; the root itself may be one; one_file_system.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <set>
#include <string>
#include <utility>

#include "support/auto_watcher_checks.hpp"

namespace symlinks {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using test::Events;
using test::lines;
using test::Probe;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

class SymlinkTest : public testing::Test {
 protected:
  SymlinkTest() {
    fs::create_directory(root_);
    fs::create_directories(outside_ + "/x/y");
    test::write_file(outside_ + "/x/y/secret");
  }

  test::Lines told() { return lines(test::drain(watcher_), root_); }
  std::string in(const std::string& name) const { return root_ + "/" + name; }

  // Whatever is outside, and what a link leads to, is neither watched nor told of.
  void expect_whole_and_nothing_else() {
    test::expect_watched(watcher_, test::directories(root_));
    test::write_file(outside_ + "/x/y/more");
    fs::create_directory(outside_ + "/x/new");
    EXPECT_THAT(told(), IsEmpty());
    fs::remove(outside_ + "/x/new");
    test::expect_heard(watcher_, test::directories(root_));
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  std::string outside_ = dir_ / "out";
  Probe watcher_;
};

TEST_F(SymlinkTest, A12_LinksFoundByTheFirstWalk) {
  fs::create_directories(in("a/b"));
  fs::create_directory_symlink(outside_ + "/x", in("outside"));
  fs::create_directory_symlink("..", in("a/up"));
  fs::create_directory_symlink("a/b", in("within"));
  fs::create_symlink("nowhere", in("dangling"));
  fs::create_symlink("loop", in("loop"));
  watcher_.add_all(root_, mask);
  EXPECT_THAT(told(), IsEmpty());
  expect_whole_and_nothing_else();
}

TEST_F(SymlinkTest, A12_LinksThatAreCreatedAndMovedIn) {
  fs::create_directories(in("a/b"));
  watcher_.add_all(root_, mask);
  fs::create_directory_symlink(outside_ + "/x", in("outside"));
  fs::create_directory_symlink("b", in("a/within"));
  fs::create_symlink("loop", in("loop"));
  EXPECT_THAT(told(), ElementsAre("IN_CREATE outside", "IN_CREATE a/within", "IN_CREATE loop"));
  fs::create_directory(dir_ / "new");
  fs::create_directory_symlink(outside_, dir_ / "new/link");
  fs::rename(dir_ / "new", in("new"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_TO|IN_ISDIR new", "synthetic IN_CREATE new/link"));
  fs::rename(in("new/link"), in("a/link"));
  EXPECT_THAT(told(),
              ElementsAre("IN_MOVED_FROM new/link to a/link", "IN_MOVED_TO a/link from new/link"));
  expect_whole_and_nothing_else();
}

TEST_F(SymlinkTest, A12_ADirectoryReplacedByALinkBeforeItIsWatched) {
  watcher_.add_all(root_, mask);
  fs::create_directories(in("x/y"));
  fs::rename(in("x"), dir_ / "gone");
  fs::create_directory_symlink(outside_ + "/x", in("x"));  // has a y, too
  const test::Lines all = told();
  EXPECT_THAT(all, Contains("IN_CREATE x"));
  EXPECT_THAT(all, testing::Not(Contains(testing::HasSubstr("x/y"))));
  expect_whole_and_nothing_else();
}

TEST_F(SymlinkTest, A12_AnIntermediateDirectoryReplacedByALink) {
  fs::create_directory(in("x"));
  watcher_.add_all(root_, mask);
  fs::create_directories(in("x/y"));  // told, not read yet
  fs::create_directories(in("x/z"));
  fs::rename(in("x"), in("real"));
  fs::create_directory_symlink(outside_ + "/x", in("x"));
  const Events events = test::drain(watcher_);
  for (const auto& event : events)
    EXPECT_EQ(event.fullpath.find("secret"), std::string::npos) << event;
  EXPECT_THAT(test::holes(events, root_), IsEmpty());
  test::Replay replay({{in("x"), true}});
  test::apply(replay, events);
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root_)), "") << test::show(events);
  expect_whole_and_nothing_else();
}

// At the worst moment: a second process replaces the directory all the time [32].
TEST_F(SymlinkTest, A12_NothingOutsideIsEverWatchedOrTold) {
  const int most = test::rounds(150);
  std::set<std::pair<std::uint64_t, std::uint64_t>> foreign;
  for (const std::string& path : test::directories(outside_)) foreign.insert(test::identity(path));
  fs::create_directory(in("a"));
  watcher_.add_all(root_, mask);
  test::SecondProcess writer([&] {
    for (int i = 0; i < most; ++i) {
      const std::string away = in("away" + std::to_string(i % 7));
      fs::create_directories(in("a/x/y/z"));
      fs::rename(in("a"), away);
      fs::create_directory_symlink(outside_, in("a"));  // a/x/y leads outside now
      fs::create_directories(away + "/x/y/more");
      fs::create_directories(away + "/x/w");
      fs::remove(in("a"));
      if (i % 3 == 0) {
        fs::create_directory(in("a"));
      } else {
        fs::rename(away, in("a"));
      }
      fs::remove_all(away);
    }
  });
  std::size_t told = 0;
  const auto check = [&](std::span<const inotify::Event> events) {
    for (const auto& event : events) {
      ++told;
      EXPECT_FALSE(event.error) << event;
      EXPECT_EQ(event.fullpath.find("secret"), std::string::npos) << event;
    }
    for (const auto& [wd, watch] : test::kernel_table(watcher_.inotify_fd())) {
      EXPECT_FALSE(foreign.contains({watch.device, watch.inode})) << "watched outside: " << wd;
    }
  };
  while (writer.is_running() && !HasFailure()) check(watcher_.read(std::chrono::milliseconds(1)));
  for (auto events = watcher_.read(test::at_once); !events.empty() && !HasFailure();
       events = watcher_.read(test::at_once)) {
    check(events);
  }
  EXPECT_GT(told, static_cast<std::size_t>(most));
  expect_whole_and_nothing_else();
}

// ---- the root

TEST_F(SymlinkTest, A12_ARootThatIsALink) {
  fs::create_directories(in("a/b"));
  const std::string link = dir_ / "link";
  fs::create_directory_symlink(root_, link);
  watcher_.add_all(link, mask);
  fs::create_directories(in("a/b/c/d"));
  EXPECT_THAT(lines(test::drain(watcher_), link),
              ElementsAre("IN_CREATE|IN_ISDIR a/b/c", "synthetic IN_CREATE|IN_ISDIR a/b/c/d"));
  fs::rename(in("a/b"), in("b"));
  EXPECT_THAT(lines(test::drain(watcher_), link),
              ElementsAre("IN_MOVED_FROM|IN_ISDIR a/b to b", "IN_MOVED_TO|IN_ISDIR b from a/b"));
  test::Lines paths;
  for (const std::string& path : test::directories(root_))
    paths.push_back(link + path.substr(root_.size()));
  test::expect_watched(watcher_, paths);
  test::expect_heard(watcher_, paths);
}

// The link is turned: what was watched stays what is watched, and nothing of the new target is taken for it.
TEST_F(SymlinkTest, A12_ARootLinkThatIsTurned) {
  fs::create_directory(in("x"));
  const std::string link = dir_ / "link";
  fs::create_directory_symlink(root_, link);
  watcher_.add_all(link, mask);
  fs::remove(link);
  fs::create_directory_symlink(outside_, link);
  test::write_file(in("x/f"));
  EXPECT_THAT(lines(test::drain(watcher_), link),
              ElementsAre("IN_CREATE x/f", "IN_CLOSE_WRITE x/f"));
  fs::create_directory(in("x/y"));  // found under that path, there is another one
  const Events told = test::drain(watcher_);
  for (const std::string& path : test::directories(outside_)) {
    EXPECT_FALSE(test::is_watched(watcher_, path)) << path;
  }
  EXPECT_FALSE(told.empty());
  EXPECT_EQ(test::line(told[0], link), "IN_CREATE|IN_ISDIR x/y");
  const bool is_named = test::holes(told, link).contains("x/y");
  EXPECT_NE(is_named, test::is_watched(watcher_, in("x/y"))) << test::show(told);
  for (const auto& event : told) EXPECT_EQ(event.fullpath.find("secret"), std::string::npos);
}

// As for a file: what the mask says not to follow is watched for itself, or refused.
TEST_F(SymlinkTest, A12_ARootLinkThatIsNotToBeFollowed) {
  fs::create_directory(in("x"));
  const std::string link = dir_ / "link";
  fs::create_directory_symlink(root_, link);
  EXPECT_THROW(watcher_.add_all(link, mask | IN_DONT_FOLLOW | IN_ONLYDIR), fs::filesystem_error);
  EXPECT_TRUE(watcher_.empty());
  EXPECT_THAT(test::kernel_table(watcher_.inotify_fd()), IsEmpty());
  watcher_.add_all(link, IN_DELETE_SELF | IN_DONT_FOLLOW);
  for (const std::string& path : test::directories(root_)) {
    EXPECT_FALSE(test::is_watched(watcher_, path)) << path;
  }
  fs::remove(link);
  EXPECT_THAT(lines(test::drain(watcher_), link), ElementsAre("IN_DELETE_SELF .", "IN_IGNORED ."));
  EXPECT_TRUE(watcher_.empty());
  fs::create_symlink("link", link);
  EXPECT_THROW(watcher_.add_all(link, mask), fs::filesystem_error);
  EXPECT_TRUE(watcher_.empty());
}

// ---- one_file_system

class FileSystemTest : public SymlinkTest {
 protected:
  static test::Lines on_device_of(const std::string& root, const std::string& mounted) {
    return test::directories(root, [&](const std::string& path) { return path != mounted; });
  }
};

TEST_F(FileSystemTest, A12_OneFileSystemKeepsToTheRootsDevice) {
  fs::create_directories(in("a/mounted"));
  test::in_child([&] {
    test::enter_mount_namespace();
    test::mount_tmpfs(in("a/mounted"));
    fs::create_directories(in("a/mounted/below/deep"));
    Probe stays(Options{.one_file_system = true});
    stays.add_all(root_, mask);
    EXPECT_THAT(test::drain(stays), IsEmpty());
    test::expect_watched(stays, {root_, in("a")});
    Probe goes;
    goes.add_all(root_, mask);
    test::expect_watched(goes, test::directories(root_));

    fs::create_directory(in("a/mounted/new"));
    fs::create_directory(in("a/b"));
    EXPECT_THAT(lines(test::drain(stays), root_), ElementsAre("IN_CREATE|IN_ISDIR a/b"));
    EXPECT_THAT(lines(test::drain(goes), root_),
                ElementsAre("IN_CREATE|IN_ISDIR a/mounted/new", "IN_CREATE|IN_ISDIR a/b"));
    test::expect_watched(stays, {root_, in("a"), in("a/b")});
    EXPECT_EQ(stays.retry_holes(), 0U) << "it is no hole";
  });
}

TEST_F(FileSystemTest, A12_OneFileSystemWithARootThatIsAMount) {
  fs::create_directories(in("mounted"));
  test::in_child([&] {
    test::enter_mount_namespace();
    test::mount_tmpfs(in("mounted"));
    fs::create_directories(in("mounted/a/b"));
    Probe stays(Options{.one_file_system = true});
    stays.add_all(in("mounted"), mask);
    test::expect_watched(stays, test::directories(in("mounted")));
    test::expect_heard(stays, test::directories(in("mounted")));
  });
}

// A mount that comes between the event and the add. That another directory has taken its place is told
// (A16).
TEST_F(FileSystemTest, A12_OneFileSystemLaterOn) {
  test::in_child([&] {
    test::enter_mount_namespace();
    Probe stays(Options{.one_file_system = true});
    stays.add_all(root_, mask);
    fs::create_directories(in("mounted"));
    test::mount_tmpfs(in("mounted"));
    fs::create_directories(in("mounted/below"));
    EXPECT_THAT(lines(test::drain(stays), root_),
                ElementsAre("IN_CREATE|IN_ISDIR mounted", "synthetic IN_DELETE|IN_ISDIR mounted",
                            "synthetic IN_CREATE|IN_ISDIR mounted"));
    test::expect_watched(stays, {root_});
    EXPECT_EQ(on_device_of(root_, in("mounted")), test::Lines{root_});
  });
}

}  // namespace
}  // namespace symlinks
