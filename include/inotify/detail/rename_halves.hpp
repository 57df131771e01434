// The MOVED_FROMs whose MOVED_TO may still come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// One half of a rename, delivered.
struct RenameHalf {
  int wd;                  ///< The directory it left,
  std::string name;        ///< its name there,
  std::string from;        ///< and the full old path.
  std::uint64_t position;  ///< Of the event in the stream, in bytes.
  std::uint64_t batch;     ///< The read() that delivered it,
  std::size_t index;       ///< and its place there.
};

/// Keeps halves by cookie, over any number of reads, without a timer: no other name event of a
/// directory stands between the MOVED_FROM of an entry and its MOVED_TO [18]. So there is at most
/// one half per watch, and the next name event, or the end of the watch, drops it.
class RenameHalves {
 public:
  /// If it throws, the half that was kept of the same watch is gone, and nothing else has changed.
  void put(std::uint32_t cookie, RenameHalf half) {
    drop(half.wd);
    const auto it = cookies_.try_emplace(half.wd, cookie).first;
    try {
      halves_.insert_or_assign(cookie, std::move(half));
    } catch (...) {
      cookies_.erase(it);
      throw;
    }
  }

  /// The half of that cookie, or null; valid until the next call but find().
  [[nodiscard]] const RenameHalf* find(std::uint32_t cookie) const noexcept {
    const auto it = halves_.find(cookie);
    return it == halves_.end() ? nullptr : &it->second;
  }

  void drop(int wd) noexcept {
    if (const auto it = cookies_.find(wd); it != cookies_.end()) {
      halves_.erase(it->second);
      cookies_.erase(it);
    }
  }

  void clear() noexcept {
    halves_.clear();
    cookies_.clear();
  }
  [[nodiscard]] bool empty() const noexcept { return halves_.empty(); }

 private:
  std::unordered_map<std::uint32_t, RenameHalf> halves_;
  std::unordered_map<int, std::uint32_t> cookies_;
};

}  // namespace inotify::inline v0::detail
