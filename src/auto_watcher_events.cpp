// What each kind of event means to the table, and what the consumer is told.
//
// The one rule behind it all: a node is entered under a name only if no event still to come touches
// that name (see enter()). So no stale event can ever meet a node: what a CREATE, DELETE or
// MOVED_FROM says of a name concerns what the table has there.
#include <algorithm>
#include <utility>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;

namespace {

constexpr Mask always_told = IN_Q_OVERFLOW | IN_UNMOUNT | IN_IGNORED;
constexpr std::size_t untold = SIZE_MAX;

bool is_dir(const RawEvent& raw) noexcept { return (raw.mask & IN_ISDIR) != 0; }

}  // namespace

void AutoWatcher::interpret(const RawEvent& raw) {
  if ((raw.mask & IN_Q_OVERFLOW) != 0)
    return on_overflow();  // before any look-up: its wd is -1 [15]
  const NodeId node = table_.by_wd(raw.wd);
  if (node == no_node)
    return;  // the watch is gone with its directory, and what is left of it means nothing
  if (raw.name.empty()) {
    on_self(node, raw);
  } else if (table_.bits(node).asked == 0) {
    tell(node, raw);
  } else if ((raw.mask & IN_CREATE) != 0) {
    on_create(node, raw);
  } else if ((raw.mask & IN_DELETE) != 0) {
    on_delete(node, raw);
  } else if ((raw.mask & IN_MOVED_FROM) != 0) {
    const bool is_doubtful = look_ahead_.current().is_doubtful;
    if (on_moved_from(node, raw) && is_doubtful) settle(node, raw);
  } else if ((raw.mask & IN_MOVED_TO) != 0) {
    on_moved_to(node, raw);
  } else {
    tell(node, raw);
  }
}

// ---- telling

// Reports the event if the consumer asked for it, and of its bits those it asked for [36]. Returns
// its index in the batch, or `untold`.
std::size_t AutoWatcher::tell(NodeId node, const RawEvent& raw) {
  const auto& bits = table_.bits(node);
  Mask asked = bits.asked;
  if (bits.is_hand != 0) asked |= hand_.at(raw.wd);
  const Mask told = raw.mask & (asked | always_told);
  if (told == 0) return untold;
  const std::size_t index = batch_.size();
  report(node, raw).mask = told | (raw.mask & IN_ISDIR);
  return index;
}

// The two halves of a rename, told one after the other, learn of each other.
void AutoWatcher::link(NodeId from_parent, const RawEvent& from, std::size_t from_index,
                       NodeId to_parent, const RawEvent& to, std::size_t to_index) {
  const auto full = [&](NodeId parent, std::string_view name) {
    std::string path = table_.path(parent);
    if (!path.ends_with('/')) path += '/';
    return path.append(name);
  };
  if (from_index != untold) batch_[from_index].moved_to = batch_.keep(full(to_parent, to.name));
  if (to_index != untold) batch_[to_index].moved_from = batch_.keep(full(from_parent, from.name));
}

// ---- the watched object itself

void AutoWatcher::on_self(NodeId node, const RawEvent& raw) {
  if ((raw.mask & IN_IGNORED) == 0) {
    tell(node, raw);
    return;
  }
  // The IN_IGNORED of a directory that only the tree wanted is nobody's business: its parent's
  // DELETE follows [23].
  auto& bits = table_.bits(node);
  if (bits.is_root != 0 || bits.is_hand != 0) report(node, raw);
  hand_.erase(raw.wd);
  root_masks_.erase(raw.wd);
  for (const NodeId name : table_.names_of(raw.wd)) {
    table_.bits(name).is_root = 0;
    table_.bits(name).is_hand = 0;
    table_.bits(name).asked = 0;
    table_.unbind(name);
  }
}

// ---- names come and go

// Whatever the table has under a name that now stands for something else.
void AutoWatcher::forget_name(NodeId parent, std::string_view name) {
  if (!table_.has_children(parent)) return;
  const NodeId node = table_.child(parent, name);
  if (node == no_node) return;
  if (is_watched(node) && table_.bits(node).asked == 0) {
    table_.supersede(
        node);  // added by hand, for itself: what happens to it is told until its IN_IGNORED [8]
  } else {
    detach(node);
  }
}

