// Know when what paths lead to has changed: configuration files, however they are replaced.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include <inotify/error.hpp>
#include <inotify/instance.hpp>
#include <inotify/path_range.hpp>

namespace inotify::inline v0 {

namespace detail {
struct FollowedPath;
}

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

/// Watches paths, rather than inodes: a file need not exist yet, nor the directories above it, and
/// may be replaced in any way: written in place, renamed over (editors' atomic save), deleted and
/// created, behind a symlink that is swapped (a Kubernetes ConfigMap), below a directory that is
/// renamed, replaced, or reached through symlinks itself.
///
///     inotify::FileWatch file("/etc/app.conf");
///     load();
///     for (;;)
///       if (file.read() != inotify::FileChange::none) load();
///
/// or many, with one inotify instance and one descriptor to poll:
///
///     inotify::FileWatch files({"/etc/app.conf", "/etc/tls/cert.pem"});
///     for (;;)
///       if (files.read() != inotify::FileChange::none) load(files.path());
///
/// Whoever reads the path once the watch is made, and again after each change it tells, has the
/// last content when no more is told: what happens later than a report causes another. A writer
/// that has not finished may be seen half-way; then `modified` follows when it writes on, or
/// closes.
///
/// One read() tells one change of one path, the difference between then and now; `appeared`,
/// `replaced` and `modified` include what stands below them in FileChange. What came and went again,
/// or was moved away and back, may have been read in between: it is told as `disappeared`, or
/// `modified`. So are an overflow, of each path, and a directory of the path that is made while the
/// file is still missing. The paths take turns: one that changes all the time holds up no other.
///
/// It asks for a watch on each directory (and the directory of each symlink) on the way, and one on
/// the file; what several paths go through, or lead to, is watched once, until the last of them needs
/// it no more. An event takes as much work as there are paths that it puts in doubt, each of which is
/// followed once however many there were. A directory that may be searched but not read cannot be
/// watched: that it is replaced is not seen. If the next name in it is the file's, or is missing, that
/// is an error, EACCES. What leads nowhere (ENOENT, ENOTDIR, ELOOP, EACCES: a file that must not be
/// read is none to a reader) is no error. Not seen: mounts on top of a directory of the path, stores
/// through mmap, other machines' changes. A relative path begins in what was the working directory when
/// the FileWatch was made. Needs /proc.
///
/// Errors, told by all calls with an error_code: ENOSPC (limit on watches), EMFILE, EACCES as
/// above, ENOMEM, EBADF once closed, EINVAL for an empty path or one with a NUL. They concern path().
/// The next read() tries again, after it has told what there is of the other paths; so it does after
/// std::bad_alloc. Several paths take one watch and one descriptor more than they need themselves:
/// as long as these cannot be had one path is followed, and the others fail.
///
/// Others cannot hold a call: it takes what was queued when it was called, or while it waits, and
/// follows each path at most once for that.
///
/// Thread safety: interrupt() from any thread and from a signal handler; everything else from one
/// thread at a time. Move-only. Source: pyinotify, its example
/// transient_file.py.
class INOTIFY_API FileWatch {
 public:
  using milliseconds = std::chrono::milliseconds;
  using Paths = std::span<const std::filesystem::path>;

  /// Follows nothing yet: see add().
  FileWatch() : FileWatch(Paths()) {}
  explicit FileWatch(std::error_code& ec) : FileWatch(Paths(), ec) {}

  /// With an error_code, a path that cannot be followed is kept, and tried again by read(); the error
  /// is that of the first.
  explicit FileWatch(std::filesystem::path path);
  FileWatch(std::filesystem::path path, std::error_code& ec);
  explicit FileWatch(Paths paths);
  FileWatch(Paths paths, std::error_code& ec);
  FileWatch(std::initializer_list<std::filesystem::path> paths)
      : FileWatch(Paths(paths.begin(), paths.size())) {}
  FileWatch(std::initializer_list<std::filesystem::path> paths, std::error_code& ec)
      : FileWatch(Paths(paths.begin(), paths.size()), ec) {}
  /// The same, of any other range of paths: a std::vector<std::string>, ...
  template <PathRange Range>
  explicit FileWatch(const Range& paths) : FileWatch(Paths(copy_of(paths))) {}
  template <PathRange Range>
  FileWatch(const Range& paths, std::error_code& ec) : FileWatch(Paths(copy_of(paths)), ec) {}

  FileWatch(FileWatch&& other) noexcept;
  FileWatch& operator=(FileWatch&& other) noexcept;
  ~FileWatch();

  // ---- the paths

  /// Follows one more path; nothing is told of what it leads to now. The same path again, byte for byte,
  /// does nothing. Errors, with nothing changed: see above.
  void add(const std::filesystem::path& path);
  void add(const std::filesystem::path& path, std::error_code& ec);

  /// Ends that, with all watches that no other path needs. Errors: ENOENT, `path` is not followed.
  void remove(const std::filesystem::path& path);
  void remove(const std::filesystem::path& path, std::error_code& ec);

  /// The paths that are followed, in no order, and their number.
  [[nodiscard]] std::vector<std::filesystem::path> paths() const;
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Which path the last change or error was about; at first the first one. Valid until the next
  /// read(), add() or remove(); empty if there is none, or if that was removed.
  [[nodiscard]] const std::filesystem::path& path() const noexcept;

  /// Whether it led to a file, as of when it was told of last, or at first when it was added.
  [[nodiscard]] bool exists() const noexcept;
  [[nodiscard]] bool exists(const std::filesystem::path& path) const noexcept;

  // ---- reading

  /// Waits for a change; returns `none` only if interrupt() ended the wait. Errors: ENODATA if it
  /// would wait though there is no path.
  FileChange read() { return read(Instance::forever); }
  FileChange read(std::error_code& ec) { return read(Instance::forever, ec); }
  /// The same, but waits at most `timeout`; 0ms takes what is there.
  FileChange read(milliseconds timeout);
  FileChange read(milliseconds timeout, std::error_code& ec);

  /// The descriptor to poll for reading; -1 when closed. It is readable as long as there is something
  /// to tell. It may be readable for nothing: what read(0ms) then returns is `none`.
  [[nodiscard]] int fileno() const noexcept { return instance_.fileno(); }
  /// Ends a blocked read() in another thread, or the next one that would block.
  void interrupt() const noexcept { instance_.interrupt(); }
  [[nodiscard]] bool is_open() const noexcept { return instance_.is_open(); }
  /// Ends the watch. Closing twice is fine.
  void close() noexcept;

 private:
  struct State;  // the paths, and what they depend on
  class Leftover;

  template <class Range>
  static std::vector<std::filesystem::path> copy_of(const Range& range) {
    std::vector<std::filesystem::path> paths;
    for (const auto& path : range) paths.emplace_back(path);
    return paths;
  }
  void begin(Paths paths, std::error_code& ec);
  void forget(detail::FollowedPath& path) noexcept;
  void hang_bell(std::error_code& ec) noexcept;
  void retry_failed(bool has_bell) noexcept;
  auto unused() noexcept;
  FileChange next_change(std::error_code& ec);
  FileChange look_again(detail::FollowedPath& path, std::error_code& ec);
  void take_queued(std::error_code& ec);
  std::size_t take_events(std::error_code& ec);
  void take(const RawEvent& event);
  void take_self(const RawEvent& event);

  Instance instance_;
  std::unique_ptr<State> state_;
};

}  // namespace inotify::inline v0
