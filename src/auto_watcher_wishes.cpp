// What the consumer wants of each directory: of every tree it lies in, and by itself.
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::Directory;

// What a directory of the tree takes over from the one above it. Not below the second name of a directory,
// for nothing is told there: what the user has made a root by such a name lies in no tree.
Mask AutoWatcher::inherited(NodeId parent) const noexcept {
  const auto& bits = table_.bits(parent);
  if (bits.asked == 0 || table_.is_alias(parent)) return 0;
  return bits.asked | (bits.excl != 0 ? IN_EXCL_UNLINK : 0U);
}

// What the consumer wants of a directory: as a root of its own, and, unless the filter refuses it,
// as part of the tree above it.
Mask AutoWatcher::wish(NodeId node, bool is_refused) {
  Mask mask = is_refused ? 0U : inherited(table_.parent(node)) & IN_ALL_EVENTS;
  if (table_.bits(node).is_root != 0) mask |= root_mask(table_.wd(node));
  return mask & IN_ALL_EVENTS;
}

bool AutoWatcher::strays(const Directory& directory, const Directory& parent) const {
  if (!options_.one_file_system) return false;
  const dev_t here = directory.device();
  const dev_t above = parent.device();
  return here != 0 && above != 0 && here != above;
}

bool AutoWatcher::accepts(NodeId node) {
  if (!options_.add_filter) return true;
  table_.path(table_.parent(node), path_);
  return accepts(table_.wd(table_.parent(node)), path_, table_.name(node));
}

bool AutoWatcher::accepts(int wd, std::string_view path, std::string_view name) {
  question_ = path;
  if (!path.ends_with('/')) question_ += '/';
  question_ += name;
  Event event{};
  event.fullpath = question_;
  event.path = event.fullpath.substr(0, path.size());
  event.name = event.fullpath.substr(question_.size() - name.size());
  event.wd = wd;
  event.mask = IN_CREATE | IN_ISDIR;
  event.synthetic = true;
  return options_.add_filter(event);
}

// After its place has changed: the filter is asked again, and it is watched as is wanted there.
void AutoWatcher::settle_in(NodeId node) {
  bool is_refused = false;
  if (!keep_thrown([&] { is_refused = !accepts(node); })) return enter_later(node);
  auto& bits = table_.bits(node);
  if (bits.asked == 0) {  // added by hand, for itself; by now it may be one of the tree's
    if (!is_refused && inherited(table_.parent(node)) != 0) reenter(node);
    return;
  }
  if (is_refused && bits.is_root == 0 && bits.is_hand == 0) return detach(node);
  if (bits.asked != wish(node, is_refused)) return update_wishes(node, is_refused);
  widen(node);  // it may have been renamed before that could be done
}

// The filter has not answered: it is asked again when the directory is found anew.
void AutoWatcher::enter_later(NodeId node) {
  const NodeId parent = table_.parent(node);
  const std::string name(table_.name(node));
  forget(node);
  want(parent, name, false);
}

void AutoWatcher::throw_kept() {
  if (thrown_ != nullptr) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

// Brings what is watched at and below a node in line with what is wanted there by now.
void AutoWatcher::update_wishes(NodeId node, bool is_refused) {
  if (table_.bits(node).hole != 0) return end_needless_watch(node);
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
    const Mask asked = wish(node, false);
    if (bits.hole == 0) bits.asked = asked & IN_ALL_EVENTS;
    if (asked == 0) {
      unwanted.push_back(node);
    } else {
      widen(node);
    }
  });
  for (auto it = unwanted.rbegin(); it != unwanted.rend(); ++it) {  // children first
    auto& bits = table_.bits(*it);
    bits.wanted = bits.hole = 0;
    if (!is_watched(*it)) {
      table_.prune(*it);
    } else if (bits.is_hand == 0) {
      unbind(*it);
    }
  }
}

// If the kernel's mask of a node lacks what is wanted, it is entered again, which adds that.
void AutoWatcher::widen(NodeId node) {
  if (is_watched(node) && (table_.bits(node).asked & ~table_.mask(node)) != 0) reenter(node);
}

void AutoWatcher::reenter(NodeId node) {
  table_.bits(node).wanted = 1;
  deferred_.emplace_back(node, std::error_code{});
}

// The further names of a watch that lie in no tree, unless it is also watched for itself.
std::vector<detail::NodeId> AutoWatcher::names_in_no_tree(int wd) const {
  std::vector<NodeId> names;
  if (!table_.has_alias(wd) || hand_.contains(wd)) return names;
  names = table_.names_of(wd);
  std::erase_if(names, [&](NodeId name) {
    return name == table_.by_wd(wd) || inherited(table_.parent(name)) != 0;
  });
  return names;
}

}  // namespace inotify::inline v0