void AutoWatcher::detach(NodeId node) {
  table_.erase(node, [&](NodeId one) {
    const int wd = table_.wd(one);
    if (wd < 0 || table_.has_alias(wd)) return;
    const auto& bits = table_.bits(one);
    if (bits.is_root != 0 || bits.is_hand != 0) report(one, {wd, IN_IGNORED, 0, {}});
    hand_.erase(wd);
    root_masks_.erase(wd);
    release(wd);
  });
}

void AutoWatcher::detach_below(NodeId node) {
  std::vector<NodeId> children;
  table_.for_each_child(node, [&](NodeId child) { children.push_back(child); });
  for (const NodeId child : children) detach(child);
}

void AutoWatcher::on_create(NodeId parent, const RawEvent& raw) {
  forget_name(parent, raw.name);
  tell(parent, raw);
  if (!is_dir(raw)) return;
  want(parent, raw.name, true);
  enter_wanted();
}

void AutoWatcher::on_delete(NodeId parent, const RawEvent& raw) {
  tell(parent, raw);
  forget_name(parent, raw.name);
}

// ---- renames

// The MOVED_TO of a MOVED_FROM, if it leads to a directory of the tree. A rename holds the locks of
// both directories from its first event to its last, so once a look-up has had to take either, all
// of it is queued: what is not there now never comes [18]. That costs a few system calls, and is
// needed if the half is missing, or if it could be the first half of an exchange that goes on.
const AutoWatcher::Entry* AutoWatcher::find_arrival(NodeId parent, const RawEvent& raw) {
  const Entry* to = look_ahead_.arrival(raw.cookie);
  if (to == nullptr || next_name_event(*to, raw.wd, to->raw.wd) == nullptr) {
    barrier(parent);
    to = look_ahead_.arrival(raw.cookie);
  }
  if (to == nullptr) return nullptr;
  return is_followed(to->raw.wd) ? to : nullptr;
}

// The first name event of either directory after `entry`.
const AutoWatcher::Entry* AutoWatcher::next_name_event(const Entry& entry, int wd, int other_wd) {
  const Entry* one = look_ahead_.following(entry, wd);
  const Entry* other = wd == other_wd ? nullptr : look_ahead_.following(entry, other_wd);
  if (one == nullptr || other == nullptr) return one == nullptr ? other : one;
  return one->sequence < other->sequence ? one : other;
}

// Returns whether the name is gone, as far as the consumer knows: not after an exchange.
bool AutoWatcher::on_moved_from(NodeId parent, const RawEvent& raw) {
  const Entry* to = find_arrival(parent, raw);
  if (to == nullptr) {  // gone to where we do not watch, or not yet
    on_delete(parent, raw);
    return true;
  }
  // x -> y, then y -> x, with no other name event of either directory between: an exchange, or two
  // renames [19].
  const auto is_half = [](const Entry* entry, Mask half, const RawEvent& of) {
    return entry != nullptr && (entry->raw.mask & half) != 0 && entry->raw.wd == of.wd &&
           entry->raw.name == of.name;
  };
  const Entry* back_from = next_name_event(*to, raw.wd, to->raw.wd);
  if (is_half(back_from, IN_MOVED_FROM, to->raw)) {
    if (next_name_event(*back_from, raw.wd, to->raw.wd) == nullptr) barrier(parent);
    const Entry* back_to = next_name_event(*back_from, raw.wd, to->raw.wd);
    if (is_half(back_to, IN_MOVED_TO, raw) && back_to->raw.cookie == back_from->raw.cookie) {
      return !swap(parent, raw, *to, *back_from, *back_to);
    }
  }
  rename(parent, raw, *to);
  return true;
}

void AutoWatcher::rename(NodeId parent, const RawEvent& raw, const Entry& to) {
  const NodeId target = table_.by_wd(to.raw.wd);
  const NodeId node = table_.child(parent, raw.name);
  // A directory that is not watched (refused, a hole, not entered yet) has a content that nobody
  // knows: it departs, and arrives when its MOVED_TO has its turn.
  if (is_dir(raw) && !is_watched(node)) return on_delete(parent, raw);
  const std::size_t from_index = tell(parent, raw);
  const std::size_t to_index = tell(target, to.raw);
  link(parent, raw, from_index, target, to.raw, to_index);
  if (table_.child(target, to.raw.name) != node) forget_name(target, to.raw.name);
  if (is_watched(node)) {
    table_.rename(node, target, to.raw.name);
    settle_in(node);
  }
  look_ahead_.take(to);
  doubt_departure(target, to);
}

