// Paths in parts, and those that are needed most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <inotify/detail/id_index.hpp>

namespace inotify::inline v0::detail {

/// A path in two parts, to be put one behind the other; neither is null.
struct PathParts {
  std::string_view above = "";
  std::string_view name = "";
};

/// Node -> path, for a thousand nodes of short paths: to put a path together from nine names takes 440
/// instructions, and the events of one moment come from few directories, or from many that lie in
/// few. A newcomer takes the place of what is in its way unless that has been found since the last
/// newcomer came, so that the many that are needed once do not drive out the few that are needed
/// always.
class PathCache {
 public:
  /// The path of a node, valid until the next put(); empty if it is not here.
  [[nodiscard]] std::string_view find(NodeId node) noexcept {
    if (slots_.empty()) return {};
    Slot& slot = slots_[node % size];
    if (slot.node != node || slot.era != era_) return {};
    slot.was_found = true;
    return slot.path;
  }

  /// Keeps the path of a node, perhaps. Returns it, valid until the next put() and as long as `path`.
  std::string_view put(NodeId node, std::string_view path) {
    if (slots_.empty()) slots_.resize(size);
    Slot& slot = slots_[node % size];
    if (slot.was_found && slot.era == era_) {
      slot.was_found = false;
      return path;
    }
    slot.path = path;  // first, for it may throw
    slot.node = node;
    slot.era = era_;
    return slot.path;
  }

  /// The node is no more.
  void forget(NodeId node) noexcept {
    if (!slots_.empty() && slots_[node % size].node == node) slots_[node % size].node = no_node;
  }

  /// Any path may have changed.
  void clear() noexcept { ++era_; }

 private:
  static constexpr std::size_t size = 1024;
  struct Slot {
    NodeId node = no_node;
    bool was_found = false;
    std::uint64_t era = 0;
    std::string path;
  };
  std::vector<Slot> slots_;
  std::uint64_t era_ = 0;
};

/// One long path, of a node and so of each node above it. Paths are told of in an order in which one
/// lies in the other, or near it: of a chain of 8,000 directories with long names, whose paths come to
/// 8 GB, this writes each name once.
class LongPath {
 public:
  /// The path ends with that of this node.
  [[nodiscard]] bool ends_with(NodeId node) const noexcept {
    return !ends_.empty() && ends_.back().node == node;
  }
  [[nodiscard]] std::string_view text() const noexcept {
    return {text_.data(), ends_.empty() ? 0 : ends_.back().size};
  }

  /// If the node is among the last few of the path, cuts that down to it.
  bool cut(NodeId node) noexcept {
    constexpr std::size_t few = 8;
    for (std::size_t i = ends_.size(); i > 0 && ends_.size() - i < few; --i) {
      if (ends_[i - 1].node != node) continue;
      ends_.erase(ends_.begin() + static_cast<std::ptrdiff_t>(i), ends_.end());
      return true;
    }
    return false;
  }
  /// Adds the name of a node that lies in the last one, and what stands behind it.
  void append(NodeId node, std::string_view name, std::string_view end) {
    text_.resize(text().size());
    text_.append(name).append(end);
    ends_.push_back({node, text_.size()});
  }
  /// The node is no more. What was below it went before it.
  void forget(NodeId node) noexcept {
    if (ends_with(node)) ends_.pop_back();
  }
  /// Any path may have changed. What is long is freed.
  void clear() noexcept {
    std::string().swap(text_);
    std::vector<End>().swap(ends_);
  }

 private:
  struct End {
    NodeId node;
    std::size_t size;  // of the path up to it
  };
  std::string text_;
  std::vector<End> ends_;
};

}  // namespace inotify::inline v0::detail
