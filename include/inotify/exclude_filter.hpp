// Leave out what matches: regular expressions, from a list or a file, and globs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <inotify/event.hpp>

namespace inotify::inline v0 {

/// Says of each event whether it is wanted: not if its full path matches one of the patterns. As
/// AutoWatcher's filter it keeps the directories that match, and all below them, from being watched
/// at all; in a loop it drops events, those of files included:
///
///     const inotify::ExcludeFilter wanted({"/srv/(cache|tmp)(/|$)"}, {".git", "*.swp"});
///     inotify::AutoWatcher watcher({.add_filter = wanted});
///     ...
///     for (const inotify::Event& event : watcher.read())
///       if (wanted(event)) ...
///
/// Regular expressions are std::regex in its ECMAScript grammar, without regard to the locale. As
/// Python's re.match they must match from the first byte of the full path on, and need not reach
/// its end: "/etc/rc" matches "/etc/rc.d/x", but nothing below "/mnt/etc"; ".*\.o$" matches what
/// ends in ".o". Paths begin as they were given to add() or add_all(). What differs from Python:
/// there is no (?i), (?s), (?P<name>...), (?<=...), (?<!...), \A and \Z; '.' is one byte, not one
/// character, and matches neither '\n' nor '\r'; '$' is the very end only. The matcher goes back
/// and tries again, one call deeper for each byte of the path: nested repetition such as "(a*)*b"
/// may take for ever, and a path of more than some 10,000 bytes overflows a small stack.
///
/// Globs are those of fnmatch(3): '*', '?', '[...]'. One without a '/' is matched against the last
/// component of the path; one with a '/' against the full path and each directory above it, and
/// its '*' does not match a '/'. There is no "**".
///
/// Copies share the patterns, which never change. Thread-safe. Source: pyinotify, ExcludeFilter;
/// there a call answers true for what is left out: see excludes().
class INOTIFY_API ExcludeFilter {
 public:
  /// Leaves out nothing.
  ExcludeFilter() = default;

  /// Throws std::invalid_argument, with the pattern and the cause, for a bad regular expression.
  explicit ExcludeFilter(const std::vector<std::string>& regexes,
                         const std::vector<std::string>& globs = {});

  /// As above; sets `ec` to std::errc::invalid_argument, and leaves out nothing, instead.
  ExcludeFilter(const std::vector<std::string>& regexes, const std::vector<std::string>& globs,
                std::error_code& ec);

  /// Reads regular expressions from a file, one on a line. Blanks around it are dropped; empty
  /// lines, and those that begin with '#', mean nothing.
  ///
  /// Throws std::filesystem::filesystem_error if the file cannot be read (ENOENT, EACCES, EISDIR,
  /// ...), std::invalid_argument with file, line, pattern and cause for a bad regular expression.
  static ExcludeFilter from_file(const std::filesystem::path& file);

  /// As above; sets `ec` to the errno, or std::errc::invalid_argument, and leaves out nothing.
  static ExcludeFilter from_file(const std::filesystem::path& file, std::error_code& ec);

  /// Whether the event is wanted: false if it excludes() its full path.
  [[nodiscard]] bool operator()(const Event& event) const { return !excludes(event.fullpath); }

  /// Whether a pattern matches `path`.
  [[nodiscard]] bool excludes(std::string_view path) const;

 private:
  struct Patterns;
  std::shared_ptr<const Patterns> patterns_;  // null: none
};

}  // namespace inotify::inline v0
