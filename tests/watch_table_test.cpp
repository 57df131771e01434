#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <inotify/detail/watch_table.hpp>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using inotify::Mask;
using inotify::detail::no_node;
using inotify::detail::NodeId;
using inotify::detail::WatchTable;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class WatchTableTest : public testing::Test {
 protected:
  NodeId watch(std::string_view path, int wd, Mask mask = IN_CREATE) {
    const NodeId node = table_.ensure(path);
    table_.bind(node, wd, mask);
    return node;
  }

  [[nodiscard]] std::string path_of(int wd) const { return table_.path(table_.by_wd(wd)); }

  [[nodiscard]] std::vector<std::string> all_paths() const {
    std::vector<std::string> paths;
    table_.for_each([&](NodeId node) {
      // "/" and "." hold up what is below them.
      const bool holds = WatchTable::is_top(table_.parent(node)) && table_.wd(node) < 0;
      if (!holds) paths.push_back(table_.path(node));
    });
    return paths;
  }

  WatchTable table_;
};

// ---- paths

TEST_F(WatchTableTest, IsEmptyAtFirst) {
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_EQ(table_.by_wd(1), no_node);
  EXPECT_EQ(table_.by_wd(-1), no_node);
  EXPECT_EQ(table_.find("/a"), no_node);
  EXPECT_EQ(table_.find(""), no_node);
  EXPECT_THAT(all_paths(), IsEmpty());
}

TEST_F(WatchTableTest, BuildsAPathFromTheNamesAboveANode) {
  watch("/srv/data/in", 1);
  watch("some/where", 2);
  EXPECT_EQ(path_of(1), "/srv/data/in");
  EXPECT_EQ(path_of(2), "some/where");
  std::string reused = "something longer than the path that comes";
  table_.path(table_.by_wd(2), reused);
  EXPECT_EQ(reused, "some/where");
  EXPECT_EQ(table_.name(table_.by_wd(1)), "in");
}

TEST_F(WatchTableTest, WaysOfWritingAPathAreOnePath) {
  const NodeId node = watch("/a/b/c", 1);
  for (const char* path : {"/a/b/c", "//a///b/c", "/a/./b/c/.", "/a/b/c/", "/./a/b/c//./"}) {
    EXPECT_EQ(table_.find(path), node) << path;
    EXPECT_EQ(table_.ensure(path), node) << path;
  }
  for (const char* path : {"a/b/c", "/a/b", "/a/b/c/d", "/a/b/../b/c", "/a/b/cc"}) {
    EXPECT_NE(table_.find(path), node) << path;
  }
}

TEST_F(WatchTableTest, DotDotStaysSinceItMayCrossASymlink) {
  watch("/a/../b", 1);
  EXPECT_EQ(path_of(1), "/a/../b");
  EXPECT_EQ(table_.find("/b"), no_node);
}

TEST_F(WatchTableTest, RelativeAndAbsolutePathsAreApart) {
  watch("/x", 1);
  watch("x", 2);
  EXPECT_EQ(path_of(1), "/x");
  EXPECT_EQ(path_of(2), "x");
}

TEST_F(WatchTableTest, TheWorkingDirectoryIsADot) {
  const NodeId dot = watch(".", 1);
  for (const char* path : {".", "./", "././", ".//."}) EXPECT_EQ(table_.find(path), dot) << path;
  EXPECT_EQ(path_of(1), ".");
  const NodeId below = table_.ensure_child(dot, "x");
  EXPECT_EQ(table_.path(below), "./x");
  EXPECT_EQ(table_.find("./x"), below);
  EXPECT_EQ(table_.find("x"), below);
}

TEST_F(WatchTableTest, APathBelowTheWatchedWorkingDirectoryIsOneNodeHoweverItIsWritten) {
  const NodeId x = table_.ensure_child(watch(".", 1), "x");
  table_.bind(x, 2, IN_CREATE);
  const NodeId file = watch("x/file", 3);
  EXPECT_EQ(table_.find("x"), x) << "the watched one";
  EXPECT_EQ(table_.find("./x"), x);
  EXPECT_EQ(table_.child(x, "file"), file) << "where the events of x look for it";
}

