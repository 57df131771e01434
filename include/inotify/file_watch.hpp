// Know when what a path leads to has changed: a configuration file, however it is replaced.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <inotify/detail/unique_fd.hpp>
#include <inotify/error.hpp>
#include <inotify/instance.hpp>

namespace inotify::inline v0 {

/// What a reader of the path would see, compared with what was told last.
enum class FileChange {
  none,         ///< Nothing to tell: the time is over, or interrupt() was called.
  appeared,     ///< The path leads to a file; before it did not.
  disappeared,  ///< It leads nowhere, though it did, or may have in between.
  replaced,     ///< It leads to another file (inode), though perhaps of the same content.
  modified,     ///< The same file; its content may have changed, or a writer has closed it.
  attributes,   ///< The same file and content; its mode, owner, times or links may have changed.
};

/// The name of the enumerator. Thread-safe.
INOTIFY_API std::string_view to_string(FileChange change) noexcept;

/// Watches a path, rather than an inode: the file need not exist yet, nor the directories above it,
/// and may be replaced in any way: written in place, renamed over (editors' atomic save), deleted
/// and created, behind a symlink that is swapped (a Kubernetes ConfigMap), below a directory that
/// is renamed, replaced, or reached through symlinks itself.
///
///     inotify::FileWatch file("/etc/app.conf");
///     load();
///     for (;;)
///       if (file.read() != inotify::FileChange::none) load();
///
/// Whoever reads the path once the watch is made, and again after each change it tells, has the
/// last content when no more is told: what happens later than a report causes another. A writer
/// that has not finished may be seen half-way; then `modified` follows when it writes on, or
/// closes.
///
/// One read() tells one change, the difference between then and now; `appeared`, `replaced` and
/// `modified` include what stands below them in FileChange. What came and went again, or was moved
/// away and back, may have been read in between: it is told as `disappeared`, or `modified`. So are
/// an overflow, and a directory of the path that is made while the file is still missing.
///
/// It asks for a watch on each directory (and the directory of each symlink) on the way, and one on
/// the file. A directory that may be searched but not read cannot be watched: that it is replaced
/// is not seen. If the next name in it is the file's, or is missing, that is an error, EACCES. What
/// leads nowhere (ENOENT, ENOTDIR, ELOOP, EACCES: a file that must not be read is none to a reader)
/// is no error. Not seen: mounts on top of a directory of the path, stores through mmap, other
/// machines' changes. A relative path begins in what is the working directory now. Needs /proc.
///
/// Errors, told by all calls with an error_code: ENOSPC (limit on watches), EMFILE, EACCES as
/// above, ENOMEM, EBADF once closed, EINVAL for an empty path. The next read() tries again; so it does
/// after std::bad_alloc.
///
/// Thread safety: interrupt() from any thread and from a signal handler; everything else from one
/// thread at a time. Move-only. Source: pyinotify, its example
/// transient_file.py.
class INOTIFY_API FileWatch {
 public:
  using milliseconds = std::chrono::milliseconds;

  explicit FileWatch(std::filesystem::path path);
  FileWatch(std::filesystem::path path, std::error_code& ec);

  /// Waits for a change; returns `none` only if interrupt() ended the wait.
  FileChange read() { return read(Instance::forever); }
  FileChange read(std::error_code& ec) { return read(Instance::forever, ec); }
  /// The same, but waits at most `timeout`; 0ms takes what is there.
  FileChange read(milliseconds timeout);
  FileChange read(milliseconds timeout, std::error_code& ec);

  /// Whether the path led to a file, as of the last read(), or at first the constructor.
  [[nodiscard]] bool exists() const noexcept { return file_ >= 0; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// The descriptor to poll for reading; -1 when closed. It may be readable for nothing: what
  /// read(0ms) then returns is `none`.
  [[nodiscard]] int fileno() const noexcept { return instance_.fileno(); }
  /// Ends a blocked read() in another thread, or the next one that would block.
  void interrupt() const noexcept { instance_.interrupt(); }
  [[nodiscard]] bool is_open() const noexcept { return instance_.is_open(); }
  /// Ends the watch. Closing twice is fine.
  void close() noexcept { instance_.close(); }

 private:
  /// A name that was looked up in a watched directory.
  struct LookUp {
    int wd;  // -1: the directory cannot be watched
    std::string name;
  };
  /// How the path was followed, and the watch on what it leads to; -1: nowhere.
  struct Route {
    std::vector<LookUp> look_ups;
    int file = -1;
  };
  struct Walk;

  void begin(std::error_code& ec);
  std::size_t take_events(std::error_code& ec);
  void take(const RawEvent& event);
  void touch(FileChange change) noexcept;
  [[nodiscard]] bool is_on_route(const RawEvent& event) const;
  FileChange settle(std::error_code& ec);
  FileChange rebind(Route route);
  FileChange tell_touched();
  Route follow(std::error_code& ec);
  void step(Walk& walk, Route& route, std::error_code& ec);
  void enter(Walk& walk, detail::UniqueFd next, Route& route, std::error_code& ec);
  int watch(int fd, Mask mask, std::error_code& ec);

  std::filesystem::path path_;
  Instance instance_;
  detail::UniqueFd start_;                 // where a relative path begins
  std::vector<LookUp> look_ups_;           // of the last time the path was followed
  int file_ = -1;                          // the watch on the file; identifies its inode
  std::vector<int> watches_;               // all that may be set
  bool is_stale_ = true;                   // the path may lead elsewhere by now
  FileChange touched_ = FileChange::none;  // to be told though the file is the same
};

}  // namespace inotify::inline v0
