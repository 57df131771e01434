#include "support/audit.hpp"

#include <inotify/mask.hpp>
#include <map>
#include <utility>

#include "support/kernel_table.hpp"

namespace test {

std::string audit(int inotify_fd, const std::vector<inotify::Watch>& watches, std::size_t number) {
  const auto kernel = kernel_table(inotify_fd);
  std::map<int, inotify::Watch> ours;
  for (const inotify::Watch& watch : watches) ours.emplace(watch.wd, watch);
  std::string text;
  if (number != ours.size()) {
    text += "num_watches() is " + std::to_string(number) + ", watches() gives " +
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

std::string audit_on_disk(int inotify_fd, const std::vector<inotify::Watch>& watches,
                          std::size_t number) {
  std::string text = audit(inotify_fd, watches, number);
  if (!has_kernel_table()) return text;
  const auto kernel = kernel_table(inotify_fd);
  for (const inotify::Watch& watch : watches) {
    const auto it = kernel.find(watch.wd);
    if (it != kernel.end() &&
        std::pair(it->second.device, it->second.inode) != identity(watch.path)) {
      text += watch.path + " is not what is watched under that name\n";
    }
  }
  return text;
}

}  // namespace test
