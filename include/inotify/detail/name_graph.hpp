// What many paths depend on: the names they go through, and the files they lead to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inotify/detail/name_hash.hpp>
#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// What may have happened to a path since it was told of: bits.
using Doubts = std::uint8_t;
struct Doubt {
  static constexpr Doubts lead = 1;        // it leads elsewhere
  static constexpr Doubts attributes = 2;  // of the file have changed
  static constexpr Doubts content = 4;     // of the file has changed
  static constexpr Doubts departure = 8;   // it has led nowhere for a while, if it led to a file
};

struct FollowedName;
struct FollowedPath;

/// A path goes through a name.
struct RouteStep {
  FollowedName* name = nullptr;
  FollowedPath* path = nullptr;
  RouteStep* next = nullptr;  // of the same name
  RouteStep* previous = nullptr;
};

struct FollowedName {
  int wd;
  std::string text;
  RouteStep* steps = nullptr;
  FollowedName* next = nullptr;  // of the same wd
  FollowedName* previous = nullptr;
  std::uint64_t round = 0;  // of the graph, in which `doubted` was put in doubt
  Doubts doubted = 0;
  bool is_held = false;  // by the route under construction
};

struct FollowedPath {
  using Route = std::vector<RouteStep>;
  enum Place : std::uint8_t { at_rest, pending, failed };

  std::filesystem::path path{};
  Route route{};
  int file = -1;  // the watch on what it leads to, which identifies that; -1: nowhere
  Doubts doubts = Doubt::lead;
  Place place = pending;
  std::list<FollowedPath>::iterator self{};
};

struct NameKey {
  int wd;
  std::string_view text;  // of the name
  bool operator==(const NameKey&) const = default;
};

class NameKeyHash {
 public:
  std::size_t operator()(const NameKey& key) const noexcept {
    return hash_name(key_, static_cast<std::uint32_t>(key.wd), key.text);
  }

 private:
  HashKey key_ = HashKey::make();
};

/// A name is a text in a watched directory, or the empty text: what is watched itself. The route of a
/// path is the names that were looked up to follow it, and last, if it led to a file, that file's
/// empty name. So what an event puts in doubt is the paths whose routes have its name, and these alone.
/// It knows nothing of system calls.
///
/// Invariants
///   1. (wd, text) leads to at most one name, and all names of a wd are on one list: a wd has an entry
///      exactly as long as it has a name.
///   2. A step is on the list of its name exactly if it is of the current route of a path; all steps
///      of one name are on one list.
///   3. A name without a step exists only while a route under construction holds it: whoever takes
///      the last step from a name ends it, and with its last name the watch, which `unused(wd)` is
///      called for.
///   4. A path is on exactly one of three lists: at rest, pending (it is in doubt), or failed (it is,
///      and could not be followed). One with doubts is never at rest.
///   5. What was doubted in this round_ need not be again: all that was in doubt since it began still
///      is, and no route has changed.
///   6. What throws has changed nothing; what would have to be undone allocates first.
class NameGraph {
 public:
  using Path = FollowedPath;
  using Name = FollowedName;
  using Route = FollowedPath::Route;

  NameGraph() = default;
  NameGraph(const NameGraph&) = delete;
  NameGraph& operator=(const NameGraph&) = delete;

  // ---- paths

  [[nodiscard]] std::size_t size() const noexcept { return by_path_.size(); }
  [[nodiscard]] Path* find(const std::filesystem::path& path) const noexcept {
    const auto at = by_path_.find(path.native());
    return at == by_path_.end() ? nullptr : at->second;
  }
  template <class Visit>
  void for_each_path(Visit visit) const {
    for (const auto& [text, path] : by_path_) visit(*path);
  }

  /// A path that is not there yet; pending.
  Path& add(std::filesystem::path path);
  /// Takes a path away with all that it alone needs.
  template <class Unused>
  void remove(Path& path, Unused unused) noexcept {
    leave(std::exchange(path.route, {}), unused);
    by_path_.erase(path.path.native());
    list_of(path).erase(path.self);
  }

  /// The path that has been pending for longest, or nullptr.
  [[nodiscard]] Path* next_pending() noexcept {
    return pending_.empty() ? nullptr : &pending_.front();
  }
  /// It could not be followed: it is pending again after retry().
  void fail(Path& path) noexcept { move_to(path, Path::failed); }
  void retry(Path& path) noexcept { move_to(path, Path::pending); }
  /// The path that failed first, or nullptr; and whether all have.
  [[nodiscard]] Path* first_failed() noexcept {
    return failed_.empty() ? nullptr : &failed_.front();
  }
  [[nodiscard]] bool have_all_failed() const noexcept { return failed_.size() == size(); }
  /// It is at rest; returns what was in doubt.
  Doubts rest(Path& path) noexcept {
    ++round_;
    move_to(path, Path::at_rest);
    return std::exchange(path.doubts, Doubts{});
  }
  /// What it now goes through and leads to.
  template <class Unused>
  void reroute(Path& path, Route route, int file, Unused unused) noexcept {
    ++round_;
    for (RouteStep& step : route) attach(step, path);
    leave(std::exchange(path.route, std::move(route)), unused);
    path.file = file;
  }

  // ---- names

  [[nodiscard]] Name* find(int wd, std::string_view text) const noexcept;
  [[nodiscard]] bool knows(int wd) const noexcept { return by_wd_.contains(wd); }
  /// Appends the name to a route under construction, made if need be; twice in a route is once.
  void hold(Route& route, int wd, std::string_view text);
  /// Gives up a route under construction.
  template <class Unused>
  void discard(const Route& route, Unused unused) noexcept {
    for (const RouteStep& step : route) {
      step.name->is_held = false;
      release(*step.name, unused);
    }
  }

  // ---- doubts

  void doubt(Path& path, Doubts doubts) noexcept;
  /// All paths that go through `name`.
  void doubt(Name& name, Doubts doubts) noexcept;
  /// Where all that was looked up in the directory `wd` leads.
  void doubt_names_in(int wd) noexcept;
  /// All paths.
  void doubt_all(Doubts doubts) noexcept;

 private:
  struct Watch {
    Name* names = nullptr;
    std::uint64_t round = 0;  // in which all of them were put in doubt
  };

  std::list<Path>& list_of(const Path& path) noexcept;
  void move_to(Path& path, Path::Place place) noexcept;
  Name& make(int wd, std::string_view text);
  void erase(Name& name) noexcept;
  static void attach(RouteStep& step, Path& path) noexcept;
  static void detach(RouteStep& step) noexcept;

  template <class Unused>
  void leave(Route route, Unused unused) noexcept {
    for (RouteStep& step : route) {
      detach(step);
      release(*step.name, unused);
    }
  }
  template <class Unused>
  void release(Name& name, Unused unused) noexcept {
    if (name.steps != nullptr || name.is_held) return;
    const int wd = name.wd;
    erase(name);
    if (!knows(wd)) unused(wd);
  }

  std::list<Path> at_rest_;
  std::list<Path> pending_;
  std::list<Path> failed_;
  std::unordered_map<std::string_view, Path*, TextHash> by_path_;
  std::unordered_map<NameKey, std::unique_ptr<Name>, NameKeyHash> names_;
  std::unordered_map<int, Watch> by_wd_;
  std::uint64_t round_ = 1;
  std::uint64_t all_round_ = 0;  // in which all paths were put in doubt
};

}  // namespace inotify::inline v0::detail
