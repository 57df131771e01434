// What is to be found by its path, and by a directory above it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inotify/detail/name_hash.hpp>
#include <inotify/detail/path_prefix.hpp>
#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Path -> T*, at most one for each path. A path that put() has returned stays where it is in memory
/// until it is removed, and follows move().
template <class T>
class Places {
 public:
  /// In constant time; null if there is nothing.
  [[nodiscard]] T* find(std::string_view path) const {
    const auto it = hashed_.find(path);
    return it == hashed_.end() ? nullptr : it->second;
  }

  /// `path` leads to nothing yet.
  const std::string* put(std::string path, T& what) {
    const auto it = ordered_.emplace(std::move(path), &what).first;
    try {
      hashed_.emplace(it->first, &what);
    } catch (...) {
      ordered_.erase(it);
      throw;
    }
    return &it->first;
  }

  void remove(const std::string& path) noexcept {
    hashed_.erase(path);
    ordered_.erase(ordered_.find(path));
    if (ordered_.empty() && hashed_.bucket_count() > large) hashed_ = Hashed();
  }

  /// One of what `path` leads to and what lies below it; null if there is none.
  [[nodiscard]] T* first_at_or_below(std::string_view path) const {
    if (T* at = find(path)) return at;
    const std::string prefix = prefix_below(path);
    const auto it = ordered_.upper_bound(prefix);
    return it != ordered_.end() && it->first.starts_with(prefix) ? it->second : nullptr;
  }

  void clear() noexcept {
    hashed_.clear();
    ordered_.clear();
  }

  /// What `path` leads to, and what lies below it; directories before what they hold.
  [[nodiscard]] std::vector<T*> at_and_below(std::string_view path) const {
    std::vector<T*> found;
    if (T* at = find(path)) found.push_back(at);
    const std::string prefix = prefix_below(path);
    for (auto it = ordered_.upper_bound(prefix);
         it != ordered_.end() && it->first.starts_with(prefix); ++it)
      found.push_back(it->second);
    return found;
  }

  /// All of that goes to `to` and below, where nothing is. Throws std::bad_alloc with nothing changed.
  void move(std::string_view from, std::string_view to) {
    std::vector<std::pair<std::string, std::string>> moves;  // old path, new path
    const auto plan = [&](const std::string& old) {
      moves.emplace_back(old, std::string(to).append(old, from.size()));
    };
    const std::string prefix = prefix_below(from);
    if (const auto it = ordered_.find(from); it != ordered_.end()) plan(it->first);
    for (auto it = ordered_.upper_bound(prefix);
         it != ordered_.end() && it->first.starts_with(prefix); ++it)
      plan(it->first);
    for (auto& [old, now] : moves) {
      auto hashed = hashed_.extract(old);
      auto ordered = ordered_.extract(old);
      ordered.key().swap(now);
      hashed.key() = ordered.key();
      ordered_.insert(std::move(ordered));
      hashed_.insert(std::move(hashed));
    }
  }

 private:
  static constexpr std::size_t large = 65'536;  // what so many buckets take is given back

  std::map<std::string, T*, std::less<>> ordered_;
  // It may throw for all that the library knows, so that this keeps the hash of each key: it is long.
  struct Hash {
    std::size_t operator()(std::string_view path) const { return text(path); }
    TextHash text{};
  };
  using Hashed = std::unordered_map<std::string_view, T*, Hash>;
  Hashed hashed_;  // views of the keys above
};

}  // namespace inotify::inline v0::detail
