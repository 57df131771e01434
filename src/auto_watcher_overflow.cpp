// Overflow: nothing is believed any more, and the disk is asked anew.
#include <utility>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;

// Between reading a record and having drained what was queued then, nothing can be believed, and a
// second gap leaves no record of its own [15]. So all of it is thrown away, but for the end of
// watches; of those that ended in the gap only the kernel's own list tells. Then the disk is asked
// anew.
void AutoWatcher::on_overflow() {
  bool again = true;
  while (again) {
    again = false;
    pull_queued({});
    for (RawEvent raw; look_ahead_.next(raw);) {
      again = again || (raw.mask & IN_Q_OVERFLOW) != 0;
      const NodeId node = table_.by_wd(raw.wd);
      constexpr Mask ends = IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF;
      if (node != no_node && (raw.mask & ends) != 0) on_self(node, raw);
    }
  }
  for (const int wd : dead_watches()) {
    if (table_.by_wd(wd) != no_node) on_self(table_.by_wd(wd), {wd, IN_IGNORED, 0, {}});
  }
  std::vector<NodeId> roots;
  table_.for_each([&](NodeId node) {
    const bool is_outermost = inherited(table_.parent(node)) == 0;
    if (table_.bits(node).is_root != 0 && is_watched(node) && is_outermost) roots.push_back(node);
  });
  if (roots.empty()) report(no_node, {-1, IN_Q_OVERFLOW, 0, {}});
  for (const NodeId root : roots) report(root, {-1, IN_Q_OVERFLOW, 0, {}});
  announce_ = options_.overflow == OverflowPolicy::announce;
  for (const NodeId root : roots) rewalk(root);
  announce_ = true;
}

// Forgets what is below a root and enters it again. A watch that is met again is taken over as it
// is: to remove and add it would lose what happens between.
void AutoWatcher::rewalk(NodeId root) {
  std::vector<NodeId> children;
  table_.for_each_child(root, [&](NodeId child) { children.push_back(child); });
  for (const NodeId child : children) {
    table_.erase(child, [&](NodeId one) {
      if (is_watched(one))
        old_.try_emplace(table_.wd(one), Old{table_.bits(one), table_.path(one)});
    });
  }
  reenter_root(root);
  for (const auto& [wd, old] : std::exchange(old_, {})) {
    const bool is_met = table_.by_wd(wd) != no_node;
    if (is_met || restore(wd, old)) continue;
    if (old.bits.is_root != 0 || old.bits.is_hand != 0) {
      batch_.add(old.path, {}).mask = IN_IGNORED;
    }
    hand_.erase(wd);
    root_masks_.erase(wd);
    release(wd);
  }
}

// What the user added by itself, and the walk of the tree did not meet: a file, or a directory that
// the filter refuses. Not if the name stands for something else by now.
bool AutoWatcher::restore(int wd, const Old& old) {
  if (old.bits.is_root == 0 && old.bits.is_hand == 0) return false;
  const NodeId node = table_.ensure(old.path);
  if (is_watched(node)) return false;
  table_.bind(node, wd, old.bits.events | (old.bits.excl != 0 ? IN_EXCL_UNLINK : 0U));
  table_.bits(node).is_hand = old.bits.is_hand;
  if (old.bits.is_root == 0) return true;
  table_.bits(node).is_root = 1;
  table_.bits(node).asked = wish(node, false) & IN_ALL_EVENTS;
  reenter_root(node);
  return true;
}

}  // namespace inotify::inline v0
