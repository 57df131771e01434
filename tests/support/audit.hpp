// Compares a watcher's table with the kernel's own.
#pragma once

#include <inotify/mask.hpp>
#include <inotify/watcher.hpp>
#include <map>
#include <string>
#include <utility>

#include "support/kernel_table.hpp"

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

/// What the table and the kernel [9] do not agree on, a line for each watch: which there are, and
/// their masks. Holds at any time between two calls if no IN_IGNORED is queued.
template <class AnyWatcher>
std::string audit(const AnyWatcher& watcher) {
  const auto kernel = kernel_table(inotify_fd_of(watcher));
  std::map<int, inotify::Watch> ours;
  for (const inotify::Watch& watch : watcher.watches()) ours.emplace(watch.wd, watch);
  std::string text;
  if (watcher.num_watches() != ours.size()) {
    text += "num_watches() is " + std::to_string(watcher.num_watches()) + ", watches() gives " +
            std::to_string(ours.size()) + '\n';
  }
  if (!has_kernel_table()) return text;
  for (const auto& [wd, watch] : kernel) {
    const auto it = ours.find(wd);
    if (it == ours.end()) {
      text += "wd " + std::to_string(wd) + " is the kernel's only\n";
    } else if (it->second.mask != watch.mask) {
      text += it->second.path + " has " + inotify::to_string(watch.mask) + ", the table says " +
              inotify::to_string(it->second.mask) + '\n';
    }
  }
  for (const auto& [wd, watch] : ours) {
    if (!kernel.contains(wd)) text += watch.path + " is watched in the table only\n";
  }
  return text;
}

/// The same, and whether each path leads to the inode that is watched. Holds when nothing is queued.
template <class AnyWatcher>
std::string audit_on_disk(const AnyWatcher& watcher) {
  std::string text = audit(watcher);
  if (!has_kernel_table()) return text;
  const auto kernel = kernel_table(inotify_fd_of(watcher));
  for (const inotify::Watch& watch : watcher.watches()) {
    const auto it = kernel.find(watch.wd);
    if (it != kernel.end() &&
        std::pair(it->second.device, it->second.inode) != identity(watch.path)) {
      text += watch.path + " is not what is watched under that name\n";
    }
  }
  return text;
}

}  // namespace test
