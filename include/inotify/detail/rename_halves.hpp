// The MOVED_FROMs whose MOVED_TO may still come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

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
  void put(std::uint32_t cookie, RenameHalf half) {
    drop(half.wd);
    cookies_[half.wd] = cookie;
    halves_.insert_or_assign(cookie, std::move(half));
  }

  std::optional<RenameHalf> take(std::uint32_t cookie) {
    const auto node = halves_.extract(cookie);
    if (node.empty()) return std::nullopt;
    cookies_.erase(node.mapped().wd);
    return std::move(node.mapped());
  }

  void drop(int wd) {
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
