// Watching a directory that has appeared, and reporting what it holds.
#include <fcntl.h>

#include <cerrno>
#include <utility>

#include <inotify/auto_watcher.hpp>
#include <inotify/detail/override.hpp>

namespace inotify::inline v0 {

using detail::Directory;
using detail::no_node;

// ---- what is to be entered

// Puts (parent, name) on the list. `told`: the consumer knows that it exists.
void AutoWatcher::want(NodeId parent, std::string_view name, bool told) {
  const NodeId node = table_.ensure_child(parent, name);
  auto& bits = table_.bits(node);
  bits.wanted = 1;
  bits.untold = !told;
  todo_.push_back(node);
}

// Whether the call under way may take so many steps more. A read() that has something to return comes
// back sooner: what there is is not kept from its reader, and who reads until nothing comes has it all,
// unless it takes very long.
bool AutoWatcher::may_go_on(std::size_t steps) noexcept {
  constexpr milliseconds most_time{100};
  constexpr milliseconds most_time_for_nothing{1000};
  allowance_.spend(steps, batch_.empty() ? most_time_for_nothing : most_time);
  return !allowance_.is_used_up();
}

// Breadth first, so that parents are reported before children and siblings share their open parent.
// What the call has no time for stays on todo_.
void AutoWatcher::enter_wanted() {
  while (!todo_.empty() && may_go_on()) enter_next();
  if (todo_.empty()) is_retry_ = false;
  opened_ = {};
  opened_wd_ = -1;
}

// Goes on with what a call before this has left. After an overflow that reports nothing the consumer has
// listed what he sees when it was told, or may have; what has appeared since in a directory that was not
// watched yet is told by a second one, at the end.
void AutoWatcher::resume() {
  const detail::Override announcing(announce_, !owes_overflow_);
  enter_wanted();
  if (todo_.empty() && !old_.empty()) restore_old(false);
  if (!todo_.empty() || !owes_overflow_) return;
  if (!unreported_.empty()) tell_unreported(false);
  for (const NodeId root : outermost_roots()) report(root, {-1, IN_Q_OVERFLOW, 0, {}});
  owes_overflow_ = false;
}

void AutoWatcher::enter_next() {
  const NodeId node = todo_.front();
  todo_.pop_front();
  if (!table_.is_live(node) || table_.bits(node).wanted == 0) return;
  try {
    enter(node);
  } catch (...) {  // the user's filter: the next call goes on from here
    todo_.push_front(node);
    throw;
  }
}

// No longer wanted: somebody else's business, or nobody's. So is a watch that readmit() has left it.
void AutoWatcher::drop(NodeId node) {
  auto& bits = table_.bits(node);
  bits.wanted = bits.untold = bits.hole = 0;
  if (is_watched(node) && bits.asked == 0 && bits.is_root == 0 && bits.is_hand == 0) {
    unbind(node);
  } else {
    table_.prune(node);
  }
}

// What failed may be out of date: the look-ahead may hold the reason. So it is tried again when
// that is empty; what still fails then is a hole.
void AutoWatcher::defer(NodeId node, std::error_code ec) {
  if (is_retry_ && look_ahead_.empty() && has_patience()) {
    give_up(node, ec);
  } else {
    deferred_.emplace_back(node, ec);
  }
}

void AutoWatcher::retry_deferred() {
  if (deferred_.empty() && todo_.empty()) return;
  for (const auto& [node, cause] : std::exchange(deferred_, {})) todo_.push_back(node);
  is_retry_ = true;
  enter_wanted();
}

// ---- entering

// The disk shows a newer world than the queue tells. What it shows of a name may be used only if no
// event still to come touches that name; all that could touch it is in the look-ahead, because the
// watch is set first, the listing comes after, the fence lets no rename of the name be half done,
// and what is queued by then is pulled [31, 32].
void AutoWatcher::enter(NodeId node) {
  const NodeId parent = table_.parent(node);
  const int parent_wd = table_.wd(parent);
  if (table_.bits(node).is_root != 0 && inherited(parent) == 0) {
    table_.bits(node).wanted = table_.bits(node).untold = 0;
    return reenter_root(node);
  }
  if (table_.bits(node).hole != 0 && !announce_ && walk_ != nullptr) {
    table_.bits(node).wanted = 0;  // all that a hole holds is reported, so not now
    walk_->holes_left.push_back(node);
    return;
  }
  const bool is_refused = !accepts(node);
  if (is_refused && table_.bits(node).is_root != 0) {
    table_.bits(node).wanted = table_.bits(node).untold = 0;
    return reenter_root(node);
  }
  if (parent_wd < 0 || (is_refused && table_.bits(node).untold == 0)) return drop(node);
  if (leaves(parent)) return defer(node, {});  // nothing of a leaving tree is reported
  std::error_code ec;
  const Directory* above = open(parent, ec);
  if (above == nullptr) return defer(node, ec);

  const std::string name(table_.name(node));
  Directory directory;
  // A mount that comes between is met by the second look.
  const bool is_border =
      options_.one_file_system && above->is_border(name.c_str(), above->device());
  const unsigned char type =
      look_up(*above, name.c_str(), is_refused || is_border ? nullptr : &directory, ec);
  const bool is_stray = is_border || (directory.is_open() && strays(directory, *above));
  if (is_stray && table_.bits(node).untold == 0) return drop(node);
  if (is_stray) directory.close();
  const Mask mask = inherited(parent) | follow_bits;
  const int wd = directory.is_open() ? watch_open(directory, mask, ec) : -1;
  const detail::Override<Quiet> quiet(quiet_, {wd, parent_wd, name});
  if (wd >= 0) list(directory, is_followed(wd) ? -1 : wd, ec);
  directory.close();
  above->fence();
  pull_queued();

  const bool is_touched = look_ahead_.touches(parent_wd, name);
  const bool is_leaving = !is_touched && leaves(parent);
  if (wd >= 0 && (is_touched || is_leaving || ec)) refuse(wd, mask);
  if (is_touched)
    return drop(node);  // the event that touches it will enter it, if it is still to be
  if (is_leaving || (type == DT_UNKNOWN && ec)) return defer(node, ec);  // nothing is known
  if (table_.bits(node).untold != 0 && type != DT_UNKNOWN) {
    tell_found(parent, name, type);
    table_.bits(node).hole = 0;  // what has been said of it came before it: to be said again
  }
  table_.bits(node).untold = 0;
  if (type != DT_DIR || is_refused || is_stray) return drop(node);
  if (ec) return defer(node, ec);
  const bool is_known = table_.wd(node) == wd && is_followed(wd);
  const NodeId entered = take_over(node, wd, mask);
  if (entered == no_node) return;
  if (walk_ != nullptr) {
    walk_->wds.push_back(wd);
    ++walk_->directories;
  }
  report_found(entered, !is_known);
}

// The type of what bears a name in `above`; DT_UNKNOWN if there is nothing, and with an error if
// that is not known. A directory is left open to be listed, if `directory` is not null; with an error
// if it cannot be, which by itself does not tell what is there.
unsigned char AutoWatcher::look_up(const Directory& above, const char* name, Directory* directory,
                                   std::error_code& ec) {
  if (directory != nullptr) {
    *directory = Directory(above.fd(), name, Directory::Use::list, false, ec);
    if (!ec) return DT_DIR;
  }
  std::error_code unknown;
  const unsigned char type = above.type_of(name, unknown);
  if (unknown || type != DT_DIR) ec = unknown;
  return type;
}

// Gives the node its watch, and returns the node under which the directory is followed, or none if
// it is already.
detail::NodeId AutoWatcher::take_over(NodeId node, int wd, Mask mask) {
  if (is_watched(node) && table_.wd(node) != wd) {  // another directory bears the name by now
    detach_below(node);
    unbind(node);
  }
  // The kernel keeps all that was ever asked of a watch.
  if (const NodeId first = table_.by_wd(wd); first != no_node) mask |= table_.mask(first);
  NodeId followed = node;
  const NodeId known = forget_left_names(node, wd);
  if (known != no_node && known != node) {
    // A bind mount, say, or another root's: it is reported under its first name, and stays watched as
    // long as it has one.
    const bool is_alias = table_.bits(known).asked != 0 || table_.bits(known).wanted != 0;
    if (is_alias) {
      add_alias(node, wd, mask);
      return no_node;
    }
    table_.bind(node, wd,
                table_.mask(known));  // added by hand under another path: followed under that
    followed = known;
  }
  if (!is_watched(node)) table_.bind(node, wd, mask);
  if (const auto old = old_.extract(wd); !old.empty()) {  // an overflow has made us forget it
    const auto& was = old.mapped().bits;
    table_.bits(node).is_root = was.is_root;
    table_.set_mask(node, was.events | (was.excl != 0 ? IN_EXCL_UNLINK : 0U));
  }
  table_.set_mask(followed, table_.mask(followed) | mask);
  table_.bits(node).wanted = 0;
  table_.bits(node).hole = 0;
  note_entered(node);
  auto& bits = table_.bits(followed);
  bits.asked = wish(node, false) & IN_ALL_EVENTS;
  bits.is_hand = hand_.contains(wd);
  bits.hole = 0;
  return followed;
}

// Forgets those names of a watch that the directory has left, up to the first that it has not; returns
// that one, if any. It was moved here: into a directory that was not watched yet, or from where the
// kernel tells no names. The consumer knows nothing of its content at the new place, so its subtree is
// forgotten and found anew; its MOVED_FROM, if there is one, will be a departure.
detail::NodeId AutoWatcher::forget_left_names(NodeId node, int wd) {
  NodeId known = table_.by_wd(wd);
  while (known != no_node && known != node) {
    const NodeId above = table_.parent(known);
    const bool is_leaving =
        is_watched(above) && look_ahead_.leaves(table_.wd(above), table_.name(known));
    if (!is_leaving && !is_lost(known)) break;
    if (!is_leaving) tell_lost(known);
    const bool was_root = table_.bits(known).is_root != 0;
    detach_below(known);
    const bool is_last = table_.unbind(known);
    if (table_.is_live(known) && table_.wd(known) < 0) {  // nothing is said of that name any more
      auto& bits = table_.bits(known);
      bits.is_root = bits.is_hand = bits.hole = 0;
      table_.prune(known);
    }
    if (is_last) {
      table_.bits(node).is_root = was_root;
    } else {
      readmit(wd);
    }
    known = table_.by_wd(wd);
  }
  return known;
}

// A further name of a directory that is followed under its first one.
void AutoWatcher::add_alias(NodeId node, int wd, Mask mask) {
  if (!is_watched(node)) table_.bind(node, wd, table_.mask(table_.by_wd(wd)));
  table_.set_mask(node, table_.mask(node) | mask);
  auto& bits = table_.bits(node);
  bits.wanted = bits.untold = bits.hole = 0;
  bits.asked = wish(node, false) & IN_ALL_EVENTS;
  note_entered(node);
}

// Whether a directory is no longer to be found under its name, though no event to come says so: one
// that the user has added, whose parent tells nothing, or one that was renamed by another spelling of
// its name, or by another machine [40].
bool AutoWatcher::is_lost(NodeId node) {
  const NodeId parent = table_.parent(node);
  const bool is_followed = inherited(parent) != 0;
  std::error_code ec;
  const Directory* above = is_followed ? open(parent, ec) : nullptr;
  if (ec) return false;
  const int at = above != nullptr ? above->fd() : AT_FDCWD;
  if (above != nullptr) {
    path_ = table_.name(node);
  } else {
    table_.path(node, path_);
  }
  const Directory directory(at, path_.c_str(), Directory::Use::name_only, !is_followed, ec);
  if (!ec && above != nullptr && directory.device() != above->device())
    return false;  // hidden by what is mounted there
  if (!ec) verify(node, directory, ec);
  // Any other error says nothing of where it is.
  return ec == std::errc::no_such_file_or_directory || ec == std::errc::not_a_directory ||
         ec == std::errc::too_many_symbolic_link_levels || ec.value() == ESTALE;
}

// Once all that had begun in its parent is in the look-ahead, the consumer is told that a directory is
// gone, unless there is an event that will.
void AutoWatcher::tell_lost(NodeId node) {
  const NodeId parent = table_.parent(node);
  if (inherited(parent) == 0) return;
  barrier(parent);
  const std::string_view name = table_.name(node);
  if (look_ahead_.touches(table_.wd(parent), name)) return;
  const std::size_t index = tell(parent, {table_.wd(parent), IN_DELETE | IN_ISDIR, 0, name});
  if (index < batch_.size()) batch_[index].synthetic = true;
}

// `found_` is what the listing of a directory that has its watch showed. What is reported anew is
// reported with all below, so what is known of that is forgotten first. If nothing is, the consumer knows
// what is there, but for a name that he is still to be told of: of a hole, say, that nobody may look at.
void AutoWatcher::report_found(NodeId node, bool is_new) {
  const int wd = table_.wd(node);
  const bool tells = is_new && announce_;
  for (; !found_.empty(); found_.pop()) {
    const auto [directory, fresh_wd, type, name] = found_.front();
    if (look_ahead_.touches(wd, name)) continue;  // left to the event that touches it
    if (tells && type != DT_UNKNOWN) tell_found(node, name, type);
    if (type != DT_DIR && type != DT_UNKNOWN) continue;
    const NodeId known = table_.child(node, name);
    const bool is_owed = known != no_node && table_.bits(known).untold != 0;
    if (tells && known != no_node &&
        (table_.bits(known).asked != 0 || table_.bits(known).hole != 0))
      forget(known);
    want(node, name, tells ? type == DT_DIR : !is_owed);
  }
}

// Whether the directory, or one above it, is about to be renamed or moved away.
bool AutoWatcher::leaves(NodeId node) {
  if (look_ahead_.empty() || !look_ahead_.has_departures()) return false;
  for (; !table_.is_top(node); node = table_.parent(node)) {
    const NodeId parent = table_.parent(node);
    if (is_watched(parent) && look_ahead_.leaves(table_.wd(parent), table_.name(node))) return true;
  }
  return false;
}

// ---- roots

void AutoWatcher::enter_root(NodeId root, Directory directory, int fresh_wd, std::error_code& ec) {
  {
    const std::string name(table_.name(root));
    const detail::Override<Quiet> quiet(quiet_,
                                        {table_.wd(root), table_.wd(table_.parent(root)), name});
    list(directory, fresh_wd, ec);
    directory.close();
    pull_queued();
  }
  if (ec) return give_up(root, ec);
  auto& bits = table_.bits(root);
  bits.hole = 0;
  if (bits.asked == 0) {
    const bool is_refused = inherited(table_.parent(root)) != 0 && !accepts(root);
    bits.asked = wish(root, is_refused) & IN_ALL_EVENTS;
  }
  report_found(root, true);
  if (walk_ != nullptr && fresh_wd >= 0) {
    walk();
  } else {
    enter_wanted();
  }
}

// Enters a known root again, if its path still leads to it.
void AutoWatcher::reenter_root(NodeId root) {
  table_.path(root, path_);
  std::error_code ec;
  Directory directory(AT_FDCWD, path_.c_str(), Directory::Use::list, true, ec);
  if (!ec) verify(root, directory, ec);
  if (ec) return give_up(root, ec);
  const int wd = table_.wd(root);
  enter_root(root, std::move(directory), is_followed(wd) ? -1 : wd, ec);
}

}  // namespace inotify::inline v0
