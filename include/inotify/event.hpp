// An event with its path.
#pragma once

#include <sys/inotify.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>
#if __has_include(<format>)
#include <format>
#endif

#include <inotify/mask.hpp>

namespace inotify::inline v0 {

/// What Event and OwnedEvent have in common: everything but the text.
struct EventBits {
  int wd = -1;    ///< The watch descriptor; -1 for an overflow and for a hole (see `error`).
  Mask mask = 0;  ///< What happened: bits of inotify(7). May hold several at once.
  std::uint32_t cookie = 0;  ///< Connects the two halves of a rename; otherwise 0.
  bool synthetic = false;    ///< Found by listing a directory, not told by the kernel.

  /// Set on an event that names a hole: `path` could not be watched, and nothing is known, or
  /// reported, of what is below it: forget what you believe of that. When it can be watched all that
  /// it holds is reported, as synthetic creates. Its message() says why and what to do; the event has
  /// no bits then but IN_ISDIR, and not even that if it is not known whether `path` exists.
  std::error_code error{};

  // One question per bit. An event may answer yes to more than one: an IN_CREATE of a directory
  // is_dir() as well.
  [[nodiscard]] bool is_access() const noexcept { return has(IN_ACCESS); }
  [[nodiscard]] bool is_modify() const noexcept { return has(IN_MODIFY); }
  [[nodiscard]] bool is_attrib() const noexcept { return has(IN_ATTRIB); }
  [[nodiscard]] bool is_close_write() const noexcept { return has(IN_CLOSE_WRITE); }
  [[nodiscard]] bool is_close_nowrite() const noexcept { return has(IN_CLOSE_NOWRITE); }
  [[nodiscard]] bool is_open() const noexcept { return has(IN_OPEN); }
  [[nodiscard]] bool is_moved_from() const noexcept { return has(IN_MOVED_FROM); }
  [[nodiscard]] bool is_moved_to() const noexcept { return has(IN_MOVED_TO); }
  [[nodiscard]] bool is_create() const noexcept { return has(IN_CREATE); }
  [[nodiscard]] bool is_delete() const noexcept { return has(IN_DELETE); }
  [[nodiscard]] bool is_delete_self() const noexcept { return has(IN_DELETE_SELF); }
  [[nodiscard]] bool is_move_self() const noexcept { return has(IN_MOVE_SELF); }
  [[nodiscard]] bool is_unmount() const noexcept { return has(IN_UNMOUNT); }
  [[nodiscard]] bool is_overflow() const noexcept { return has(IN_Q_OVERFLOW); }
  [[nodiscard]] bool is_ignored() const noexcept { return has(IN_IGNORED); }
  [[nodiscard]] bool is_dir() const noexcept { return has(IN_ISDIR); }
  // The combinations of inotify(7): true if any of their bits is set.
  [[nodiscard]] bool is_close() const noexcept { return has(IN_CLOSE); }
  [[nodiscard]] bool is_move() const noexcept { return has(IN_MOVE); }

 private:
  [[nodiscard]] bool has(Mask bits) const noexcept { return (mask & bits) != 0; }
};

/// An event as read() delivers it. Its texts are views: they live until the next read() or next() of
/// the watcher that delivered it. Take an OwnedEvent to keep one. Paths are bytes: no encoding is
/// assumed, and a name may hold anything but '/' and NUL.
///
/// The watcher's table is that of the end of the batch: of a watch whose IN_IGNORED is in it,
/// Watcher::wd(event.wd) and paths(event.wd) know nothing at any of its events. `path` is right at each.
/// Source: python-inotify, Event.
struct Event : EventBits {
  /// The entry inside `path`; empty when the event is about `path` itself.
  std::string_view name;
  /// The watched object, by the name it was added under, or has since it was seen to be renamed.
  std::string_view path;
  /// `path`/`name`, or `path`. NUL-terminated, as the two below.
  std::string_view fullpath;
  /// On MOVED_TO: the full old path, when its MOVED_FROM was seen. Not of a directory that an
  /// AutoWatcher does not watch (it was made and renamed before that could be done, its filter refuses
  /// it, it is a hole, or was taken out by remove()): that departs and arrives, and if it is watched
  /// then, what it holds follows.
  std::string_view moved_from;
  /// On MOVED_FROM: the full new path, when it is known: if `moved_from` is set on the other half, and
  /// that was read along with this one.
  std::string_view moved_to;
};

/// A copy of an event that owns its texts.
struct OwnedEvent : EventBits {
  std::string name;
  std::string path;
  std::string fullpath;
  std::string moved_from;
  std::string moved_to;

  OwnedEvent() = default;
  explicit OwnedEvent(const Event& event)
      : EventBits(event),
        name(event.name),
        path(event.path),
        fullpath(event.fullpath),
        moved_from(event.moved_from),
        moved_to(event.moved_to) {}

  /// A view of this copy, valid as long as it is neither changed nor destroyed.
  [[nodiscard]] Event view() const noexcept {
    return {static_cast<const EventBits&>(*this), name, path, fullpath, moved_from, moved_to};
  }
};

/// The event on one line, for logs and tests:
///     IN_MOVED_TO|IN_ISDIR "/tmp/new name" from "/tmp/old" cookie=42
/// Paths are quoted, so that one event is one line on a terminal, in the order of its bytes, whatever
/// somebody calls a file. Escaped as in C are '"', '\\', control characters (C0, DEL, C1), bytes that
/// are not well-formed UTF-8, line and paragraph separators (U+2028, U+2029), and what changes the
/// direction of writing (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). Other letters
/// stay as they are. An event of a watch whose path is not known has its descriptor instead:
///     IN_IGNORED wd=7
/// For other programs to read there is to_json() (json.hpp). Thread-safe.
INOTIFY_API std::string to_string(const Event& event);
INOTIFY_API std::ostream& operator<<(std::ostream& out, const Event& event);
INOTIFY_API std::ostream& operator<<(std::ostream& out, const OwnedEvent& event);

/// `path` quoted as above. Thread-safe.
INOTIFY_API std::string quoted(std::string_view path);

}  // namespace inotify::inline v0

#ifdef __cpp_lib_format
template <>
struct std::formatter<inotify::Event> : std::formatter<std::string> {
  auto format(const inotify::Event& event, std::format_context& context) const {
    return std::formatter<std::string>::format(inotify::to_string(event), context);
  }
};

template <>
struct std::formatter<inotify::OwnedEvent> : std::formatter<inotify::Event> {
  auto format(const inotify::OwnedEvent& event, std::format_context& context) const {
    return std::formatter<inotify::Event>::format(event.view(), context);
  }
};
#endif
