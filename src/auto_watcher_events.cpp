// What each kind of event means to the table, and what the consumer is told.
//
// The one rule behind it all: a node is entered under a name only if no event still to come touches
// that name (see enter()). So no stale event can ever meet a node: what a CREATE, DELETE or
// MOVED_FROM says of a name concerns what the table has there.
#include <cstdint>
#include <string>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;

namespace {

constexpr std::size_t untold = SIZE_MAX;

}  // namespace

// ---- telling

// Reports the event if it has one of the bits `asked`, and of its bits those [36]. Returns its index
// in the batch, or `untold`.
std::size_t AutoWatcher::tell(NodeId node, const RawEvent& raw, Mask asked) {
  if ((raw.mask & asked) == 0) return untold;
  if (!unreported_.empty()) tell_unreported(false);
  const std::size_t index = batch_.size();
  report(node, raw).mask &= asked | IN_ISDIR;
  return index;
}

// ---- events

// What concerns a file is told together with all that follows it about the same name.
void AutoWatcher::interpret(const RawEvent& raw) {
  if ((raw.mask & IN_Q_OVERFLOW) != 0)
    return on_overflow();  // before any look-up: its wd is -1 [15]
  const NodeId node = table_.by_wd(raw.wd);
  if (node == no_node)
    return;  // the watch is gone with its directory, and what is left of it means nothing
  if ((raw.mask & ~plain) != 0 && act(node, raw)) return;
  const Mask asked = this->asked(node, raw.wd);
  if ((raw.mask & asked) == 0) return;
  report(node, raw).mask &= asked | IN_ISDIR;
  while (const RawEvent* next = look_ahead_.next_alike(plain)) {
    if ((next->mask & asked) != 0) report_again(*next).mask &= asked | IN_ISDIR;
  }
}

// Does what the event means for the table. Returns whether it has told it, too.
bool AutoWatcher::act(NodeId node, const RawEvent& raw) {
  if (raw.name.empty()) {
    on_self(node, raw);
  } else if (table_.bits(node).asked == 0) {
    return false;
  } else if ((raw.mask & IN_CREATE) != 0) {
    if (!raw.is_dir()) {
      forget_name(node, raw.name);
      return false;
    }
    on_create(node, raw);
  } else if ((raw.mask & IN_DELETE) != 0) {
    on_delete(node, raw);
  } else if ((raw.mask & IN_MOVED_FROM) != 0) {
    on_moved_from(node, raw);
    throw_kept();
  } else if ((raw.mask & IN_MOVED_TO) != 0) {
    on_moved_to(node, raw);
    throw_kept();
  } else {
    return on_attrib(node, raw);
  }
  return true;
}

// Takes out what is queued of a directory whose listing is younger than that. Who asked for more
// than the tree, by add(), is told of it all the same.
void AutoWatcher::tell_taken(int wd) {
  const NodeId node = table_.by_wd(wd);
  look_ahead_.take_all(wd, [&](const RawEvent& raw) {
    if (node != no_node && table_.bits(node).is_hand != 0) tell(node, raw);
  });
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
  if ((raw.mask & IN_UNMOUNT) != 0) return on_unmount(node, raw);
  if ((raw.mask & IN_IGNORED) == 0) {
    tell_self(node, raw);
    if ((raw.mask & (IN_ATTRIB | IN_MOVE_SELF)) != 0) on_access(node);
    return;
  }
  const auto places = other_places(node);
  end_watch(node, raw);
  if (places.empty()) return;
  for (const auto& [parent, name] : places) want(parent, name, false);
  enter_wanted();
}

// Where trees have the same directory by another name (a bind mount, say).
std::vector<std::pair<detail::NodeId, std::string>> AutoWatcher::other_places(NodeId node) const {
  std::vector<std::pair<NodeId, std::string>> places;
  if (!table_.has_alias(table_.wd(node))) return places;
  for (const NodeId name : table_.names_of(table_.wd(node))) {
    const NodeId parent = table_.parent(name);
    if (name != node && inherited(parent) != 0) places.emplace_back(parent, table_.name(name));
  }
  return places;
}

