// Watch many paths in one call: globs, recursion, and errors told per path.
#pragma once

#include <map>
#include <string>
#include <system_error>
#include <vector>

#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

/// The paths that match a glob(7) pattern, sorted by bytes: '*', '?', '[...]', none of which
/// matches a '/' or a leading dot. Empty if there are none; as in a shell, a directory that cannot be read
/// holds none. Throws std::bad_alloc. Thread-safe. Source: pyinotify, do_glob.
INOTIFY_API std::vector<std::string> glob_paths(const std::string& pattern);

/// How add_watches watches.
struct AddOptions {
  bool recursive = false;  ///< Each path with all directories below it.
  bool glob = false;       ///< The paths are patterns, see glob_paths().
  bool quiet = false;      ///< Errors are put down in the result, not thrown.
  /// Asked about each of the paths (of the matches, with `glob`) and, with `recursive`, about each
  /// directory below: what it refuses is not watched, nor what is below that. An ExcludeFilter is one.
  /// An AutoWatcher, which goes on to ask, asks its own about what is below.
  DirectoryFilter add_filter{};
};

/// What became of a path.
struct Added {
  int wd = -1;  ///< The watch descriptor, or -1.
  std::error_code
      error;  ///< Why there is none; no error: a filter has refused it (-2 in pyinotify).
};

/// Adds watches for all `paths`, and tells for each path, and with `recursive` for each directory
/// below, what became of it. pyinotify's switches are here:
///
///     rec=False                  .recursive = false: Watcher::add
///     rec=True                   .recursive = true on a Watcher: Watcher::add_all, the tree as it
///                                is now
///     rec=True, auto_add=True    .recursive = true on an AutoWatcher: AutoWatcher::add_all, the
///                                tree as it is and becomes
///     do_glob=True               .glob = true
///     quiet=True                 .quiet = true; in pyinotify this is the default
///     exclude_filter=f           .add_filter = f, see ExcludeFilter; of an AutoWatcher: AutoWatcher(f)
///     proc_fun=f                 look event.wd up, or ask event.path
///
/// A pattern that nothing matches is taken for a path, so that its ENOENT is told. Without `quiet`
/// the first error is thrown, a directory's below a root included; what was watched by then stays
/// watched. Errors: those of Watcher::add and add_all. Not thread-safe. Source: pyinotify,
/// WatchManager.add_watch.
INOTIFY_API std::map<std::string, Added> add_watches(Watcher& watcher,
                                                     const std::vector<std::string>& paths,
                                                     Mask mask, AddOptions options = {});

}  // namespace inotify::inline v0
