// Count events, by what happened and where.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <inotify/detail/name_hash.hpp>
#include <inotify/event.hpp>

namespace inotify::inline v0 {

/// How often each event was told.
class EventCounts {
 public:
  /// Of the events in `mask`, together; IN_ISDIR and what is no event count nothing.
  [[nodiscard]] INOTIFY_API std::uint64_t of(Mask mask) const noexcept;
  /// Of events with `error`.
  [[nodiscard]] std::uint64_t holes() const noexcept { return counts_[hole]; }
  /// Of all, holes included. An event with several bits counts once for each.
  [[nodiscard]] INOTIFY_API std::uint64_t total() const noexcept;

  INOTIFY_API void add(const EventBits& event) noexcept;

 private:
  // By number of the bit; bit 12 is none of inotify's, so its place is that of the holes.
  static constexpr std::size_t hole = 12;
  std::array<std::uint64_t, 16> counts_{};
};

/// Statistics of the events it is given:
///
///     inotify::Stats stats;
///     while (...) stats.add(watcher.read());
///     std::cout << stats.table();
///
/// Its texts name the bits as inotify(7) does, and quote paths as events do. Memory grows with the
/// number of directories that were told of, until reset(). Not thread-safe. Source: pyinotify,
/// Stats; inotifywatch(1).
class INOTIFY_API Stats {
 public:
  using Clock = std::chrono::steady_clock;

  /// The time starts to run.
  Stats() : start_(Clock::now()) {}

  /// Counts. Nothing of the event is kept but its `path`. Throws std::bad_alloc.
  void add(const Event& event);
  void add(std::span<const Event> events);

  /// Over all directories.
  [[nodiscard]] const EventCounts& counts() const noexcept { return counts_; }

  struct Directory {
    std::string path;  ///< Event::path: what was watched. Empty for an unknown watch.
    EventCounts counts;
  };
  struct Order {
    Mask by = 0;             ///< Sorts by how often these were told; 0: by the total.
    bool ascending = false;  ///< Otherwise the busiest comes first.
    std::size_t most = std::numeric_limits<std::size_t>::max();  ///< No more rows than that.
  };
  /// What was told of, sorted; those that are equal by their path.
  [[nodiscard]] std::vector<Directory> directories() const { return directories(Order()); }
  [[nodiscard]] std::vector<Directory> directories(const Order& order) const;

  /// Since the construction or reset().
  [[nodiscard]] Clock::duration elapsed() const noexcept { return Clock::now() - start_; }

  /// A line with a bar for each event that was told, the most frequent first and `width` characters
  /// long:
  ///     IN_MODIFY       ########################################  1234
  ///     IN_CLOSE_WRITE  #                                           20
  [[nodiscard]] std::string histogram(std::size_t width = 40) const;

  /// A row for each directory, a column for each event that was told, and the totals, over all
  /// directories whatever `order.most` is:
  ///     total  IN_MODIFY  IN_CLOSE_WRITE  path
  ///      1250       1230              20  "/tmp/a"
  ///         4          4               0  "/tmp/b"
  ///      1254       1234              20  total
  [[nodiscard]] std::string table() const { return table(Order()); }
  [[nodiscard]] std::string table(const Order& order) const;

  /// The time that has passed, the histogram and the table.
  [[nodiscard]] std::string report() const { return report(Order()); }
  [[nodiscard]] std::string report(const Order& order) const;

  /// Writes the report to a new file, which its owner alone may read: it names paths. Errors:
  /// EEXIST if there is anything under that name, also a link that leads nowhere; nothing is
  /// overwritten and no link followed. And what open(2), write(2) and close(2) say: ENOENT, EACCES,
  /// ENOSPC, ..., in std::system_category(); if writing failed, the incomplete file is left.
  void dump(const std::filesystem::path& file) const;
  void dump(const std::filesystem::path& file, std::error_code& ec) const;

  /// Forgets all, and starts the time anew.
  void reset();

 private:
  Clock::time_point start_;
  EventCounts counts_;
  std::unordered_map<std::string, EventCounts, detail::TextHash, std::equal_to<>> directories_;
};

}  // namespace inotify::inline v0
