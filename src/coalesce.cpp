#include <inotify/coalesce.hpp>

#include <climits>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <inotify/detail/event_kind.hpp>
#include <inotify/detail/path_prefix.hpp>

namespace inotify::inline v0 {
namespace {

using detail::is_about_name;
using detail::is_barrier;
using detail::is_content;
using detail::name_bits;
using detail::prefix_below;
using detail::self_bits;

// CREATE and what may have been folded into it.
bool is_plain_create(const Event& event) {
  return (event.mask & (name_bits | self_bits)) == IN_CREATE;
}

// Takes out the events that are not `is_alive`.
void compact(std::vector<Event>& events, const std::vector<bool>& is_alive) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (is_alive[i]) events[kept++] = events[i];
  }
  events.resize(kept);
}

// Calls `close(path)` for each path under which something else may be found after `event`.
template <class Close>
void for_each_changed_name(const Event& event, Close close) {
  close(event.fullpath);
  if (!event.moved_from.empty()) close(event.moved_from);
  if (!event.moved_to.empty()) close(event.moved_to);
}

// Folds content into the first event of the same content, or into its CREATE.
//
// Why that is safe: what moves is content alone, and only to an earlier event of the same path and
// watch; every event that may change what the path leads to has closed that one.
class ContentFold {
 public:
  explicit ContentFold(std::vector<Event>& events)
      : events_(events), is_alive_(events.size(), true) {}

  void run() {
    for (std::size_t i = 0; i < events_.size(); ++i) take(i);
    compact(events_, is_alive_);
  }

 private:
  // The events that what comes next may be folded into. `unclosed`: a MODIFY after the CLOSE_WRITE
  // of `first`, to be joined with it by the next CLOSE_WRITE.
  struct Open {
    std::size_t first;
    std::size_t unclosed = none;
  };
  using Key = std::pair<std::string_view, int>;  // the full path, and the watch that told of it
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  void take(std::size_t i) {
    const Event& event = events_[i];
    if (is_barrier(event)) {
      open_.clear();
    } else if (is_content(event)) {
      fold(i);
    } else if (is_about_name(event)) {
      for_each_changed_name(event, [this](std::string_view path) { close(path); });
      if (is_plain_create(event)) open_[{event.fullpath, event.wd}] = {i};
    } else if (event.is_move_self()) {
      close(event.fullpath);
    } else {
      // DELETE_SELF, or no event bit at all. What the parent says of the path is another matter.
      open_.erase({event.fullpath, event.wd});
    }
  }

  void fold(std::size_t i) {
    const Event& event = events_[i];
    const auto [it, is_new] = open_.try_emplace({event.fullpath, event.wd}, Open{i});
    if (is_new) return;
    Open& open = it->second;
    Event& first = events_[open.first];
    if (first.is_dir() != event.is_dir() || first.path != event.path) {  // another object
      open = {i};
      return;
    }
    if (event.is_close_write()) {
      if (open.unclosed != none) {
        first.mask |= events_[open.unclosed].mask;
        is_alive_[open.unclosed] = false;
        open.unclosed = none;
      }
      merge(first, i);
    } else if (open.unclosed != none) {
      merge(events_[open.unclosed], i);
    } else if (event.is_modify() && first.is_close_write()) {
      open.unclosed = i;
    } else {
      merge(first, i);
    }
  }

  void merge(Event& into, std::size_t i) {
    into.mask |= events_[i].mask;
    is_alive_[i] = false;
  }

  // Nothing more is folded into the events of `path` and of all below.
  void close(std::string_view path) {
    if (open_.empty()) return;
    for (auto it = open_.lower_bound({path, INT_MIN});
         it != open_.end() && it->first.first == path;)
      it = open_.erase(it);
    const std::string prefix = prefix_below(path);
    for (auto it = open_.lower_bound({prefix, INT_MIN});
         it != open_.end() && it->first.first.starts_with(prefix);)
      it = open_.erase(it);
  }

  std::vector<Event>& events_;
  std::vector<bool> is_alive_;
  std::map<Key, Open> open_;
};

