// A13: the filter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/watcher.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"

namespace filter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using test::Churn;
using test::Events;
using test::lines;
using test::Probe;
namespace fs = std::filesystem;
using Options = inotify::AutoWatcher::Options;

constexpr inotify::Mask mask = test::names | IN_CLOSE_WRITE;

bool is_wanted(std::string_view name) { return !name.starts_with("no"); }

// Names that begin with "no" are refused.
class FilterTest : public testing::Test {
 protected:
  FilterTest() { fs::create_directory(root_); }

  Options options() {
    Options options;
    options.add_filter = [this](const inotify::Event& event) {
      asked_.emplace_back(event);
      return is_wanted(event.name);
    };
    return options;
  }

  // What was asked since the last time.
  test::Lines asked() {
    test::Lines all;
    for (const auto& event : asked_) all.push_back(test::below(root_, event.fullpath));
    asked_.clear();
    return all;
  }
  test::Lines told() { return lines(test::drain(watcher_), root_); }
  std::string in(const std::string& name) const { return root_ + "/" + name; }
  void make(const std::string& name) { fs::create_directories(in(name)); }

  void expect_only_accepted() {
    const auto accepted = test::directories(root_, [](const std::string& path) {
      return is_wanted(fs::path(path).filename().native());
    });
    test::expect_watched(watcher_, accepted);
    test::expect_heard(watcher_, accepted);
  }

  test::TempDir dir_;
  std::string root_ = dir_ / "in";
  Events asked_;
  Probe watcher_{options()};
};

// Throws when it is asked about `name` for the first time, once it is armed.
struct ThrowsOnce {
  std::string name;
  std::shared_ptr<bool> is_armed = std::make_shared<bool>(false);
  bool operator()(const inotify::Event& event) const {
    if (event.name == name && std::exchange(*is_armed, false)) throw std::runtime_error("filter");
    return true;
  }
};

// Of an exchange both are settled, though the filter throws for the first of them.
TEST(FilterThrows, A13_A17_AnExchangeBetweenRootsIsSettledAllTheSame) {
  const test::TempDir dir;
  fs::create_directories(dir / "names/x/deep");
  fs::create_directories(dir / "closes/y/deep");
  const ThrowsOnce filter{"y"};
  Probe watcher(Options{.add_filter = filter});
  watcher.add_all(dir / "names", test::names);
  watcher.add_all(dir / "closes", test::names | IN_CLOSE_WRITE);
  *filter.is_armed = true;
  test::exchange(dir / "names/x", dir / "closes/y");
  EXPECT_THROW(watcher.read(test::at_once), std::runtime_error);
  test::drain(watcher);
  test::write_file(dir / "closes/y/deep/f");
  test::write_file(dir / "names/x/deep/f");
  EXPECT_THAT(lines(test::drain(watcher), dir.str()),
              ElementsAre("IN_CREATE closes/y/deep/f", "IN_CLOSE_WRITE closes/y/deep/f",
                          "IN_CREATE names/x/deep/f"));
}

// Of several mounts all are followed, though the filter throws for the first of them.
TEST(FilterThrows, A13_A16_A17_AllMountsAreFollowedAllTheSame) {
  const test::TempDir dir;
  const std::string root = dir / "in";
  test::in_child([&] {
    test::enter_mount_namespace();
    for (const char* name : {"/a", "/b", "/c"}) fs::create_directories(root + name);
    const ThrowsOnce filter{"a"};
    Probe watcher(Options{.add_filter = filter});
    watcher.add_all(root, test::names);
    test::Replay replay(test::tree_on_disk(root));
    for (const char* name : {"/a", "/b", "/c"}) {
      test::mount_tmpfs(root + name);
      fs::create_directories(root + name + "/on_it/deep");
    }
    *filter.is_armed = true;
    EXPECT_THROW(watcher.read(test::at_once), std::runtime_error);
    test::apply(replay, test::drain(watcher));
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(root)), "");
    test::expect_watched(watcher, test::directories(root));
  });
}

