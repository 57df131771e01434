// Fold a batch of events into fewer that say the same.
#pragma once

#include <span>
#include <vector>

#include <inotify/event.hpp>

namespace inotify::inline v0 {

/// What coalesce() folds besides what happens to the content of a path. Both change what a consumer
/// has to understand, hence they are off.
struct CoalesceOptions {
  /// MOVED_FROM and MOVED_TO of one rename, back to back, become one event: the MOVED_TO, with
  /// IN_MOVED_FROM set as well. `fullpath` is the new name, `moved_from` the old one, `moved_to` is
  /// empty. An exchange is two renames in one another, and stays four events.
  bool renames = false;

  /// CREATE and DELETE of one path become nothing, with all that was told of the path in between:
  /// temporary files vanish. So does a directory of which nothing else is left to tell. This takes
  /// CREATE at its word, that there was nothing before. Use it if all you know comes from the
  /// stream; who lists the disk may have seen the path already, and would never hear of its end.
  bool drop_short_lived = false;
};

namespace detail {
/// See coalesce.
struct Coalesce {
  INOTIFY_API std::vector<Event> operator()(std::span<const Event> events,
                                            const CoalesceOptions& options = {}) const;
};
}  // namespace detail

/// Folds what one read() returned, or several, in order:
///
///     for (const inotify::Event& e : inotify::coalesce(watcher.read())) std::cout << e << '\n';
///
/// Events about the content of a path (ACCESS, MODIFY, ATTRIB, OPEN, CLOSE_WRITE, CLOSE_NOWRITE)
/// become one, with all their bits; it stands where the first of them stood. If its CREATE is among
/// the events, they are folded into that:
///
///     IN_CREATE, IN_OPEN, IN_MODIFY, IN_MODIFY, IN_CLOSE_WRITE
///         -> IN_CREATE|IN_OPEN|IN_MODIFY|IN_CLOSE_WRITE
///
/// In an event that has several bits, CREATE came first, and CLOSE_WRITE after the last MODIFY: a
/// file that was changed again since is told by a second event, which has MODIFY and no
/// CLOSE_WRITE. How often something happened is lost. `synthetic` is that of the first.
///
/// The order is safe: CREATE, DELETE and the moves stay as they are and in their order (but for the
/// options), so who replays the result has what he would have had from the original. Nothing is
/// folded across
///   - a CREATE, DELETE or move of the path, or of a directory above it, for it may be another file
///     since;
///   - an overflow, IN_IGNORED, IN_UNMOUNT, an event with `error` or one of an unknown watch,
///     whatever the path.
/// Only events of one watch are folded: a file that is watched itself and through its directory
/// is told twice, as without coalesce(). coalesce(coalesce(x)) is coalesce(x).
///
/// The views of the result are those of `events`: what read() delivered stays valid until the next
/// read() or next(). O(n log n). Throws std::bad_alloc. Thread-safe. Source: pyinotify, coalesce_events (which
/// loses the order); the last wish of python-inotify's performant.py.
///
/// An object, so that it can be given where a function of a batch is wanted: `{.fold = coalesce}`.
inline constexpr detail::Coalesce coalesce{};

}  // namespace inotify::inline v0
