// A directory held open for a moment.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include <inotify/detail/unique_fd.hpp>

namespace inotify::inline v0::detail {

/// "/proc/thread-self/fd/N": the name under which inotify_add_watch(2) takes an open descriptor. It
/// names the inode itself, however the tree above it is renamed meanwhile [32]. /proc/self would be
/// the table of the thread that main() began in, empty once that has ended, and perhaps not this
/// thread's [41]. Needs a mounted /proc.
class DescriptorPath {
 public:
  explicit DescriptorPath(int fd) noexcept;
  [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

  /// Whether `path` is one of these and leads nowhere since there is no /proc.
  static bool lacks_proc(const char* path) noexcept;

 private:
  std::array<char, 40> text_{};
};

/// Owns a directory descriptor. Keep none: an open descriptor delays the DELETE_SELF of its
/// directory [7].
class Directory {
 public:
  /// For `name_only`: O_PATH, enough to look up names in it, and without an IN_OPEN event [26].
  enum class Use { name_only, list };

  Directory() = default;
  /// Takes over a descriptor.
  explicit Directory(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  /// Opens `path`, relative to `at` if that is a descriptor (AT_FDCWD for the process's own
  /// directory). A symlink as the last component is refused with ENOTDIR or ELOOP unless `follow`.
  /// Of any length, PATH_MAX or not.
  Directory(int at, const char* path, Use use, bool follow, std::error_code& ec);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  void close() noexcept { fd_.reset(); }

  /// Calls `visit(name, type)` for each entry but "." and "..", with `type` a DT_* constant; DT_UNKNOWN
  /// if the file system did not tell it, and an error kept it from being looked up. `name` is a `const char*`, valid during the call: most are of no
  /// interest, and need not be measured. `end_shows`: the file system is ext4, XFS or tmpfs, whose last
  /// entry says that it is the last.
  template <class Visit>
  void list(Visit visit, std::error_code& ec, bool end_shows = false) {
    struct Caller {
      static void call(void* visit, const char* name, unsigned char type) {
        (*static_cast<Visit*>(visit))(name, type);
      }
    };
    list_with(&Caller::call, &visit, ec, end_shows);
  }

  /// To be called before list() if something is to be in the listing that has happened since the
  /// directory was opened: on btrfs a listing shows what was there at that moment [38].
  void rewind() const noexcept;

  /// The DT_* type of an entry, not followed; DT_UNKNOWN if there is none, and on an error.
  unsigned char type_of(const char* name, std::error_code& ec) const noexcept;

  /// The file system's; 0 if that is not known.
  [[nodiscard]] dev_t device() const noexcept;

  /// Whether an entry is on another file system than `device`, or may be once it is opened: looks
  /// without triggering an automount, which IN_ONLYDIR and O_DIRECTORY do [42].
  [[nodiscard]] bool is_border(const char* name, dev_t device) const noexcept;

  /// A look-up that must take this directory's lock, and so returns only when a rename, unlink or
  /// creation that was under way in it is over and its events are queued [18]. A name of 256 bytes
  /// does it (ENAMETOOLONG, 0.9 us) and leaves no dentry behind; after list() one more getdents64(2),
  /// at the end, takes the same lock (0.15 us), though it makes an IN_ACCESS. Where such a name is a
  /// good one (vfat, exfat, FUSE), the look-up may be answered from the cache; what takes the lock
  /// there is a link(2) that cannot succeed: to a directory, and under a name with a slash at its end.
  void fence() const noexcept;

  /// The same directory under another descriptor.
  [[nodiscard]] Directory duplicate(std::error_code& ec) const;

 private:
  void list_with(void (*visit)(void*, const char*, unsigned char), void* context,
                 std::error_code& ec, bool end_shows);

  UniqueFd fd_;
  bool is_listed_ = false;
};

}  // namespace inotify::inline v0::detail