TEST_F(WatchTableTest, TheWatchOfTheWorkingDirectoryChangesAllRelativePaths) {  // invariant 4
  const NodeId node = watch("a/b", 1);
  const auto before = table_.version();
  EXPECT_EQ(table_.path(node), "a/b");
  const NodeId here = watch(".", 2);
  EXPECT_NE(table_.version(), before);
  EXPECT_EQ(table_.path(node), "./a/b");
  const auto between = table_.version();
  table_.unbind(here);
  EXPECT_NE(table_.version(), between);
  EXPECT_EQ(table_.path(node), "a/b");
}

TEST_F(WatchTableTest, WhatIsAddedBelowTheWatchedWorkingDirectoryIsItsChild) {
  const NodeId dot = watch(".", 1);
  const NodeId x = watch("./x", 2);
  EXPECT_EQ(x, table_.child(dot, "x")) << "else a rename of x in . does not find it";
  const NodeId y = watch("y", 3);
  EXPECT_EQ(y, table_.child(dot, "y"));
}

TEST_F(WatchTableTest, TheRootDirectoryIsASlash) {
  const NodeId root = watch("/", 1);
  EXPECT_EQ(path_of(1), "/");
  EXPECT_EQ(table_.find("//."), root);
  const NodeId etc = watch("/etc", 2);
  EXPECT_EQ(table_.child(root, "etc"), etc);
  EXPECT_EQ(path_of(2), "/etc");
  EXPECT_EQ(table_.size(), 2U);
  EXPECT_TRUE(table_.unbind(root));
  EXPECT_EQ(table_.by_wd(1), no_node);
  EXPECT_EQ(path_of(2), "/etc");
}

TEST_F(WatchTableTest, AWatchedRootDirectoryIsVisitedLikeAnyOther) {
  watch("/", 1);
  watch("/etc", 2);
  EXPECT_THAT(all_paths(), ElementsAre("/", "/etc"));
}

TEST_F(WatchTableTest, NamesAreBytes) {
  using namespace std::string_literals;
  watch("/a\xff\n b/\x01", 1);
  EXPECT_EQ(path_of(1), "/a\xff\n b/\x01");
  watch("/" + std::string(255, 'n'), 2);
  EXPECT_EQ(path_of(2), "/" + std::string(255, 'n'));
}

// ---- watches