// Which of the two it was: for watched directories the MOVE_SELF after the second pair tells, a
// directory and a file differ in IN_ISDIR, and two files are told apart by nothing but the disk
// [19]. Returns whether it was, or may have been, an exchange.
bool AutoWatcher::swap(NodeId parent, const RawEvent& raw, const Entry& to, const Entry& back_from,
                       const Entry& back_to) {
  const NodeId target = table_.by_wd(to.raw.wd);
  const NodeId x = table_.child(parent, raw.name);
  const NodeId y = table_.child(target, to.raw.name);
  const bool x_known = !is_dir(raw) || is_watched(x);
  const bool y_known = !is_dir(back_from.raw) || is_watched(y);
  if (is_dir(raw) != is_dir(back_from.raw)) {
    if (x_known && y_known) {
      exchange(parent, raw, to, back_from, back_to);
      return true;
    }
  } else if (is_dir(raw) && (is_watched(x) || is_watched(y))) {
    // Should it be two renames, the second may still be under way.
    if (next_name_event(back_to, raw.wd, to.raw.wd) == nullptr) barrier(parent);
    const Entry* end = next_name_event(back_to, raw.wd, to.raw.wd);
    const bool exchanged = is_watched(x) ? !look_ahead_.moves_self(table_.wd(x), back_to, end)
                                         : look_ahead_.moves_self(table_.wd(y), back_to, end);
    if (!exchanged) {
      rename(parent, raw, to);
      return false;
    }
    if (x_known && y_known) {
      exchange(parent, raw, to, back_from, back_to);
      return true;
    }
  }
  settle_swap(parent, raw, to, back_from, back_to);
  return true;
}

// Told as FROM x, FROM y, TO y, TO x: who replays a rename as "take up" and "put down" needs no
// further rule.
void AutoWatcher::exchange(NodeId parent, const RawEvent& raw, const Entry& to,
                           const Entry& back_from, const Entry& back_to) {
  const NodeId target = table_.by_wd(to.raw.wd);
  const NodeId x = table_.child(parent, raw.name);
  const NodeId y = table_.child(target, to.raw.name);
  const std::size_t x_from = tell(parent, raw);
  const std::size_t y_from = tell(target, back_from.raw);
  const std::size_t x_to = tell(target, to.raw);
  const std::size_t y_to = tell(parent, back_to.raw);
  link(parent, raw, x_from, target, to.raw, x_to);
  link(target, back_from.raw, y_from, parent, back_to.raw, y_to);
  for (const Entry* entry : {&to, &back_from, &back_to}) look_ahead_.take(*entry);
  doubt_departure(parent, back_to);
  const std::string x_name(raw.name);
  const std::string y_name(to.raw.name);
  if (is_watched(x) && is_watched(y)) {
    table_.swap(x, y);
  } else if (is_watched(x)) {
    table_.rename(x, target, y_name);
  } else {
    table_.rename(y, parent, x_name);
  }
  if (is_watched(x)) settle_in(x);
  if (is_watched(y)) settle_in(y);
}

// Nothing tells which it was, so no moved_* is claimed: after FROM x, TO y, FROM y, TO x the
// consumer has x but not y, and the disk says whether there is a y.
void AutoWatcher::settle_swap(NodeId parent, const RawEvent& raw, const Entry& to,
                              const Entry& back_from, const Entry& back_to) {
  const NodeId target = table_.by_wd(to.raw.wd);
  const RawEvent second = back_from.raw;
  const RawEvent last = back_to.raw;
  tell(parent, raw);
  tell(target, to.raw);
  tell(target, second);
  tell(parent, last);
  for (const Entry* entry : {&to, &back_from, &back_to}) look_ahead_.take(*entry);
  doubt_departure(parent, back_to);
  forget_name(parent, raw.name);
  forget_name(target, second.name);
  if (is_dir(last)) want(parent, last.name, true);
  settle(target, second);
}

// A MOVED_TO that was not told with its MOVED_FROM: something arrives. Of an exchange with
// something outside the tree only TO y, FROM y is seen, and the same is left of one whose first
// MOVED_FROM was merged with an equal one before it [14]. Then the newcomer stays, and the old y
// leaves: IN_ISDIR may tell, or the MOVE_SELF of the old y, if that was watched [19].
void AutoWatcher::on_moved_to(NodeId parent, const RawEvent& raw) {
  const Entry* back = doubt_departure(parent, look_ahead_.current());
  if (back != nullptr && exchanges(parent, raw, *back)) {
    const RawEvent leaving = back->raw;
    look_ahead_.take(*back);
    on_moved_from(parent, leaving);
  }
  on_create(parent, raw);
}

