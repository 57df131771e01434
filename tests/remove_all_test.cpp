// remove_all: what add_all has added, and what has come since, is watched no more; nothing else is touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <inotify/auto_watcher.hpp>
#include <inotify/watcher.hpp>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "support/audit.hpp"
#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::audit;
using test::drain;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of each kind of watcher the same is expected unless it is said otherwise.
template <class W>
class RemoveAll : public testing::Test {
 protected:
  RemoveAll() { make({"r/a/b", "r/c", "r2"}); }

  void make(std::initializer_list<const char*> names) const {
    for (const char* const name : names) std::filesystem::create_directories(in(name));
  }
  [[nodiscard]] std::string in(const std::string& name) const { return dir_ / name; }
  // Relative to the directory, in the order of the alphabet.
  [[nodiscard]] std::vector<std::string> watched() const {
    std::vector<std::string> paths;
    for (const auto& watch : watcher_.watches())
      paths.push_back(test::below(dir_.str(), watch.path));
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  void expect_watched(std::initializer_list<const char*> names, const char* what) {
    drain(watcher_);
    EXPECT_EQ(watched(), std::vector<std::string>(names.begin(), names.end())) << what;
    EXPECT_EQ(audit(watcher_), "") << what;
  }

  test::TempDir dir_;
  W watcher_;
};

struct PlainProbe : inotify::Watcher {
  [[nodiscard]] int inotify_fd() const { return instance_.fileno(); }
};
using Watchers = testing::Types<PlainProbe, test::Probe>;
TYPED_TEST_SUITE(RemoveAll, Watchers, );

TYPED_TEST(RemoveAll, EndsWhatAddAllHasBegun) {
  auto& w = this->watcher_;
  w.add_all(this->in("r"), test::names);
  w.add_all(this->in("r2"), test::names);
  EXPECT_EQ(w.remove_all(this->in("r")), 4U);
  this->expect_watched({"r2"}, "the other tree");
  this->make({"r/a/b/new", "r/new"});
  EXPECT_THAT(drain(w), IsEmpty());
  this->make({"r2/new"});
  EXPECT_EQ(drain(w).size(), 1U);
  w.add_all(this->in("r"), test::names);
  EXPECT_TRUE(w.path(this->in("r/a/b/new")));
}

TYPED_TEST(RemoveAll, ThePathItselfNeedNotBeWatched) {
  auto& w = this->watcher_;
  w.add_all(this->in("r/a"), test::names);
  w.add_all(this->in("r/c"), test::names);
  w.add(this->in("r2"), test::names);
  EXPECT_EQ(w.remove_all(this->in("r/")), 3U);
  this->expect_watched({"r2"}, "below r");
  EXPECT_EQ(w.remove_all("/"), 1U);
  this->expect_watched({}, "all");
  EXPECT_TRUE(w.empty());
}

TYPED_TEST(RemoveAll, ADirectoryOfATree) {
  auto& w = this->watcher_;
  w.add_all(this->in("r"), test::names);
  test::write_file(this->in("r/a/b/file"));
  w.add(this->in("r/a/b/file"), IN_MODIFY);
  EXPECT_EQ(w.remove_all(this->in("r/a")), 3U);
  this->expect_watched({"r", "r/c"}, "without r/a");
  this->make({"r/a/b/new"});
  test::write_file(this->in("r/a/b/file"), "1");
  EXPECT_THAT(drain(w), IsEmpty());
}

TYPED_TEST(RemoveAll, SaysThatThereIsNothing) {
  auto& w = this->watcher_;
  w.add_all(this->in("r"), test::names);
  std::error_code ec;
  EXPECT_EQ(w.remove_all(this->in("r2"), ec), 0U);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_THROW(w.remove_all(this->in("r/nowhere")), std::filesystem::filesystem_error);
  EXPECT_EQ(w.remove_all(this->in("r"), ec), 4U);
  EXPECT_FALSE(ec);
  drain(w);
  EXPECT_EQ(w.remove_all(this->in("r"), ec), 0U);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  w.close();
  EXPECT_EQ(w.remove_all(this->in("r"), ec), 0U);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TYPED_TEST(RemoveAll, ANameElsewhereStays) {
  auto& w = this->watcher_;
  test::write_file(this->in("r/a/file"));
  std::filesystem::create_hard_link(this->in("r/a/file"), this->in("r2/file"));
  w.add(this->in("r/a/file"), IN_MODIFY);
  w.add(this->in("r2/file"), IN_MODIFY);
  EXPECT_EQ(w.remove_all(this->in("r")), 1U);
  this->expect_watched({"r2/file"}, "its other name");
  test::write_file(this->in("r/a/file"), "1");
  const auto events = drain(w);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].fullpath, this->in("r2/file"));
  w.add(this->in("r/a/file"), IN_MODIFY);
  EXPECT_EQ(w.remove_all(this->dir_.path()), 2U) << "both";
  this->expect_watched({}, "none");
}

