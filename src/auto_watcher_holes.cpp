// Holes: directories that could not be watched, and how they heal.
//
// Of what is below a hole nothing is known, and nothing is reported until it can be entered; then all
// that it holds is. So the event that names it means: forget what is below. It is tried again when the
// kernel tells of something that may have been the reason, or when the user asks for it. It has no
// watch, unless it is a root or has been added by itself; then `asked` is 0 until it is healed.
#include <cerrno>
#include <new>
#include <utility>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;

namespace {

bool is_permission(int error) { return error == EACCES || error == EPERM; }

// A resource has run out: no event about a directory tells when there is more of it.
bool is_resource(int error) {
  return error == ENOSPC || error == EMFILE || error == ENFILE || error == ENOMEM;
}

}  // namespace

void AutoWatcher::give_up(NodeId node, std::error_code ec) {
  if (is_permission(ec.value()) && watch_permissions(node)) {
    table_.bits(node).wanted = 1;  // once more: it may have been given before that
    todo_.push_back(node);
    return;
  }
  auto& bits = table_.bits(node);
  bits.wanted = 0;
  const int cause = std::exchange(causes_[node], ec.value());
  if (bits.hole != 0 && cause == ec.value() && walk_ == nullptr) return;  // reported already
  bits.hole = 1;
  may_heal_ = may_heal_ || !is_resource(ec.value());
  forget_below(node);
  bits.asked = 0;
  end_needless_watch(node);
  table_.path(node, path_);
  if (walk_ != nullptr) {
    walk_->holes.emplace_back(path_, ec);
  } else {
    report_hole(path_, ec, bits.untold != 0 ? 0 : IN_ISDIR);
  }
}

void AutoWatcher::end_needless_watch(NodeId hole) {
  const auto& bits = table_.bits(hole);
  if (is_watched(hole) && bits.is_root == 0 && bits.is_hand == 0) unbind(hole);
}

// Has the kernel tell when the permission to enter `node` is given: by IN_ATTRIB of a name [37] in the
// deepest directory above it that can be reached, or of that itself. What is below that can be reached
// no sooner. Returns whether that is news. IN_ATTRIB stays in the mask of that watch: to narrow a mask
// loses events [33]. A root has it from the beginning, for once it is shut its mask cannot be widened.
bool AutoWatcher::watch_permissions(NodeId node) {
  std::error_code ec;
  do {
    node = table_.parent(node);
    if (!is_watched(node) || table_.bits(node).asked == 0) return false;
    table_.path(node, path_);
  } while (!(opened_.is_open() && opened_wd_ == table_.wd(node)) && !open_as(node, path_, ec));
  if ((table_.mask(node) & IN_ATTRIB) != 0) return false;
  watch_open(opened_, IN_ATTRIB, ec);
  return !ec;
}

// ---- trying again

void AutoWatcher::retry(NodeId hole) {
  table_.bits(hole).wanted = 1;
  todo_.push_back(hole);
}

// Tries again the holes at and below `top`, or all of them.
void AutoWatcher::retry_below(NodeId top) {
  may_heal_ = false;
  std::erase_if(causes_, [&](const auto& entry) {
    const auto [node, cause] = entry;
    if (!table_.is_live(node) || table_.bits(node).hole == 0) return true;
    may_heal_ = may_heal_ || !is_resource(cause);
    if (top == no_node || table_.is_below(node, top)) retry(node);
    return false;
  });
  enter_wanted();
}

// Returns whether it was a directory's, and is reported.
bool AutoWatcher::on_attrib(NodeId parent, const RawEvent& raw) {
  if ((raw.mask & IN_ATTRIB) == 0 || !raw.is_dir() || causes_.empty()) return false;
  tell(parent, raw);
  on_access(table_.child(parent, raw.name));
  return true;
}

// The access to a directory may have changed, and with it that to all below: its IN_ATTRIB, or the
// IN_MOVE_SELF that takes it to another place.
void AutoWatcher::on_access(NodeId node) {
  if (node == no_node || causes_.empty()) return;
  if (may_heal_) {
    retry_below(node);
  } else if (table_.bits(node).hole != 0) {
    retry(node);
    enter_wanted();
  }
}

std::size_t AutoWatcher::retry_holes() try {
  if (!is_open()) return 0;
  const Ending ending(*this);
  allowance_.begin_counted();
  std::error_code ec;
  catch_up(ec);
  if (ec) detail::throw_error("retry_holes", ec);
  retry_below(no_node);
  retry_deferred();
  restore_forgotten();
  end_call(!batch_.empty());
  std::erase_if(causes_, [&](const auto& entry) {
    return !table_.is_live(entry.first) || table_.bits(entry.first).hole == 0;
  });
  return causes_.size();
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

}  // namespace inotify::inline v0
