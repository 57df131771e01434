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

/// Node -> path, for a thousand nodes: to put a path together from nine names takes 440
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

}  // namespace inotify::inline v0::detail
