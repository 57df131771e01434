#include <inotify/stats.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>

#include <inotify/error.hpp>

namespace inotify::inline v0 {
namespace {

constexpr Mask counted = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED;

// An event that was told, or the holes.
struct Column {
  std::string name;
  Mask bit;  // 0: the holes
  std::uint64_t total;
};

std::uint64_t count(const EventCounts& counts, Mask bit) {
  return bit == 0 ? counts.holes() : counts.of(bit);
}

// Those that were told, lowest bit first.
std::vector<Column> columns(const EventCounts& counts) {
  std::vector<Column> told;
  for (Mask rest = counted; rest != 0; rest &= rest - 1) {
    const Mask bit = rest & ~(rest - 1);
    if (counts.of(bit) != 0) told.push_back({to_string(bit), bit, counts.of(bit)});
  }
  if (counts.holes() != 0) told.push_back({"holes", 0, counts.holes()});
  return told;
}

std::string right(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + std::string(text);
}

// Of a file like any other: what error_category() says of ENOSPC and EACCES is about watches.
std::error_code last_error() { return {errno, std::system_category()}; }

}  // namespace

std::uint64_t EventCounts::of(Mask mask) const noexcept {
  std::uint64_t sum = 0;
  for (Mask rest = mask & counted; rest != 0; rest &= rest - 1) {
    sum += counts_[static_cast<std::size_t>(std::countr_zero(rest))];
  }
  return sum;
}

std::uint64_t EventCounts::total() const noexcept { return of(counted) + holes(); }

void EventCounts::add(const EventBits& event) noexcept {
  if (event.error) {
    ++counts_[hole];
    return;
  }
  for (Mask rest = event.mask & counted; rest != 0; rest &= rest - 1) {
    ++counts_[static_cast<std::size_t>(std::countr_zero(rest))];
  }
}

void Stats::add(const Event& event) {
  auto it = directories_.find(event.path);
  if (it == directories_.end()) it = directories_.try_emplace(std::string(event.path)).first;
  it->second.add(event);
  counts_.add(event);
}

void Stats::add(std::span<const Event> events) {
  for (const Event& event : events) add(event);
}

std::vector<Stats::Directory> Stats::directories(const Order& order) const {
  std::vector<Directory> all;
  all.reserve(directories_.size());
  for (const auto& [path, counts] : directories_) all.push_back({path, counts});
  const auto rank = [&](const Directory& directory) {
    return order.by == 0 ? directory.counts.total() : directory.counts.of(order.by);
  };
  const auto comes_first = [&](const Directory& a, const Directory& b) {
    const std::uint64_t one = rank(a);
    const std::uint64_t other = rank(b);
    if (one != other) return order.ascending ? one < other : one > other;
    return a.path < b.path;
  };
  std::sort(all.begin(), all.end(), comes_first);
  if (all.size() > order.most)
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(order.most), all.end());
  return all;
}

std::string Stats::histogram(std::size_t width) const {
  std::vector<Column> rows = columns(counts_);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Column& a, const Column& b) { return a.total > b.total; });
  if (rows.empty()) return {};
  std::size_t name_width = 0;
  for (const Column& row : rows) name_width = std::max(name_width, row.name.size());
  const std::uint64_t most = rows.front().total;
  const std::size_t number_width = std::to_string(most).size();
  std::string text;
  for (const Column& row : rows) {
    const double share = static_cast<double>(row.total) / static_cast<double>(most);
    // What was told at all can be seen.
    const auto wanted = static_cast<std::size_t>(share * static_cast<double>(width));
    const std::size_t bar = std::clamp<std::size_t>(wanted, std::min<std::size_t>(width, 1), width);
    text += row.name + std::string(name_width - row.name.size() + 2, ' ');
    text += std::string(bar, '#') + std::string(width - bar + 2, ' ');
    text += right(std::to_string(row.total), number_width) + '\n';
  }
  return text;
}

std::string Stats::table(const Order& order) const {
  const std::vector<Column> told = columns(counts_);
  if (told.empty()) return {};
  const std::string all = std::to_string(counts_.total());
  const std::size_t total_width = std::max(all.size(), std::string_view("total").size());
  std::string text = right("total", total_width);
  const auto width_of = [](const Column& column) {
    return 2 + std::max(column.name.size(), std::to_string(column.total).size());
  };
  for (const Column& column : told) text += right(column.name, width_of(column));
  text += "  path\n";
  const auto add_row = [&](const EventCounts& counts, std::string_view path) {
    text += right(std::to_string(counts.total()), total_width);
    for (const Column& column : told) {
      text += right(std::to_string(count(counts, column.bit)), width_of(column));
    }
    text += "  " + std::string(path) + '\n';
  };
  for (const Directory& directory : directories(order)) {
    add_row(directory.counts, inotify::quoted(directory.path));
  }
  add_row(counts_, "total");
  return text;
}

std::string Stats::report(const Order& order) const {
  std::array<char, 64> head{};
  const std::chrono::duration<double> seconds = elapsed();
  std::snprintf(head.data(), head.size(), "%.1f s", seconds.count());
  std::string text = std::string(head.data()) + ", " + std::to_string(counts_.total()) +
                     " events in " + std::to_string(directories_.size()) + " directories\n";
  if (counts_.total() != 0) text += '\n' + histogram() + '\n' + table(order);
  return text;
}

void Stats::dump(const std::filesystem::path& file) const {
  std::error_code ec;
  dump(file, ec);
  if (ec == std::errc::file_exists) {
    detail::throw_error("Stats::dump overwrites nothing, choose another name", file.native(), ec);
  }
  if (ec) detail::throw_error("Stats::dump", file.native(), ec);
}

void Stats::dump(const std::filesystem::path& file, std::error_code& ec) const {
  ec.clear();
  const std::string text = report();
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int fd = ::open(file.c_str(), flags, 0600);
  if (fd < 0) {
    ec = last_error();
    return;
  }
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      ec = last_error();
      break;
    }
  }
  if (::close(fd) != 0 && !ec) ec = last_error();  // where a file system tells it only now
}

void Stats::reset() {
  directories_.clear();
  counts_ = {};
  start_ = Clock::now();
}

}  // namespace inotify::inline v0