TEST_F(WatchTableTest, KnowsAWatchByNumberAndByPath) {
  const NodeId node = watch("/a", 7, IN_CREATE | IN_DELETE);
  EXPECT_EQ(table_.by_wd(7), node);
  EXPECT_EQ(table_.find("/a"), node);
  EXPECT_EQ(table_.wd(node), 7);
  EXPECT_EQ(table_.mask(node), Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_FALSE(table_.has_alias(7));
}

TEST_F(WatchTableTest, KeepsOfAMaskWhatTheKernelKeeps) {
  const NodeId node =
      watch("/a", 1, IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT | IN_ONLYDIR | IN_MASK_ADD);
  EXPECT_EQ(table_.mask(node), Mask{IN_ALL_EVENTS | IN_EXCL_UNLINK} | IN_ONESHOT);
  table_.set_mask(node, IN_MODIFY);
  EXPECT_EQ(table_.mask(node), Mask{IN_MODIFY});
}

TEST_F(WatchTableTest, AWatchOfSeveralNamesIsReportedUnderItsFirst) {
  watch("/first", 1, IN_CREATE);
  const NodeId second = watch("/second", 1, IN_CREATE | IN_DELETE);
  watch("/third", 1, IN_MODIFY);
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_TRUE(table_.has_alias(1));
  EXPECT_EQ(path_of(1), "/first");
  EXPECT_EQ(table_.mask(second), Mask{IN_MODIFY}) << "one watch has one mask [1]";

  EXPECT_FALSE(table_.unbind(table_.find("/first")));
  EXPECT_EQ(path_of(1), "/second");
  EXPECT_FALSE(table_.unbind(table_.find("/third")));
  EXPECT_FALSE(table_.has_alias(1));
  EXPECT_TRUE(table_.unbind(second)) << "that was the last";
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_THAT(all_paths(), IsEmpty());
}

TEST_F(WatchTableTest, NodesThatNothingNeedsAreGone) {
  const NodeId deep = watch("/a/b/c/d", 1);
  watch("/a/b", 2);
  table_.unbind(deep);
  EXPECT_THAT(all_paths(), UnorderedElementsAre("/a", "/a/b"));
  const NodeId held = table_.ensure("/x/y");
  table_.bits(held).is_root = 1;
  table_.prune(held);
  EXPECT_EQ(table_.find("/x/y"), held);
  table_.bits(held).is_root = 0;
  table_.prune(held);
  EXPECT_THAT(all_paths(), UnorderedElementsAre("/a", "/a/b"));
}

TEST_F(WatchTableTest, ReusesTheIdsOfWhatIsGone) {  // [4]
  NodeId highest = 0;
  for (int wd = 1; wd < 1000; ++wd) {
    const NodeId node = watch("/dir/" + std::to_string(wd), wd);
    highest = std::max(highest, node);
    EXPECT_EQ(table_.name(node), std::to_string(wd));
    table_.unbind(node);
    EXPECT_FALSE(table_.is_live(node));
  }
  EXPECT_LT(highest, 10U);
}

TEST_F(WatchTableTest, VisitsParentsBeforeChildren) {
  for (const char* path : {"/r/a/x", "/r/a", "/r", "/r/b/y", "/q"})
    watch(path, static_cast<int>(all_paths().size()) + 1);
  std::vector<std::string> below;
  table_.for_each_below(table_.find("/r"),
                        [&](NodeId node) { below.push_back(table_.path(node)); });
  EXPECT_THAT(below, UnorderedElementsAre("/r", "/r/a", "/r/a/x", "/r/b", "/r/b/y"));
  const auto place = [&](const char* path) {
    return std::ranges::find(below, path) - below.begin();
  };
  EXPECT_EQ(place("/r"), 0);
  EXPECT_LT(place("/r/a"), place("/r/a/x"));
  EXPECT_LT(place("/r/b"), place("/r/b/y"));
  std::vector<std::string> children;
  table_.for_each_child(table_.find("/r"),
                        [&](NodeId node) { children.emplace_back(table_.name(node)); });
  EXPECT_THAT(children, UnorderedElementsAre("a", "b"));
}

// ---- renames

TEST_F(WatchTableTest, ARenameMovesTheWholeSubtree) {
  watch("/a/d", 1);
  watch("/a/d/e/f", 2);
  const NodeId target = watch("/b", 3);
  const auto version = table_.version();
  table_.rename(table_.by_wd(1), target, "g");
  EXPECT_NE(table_.version(), version);
  EXPECT_EQ(path_of(1), "/b/g");
  EXPECT_EQ(path_of(2), "/b/g/e/f");
  EXPECT_EQ(table_.find("/b/g/e/f"), table_.by_wd(2));
  EXPECT_EQ(table_.find("/a"), no_node) << "nothing is left there";
  EXPECT_TRUE(table_.is_below(table_.by_wd(2), target));
}

// If a rename cost something for each node below, this would take minutes and run into the time
// limit.
TEST_F(WatchTableTest, ARenameCostsTheSameHoweverMuchLiesBelow) {
  const NodeId big = watch("/r/big", 1);
  for (int i = 0; i < 100'000; ++i) {
    table_.bind(table_.ensure_child(big, std::to_string(i)), i + 2, IN_CREATE);
  }
  for (int i = 0; i < 500'000; ++i)
    table_.rename(big, table_.parent(big), i % 2 == 0 ? "one" : "other");
  EXPECT_EQ(path_of(77), "/r/other/75");
}

TEST_F(WatchTableTest, ARenameOverANameSupersedesItsBearer) {  // [20]
  const NodeId mover = watch("/r/new", 1);
  const NodeId victim = watch("/r/old", 2);
  table_.rename(mover, table_.find("/r"), "old");
  EXPECT_EQ(table_.find("/r/old"), mover);
  EXPECT_EQ(table_.by_wd(2), victim) << "until its IN_IGNORED";
  EXPECT_EQ(path_of(2), "/r/old") << "its last path";
  EXPECT_TRUE(table_.unbind(victim));
  EXPECT_EQ(table_.find("/r/old"), mover);
}

TEST_F(WatchTableTest, ARenameToTheOwnNameChangesNothing) {
  const NodeId node = watch("/a/b", 1);
  table_.rename(node, table_.parent(node), "b");
  EXPECT_EQ(table_.find("/a/b"), node);
  EXPECT_EQ(path_of(1), "/a/b");
}

TEST_F(WatchTableTest, ASwapExchangesTwoPlacesWithAllBelow) {  // [19]
  watch("/p/x", 1);
  watch("/p/x/in", 2);
  watch("/q/y", 3);
  watch("/q/y/on", 4);
  const auto version = table_.version();
  table_.swap(table_.by_wd(1), table_.by_wd(3));
  EXPECT_NE(table_.version(), version);
  EXPECT_EQ(path_of(1), "/q/y");
  EXPECT_EQ(path_of(2), "/q/y/in");
  EXPECT_EQ(path_of(3), "/p/x");
  EXPECT_EQ(path_of(4), "/p/x/on");
  EXPECT_EQ(table_.find("/p/x/on"), table_.by_wd(4));
}

TEST_F(WatchTableTest, ASupersededNodeCanBeReinstated) {
  const NodeId old = watch("/n", 1);
  table_.supersede(old);
  EXPECT_EQ(table_.find("/n"), no_node);
  const NodeId young = watch("/n", 2);
  EXPECT_EQ(table_.find("/n"), young);
  EXPECT_EQ(path_of(1), "/n");
  table_.reinstate(old);
  EXPECT_EQ(table_.find("/n"), old);
  EXPECT_EQ(path_of(2), "/n");
  table_.reinstate(old);
  EXPECT_EQ(table_.find("/n"), old);
  EXPECT_TRUE(table_.unbind(young));
  EXPECT_EQ(table_.find("/n"), old);
}

TEST_F(WatchTableTest, ReinstatingOverANodeThatNothingNeedsErasesIt) {
  const NodeId old = watch("/n", 1);
  table_.supersede(old);
  table_.ensure("/n");
  table_.reinstate(old);
  EXPECT_THAT(all_paths(), ElementsAre("/n"));
}

TEST_F(WatchTableTest, EraseTakesTheSubtreeChildrenFirst) {
  watch("/r/d", 1);
  watch("/r/d/e", 2);
  watch("/r/d/e/f", 3);
  watch("/r/other", 4);
  watch("/alias", 3);
  std::vector<std::string> erased;
  table_.erase(table_.by_wd(1), [&](NodeId node) {
    erased.push_back(table_.path(node) + " " + std::to_string(table_.wd(node)));
  });
  EXPECT_THAT(erased, ElementsAre("/r/d/e/f 3", "/r/d/e 2", "/r/d 1"));
  EXPECT_EQ(table_.by_wd(1), no_node);
  EXPECT_EQ(path_of(3), "/alias");
  EXPECT_THAT(all_paths(), UnorderedElementsAre("/r", "/r/other", "/alias"));
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(WatchTableTest, ClearForgetsEverything) {
  watch("/a/b", 1);
  watch("/alias", 1);
  const auto version = table_.version();
  table_.clear();
  EXPECT_NE(table_.version(), version);
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_FALSE(table_.has_alias(1));
  EXPECT_THAT(all_paths(), IsEmpty());
  watch("/a/b", 1);
  EXPECT_EQ(path_of(1), "/a/b");
}

TEST_F(WatchTableTest, IsEmptyOnceMovedFrom) {
  watch("/a/b", 1);
  const WatchTable moved(std::move(table_));
  EXPECT_EQ(moved.path(moved.by_wd(1)), "/a/b");
  ASSERT_EQ(table_.size(), 0U);  // NOLINT(bugprone-use-after-move): it says so
  EXPECT_EQ(table_.find("/a/b"), no_node);
  EXPECT_THAT(all_paths(), IsEmpty());
}

// ---- against a model

// The same by the simplest means: a map, searched from end to end.
class Model {
 public:
  struct Node {
    NodeId parent;
    std::string name;
    bool named = true;
    bool root = false;
    int wd = -1;
  };

  static constexpr NodeId top = 1;  // "/", the first node of a table that begins with it

  std::map<NodeId, Node> nodes;
  std::map<int, std::vector<NodeId>> names;  // by wd, the first name first
  std::map<int, Mask> masks;

  [[nodiscard]] NodeId child(NodeId parent, const std::string& name) const {
    for (const auto& [id, node] : nodes) {
      if (node.parent == parent && node.name == name && node.named) return id;
    }
    return no_node;
  }
  [[nodiscard]] bool is_below(NodeId id, NodeId ancestor) const {
    while (id != ancestor && id != top) id = nodes.at(id).parent;
    return id == ancestor;
  }
  [[nodiscard]] std::string path(NodeId id) const {
    std::string text;
    for (; id != top; id = nodes.at(id).parent) text = "/" + nodes.at(id).name + text;
    return text;
  }
  [[nodiscard]] bool has_children(NodeId id) const {
    return std::ranges::any_of(nodes, [&](const auto& entry) { return entry.second.parent == id; });
  }
  void prune(NodeId id) {
    while (id != top && nodes.at(id).wd < 0 && !nodes.at(id).root && !has_children(id)) {
      const NodeId parent = nodes.at(id).parent;
      nodes.erase(id);
      id = parent;
    }
  }
  bool forget_wd(NodeId id) {
    const int wd = std::exchange(nodes.at(id).wd, -1);
    const bool is_first = names[wd].front() == id;
    std::erase(names[wd], id);
    if (!names[wd].empty()) {
      Node& first = nodes.at(names[wd].front());
      first.root = first.root || (is_first && nodes.at(id).root);
      return false;
    }
    names.erase(wd);
    masks.erase(wd);
    return true;
  }
  void supersede(NodeId id) {
    if (id == no_node) return;
    nodes.at(id).named = false;
    prune(id);
  }
};

class WatchTableModel {
 public:
  explicit WatchTableModel(unsigned seed) : random_(seed) {
    EXPECT_EQ(table_.ensure("/"), Model::top);
    table_.bits(Model::top).is_root = 1;  // so that it stays
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      compare();
      if (testing::Test::HasFatalFailure()) {
        ADD_FAILURE() << "step " << i << ", after: " << operation_;
        return;
      }
    }
    EXPECT_GT(most_, 20U) << "too few nodes at any time to say much";
  }

 private:
  std::size_t pick(std::size_t n) { return random_() % n; }
  std::string any_name() { return std::string(1 + pick(2), static_cast<char>('a' + pick(4))); }
  NodeId any_node() {
    if (model_.nodes.empty()) return no_node;
    return std::next(model_.nodes.begin(), static_cast<std::ptrdiff_t>(pick(model_.nodes.size())))
        ->first;
  }
  NodeId any_place() { return pick(4) == 0 || model_.nodes.empty() ? Model::top : any_node(); }

  void step() {
    const NodeId id = any_node();
    if (id == no_node || (model_.nodes.size() < 40 && pick(3) == 0)) return add();
    Model::Node& node = model_.nodes.at(id);
    switch (pick(10)) {
      case 0:
      case 1:
        return rename(id, any_place(), any_name());
      case 2:
        return swap(id, any_node());
      case 3:
        if (node.named) supersede(id);
        return;
      case 4:
        if (!node.named) reinstate(id);
        return;
      case 5:
        if (pick(4) == 0) erase(id);
        return;
      case 6:
        return node.wd >= 0 ? unbind(id) : bind(id);
      case 7:
        if (node.wd >= 0) set_mask(id);
        return;
      case 8:
        return set_root(id, !node.root);
      default:
        return add();
    }
  }

  void add() {
    const NodeId parent = any_place();
    const std::string name = any_name();
    operation_ = "add " + name + " in " + model_.path(parent);
    const NodeId known = model_.child(parent, name);
    const NodeId id = table_.ensure_child(parent, name);
    if (known != no_node) {
      ASSERT_EQ(id, known);
      return;
    }
    ASSERT_FALSE(model_.nodes.contains(id)) << "an id that is in use";
    model_.nodes[id] = {parent, name};
    if (pick(8) == 0) return prune(id);
    pick(4) == 0 ? set_root(id, true) : bind(id);
  }

  void prune(NodeId id) {
    table_.prune(id);
    model_.prune(id);
  }

  void bind(NodeId id) {
    const bool alias = !model_.names.empty() && pick(4) == 0;
    const int wd = alias ? std::next(model_.names.begin(),
                                     static_cast<std::ptrdiff_t>(pick(model_.names.size())))
                               ->first
                         : ++last_wd_;
    const Mask mask =
        static_cast<Mask>(1 + pick(IN_ALL_EVENTS)) | (pick(2) == 0 ? IN_EXCL_UNLINK : 0U);
    operation_ += ", bind " + model_.path(id) + " to " + std::to_string(wd);
    table_.bind(id, wd, mask);
    model_.nodes.at(id).wd = wd;
    model_.names[wd].push_back(id);
    model_.masks[wd] = mask;
  }

  void unbind(NodeId id) {
    operation_ = "unbind " + model_.path(id);
    const bool last = model_.forget_wd(id);
    model_.prune(id);
    ASSERT_EQ(table_.unbind(id), last);
  }

  void set_mask(NodeId id) {
    operation_ = "set_mask " + model_.path(id);
    const Mask mask = static_cast<Mask>(1 + pick(IN_ALL_EVENTS)) | (pick(2) == 0 ? IN_ONESHOT : 0U);
    table_.set_mask(id, mask);
    model_.masks[model_.nodes.at(id).wd] = mask;
  }

  void set_root(NodeId id, bool root) {
    operation_ += ", root " + model_.path(id);
    table_.bits(id).is_root = root;
    model_.nodes.at(id).root = root;
    prune(id);
  }

  void rename(NodeId id, NodeId parent, const std::string& name) {
    if (model_.is_below(parent, id)) return;  // the kernel refuses it
    operation_ = "rename " + model_.path(id) + " to " + model_.path(parent) + "/" + name;
    table_.rename(id, parent, name);
    const NodeId victim = model_.child(parent, name);
    if (victim == id) return;
    model_.supersede(victim);
    Model::Node& node = model_.nodes.at(id);
    const NodeId old_parent = std::exchange(node.parent, parent);
    node.name = name;
    node.named = true;
    model_.prune(old_parent);
  }

  void swap(NodeId a, NodeId b) {
    if (model_.is_below(a, b) || model_.is_below(b, a)) return;  // the kernel refuses it
    if (!model_.nodes.at(a).named || !model_.nodes.at(b).named) return;
    operation_ = "swap " + model_.path(a) + " and " + model_.path(b);
    table_.swap(a, b);
    std::swap(model_.nodes.at(a).parent, model_.nodes.at(b).parent);
    std::swap(model_.nodes.at(a).name, model_.nodes.at(b).name);
  }

  void supersede(NodeId id) {
    operation_ = "supersede " + model_.path(id);
    table_.supersede(id);
    model_.supersede(id);
  }

  void reinstate(NodeId id) {
    operation_ = "reinstate " + model_.path(id);
    table_.reinstate(id);
    const NodeId bearer = model_.child(model_.nodes.at(id).parent, model_.nodes.at(id).name);
    model_.nodes.at(id).named = true;
    model_.supersede(bearer);
  }

  void erase(NodeId id) {
    operation_ = "erase " + model_.path(id);
    std::vector<NodeId> erased;
    const NodeId above = model_.nodes.at(id).parent;
    table_.erase(id, [&](NodeId one) {
      erased.push_back(one);
      EXPECT_EQ(table_.path(one), model_.path(one));
    });
    std::size_t expected = 0;
    for (const auto& [one, node] : model_.nodes) expected += model_.is_below(one, id);
    ASSERT_EQ(erased.size(), expected);
    for (const NodeId one : erased) {
      ASSERT_TRUE(model_.is_below(one, id));
      ASSERT_FALSE(model_.has_children(one)) << "children come first";
      if (model_.nodes.at(one).wd >= 0) model_.forget_wd(one);
      model_.nodes.erase(one);
    }
    model_.prune(above);
  }

  void compare() {
    if (testing::Test::HasFatalFailure()) return;
    most_ = std::max(most_, model_.nodes.size());
    std::map<NodeId, std::string> paths;
    table_.for_each([&](NodeId id) {
      if (id == Model::top) return;
      EXPECT_TRUE(table_.parent(id) == Model::top || paths.contains(table_.parent(id)))
          << "a child first";
      EXPECT_TRUE(paths.emplace(id, table_.path(id)).second)
          << "visited twice: " << table_.path(id);
    });
    ASSERT_EQ(paths.size(), model_.nodes.size());
    for (const auto& [id, node] : model_.nodes) {
      const std::string path = model_.path(id);
      ASSERT_TRUE(paths.contains(id)) << "not visited: " << path;
      ASSERT_EQ(paths[id], path);
      ASSERT_EQ(table_.wd(id), node.wd) << path;
      ASSERT_EQ(table_.bits(id).named, node.named) << path;
      ASSERT_EQ(table_.mask(id), node.wd >= 0 ? model_.masks.at(node.wd) : 0U) << path;
      ASSERT_EQ(table_.child(node.parent, node.name), model_.child(node.parent, node.name)) << path;
      ASSERT_EQ(table_.has_children(id), model_.has_children(id)) << path;
    }
    ASSERT_EQ(table_.size(), model_.names.size());
    for (const auto& [wd, names] : model_.names) {
      ASSERT_EQ(table_.by_wd(wd), names.front()) << wd;
      ASSERT_EQ(table_.names_of(wd), names) << wd;
      ASSERT_EQ(table_.has_alias(wd), names.size() > 1) << wd;
    }
    const int any_wd = static_cast<int>(pick(static_cast<std::size_t>(last_wd_) + 2));
    ASSERT_EQ(table_.by_wd(any_wd) != no_node, model_.names.contains(any_wd)) << any_wd;
    if (paths == last_paths_) return;
    // A path that changed is one that a node had before and after; but a coarser answer is right,
    // too.
    const bool renamed = std::ranges::any_of(paths, [&](const auto& entry) {
      const auto old = last_paths_.find(entry.first);
      return old != last_paths_.end() && old->second != entry.second;
    });
    ASSERT_TRUE(!renamed || table_.version() != last_version_) << "a path changed in silence";
    last_version_ = table_.version();
    last_paths_ = std::move(paths);
  }

  std::mt19937 random_;
  WatchTable table_;
  Model model_;
  int last_wd_ = 0;
  std::size_t most_ = 0;
  std::map<NodeId, std::string> last_paths_;
  std::uint64_t last_version_ = 0;
  std::string operation_;
};

TEST(WatchTable, AgreesWithAModelAfterAnyOperations) {
  for (const unsigned seed : {1U, 2U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    WatchTableModel(seed).run(2500);
  }
}

TEST_F(WatchTableTest, PathsOfALargeTableAreTheSameAfterTheyWereFetched) {
  EXPECT_FALSE(table_.is_large());
  std::vector<int> wds;
  std::vector<std::string> paths;
  for (int wd = 1; wd <= 6000; ++wd) {
    const std::string above = wd <= 3 ? "/srv" : paths[static_cast<std::size_t>(wd / 3 - 1)];
    paths.push_back(above + "/" + std::to_string(wd));
    watch(paths.back(), wd);
    wds.push_back(wd);
  }
  EXPECT_TRUE(table_.is_large());
  for (const int unknown : {-1, 0, 6001, 1 << 30, std::numeric_limits<int>::max()})
    wds.push_back(unknown);
  for (int round = 0; round < 2; ++round) {
    table_.prefetch(wds);
    for (int wd = 1; wd <= 6000; ++wd)
      ASSERT_EQ(path_of(wd), paths[static_cast<std::size_t>(wd - 1)]);
  }
  table_.rename(table_.find("/srv/1"), table_.find("/srv/2"), "moved");
  EXPECT_EQ(path_of(1), "/srv/2/moved");
  EXPECT_EQ(path_of(3000), "/srv/2/moved/" + paths[2999].substr(std::string("/srv/1/").size()))
      << "no path that was put together before";
  table_.erase(table_.find("/srv/3"), [](NodeId) {});
  for (int wd = 7000; wd < 7500; ++wd) watch("/new/" + std::to_string(wd), wd);
  for (int wd = 7000; wd < 7500; ++wd)
    ASSERT_EQ(path_of(wd), "/new/" + std::to_string(wd)) << "ids are used again, paths are not";
}

TEST(WatchTable, AnAliasWhereItsWatchWouldBeLookedForIsNotTakenForIt) {  // invariant 5
  WatchTable table;
  const NodeId a = table.ensure("/a");
  const NodeId b = table.ensure("/b");
  const NodeId c = table.ensure("/c");
  table.bind(a, 10, IN_CREATE);  // so b is where 11 would be
  table.bind(c, 11, IN_CREATE);
  table.bind(b, 11, IN_CREATE);
  EXPECT_EQ(table.by_wd(10), a);
  EXPECT_EQ(table.by_wd(11), c);
  EXPECT_FALSE(table.unbind(c));
  EXPECT_EQ(table.by_wd(11), b);
  EXPECT_TRUE(table.unbind(b));
  EXPECT_EQ(table.by_wd(11), inotify::detail::no_node);
  EXPECT_TRUE(table.unbind(a));
  EXPECT_EQ(table.size(), 0U);
}

}  // namespace