bool AutoWatcher::exchanges(NodeId parent, const RawEvent& raw, const Entry& back) {
  if (is_dir(raw) != is_dir(back.raw)) return true;
  const NodeId old = table_.child(parent, raw.name);
  if (!is_watched(old)) return false;
  // The MOVE_SELF stands behind the whole pair, and before the next name event.
  const Entry* to = find_arrival(parent, back.raw);
  const Entry* end = next_here(parent, to != nullptr && to->raw.wd == raw.wd ? *to : back);
  return look_ahead_.moves_self(table_.wd(old), back, end);
}

// The next name event of a directory after `entry`; if there is none, none has happened.
const AutoWatcher::Entry* AutoWatcher::next_here(NodeId parent, const Entry& entry) {
  const int wd = table_.wd(parent);
  if (look_ahead_.following(entry, wd) == nullptr) barrier(parent);
  return look_ahead_.following(entry, wd);
}

// If a name arrives and the next that happens in its directory is that it leaves, it is not sure
// that it is gone then: a second MOVED_TO, of an exchange, may have been merged with the first
// [14], or it is the exchange of on_moved_to(). Then the disk decides. Returns the MOVED_FROM in
// doubt.
const AutoWatcher::Entry* AutoWatcher::doubt_departure(NodeId parent, const Entry& to) {
  const Entry* next = next_here(parent, to);
  if (next == nullptr || (next->raw.mask & IN_MOVED_FROM) == 0 || next->raw.name != to.raw.name)
    return nullptr;
  look_ahead_.doubt(*next);
  return next;
}

// A name that the consumer takes for gone is reported if it exists after all.
void AutoWatcher::settle(NodeId parent, const RawEvent& raw) {
  if (table_.by_wd(raw.wd) == parent) want(parent, raw.name, false);
  enter_wanted();
}

// After its place has changed: the filter is asked again, and it is watched as is wanted there.
void AutoWatcher::settle_in(NodeId node) {
  auto& bits = table_.bits(node);
  if (bits.asked == 0) return;  // added by hand, for itself
  const bool is_refused = !accepts(node);
  if (is_refused && bits.is_root == 0 && bits.is_hand == 0) return detach(node);
  if (bits.asked != wish(node, is_refused)) update_wishes(node, is_refused);
}

// Brings what is watched at and below a node in line with what is wanted there by now.
void AutoWatcher::update_wishes(NodeId node, bool is_refused) {
  table_.bits(node).asked = wish(node, is_refused) & IN_ALL_EVENTS;
  widen(node);
  update_wishes_below(node);
}

void AutoWatcher::update_wishes_below(NodeId top) {
  std::vector<NodeId> unwanted;
  table_.for_each_below(top, [&](NodeId node) {
    if (node == top) return;
    auto& bits = table_.bits(node);
    if (bits.asked == 0 && bits.wanted == 0 && bits.hole == 0) return;  // added by hand, for itself
    const Mask above = inherited(table_.parent(node)) & IN_ALL_EVENTS;
    const Mask own = bits.is_root != 0 ? root_masks_[table_.wd(node)] : 0U;
    bits.asked = (above | own) & IN_ALL_EVENTS;
    if (bits.asked == 0) {
      unwanted.push_back(node);
    } else {
      widen(node);
    }
  });
  for (auto it = unwanted.rbegin(); it != unwanted.rend(); ++it) {  // children first
    auto& bits = table_.bits(*it);
    bits.wanted = bits.hole = 0;
    const int wd = table_.wd(*it);
    if (wd < 0) {
      table_.prune(*it);
    } else if (bits.is_hand == 0 && table_.unbind(*it)) {
      release(wd);
    }
  }
}

// If the kernel's mask of a node lacks what is wanted, it is entered again, which adds that.
void AutoWatcher::widen(NodeId node) {
  if (!is_watched(node) || (table_.bits(node).asked & ~table_.mask(node)) == 0) return;
  table_.bits(node).wanted = 1;
  deferred_.emplace_back(node, std::error_code{});
}

// ---- overflow

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
