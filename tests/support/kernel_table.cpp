#include "support/kernel_table.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace test {

bool has_kernel_table() { return ::access("/proc/self/fdinfo", X_OK) == 0; }

std::map<int, KernelWatch> kernel_table(int inotify_fd) {
  std::map<int, KernelWatch> table;
  std::ifstream info("/proc/thread-self/fdinfo/" + std::to_string(inotify_fd));
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("inotify ")) continue;
    std::map<std::string, std::uint64_t> fields;
    std::istringstream words(line.substr(8));
    for (std::string word; words >> word;) {
      const auto colon = word.find(':');
      const std::string value = word.substr(colon + 1);
      if (word.starts_with("fhandle") || word.starts_with("f_handle")) continue;
      fields[word.substr(0, colon)] = std::stoull(value, nullptr, 16);
    }
    table[static_cast<int>(fields["wd"])] = {fields["ino"], fields["sdev"],
                                             static_cast<inotify::Mask>(fields["mask"])};
  }
  return table;
}

std::string fdinfo(long fd, const std::string& key) {
  std::ifstream info("/proc/thread-self/fdinfo/" + std::to_string(fd));
  for (std::string word; info >> word;) {
    if (word == key + ':' && info >> word) return word;
  }
  return {};
}

std::uint64_t device_of(const struct stat& status, const std::string& path) {
  const std::uint64_t device = (std::uint64_t{major(status.st_dev)} << 20) | minor(status.st_dev);
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0 ||
      static_cast<unsigned long>(system.f_type) != BTRFS_SUPER_MAGIC)
    return device;
  static std::map<dev_t, std::uint64_t> known;
  const auto [entry, is_new] = known.try_emplace(status.st_dev, device);
  if (!is_new) return entry->second;
  // No function that a test may have replaced.
  const long fd = ::syscall(SYS_openat, AT_FDCWD, path.c_str(), O_PATH | O_CLOEXEC);
  const std::string mount = fdinfo(fd, "mnt_id");
  ::syscall(SYS_close, fd);
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id;
    std::string parent;
    std::uint64_t of_major = 0;
    std::uint64_t of_minor = 0;
    char colon = 0;
    if (words >> id >> parent >> of_major >> colon >> of_minor && id == mount)
      entry->second = of_major << 20 | of_minor;
  }
  return entry->second;
}

std::pair<std::uint64_t, std::uint64_t> identity(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {0, 0};
  return {device_of(status, path), status.st_ino};
}

}  // namespace test
