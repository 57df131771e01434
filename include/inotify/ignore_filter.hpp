// Leave out what git ignores, and see only what is asked for: patterns of gitignore(5).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <inotify/event.hpp>

namespace inotify::inline v0 {

/// Says of each event whether it is wanted: not if the patterns ignore its path, or a directory
/// that it is in. As the filter of an AutoWatcher, or as Watcher::add_filter, it keeps the
/// directories that are ignored, and all below them, from being watched at all; in a loop it drops
/// events, those of files included:
///
///     const auto wanted = inotify::IgnoreFilter::from_gitignore("/srv/project");
///     inotify::AutoWatcher watcher({.add_filter = wanted});
///     watcher.add_all("/srv/project", IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE);
///     ...
///     for (const inotify::Event& event : watcher.read())
///       if (wanted(event)) ...
///
/// A .gitignore is read anew only because its event is asked about. So ask about each event, first
/// of all: a loop which does not (`event.is_close_write() && wanted(event)`, one over Settle or
/// coalesce(), or none, with the add_filter alone) leaves the filter with the patterns that it has
/// met, and directories that are made later are judged by those. There, ask about each event of the
/// watcher before the rest is done, or call reload() when a .gitignore may have changed.
///
/// The patterns are read as git reads them (gitignore(5), and `git check-ignore` where that is
/// vague):
///
///     name            a file or directory of that name, at any depth
///     a/b  /name      with a '/' that is not its last byte: that path, from the list's directory on
///     name/           directories only
///     !name           not ignored after all: the last line that matches decides; but nothing is
///                     seen again below a directory that is ignored
///     *  ?  [a-z]     within one component; [!...] or [^...] any other byte; [[:alpha:]]
///     **/a  a/**/b    any number of directories, or none
///     a/**            all below
///     # ...           nothing; \# \! and "\ " at the end are the bytes themselves
///
/// No pattern is an error: as git does, one that cannot be read ("[a") matches nothing. Nor do they
/// take long, whoever has written them and chosen the path: patterns are compiled to instructions,
/// about one for each byte and two more for a '*' or the end of a line, and all lists that concern
/// one path may have 50,000 together, thousands of lines. What is more than that is an error
/// (EFBIG), so a byte of a path takes at most 50,000 steps, of some nanoseconds.
///
/// Paths are those of events, so `root` is to be given as it is to add_all(). The root itself, and
/// what is not below it, is always wanted. So is an overflow, and a hole that is not ignored.
///
/// Thread-safe; copies share what has been read. Source: gitignore(5); chokidar, watchexec.
class INOTIFY_API IgnoreFilter {
 public:
  struct Options {
    /// Letters of ASCII match in both cases, in [...] and behind a backslash as well (which git,
    /// with core.ignoreCase, forgets).
    bool ignore_case = false;
    /// If there are any: of files, only those that these patterns match are wanted, or that are
    /// below a directory which they match. They are read as the others, from `root` on. They keep
    /// no directory out: each that is not ignored is watched, and its events are told, for a file
    /// deep below may be wanted.
    std::vector<std::string> include{};
    /// Told of a pattern file that could not be read when its directory was met, in the thread
    /// that asks, perhaps several times. What it throws passes through the call. Without it such a
    /// file counts as empty, as for git, which warns.
    std::function<void(const std::filesystem::filesystem_error&)> onerror{};
  };

  /// Wants everything.
  IgnoreFilter() = default;

  /// These patterns, as the lines of a .gitignore in `root`. Throws std::invalid_argument for a
  /// line of thousands of bytes (10,000 instructions), or more lines than 50,000 instructions hold,
  /// here or in `include`, each by itself.
  IgnoreFilter(const std::filesystem::path& root, const std::vector<std::string>& lines,
               const Options& options);
  IgnoreFilter(const std::filesystem::path& root, const std::vector<std::string>& lines)
      : IgnoreFilter(root, lines, Options()) {}

  /// The patterns of one file, which may be anywhere, as if it were the .gitignore in `root`.
  ///
  /// Errors: those of open(2) and read(2) (ENOENT, EACCES, EISDIR, ...), with the path of the file;
  /// EFBIG for more than 1 MiB, or for lines as above.
  static IgnoreFilter from_file(const std::filesystem::path& root,
                                const std::filesystem::path& file, const Options& options);
  static IgnoreFilter from_file(const std::filesystem::path& root,
                                const std::filesystem::path& file) {
    return from_file(root, file, Options());
  }
  static IgnoreFilter from_file(const std::filesystem::path& root,
                                const std::filesystem::path& file, const Options& options,
                                std::error_code& ec);

  /// What git ignores below `root`: by the .gitignore of each directory, where the deeper ones
  /// decide first, and by .git/info/exclude. Whatever is called .git is left out as well. If `root`
  /// lies in a repository, the files of the directories above it count, too, up to that which has
  /// the .git; if it lies in none, those of `root` and below do. Not read: core.excludesFile, a
  /// user's own patterns (from_file makes a filter of those).
  ///
  /// Those of `root` and above are read at once. That of a directory below is read when the first
  /// path in it is asked about, and again when it may be another: when an event of it, or of its
  /// directory, has been asked about, or an overflow, or paths elsewhere since. So who asks about
  /// each event, with IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE in the mask, sees a change
  /// from the next read() on. As git does, it takes the files through no symlink. It costs
  /// one open(2) for each directory of a path that the path asked about before did not have.
  ///
  /// A change does not reach back: a directory that has been watched stays so, and one that has not
  /// is not until AutoWatcher::add_all is called again for the root, which asks anew.
  ///
  /// Errors: ENOENT, there is no `root`; and for a .gitignore of `root` or above, or
  /// .git/info/exclude, as above; but that there is none is no error. Of one below, which may be
  /// too large together with those above it, see Options::onerror.
  static IgnoreFilter from_gitignore(const std::filesystem::path& root, const Options& options);
  static IgnoreFilter from_gitignore(const std::filesystem::path& root) {
    return from_gitignore(root, Options());
  }
  static IgnoreFilter from_gitignore(const std::filesystem::path& root, const Options& options,
                                     std::error_code& ec);

  /// Whether the event is wanted: neither ignored nor, if it is not about a directory, left out by
  /// Options::include.
  [[nodiscard]] bool operator()(const Event& event) const { return !excludes(event); }

  /// The opposite.
  [[nodiscard]] bool excludes(const Event& event) const;

  /// The same of a path. Takes time in proportion to its length.
  [[nodiscard]] bool excludes(std::string_view path, bool is_directory) const;

  /// Reads the files anew, for this filter and its copies. Errors: as when they were read first;
  /// what was read then stays.
  void reload();
  void reload(std::error_code& ec);

 private:
  struct State;
  std::shared_ptr<State> state_;  // null: wants everything
};

}  // namespace inotify::inline v0
