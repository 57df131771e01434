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
/// Whoever may write to a watched tree chooses the paths. So no path takes long, and none overflows
/// the stack, whatever the patterns are: matching takes at most a fixed number of steps for each
/// byte of the path (one for each instruction that the patterns compile to, 10,000 for each pattern
/// at most), in a fixed amount of memory, without recursion. std::regex, and any matcher that goes
/// back and tries again, cannot promise that. The matcher is the library's own, so that a pattern
/// means the same on every machine, with every C++ library and in every locale.
///
/// Regular expressions are the part of the ECMAScript grammar that is regular:
///
///     x y    x|y    (x)    (?:x)    x*    x+    x?    x{m}    x{m,}    x{m,n}    (m, n <= 1000)
///     .           any byte but '\n' and '\r'
///     [a-z.]      one of these bytes; [^...] any other; [[:alpha:]] and so on, of the "C" locale
///     \d \w \s    [0-9], [A-Za-z0-9_], blanks; \D \W \S any other byte; in [...] as well
///     ^ $         the very beginning and the very end of the path
///     \b \B       between a byte of \w and one of \W, or an end; anywhere else
///     \t \n \r \f \v \xHH    that byte; behind a backslash, all but letters and digits is itself
///
/// As Python's re.match they must match from the first byte of the full path on, and need not reach
/// its end: "/etc/rc" matches "/etc/rc.d/x", but nothing below "/mnt/etc"; ".*\.o$" matches what
/// ends in ".o". "*?" and the like are read as "*": whether something matches is the same. Paths
/// begin as they were given to add() or add_all(), and are bytes: a letter beyond ASCII is several
/// of them, so one stands in (x|y) rather than in [xy].
///
/// Not supported, and an error that says so: \1, which no automaton can follow; (?=...), (?!...),
/// (?<=...), (?<!...), which may take one of any size; (?i), (?P<name>...), \A, \Z, \uHHHH, [.x.],
/// [=x=] and octal numbers. "a**", "^*" and a '{' that begins no repetition are errors, too; that
/// byte is \{.
///
/// Globs are those of fnmatch(3) in the "C" locale: '*', '?', '[...]'; a byte behind a backslash is
/// itself. One without a '/' is matched against the last component of the path; one
/// with a '/' against the full path and each directory above it. Neither '*' nor '?' nor '[...]'
/// matches a '/'. There is no "**". What no path could match ("[z-a]", "[[:letter:]]", a '/' in
/// [...], a backslash at the end) is an error, and so is a '[' that is never closed, which each
/// implementation reads in its own way; that byte is \[.
///
/// Copies share the patterns, which never change. Thread-safe. Source: pyinotify, ExcludeFilter;
/// there a call answers true for what is left out: see excludes().
class INOTIFY_API ExcludeFilter {
 public:
  /// Leaves out nothing.
  ExcludeFilter() = default;

  /// Throws std::invalid_argument, with the pattern, the cause and where in it, for a bad pattern.
  explicit ExcludeFilter(const std::vector<std::string>& regexes,
                         const std::vector<std::string>& globs = {});

  /// As above; sets `ec` to std::errc::invalid_argument, and leaves out nothing, instead.
  ExcludeFilter(const std::vector<std::string>& regexes, const std::vector<std::string>& globs,
                std::error_code& ec);

  /// Reads regular expressions from a file, one on a line. Blanks around it are dropped; empty
  /// lines, and those that begin with '#', mean nothing.
  ///
  /// Throws std::filesystem::filesystem_error if the file cannot be read (ENOENT, EACCES, EISDIR,
  /// ...), std::invalid_argument with file, line, pattern, cause and offset for a bad pattern.
  static ExcludeFilter from_file(const std::filesystem::path& file);

  /// As above; sets `ec` to the errno, or std::errc::invalid_argument, and leaves out nothing.
  static ExcludeFilter from_file(const std::filesystem::path& file, std::error_code& ec);

  /// Whether the event is wanted: false if it excludes() its full path.
  [[nodiscard]] bool operator()(const Event& event) const { return !excludes(event.fullpath); }

  /// Whether a pattern matches `path`. Takes time in proportion to its length.
  [[nodiscard]] bool excludes(std::string_view path) const;

 private:
  struct Patterns;
  std::shared_ptr<const Patterns> patterns_;  // null: none
};

}  // namespace inotify::inline v0