TEST_F(FilterTest, A13_AskedForEachDirectoryOfTheFirstWalk) {
  make("a/b");
  make("a/no/deep");
  make("not/deep");
  test::write_file(in("file"));
  fs::create_directory_symlink("a", in("link"));
  const int wd = watcher_.add_all(root_, mask)[0];
  ASSERT_THAT(asked_, Not(IsEmpty()));
  for (const auto& event : asked_) {
    EXPECT_EQ(event.mask, inotify::Mask{IN_CREATE | IN_ISDIR}) << event;
    EXPECT_TRUE(event.synthetic && !event.error) << event;
    EXPECT_EQ(event.cookie, 0U);
    EXPECT_EQ(event.fullpath, event.path + "/" + event.name) << event;
    const auto above = watcher_.path(event.path);
    ASSERT_TRUE(above) << event;
    EXPECT_EQ(event.wd, above->wd) << event;
    EXPECT_TRUE(event.moved_from.empty() && event.moved_to.empty());
  }
  EXPECT_EQ(asked_[0].wd, wd);
  EXPECT_THAT(asked(), UnorderedElementsAre("a", "a/b", "a/no", "not"))
      << "neither the root nor what lies in a refused one, nor a file, nor a link";
  EXPECT_THAT(told(), IsEmpty());
  expect_only_accepted();
}