// MOVED_FROM and MOVED_TO of one rename, back to back.
void fold_renames(std::vector<Event>& events) {
  std::vector<bool> is_alive(events.size(), true);
  for (std::size_t i = 1; i < events.size(); ++i) {
    const Event& from = events[i - 1];
    Event& to = events[i];
    if (is_barrier(from) || is_barrier(to) || from.cookie != to.cookie) continue;
    if (from.mask != (IN_MOVED_FROM | (to.mask & IN_ISDIR))) continue;
    if ((to.mask & ~Mask{IN_ISDIR}) != IN_MOVED_TO) continue;
    if (from.moved_to != to.fullpath || to.moved_from != from.fullpath) continue;
    to.mask |= IN_MOVED_FROM;
    is_alive[i - 1] = false;
  }
  compact(events, is_alive);
}

// Drops CREATE...DELETE of one path, and the content in between.
class ShortLived {
 public:
  explicit ShortLived(std::vector<Event>& events)
      : events_(events), is_alive_(events.size(), true) {}

  /// Whether anything was dropped.
  bool run() {
    const std::size_t before = events_.size();
    for (std::size_t i = 0; i < before; ++i) take(i);
    compact(events_, is_alive_);
    return events_.size() != before;
  }

 private:
  using Indices = std::vector<std::size_t>;          // ascending
  using Told = std::map<std::string_view, Indices>;  // the living events that speak of a path

  void take(std::size_t i) {
    const Event& event = events_[i];
    if (is_barrier(event)) {
      told_.clear();
    } else if (!is_about_name(event)) {
      told_[event.fullpath].push_back(i);
    } else if (!drop(i)) {
      for_each_changed_name(event, [&](std::string_view path) { told_[path].push_back(i); });
    }
  }

  // Drops the DELETE `last`, its CREATE, and what lies between.
  bool drop(std::size_t last) {
    const Event& end = events_[last];
    if ((end.mask & ~Mask{IN_ISDIR}) != IN_DELETE) return false;
    const auto it = told_.find(end.fullpath);
    if (it == told_.end()) return false;
    const std::size_t first = last_change(it->second);
    if (first == none || !is_plain_create(events_[first])) return false;
    const Event& start = events_[first];
    if (start.is_dir() != end.is_dir() || start.wd != end.wd || start.path != end.path)
      return false;
    if (is_changed_above(end.fullpath, first)) return false;
    // Whoever is told that something came or went below must be told of the directory, too.
    const std::string prefix = prefix_below(end.fullpath);
    const auto below = told_.lower_bound(prefix);
    auto inner = below;
    for (; inner != told_.end() && inner->first.starts_with(prefix); ++inner) {
      if (is_changed_after(inner->second, first)) return false;
    }
    for (auto each = below; each != inner;) each = bury(each, first);
    bury(it, first);
    is_alive_[last] = false;
    return true;
  }

  [[nodiscard]] bool changes(std::size_t i) const {
    return is_about_name(events_[i]) || events_[i].is_move_self();
  }

  [[nodiscard]] std::size_t last_change(const Indices& indices) const {
    for (auto i = indices.rbegin(); i != indices.rend(); ++i) {
      if (changes(*i)) return *i;
    }
    return none;
  }

  [[nodiscard]] bool is_changed_after(const Indices& indices, std::size_t first) const {
    const std::size_t last = last_change(indices);
    return last != none && last > first;
  }

  [[nodiscard]] bool is_changed_above(std::string_view path, std::size_t first) const {
    while (path.size() > 1) {
      const auto slash = path.rfind('/');
      if (slash == std::string_view::npos) return false;
      path = path.substr(0, slash == 0 ? 1 : slash);
      const auto it = told_.find(path);
      if (it != told_.end() && is_changed_after(it->second, first)) return true;
    }
    return false;
  }

  // The events from `first` on die.
  Told::iterator bury(Told::iterator it, std::size_t first) {
    Indices& indices = it->second;
    for (; !indices.empty() && indices.back() >= first; indices.pop_back()) {
      is_alive_[indices.back()] = false;
    }
    return indices.empty() ? told_.erase(it) : std::next(it);
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::vector<Event>& events_;
  std::vector<bool> is_alive_;
  Told told_;  // since the last barrier
};

}  // namespace

std::vector<Event> detail::Coalesce::operator()(std::span<const Event> events,
                                                const CoalesceOptions& options) const {
  std::vector<Event> folded(events.begin(), events.end());
  // What was dropped no longer stands between its neighbours: they may fold, too.
  do {
    ContentFold(folded).run();
  } while (options.drop_short_lived && ShortLived(folded).run());
  if (options.renames) fold_renames(folded);
  return folded;
}

}  // namespace inotify::inline v0