TYPED_TEST(RemoveAll, FollowsWhatWasRenamed) {
  auto& w = this->watcher_;
  w.add_all(this->in("r"), test::names);
  test::move(this->in("r/a"), this->in("r/x"));
  drain(w);
  EXPECT_EQ(w.remove_all(this->in("r/x")), 2U);
  this->expect_watched({"r", "r/c"}, "under its new name");
}

// ---- of an AutoWatcher

class RemoveAllOfTrees : public RemoveAll<test::Probe> {};

TEST_F(RemoveAllOfTrees, EndsWhatHasComeSinceAndIsHeardOfNoMore) {
  watcher_.add_all(in("r"), test::names);
  make({"r/new/er"});
  drain(watcher_);
  make({"r/queued"});
  EXPECT_EQ(watcher_.remove_all(in("r")), 6U);
  EXPECT_THAT(test::lines(drain(watcher_), in("r")),
              ElementsAre("IN_CREATE|IN_ISDIR queued", "IN_IGNORED ."));
  expect_watched({}, "none");
  make({"r/later"});
  EXPECT_THAT(drain(watcher_), IsEmpty());
}

TEST_F(RemoveAllOfTrees, EndsTheRootsBelow) {
  watcher_.add_all(in("r"), test::names);
  watcher_.add_all(in("r/a"), test::names | IN_OPEN);
  watcher_.add(in("r/a"), IN_ATTRIB);
  watcher_.add(in("r/a/b"), IN_ATTRIB);
  EXPECT_EQ(watcher_.remove_all(in("r")), 4U);
  expect_watched({}, "a root in a root, and what was added by itself");
}

TEST_F(RemoveAllOfTrees, OfARootInATreeEndsTheWatchingThere) {
  watcher_.add_all(in("r"), test::names);
  watcher_.add_all(in("r/a"), test::names);
  watcher_.add(in("r/a"), IN_ATTRIB);
  EXPECT_EQ(watcher_.remove_all(in("r/a")), 2U);
  expect_watched({"r", "r/c"}, "the tree goes on without it");
  test::move(in("r/a"), in("r/x"));
  expect_watched({"r", "r/c", "r/x", "r/x/b"}, "until it is renamed");
}

// Whatever is added, made, renamed and removed: nothing below is left, and all else is as it was.
TEST_F(RemoveAllOfTrees, Random) {
  const auto first = static_cast<unsigned>(test::number("INOTIFY_SEED", 1));
  for (unsigned seed = first; seed < first + 30 && !HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    std::mt19937 random(seed);
    const test::TempDir dir;
    test::Probe watcher;
    const auto name = [&] {
      std::string path = dir.str();
      for (auto depth = random() % 4; depth > 0; --depth)
        path += '/' + std::string(1, "abc"[random() % 3]);
      return path;
    };
    for (int i = 0; i < 60 && !HasFailure(); ++i) {
      std::error_code ec;
      const std::string one = name();
      switch (random() % 6) {
        case 0:
        case 1:
          std::filesystem::create_directories(one, ec);
          break;
        case 2:
          std::filesystem::rename(one, name(), ec);
          break;
        case 3:
          if (std::filesystem::is_directory(one)) watcher.add_all(one, test::names);
          break;
        case 4:
          watcher.add(one, IN_ATTRIB, ec);
          break;
        default:
          drain(watcher);  // what is renamed there, or is made anew there, is watched again
          watcher.remove_all(one, ec);
          drain(watcher);
          for (const auto& watch : watcher.watches()) {
            EXPECT_FALSE(watch.path == one || watch.path.starts_with(one + '/')) << watch.path;
          }
      }
      if (random() % 3 == 0) drain(watcher);
    }
    drain(watcher);
    EXPECT_EQ(audit(watcher), "");
  }
}

}  // namespace