TEST_F(FilterTest, A13_AskedForWhatComesLater) {
  watcher_.add_all(root_, mask);
  make("a/b");
  make("a/no/deep");
  make("no");
  EXPECT_THAT(told(),
              UnorderedElementsAre("IN_CREATE|IN_ISDIR a", "synthetic IN_CREATE|IN_ISDIR a/b",
                                   "synthetic IN_CREATE|IN_ISDIR a/no", "IN_CREATE|IN_ISDIR no"))
      << "that a refused one was created is told, and nothing below it";
  EXPECT_THAT(asked(), UnorderedElementsAre("a", "a/b", "a/no", "no"));
  make("no/more");
  test::write_file(in("no/f"));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(asked(), IsEmpty());
  fs::remove_all(in("no"));
  EXPECT_THAT(told(), ElementsAre("IN_DELETE|IN_ISDIR no"));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_AskedForAMovedInTree) {
  watcher_.add_all(root_, mask);
  fs::create_directories(dir_ / "new/no/deep");
  fs::create_directories(dir_ / "new/yes/deep");
  fs::rename(dir_ / "new", in("new"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_TO|IN_ISDIR new", testing::_, testing::_,
                                  "synthetic IN_CREATE|IN_ISDIR new/yes/deep"));
  EXPECT_THAT(asked(), UnorderedElementsAre("new", "new/no", "new/yes", "new/yes/deep"));
  fs::create_directories(dir_ / "other/yes");
  fs::rename(dir_ / "other", in("no"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_TO|IN_ISDIR no"));
  EXPECT_THAT(asked(), ElementsAre("no"));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_ARefusedDirectoryIsNotOpened) {
  make("no/deep");
  make("yes/deep");
  fs::create_directories(dir_ / "new/no/deep");
  inotify::Watcher witness;
  const inotify::Mask looking = IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE;
  witness.add(in("no"), looking);
  witness.add(in("no/deep"), looking);
  witness.add(in("yes"), looking);
  witness.add(dir_ / "new/no", looking);
  watcher_.add_all(root_, mask);
  fs::rename(dir_ / "new", in("new"));
  watcher_.retry_holes();
  EXPECT_THAT(told(), Contains("IN_MOVED_TO|IN_ISDIR new"));
  EXPECT_EQ(watcher_.retry_holes(), 0U) << "what is refused is no hole";
  const Events seen = test::drain(witness);
  EXPECT_THAT(seen, Not(IsEmpty())) << "yes/ was opened";
  for (const auto& event : seen) EXPECT_EQ(event.path, in("yes")) << event;
  for (const char* name : {"no", "no/deep", "new/no", "new/no/deep"}) {
    EXPECT_FALSE(test::is_watched(watcher_, in(name))) << name;
  }
}

TEST_F(FilterTest, A13_AnnounceTellsOfARefusedOneButNotOfWhatIsBelow) {
  make("no/deep");
  make("yes/deep");
  Options announce = options();
  announce.announce = true;
  watcher_ = Probe(std::move(announce));
  watcher_.add_all(root_, mask);
  EXPECT_THAT(told(), UnorderedElementsAre("synthetic IN_CREATE|IN_ISDIR no",
                                           "synthetic IN_CREATE|IN_ISDIR yes",
                                           "synthetic IN_CREATE|IN_ISDIR yes/deep"));
}

TEST_F(FilterTest, A13_RenamedFromRefusedToAccepted) {
  make("no/deep");
  test::write_file(in("no/f"));
  watcher_.add_all(root_, mask);
  asked();
  fs::rename(in("no"), in("yes"));
  EXPECT_THAT(told(), testing::UnorderedElementsAreArray(
                          {"IN_MOVED_FROM|IN_ISDIR no", "IN_MOVED_TO|IN_ISDIR yes",
                           "synthetic IN_CREATE|IN_ISDIR yes/deep",
                           "synthetic IN_CREATE|IN_CLOSE_WRITE yes/f"}));
  EXPECT_THAT(asked(), ElementsAre("yes", "yes/deep"));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_RenamedFromAcceptedToRefused) {
  make("yes/deep");
  make("other");
  watcher_.add_all(root_, mask);
  asked();
  fs::rename(in("yes"), in("other/no"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR yes to other/no",
                                  "IN_MOVED_TO|IN_ISDIR other/no from yes"));
  EXPECT_THAT(asked(), ElementsAre("other/no"));
  test::write_file(in("other/no/f"));
  test::write_file(in("other/no/deep/f"));
  EXPECT_THAT(told(), IsEmpty());
  expect_only_accepted();
  // And back.
  fs::rename(in("other/no"), in("yes"));
  const test::Lines all = told();
  EXPECT_THAT(all, Contains("IN_MOVED_TO|IN_ISDIR yes"));
  EXPECT_THAT(all, Contains("synthetic IN_CREATE|IN_CLOSE_WRITE yes/deep/f"));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_RenamedAmongAccepted) {
  make("one/deep");
  watcher_.add_all(root_, mask);
  asked();
  fs::rename(in("one"), in("two"));
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR one to two",
                                  "IN_MOVED_TO|IN_ISDIR two from one"));
  EXPECT_THAT(asked(), ElementsAre("two"));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_RenamedAmongRefused) {
  make("no/deep");
  watcher_.add_all(root_, mask);
  asked();
  fs::rename(in("no"), in("not"));
  // Of what it holds nothing is known: a departure and an arrival.
  EXPECT_THAT(told(), ElementsAre("IN_MOVED_FROM|IN_ISDIR no", "IN_MOVED_TO|IN_ISDIR not"));
  EXPECT_THAT(asked(), ElementsAre("not"));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_AcceptedAndRefusedAreExchanged) {
  make("yes/was");
  make("no/was_no");
  watcher_.add_all(root_, mask);
  asked();
  test::exchange(in("yes"), in("no"));
  const Events events = test::drain(watcher_);
  EXPECT_THAT(asked(), testing::IsSupersetOf({"yes"}));
  EXPECT_THAT(lines(events, root_), Contains("synthetic IN_CREATE|IN_ISDIR yes/was_no"));
  EXPECT_THAT(lines(events, root_), Not(Contains(testing::HasSubstr("no/was"))));
  // Of what is in the accepted ones the replay is right.
  test::Replay replay({{in("yes"), true}, {in("yes/was"), true}, {in("no"), true}});
  test::apply(replay, events);
  EXPECT_TRUE(replay.tree().contains(in("yes/was_no")));
  EXPECT_FALSE(replay.tree().contains(in("yes/was"))) << test::show(events);
  EXPECT_TRUE(replay.tree().contains(in("no")));
  expect_only_accepted();
}

