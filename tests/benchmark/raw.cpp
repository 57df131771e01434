#include "benchmark/raw.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace bench {
namespace {

constexpr std::size_t buffer_size = 64 * 1024;

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

bool is_dots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

// Where getdents64(2) stands at the end of a directory: ext4, then tmpfs. Seen there, it saves the
// call that would return nothing.
bool is_end(std::int64_t offset) { return offset == INT64_MAX || offset == INT32_MAX; }

}  // namespace

Raw::Raw(int flags)
    : fd_(checked(::inotify_init1(IN_CLOEXEC | flags), "inotify_init1")), buffer_(buffer_size) {}

void Raw::add_all(const std::string& root, inotify::Mask mask, Keep keep) {
  struct statfs system {};
  checked(::statfs(root.c_str(), &system), "statfs");
  leaves_show_ = system.f_type == EXT4_SUPER_MAGIC || system.f_type == TMPFS_MAGIC ||
                 system.f_type == XFS_SUPER_MAGIC;
  mask_ = mask | IN_ONLYDIR | IN_DONT_FOLLOW;
  keep_ = keep;
  path_.clear();
  const inotify::detail::UniqueFd before(
      checked(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), "open"));
  enter(before.get(), root.c_str());
}

// `name` is relative to the directory `above`, which is the working directory.
void Raw::enter(int above, const char* name) {
  const std::size_t length = path_.size();
  if (!path_.empty()) path_ += '/';
  path_ += name;
  const int wd = checked(::inotify_add_watch(fd_.get(), name, mask_), name);
  ++watches_;
  if (keep_ == Keep::paths) {
    if (paths_.size() <= static_cast<std::size_t>(wd))
      paths_.resize(static_cast<std::size_t>(wd) * 2);
    paths_[static_cast<std::size_t>(wd)] = path_;
  }
  struct stat status {};
  const bool is_leaf = leaves_show_ && ::fstatat(above, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       status.st_nlink == 2;
  if (!is_leaf) {
    const inotify::detail::UniqueFd directory(
        checked(::openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), name));
    const std::size_t first = todo_.size();
    list(directory.get());
    checked(::fchdir(directory.get()), "fchdir");
    for (std::string child; todo_.size() > first;) {
      std::size_t begin = todo_.size() - 1;
      while (begin > first && todo_[begin - 1] != '\0') --begin;
      child.assign(todo_.data() + begin);
      todo_.resize(begin);
      enter(directory.get(), child.c_str());
    }
    checked(::fchdir(above), "fchdir");
  }
  path_.resize(length);
}

void Raw::list(int directory) {
  for (;;) {
    const ssize_t size = ::getdents64(directory, buffer_.data(), buffer_.size());
    checked(static_cast<int>(size), "getdents64");
    if (size == 0) return;
    const dirent64* entry = nullptr;
    for (ssize_t at = 0; at < size; at += entry->d_reclen) {
      entry = reinterpret_cast<const dirent64*>(buffer_.data() + at);
      if (entry->d_type != DT_DIR || is_dots(entry->d_name)) continue;
      todo_.insert(todo_.end(), entry->d_name, entry->d_name + std::strlen(entry->d_name) + 1);
    }
    if (is_end(entry->d_off)) return;
  }
}

}  // namespace bench
