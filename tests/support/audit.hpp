// Compares a watcher's table with the kernel's own.
#pragma once

#include <cstddef>
#include <inotify/watcher.hpp>
#include <string>
#include <vector>

namespace test {

/// The inotify descriptor of a watcher; an AutoWatcher's fileno() is another one.
template <class AnyWatcher>
int inotify_fd_of(const AnyWatcher& watcher) {
  if constexpr (requires { watcher.inotify_fd(); }) {
    return watcher.inotify_fd();
  } else {
    return watcher.fileno();
  }
}

// Of a watcher: its descriptor, what watches() and num_watches() give.
std::string audit(int inotify_fd, const std::vector<inotify::Watch>& watches, std::size_t number);
std::string audit_on_disk(int inotify_fd, const std::vector<inotify::Watch>& watches,
                          std::size_t number);

/// What the table and the kernel [9] do not agree on, a line for each watch: which there are, and
/// their masks. Holds at any time between two calls if no IN_IGNORED is queued.
template <class AnyWatcher>
std::string audit(const AnyWatcher& watcher) {
  return audit(inotify_fd_of(watcher), watcher.watches(), watcher.num_watches());
}

/// The same, and whether each path leads to the inode that is watched. Holds when nothing is queued.
template <class AnyWatcher>
std::string audit_on_disk(const AnyWatcher& watcher) {
  return audit_on_disk(inotify_fd_of(watcher), watcher.watches(), watcher.num_watches());
}

}  // namespace test
