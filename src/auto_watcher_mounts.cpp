// Mounts in the tree, followed as they come and go.
//
// inotify tells nothing of a mount, and of an unmount only that what was watched on it has ended, if it
// was the last of its file system [29, 37]. /proc/self/mountinfo tells that something has changed in the
// namespace, and what there is now [39]; not what has changed, nor what came and went meanwhile. So each
// of its lists is compared with the one before, and what was entered between two looks, of which the
// second says that there was a change, is looked at again. What is to be found under a name is decided
// by the watch descriptor, not by the list.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <inotify/auto_watcher.hpp>
#include <inotify/detail/override.hpp>

namespace inotify::inline v0 {

using detail::Directory;
using detail::no_node;

namespace {

// The name leads to nothing, or to something else.
bool is_elsewhere(int error) {
  return error == ESTALE || error == ENOENT || error == ENOTDIR || error == ELOOP;
}

}  // namespace

// ---- when to look

// What is looked at again if a mount has come or gone by the next time that this is asked.
void AutoWatcher::note_entered(NodeId node) {
  constexpr std::size_t many = 4096;
  if (!mounts_.is_open()) return;
  entered_.push_back(node);
  if (entered_.size() % many == 0) ask_mounts();
}

void AutoWatcher::ask_mounts() {
  if (mounts_.has_changed()) mounts_due_ = true;
  if (!mounts_due_) entered_.clear();
}

// At the end of a read(): one that leaves nothing in the queue has always asked, and of the others one in
// so many. poll(2) has, if it was a wait that led here.
void AutoWatcher::look_at_mounts(bool is_drained) {
  constexpr unsigned often = 16;
  const bool has_waited = std::exchange(has_waited_, false);
  if (is_drained ? !has_waited : ++looks_ % often == 0) ask_mounts();
  if (!mounts_due_ || allowance_.is_used_up()) return;
  follow_mounts();
  if (look_ahead_.empty()) retry_deferred();
}

Instance::Wake AutoWatcher::wait(milliseconds timeout, std::error_code& ec) {
  allowance_.begin_timed();
  if (!mounts_.is_open()) return Watcher::wait(timeout, ec);
  bool is_mount = false;
  const auto wake = instance_.wait_for_more(mounts_.fd(), is_mount, timeout, ec);
  if (is_mount) mounts_due_ = true;
  if (!mounts_due_ && !ec) entered_.clear();
  has_waited_ = !ec && wake == Instance::Wake::events;  // otherwise read() returns
  return wake;
}

// ---- what there is

// The roots that lie in no other, each with the path that the list has for it, with a slash. A root that
// is not to be found under its name is left as it is.
void AutoWatcher::find_real_roots() {
  real_roots_.clear();
  for (const auto& [wd, mask] : root_masks_) {
    const NodeId root = table_.by_wd(wd);
    if (root == no_node || inherited(table_.parent(root)) != 0) continue;
    std::error_code ec;
    table_.path(root, path_);
    const Directory directory(AT_FDCWD, path_.c_str(), Directory::Use::name_only, true, ec);
    if (!ec) verify(root, directory, ec);
    if (ec) continue;
    std::array<char, PATH_MAX> real;
    const ssize_t size =
        ::readlink(detail::DescriptorPath(directory.fd()).c_str(), real.data(), real.size());
    if (size <= 0 || size == PATH_MAX) continue;
    std::string path(real.data(), static_cast<std::size_t>(size));
    if (!path.ends_with('/')) path += '/';
    real_roots_.emplace_back(std::move(path), root);
  }
}

// Compares the list with what is known of the mounts below the roots. Those below `new_root`, if it is
// one, were there before it was walked.
void AutoWatcher::note_mounts(NodeId new_root) {
  find_real_roots();
  for (auto& [identity, mount] : mounts_below_) mount.is_present = false;
  const bool is_whole = mounts_.for_each([&](const detail::MountWatch::Mount& mount) {
    for (const auto& [prefix, root] : real_roots_) {
      if (!mount.point.starts_with(prefix) || mount.point.size() == prefix.size()) continue;
      const auto [it, is_new] = mounts_below_.try_emplace(mount.identity);
      it->second.is_present = true;
      if (!is_new) continue;
      it->second.point = mount.point;
      it->second.is_news = root != new_root;
    }
  });
  if (!is_whole) mounts_.note_change();  // the next time
  for (auto& [identity, mount] : mounts_below_) {
    mount.is_present = mount.is_present || !is_whole;
    mount.is_news = mount.is_news || !mount.is_present;
  }
  note_hidden();
}

// Which of the mounts may be hidden, or uncovered, by one above that has come or gone.
void AutoWatcher::note_hidden() {
  std::vector<std::string_view> news;
  for (const auto& [identity, mount] : mounts_below_)
    if (mount.is_news) news.push_back(mount.point);
  for (auto& [identity, mount] : mounts_below_) {
    const std::string_view point = mount.point;
    mount.is_below_news = std::ranges::any_of(news, [&](std::string_view above) {
      return point.starts_with(above) && point.substr(above.size()).starts_with('/');
    });
  }
}

// The directory of the tree that `point` lies in, and its name there. Not `is_settled`: events to come
// speak of a name on the way.
AutoWatcher::NodeId AutoWatcher::find_point(std::string_view point, std::string_view& name,
                                            bool& is_settled) {
  for (const auto& [prefix, root] : real_roots_) {
    if (!point.starts_with(prefix)) continue;
    std::string_view rest = point.substr(prefix.size());
    for (NodeId at = root; is_watched(at) && inherited(at) != 0;) {
      const auto end = std::min(rest.find('/'), rest.size());
      name = rest.substr(0, end);
      if (look_ahead_.touches(table_.wd(at), name)) {
        is_settled = false;
        return no_node;
      }
      if (end == rest.size()) return at;
      at = table_.child(at, name);
      rest.remove_prefix(end + 1);
    }
  }
  return no_node;
}

// The nodes of the mounts that have none yet: should what is mounted there go, and then the directory be
// renamed, it is still found.
void AutoWatcher::find_nodes_of_mounts() {
  for (auto& [identity, mount] : mounts_below_) {
    std::string_view name;
    bool is_settled = true;
    const NodeId parent = find_point(mount.point, name, is_settled);
    if (parent != no_node && is_settled) mount.node = table_.child(parent, name);
  }
}

// ---- what is to be done

// Somebody who mounts faster than this is met again by the next read().
void AutoWatcher::follow_mounts() {
  constexpr int most_rounds = 16;
  const detail::Override announcing(announce_, true);
  for (int i = 0; mounts_due_ && i < most_rounds; ++i) {
    mounts_due_ = false;
    mounts_.forget_wake_up(epoll_.get());
    note_mounts(no_node);
    pull_queued();
    if (!follow_noted()) {
      mounts_due_ = true;  // when what is in the look-ahead has had its turn
      break;
    }
    ask_mounts();
  }
  throw_kept();
}

// Looks at the places of the mounts, if one of them has come or gone (it may have hidden or uncovered
// others), and at what was entered meanwhile. False: not at all of them, for events to come speak of some.
bool AutoWatcher::follow_noted() {
  bool is_settled = true;
  using Identified = decltype(mounts_below_)::value_type;
  std::vector<Identified*> mounts;
  if (std::ranges::any_of(mounts_below_, [](const auto& one) { return one.second.is_news; })) {
    for (auto& one : mounts_below_) mounts.push_back(&one);
  }
  std::ranges::sort(mounts, {}, [](const Identified* one) { return one->second.point; });
  for (Identified* one : mounts) {
    if (look_at(one->second)) {
      if (!one->second.is_present) mounts_below_.erase(one->first);
    } else {
      one->second.is_news = true;
      is_settled = false;
    }
  }
  std::vector<NodeId> later;
  for (const NodeId node : std::exchange(entered_, {})) {
    if (!look_at_node(node)) later.push_back(node);
  }
  entered_.insert(entered_.end(), later.begin(), later.end());
  // What was not found in its place may have been hidden, by a mount that has come and gone.
  for (const auto& [hole, cause] : causes_) {
    if (is_elsewhere(cause) && table_.is_live(hole) && table_.bits(hole).hole != 0) retry(hole);
  }
  keep_thrown([&] { enter_wanted(); });
  return is_settled && later.empty();
}

bool AutoWatcher::look_at(Mount& mount) {
  if (!look_at_node(mount.node)) return false;
  bool is_settled = true;
  std::string_view name;
  const NodeId parent = find_point(mount.point, name, is_settled);
  if (!is_settled) return false;
  if (parent != no_node) {
    const bool may_be_hidden = mount.is_below_news && is_watched(table_.child(parent, name));
    if (!look_at_name(parent, name, mount.is_news || may_be_hidden)) return false;
  }
  mount.node = parent == no_node ? no_node : table_.child(parent, name);
  mount.is_news = false;
  return true;
}

bool AutoWatcher::look_at_node(NodeId node) {
  if (!table_.is_live(node) || !is_watched(node) || table_.bits(node).asked == 0) return true;
  return look_at_name(table_.parent(node), std::string(table_.name(node)), false);
}

// If under the name there is another directory than the one that is watched, what is watched departs with
// all below, and what is there is entered and reported. Of what is not watched (a file, say) only a mount
// that `has_changed` tells that it is another. False: events to come speak of the name.
bool AutoWatcher::look_at_name(NodeId parent, std::string_view name_view, bool has_changed) {
  if (!is_watched(parent) || inherited(parent) == 0) return true;
  if (leaves(parent)) return false;
  std::error_code ec;
  const std::string name(name_view);
  const Directory* above = open(parent, ec);
  if (above == nullptr && !look_ahead_.empty()) return false;
  if (above == nullptr) {  // what is mounted where nobody may look is a hole until that is allowed
    if (has_changed && !is_elsewhere(ec.value()))
      want(parent, name, is_watched(table_.child(parent, name)));
    return true;
  }
  const NodeId node = table_.child(parent, name);
  const bool is_known = is_watched(node) && table_.bits(node).asked != 0;
  if (is_known) {
    const Directory directory(above->fd(), name.c_str(), Directory::Use::name_only, false, ec);
    if (!ec) verify(node, directory, ec);
  }
  std::error_code unknown;
  const auto type = above->type_of(name.c_str(), unknown);
  above->fence();
  pull_queued();
  if (look_ahead_.touches(table_.wd(parent), name) || leaves(parent)) return false;
  const bool is_other = is_elsewhere(ec.value());
  if (is_known ? !is_other && (!ec || !has_changed) : !has_changed) return true;
  if (!is_known && type == DT_UNKNOWN) return true;
  const Mask is_dir = is_known || type == DT_DIR ? IN_ISDIR : 0U;
  const std::size_t index = tell(parent, {table_.wd(parent), IN_DELETE | is_dir, 0, name});
  if (index < batch_.size()) batch_[index].synthetic = true;
  forget_name(parent, name);
  want(parent, name, false);
  keep_thrown([&] { enter_wanted(); });
  return true;
}

}  // namespace inotify::inline v0
