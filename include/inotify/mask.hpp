// The names of the IN_* bits, both ways.
//
// Masks are plain 32-bit integers made of the kernel's own IN_* constants: what inotify(7)
// documents is what one types and greps for.
//
// An event may have several bits at once (a synthetic IN_CREATE|IN_CLOSE_WRITE, what coalesce() has
// folded). They are printed, and handled by an EventHandler, in the order in which they happen to a
// file, as touch(1) and cp(1) make them happen one by one: CREATE, OPEN, ACCESS, MODIFY, ATTRIB,
// CLOSE_WRITE, CLOSE_NOWRITE, MOVED_FROM, MOVED_TO, MOVE_SELF, DELETE, DELETE_SELF, UNMOUNT, Q_OVERFLOW,
// IGNORED; behind them what is no event, IN_ISDIR above all, by its value.
#pragma once

#include <sys/inotify.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <inotify/version.hpp>

namespace inotify::inline v0 {

/// A set of IN_* bits: what to watch for, or what happened.
using Mask = std::uint32_t;

/// The names of the bits set in `mask`, in the order above: `{"IN_CREATE", "IN_ISDIR"}`. A bit that
/// inotify(7) does not define is told in hexadecimal ("0x10000"), so nothing is hidden. Source:
/// python-inotify, decode_mask. Thread-safe.
INOTIFY_API std::vector<std::string> decode_mask(Mask mask);

/// The same as one string, as one would write it in C: "IN_CREATE|IN_ISDIR"; "0" for an empty mask.
/// All twelve event bits together are "IN_ALL_EVENTS". Thread-safe.
INOTIFY_API std::string to_string(Mask mask);

/// What one bit means, in a few words and for people: "an entry was made in the directory" for IN_CREATE.
/// Empty if `bit` is not exactly one that inotify(7) defines. Lives as long as the program. Source:
/// python-inotify, the docstrings of Event's properties. Thread-safe.
INOTIFY_API std::string_view describe(Mask bit) noexcept;

/// The inverse of to_string: names separated by '|' or ',', blanks ignored, "IN_" optional, in any
/// case, with the combinations IN_CLOSE, IN_MOVE and IN_ALL_EVENTS, and numbers as C writes them
/// (0x100). Throws std::invalid_argument that names the word it does not know; an empty text is
/// such a word. Thread-safe.
INOTIFY_API Mask parse_mask(std::string_view text);

/// As above; sets `ec` to std::errc::invalid_argument and returns 0 instead of throwing.
INOTIFY_API Mask parse_mask(std::string_view text, std::error_code& ec);

}  // namespace inotify::inline v0
