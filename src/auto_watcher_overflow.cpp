// Overflow: nothing is believed any more, and the disk is asked anew.
#include <inotify/auto_watcher.hpp>
#include <inotify/detail/kernel_watches.hpp>
#include <inotify/detail/override.hpp>

namespace inotify::inline v0 {

using detail::no_node;

// Nothing is believed any more, and the disk is asked anew. If that takes more than one call, and what is
// found is not reported, the end of it is told as a second overflow: see resume().
void AutoWatcher::on_overflow() {
  unreported_.clear();  // all of it is below a root whose overflow is told
  is_retry_ = owes_overflow_ = false;
  allowance_.begin_again();  // what was read before it is not at the expense of a small tree
  discard_queued();
  end_lost_watches();
  std::vector<NodeId> roots = outermost_roots();
  if (roots.empty()) report(no_node, {-1, IN_Q_OVERFLOW, 0, {}});
  for (const NodeId root : roots) {
    report(root, {-1, IN_Q_OVERFLOW, 0, {}});
    table_.bits(root).asked = wish(root, false) & IN_ALL_EVENTS;
  }
  const bool tells = options_.overflow == OverflowPolicy::announce;
  const detail::Override announcing(announce_, tells);
  for (const NodeId root : roots) {  // all, for things move from one to another
    if (table_.is_live(root)) forget_below(root);
  }
  // A root in a part of another that is not followed is forgotten with that, and restored.
  std::erase_if(roots, [&](NodeId root) { return !table_.is_live(root); });
  for (const NodeId root : roots) {
    table_.bits(root).hole = 0;  // to be named again
    reenter_root(root);
  }
  if (todo_.empty()) restore_old(false);
  owes_overflow_ = !todo_.empty() && !tells;
  for (auto& [identity, mount] : mounts_below_) mount.node = no_node;
  mounts_due_ = mounts_.is_open();
}

// Between reading a record and having drained what was queued then, nothing can be believed, and a
// second gap leaves no record of its own [15]. So all of it is thrown away, but for the end of
// watches; of those that ended in the gap only the kernel's own list tells.
void AutoWatcher::discard_queued() {
  constexpr int most_rounds = 4;
  bool again = true;
  for (int round = 0; again; ++round) {
    if (round == most_rounds) {  // others are faster: the next call begins with the same
      is_damaged_ = true;
      break;
    }
    again = false;
    pull_queued();
    while (const RawEvent* next = look_ahead_.next()) {
      const RawEvent& raw = *next;
      again = again || (raw.mask & IN_Q_OVERFLOW) != 0;
      const NodeId node = table_.by_wd(raw.wd);
      if (node == no_node) continue;
      if ((raw.mask & (IN_UNMOUNT | root_bits)) != 0) tell_self(node, raw);
      if ((raw.mask & (IN_UNMOUNT | IN_IGNORED)) != 0) end_watch(node, {raw.wd, IN_IGNORED, 0, {}});
    }
  }
  released_.clear();  // their IN_IGNOREDs have been read, or are lost
}

void AutoWatcher::end_lost_watches() {
  std::error_code ec;
  for (const int wd : dead_watches(ec)) {
    if (table_.by_wd(wd) != no_node) end_watch(table_.by_wd(wd), {wd, IN_IGNORED, 0, {}});
  }
  if (ec && ec != std::errc::no_such_file_or_directory) is_damaged_ = true;  // asked again
}

std::vector<detail::NodeId> AutoWatcher::outermost_roots() const {
  std::vector<NodeId> roots;
  table_.for_each([&](NodeId node) {
    const bool is_outermost = inherited(table_.parent(node)) == 0;
    if (table_.bits(node).is_root != 0 && is_watched(node) && is_outermost) roots.push_back(node);
  });
  return roots;
}

// Forgets a directory and what is below it. A watch that is met again by the new walk is taken over as
// it is: to remove and add it would lose what happens between.
void AutoWatcher::forget(NodeId node) {
  if (!unreported_.empty()) tell_unreported(false);
  std::vector<int> shared;
  table_.erase(node, [&](NodeId one) {
    if (!is_watched(one)) return;
    const int wd = table_.wd(one);
    if (table_.has_alias(wd) && table_.by_wd(wd) == one) shared.push_back(wd);
    const auto& bits = table_.bits(one);
    Old& old = old_.try_emplace(wd, Old{bits, {}}).first->second;
    old.bits.is_root |= bits.is_root;
    old.bits.is_hand |= bits.is_hand;
    old.paths.push_back(table_.path(one));
  });
  for (const int wd : shared) readmit(wd);
}

void AutoWatcher::forget_below(NodeId top) {
  std::vector<NodeId> children;
  table_.for_each_child(top, [&](NodeId child) { children.push_back(child); });
  for (const NodeId child : children) forget(child);
}

// What the walk did not meet: it has been added by itself (a file, or a directory that the filter
// refuses), or it is gone, or it has been moved meanwhile and the look-ahead tells where. So what is
// not where it was is given up at the last try only, when the look-ahead is empty.
void AutoWatcher::restore_old(bool is_last_try) {
  for (auto it = old_.begin(); it != old_.end();) {
    const auto& [wd, old] = *it;
    const bool is_met = table_.by_wd(wd) != no_node;
    // What it has restored may be a root, and not be walked yet.
    if (!is_met && !restore(wd, old) && !(is_last_try && todo_.empty())) {
      ++it;
      continue;
    }
    if (table_.by_wd(wd) == no_node) {
      if ((old.bits.is_root != 0 || old.bits.is_hand != 0) && !old.paths.empty()) {
        batch_.add(old.paths.front(), {}).mask = IN_IGNORED;
      }
      hand_.erase(wd);
      root_masks_.erase(wd);
      release(wd);
    }
    it = old_.erase(it);
  }
}

bool AutoWatcher::restore(int wd, const Old& old) {
  if (old.bits.is_root == 0 && old.bits.is_hand == 0) return false;
  const Mask mask = old.bits.events | (old.bits.excl != 0 ? IN_EXCL_UNLINK : 0U);
  for (const std::string& path : old.paths) {
    std::error_code ec;
    const int there = instance_.add_watch(path.c_str(), mask | IN_MASK_ADD, ec);
    if (!ec && there != wd) refuse(there, mask);
    if (ec || there != wd) continue;
    const NodeId node = table_.ensure(path);
    if (is_watched(node)) continue;
    table_.bind(node, wd, mask);
    table_.bits(node).is_hand = old.bits.is_hand;
  }
  const NodeId node = table_.by_wd(wd);
  if (node == no_node) return false;
  if (old.bits.is_root != 0) {
    table_.bits(node).is_root = 1;
    table_.bits(node).asked = wish(node, false) & IN_ALL_EVENTS;
    reenter_root(node);
  }
  return true;
}

// ---- what could not be done to its end

// An error, or std::bad_alloc, has ended a call half-way. The table is as valid as ever, but need not be
// what the kernel has, or what is on disk. The user's wishes are in it, in `hand_`, `root_masks_` and
// `old_`; all else can be had anew.
void AutoWatcher::damage() noexcept {
  is_damaged_ = true;
  end_call(!batch_.empty());
}

// As after an overflow, for that is what has happened to the consumer: nothing is believed any more.
void AutoWatcher::repair(std::error_code& ec) {
  ec.clear();
  if (!is_damaged_ || !is_open()) return;
  pull_queued(ec);
  if (!ec) compare_with_kernel(ec);
  if (ec) return;
  is_damaged_ = false;
  if (table_.size() == 0 && old_.empty()) return look_ahead_.clear();  // there was nothing to lose
  on_overflow();
  drop_unwanted();
}

// Ends the watches that nobody knows, and takes over the masks of the others.
void AutoWatcher::compare_with_kernel(std::error_code& ec) {
  const auto compare = [&](detail::KernelWatch watch) {
    const NodeId node = table_.by_wd(watch.wd);
    std::error_code gone;
    if (node != no_node) {
      const Mask mask = watch.mask & (IN_ALL_EVENTS | IN_EXCL_UNLINK);
      table_.set_mask(node, table_.mask(node) | mask);
    } else if (!old_.contains(watch.wd)) {
      instance_.rm_watch(watch.wd, gone);
    }
  };
  detail::for_each_kernel_watch(instance_.fileno(), compare, ec);
  if (ec == std::errc::no_such_file_or_directory) ec.clear();  // without /proc nobody knows
}

// What is in no tree and was not added by hand: a root or a file that was about to be.
void AutoWatcher::drop_unwanted() {
  std::vector<NodeId> unwanted;
  table_.for_each([&](NodeId node) {
    const auto& bits = table_.bits(node);
    const NodeId first = is_watched(node) ? table_.by_wd(table_.wd(node)) : node;
    const bool is_users =
        bits.is_root != 0 || table_.bits(first).is_root != 0 || table_.bits(first).is_hand != 0;
    if (!is_users && inherited(table_.parent(node)) == 0) unwanted.push_back(node);
  });
  for (auto it = unwanted.rbegin(); it != unwanted.rend(); ++it) {  // children first
    if (!table_.is_live(*it)) continue;  // it went with the last of its children
    auto& bits = table_.bits(*it);
    bits.wanted = bits.untold = bits.hole = 0;
    bits.asked = 0;
    if (is_watched(*it)) {
      unbind(*it);
    } else {
      table_.prune(*it);
    }
  }
}

}  // namespace inotify::inline v0