// The IN_IGNORED of a directory that only the tree wanted is nobody's business: its parent's DELETE
// follows [23].
void AutoWatcher::end_watch(NodeId node, const RawEvent& raw) {
  auto& bits = table_.bits(node);
  const std::vector<NodeId> all = table_.names_of(raw.wd);
  if (bits.is_root != 0 || bits.is_hand != 0) report(node, raw);  // nothing after it throws
  for (const NodeId name : all) {
    table_.bits(name).is_root = 0;
    table_.bits(name).is_hand = 0;
    table_.bits(name).asked = 0;
    table_.bits(name).hole = 0;
    table_.unbind(name);
  }
  hand_.erase(raw.wd);
  root_masks_.erase(raw.wd);
}

// The watch ends with it, and under each of its names there is now what the mount has hidden.
void AutoWatcher::on_unmount(NodeId node, const RawEvent& raw) {
  tell(node, raw);
  std::vector<std::pair<NodeId, std::string>> places;
  for (const NodeId one : table_.names_of(raw.wd)) {
    if (!table_.is_live(one) || table_.wd(one) != raw.wd) continue;
    const NodeId parent = table_.parent(one);
    if (table_.bits(one).asked == 0 || inherited(parent) == 0) continue;
    places.emplace_back(parent, table_.name(one));
    detach_below(one);
  }
  end_watch(table_.by_wd(raw.wd), {raw.wd, IN_IGNORED, 0, {}});
  for (const auto& [parent, name] : places) {
    if (is_watched(parent)) want(parent, name, false);
  }
  enter_wanted();
}

// ---- names come and go

// Whatever the table has under a name that now stands for something else.
void AutoWatcher::forget_child(NodeId parent, std::string_view name) {
  const NodeId node = table_.child(parent, name);
  if (node == no_node) return;
  auto& bits = table_.bits(node);
  // What readmit() has left to be entered is not asked for yet, either.
  const bool is_by_hand = bits.wanted == 0 || hand_.contains(table_.wd(node));
  if (is_watched(node) && bits.asked == 0 && bits.hole == 0 && is_by_hand) {
    bits.wanted = bits.untold = 0;
    table_.supersede(node);  // for itself: what happens to it is told until its IN_IGNORED [8]
  } else {
    detach(node);
  }
}

void AutoWatcher::detach(NodeId node) {
  if (!unreported_.empty()) tell_unreported(false);
  std::vector<int> shared;
  table_.erase(node, [&](NodeId one) {
    const int wd = table_.wd(one);
    if (wd < 0) return;
    auto& bits = table_.bits(one);
    if (table_.has_alias(wd)) {
      if (table_.by_wd(wd) == one) shared.push_back(wd);
      return;
    }
    if (bits.is_root != 0 || bits.is_hand != 0) report(one, {wd, IN_IGNORED, 0, {}});
    bits.is_root = bits.is_hand = 0;
    hand_.erase(wd);
    root_masks_.erase(wd);
    release(wd);
  });
  for (const int wd : shared) readmit(wd);
}

// Takes a name of a watch away, of which nothing is below it any more.
void AutoWatcher::unbind(NodeId node) {
  if (!unreported_.empty()) tell_unreported(false);
  const int wd = table_.wd(node);
  const bool is_first = table_.by_wd(wd) == node;
  if (table_.unbind(node)) {
    release(wd);
  } else if (is_first) {
    readmit(wd);
  }
}

// A watch has lost the name under which it was followed, and all below that, but has another one (a
// bind mount, say): it is entered anew under that. What the consumer knows of it is as old as the
// second name: it begins with an empty directory.
void AutoWatcher::readmit(int wd) {
  const NodeId heir = table_.by_wd(wd);
  if (heir == no_node) return;
  auto& bits = table_.bits(heir);
  bits.asked = 0;  // also of a root: what is followed already is not told again
  const bool is_inside = inherited(table_.parent(heir)) != 0;
  if (bits.is_root == 0 && !is_inside) return;  // added by hand, for itself
  bits.wanted = 1;
  bits.untold = is_inside;
  todo_.push_back(heir);
}

void AutoWatcher::detach_below(NodeId node) {
  if (!unreported_.empty()) tell_unreported(false);
  std::vector<NodeId> children;
  table_.for_each_child(node, [&](NodeId child) { children.push_back(child); });
  for (const NodeId child : children) detach(child);
}

void AutoWatcher::on_create(NodeId parent, const RawEvent& raw) {
  forget_name(parent, raw.name);
  tell(parent, raw);
  if (!raw.is_dir()) return;
  want(parent, raw.name, true);
  enter_wanted();
}

void AutoWatcher::on_delete(NodeId parent, const RawEvent& raw) {
  tell(parent, raw);
  forget_name(parent, raw.name);
}

}  // namespace inotify::inline v0