TEST_F(FilterTest, A13_TheRootIsNotAskedFor) {
  const std::string root = dir_ / "no";
  fs::create_directories(root + "/yes");
  watcher_.add_all(root, mask);
  EXPECT_EQ(asked_.size(), 1U);
  test::expect_watched(watcher_, {root, root + "/yes"});
}

// A refused directory may be added by hand, or be a root of its own.
TEST_F(FilterTest, A13_ARefusedDirectoryAddedByHand) {
  make("no/deep");
  make("not/deep");
  watcher_.add_all(root_, mask);
  watcher_.add(in("no"), IN_CREATE);
  watcher_.add_all(in("not"), IN_CREATE);
  test::write_file(in("no/f"));
  test::write_file(in("no/deep/f"));
  test::write_file(in("not/deep/f"));
  EXPECT_THAT(told(), ElementsAre("IN_CREATE no/f", "IN_CREATE not/deep/f"));
  EXPECT_EQ(test::audit(watcher_), "");
}

// What the filter throws comes out of the call that asked; the watcher stays usable.
TEST_F(FilterTest, A13_AFilterThatThrows) {
  bool is_bad = false;
  watcher_ = Probe(Options{.add_filter = [&](const inotify::Event&) {
    if (is_bad) throw std::runtime_error("no answer");
    return true;
  }});
  make("a");
  watcher_.add_all(root_, mask);
  is_bad = true;
  make("a/b");
  EXPECT_THROW(watcher_.read(test::at_once), std::runtime_error);
  is_bad = false;
  told();
  make("c/d");
  const test::Lines all = told();
  EXPECT_THAT(all, Contains("IN_CREATE|IN_ISDIR c"));
  EXPECT_TRUE(test::is_watched(watcher_, in("c/d")));
  EXPECT_EQ(test::audit(watcher_), "");
}

// Names come and go, between accepted and refused, at full speed.
TEST_F(FilterTest, A13_OnlyTheAcceptedAreWatchedWhateverHappens) {
  const int most = test::rounds(8);
  const auto refused = [](const std::string& name) { return name == "b"; };
  for (int round = 1; round <= most && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const test::TempDir dir;
    const std::string inside = dir / "in";
    fs::create_directory(inside);
    fs::create_directory(dir / "out");
    const auto seed = static_cast<std::uint64_t>(round);
    Churn(inside, dir / "out", seed).run(200);
    Probe watcher(Options{.add_filter = [&](const inotify::Event& event) {
      return !refused(std::string(event.name));
    }});
    watcher.add_all(inside, mask);
    test::Replay replay(test::tree_on_disk(inside));
    {
      test::SecondProcess writer([&] { Churn(inside, dir / "out", seed * 31).run(1500); });
      while (writer.is_running()) replay.apply(watcher.read(std::chrono::milliseconds(1)));
    }
    test::apply(replay, test::drain(watcher));
    const auto accepted = test::directories(
        inside, [&](const std::string& path) { return !refused(fs::path(path).filename()); });
    test::expect_watched(watcher, accepted);
    // The stream is whole as far as one looks.
    const auto visible = [&](const test::Tree& tree) {
      test::Tree some;
      for (const auto& [path, is_dir] : tree) {
        const std::string parent = fs::path(path).parent_path();
        if (std::ranges::find(accepted, parent) != accepted.end()) some[path] = is_dir;
      }
      return some;
    };
    EXPECT_EQ(test::difference(visible(replay.tree()), visible(test::tree_on_disk(inside))), "");
    test::expect_heard(watcher, accepted);
  }
}

}  // namespace
}  // namespace filter
