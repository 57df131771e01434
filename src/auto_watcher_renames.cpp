// Renames: which halves belong together, what was an exchange, and what the table makes of it.
//
// inotify(7) tells no exchange: RENAME_EXCHANGE of x and y looks like two renames, x to y and y to x
// [19], and the kernel merges what looks alike and stands side by side [14]. What follows tells them
// apart by what stands between the halves, by IN_MOVE_SELF, and in the end by the disk.
#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;

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
  return one->position < other->position ? one : other;
}

void AutoWatcher::on_moved_from(NodeId parent, const RawEvent& raw) {
  const bool is_doubtful = look_ahead_.current().is_doubtful;
  if (depart(parent, raw) && is_doubtful) settle(parent, raw);
}

// Returns whether the name is gone, as far as the consumer knows: not after an exchange.
bool AutoWatcher::depart(NodeId parent, const RawEvent& raw) {
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
  if (raw.is_dir() && !is_watched(node)) return on_delete(parent, raw);
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
  const bool x_known = !raw.is_dir() || is_watched(x);
  const bool y_known = !back_from.raw.is_dir() || is_watched(y);
  if (raw.is_dir() != back_from.raw.is_dir()) {
    if (x_known && y_known) {
      exchange(parent, raw, to, back_from, back_to);
      return true;
    }
  } else if (raw.is_dir() && (is_watched(x) || is_watched(y))) {
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
  NodeId x = table_.child(parent, raw.name);
  NodeId y = table_.child(target, to.raw.name);
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
    y = no_node;
    forget_name(target, y_name);  // a question about the file, say, that is still open
    table_.rename(x, target, y_name);
  } else {
    x = no_node;
    forget_name(parent, x_name);
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
  if (last.is_dir()) want(parent, last.name, true);
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
    depart(parent, leaving);
  }
  on_create(parent, raw);
}

bool AutoWatcher::exchanges(NodeId parent, const RawEvent& raw, const Entry& back) {
  if (raw.is_dir() != back.raw.is_dir()) return true;
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

}  // namespace inotify::inline v0
