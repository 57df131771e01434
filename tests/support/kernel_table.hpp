// The kernel's own list of an instance's watches: the ground truth for the table.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <inotify/mask.hpp>
#include <map>
#include <string>
#include <utility>

namespace test {

struct KernelWatch {
  std::uint64_t inode;
  std::uint64_t device;  // as the kernel writes it: major << 20 | minor
  inotify::Mask mask;
};

/// Without /proc nobody knows what the kernel watches; what then cannot be compared is left out.
bool has_kernel_table();

/// Reads fdinfo/`inotify_fd` of the calling thread: wd -> watch.
std::map<int, KernelWatch> kernel_table(int inotify_fd);

/// The value of a line of /proc/thread-self/fdinfo.
std::string fdinfo(long fd, const std::string& key);

/// The device of a file system as the kernel's list writes it. On btrfs st_dev is not the file
/// system's, but a subvolume's [38]; the list of the mounts has that of the file system. (A watch of its
/// own would tell it as well, if there is one to be had.)
std::uint64_t device_of(const struct stat& status, const std::string& path);

/// The identity of a file as the kernel's list writes it: (device, inode).
std::pair<std::uint64_t, std::uint64_t> identity(const std::string& path);

}  // namespace test
