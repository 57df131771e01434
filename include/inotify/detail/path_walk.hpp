// To follow a path once, as the kernel does, and leave watches where it may change.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <inotify/detail/name_graph.hpp>
#include <inotify/detail/unique_fd.hpp>
#include <inotify/instance.hpp>

namespace inotify::inline v0::detail {

/// Opens for look-ups alone: O_PATH needs no permission on what it opens and leaves no event.
UniqueFd open_at(int directory, const char* name, std::error_code& ec) noexcept;

/// A name at a time: each directory is watched before the name is looked up in it, and the file before
/// the path's state is told. So whatever changes later than it was looked at leaves an event. What was
/// found is taken with route(), or else given up with its watches.
class PathWalk {
 public:
  PathWalk(Instance& instance, NameGraph& graph) noexcept : instance_(instance), graph_(graph) {}
  PathWalk(const PathWalk&) = delete;
  PathWalk& operator=(const PathWalk&) = delete;
  ~PathWalk();

  /// `start` is where a relative path begins. What leads nowhere is no error; what cannot be watched
  /// is.
  void follow(std::string_view path, int start, std::error_code& ec);

  [[nodiscard]] FollowedPath::Route route() noexcept { return std::exchange(route_, {}); }
  /// The watch on what the path leads to; -1: nowhere.
  [[nodiscard]] int file() const noexcept { return file_; }

 private:
  void push(std::string_view path, std::error_code& ec);
  void step(std::error_code& ec);
  void enter(UniqueFd next, std::error_code& ec);
  int watch(int fd, Mask mask, std::string_view name, std::error_code& ec);
  void end(std::error_code& ec) noexcept {
    names_.clear();
    ec.clear();
  }

  Instance& instance_;
  NameGraph& graph_;
  FollowedPath::Route route_;
  int file_ = -1;

  UniqueFd directory_;              // where the next name is looked up
  std::vector<std::string> names_;  // still to be looked up, the next one last
  int symlinks_ = 0;
};

}  // namespace inotify::inline v0::detail
