// An event as a line of JSON, for other programs to read.
#pragma once

#include <chrono>
#include <string>

#include <inotify/event.hpp>

namespace inotify::inline v0 {

/// The event as one JSON object (RFC 8259) on one line, without a newline at its end: one to a line is
/// what jq(1) and log shippers read.
///
///     {"wd":3,"mask":1073741952,"events":["IN_MOVED_TO","IN_ISDIR"],"cookie":42,"synthetic":false,
///      "name":"new","path":"/tmp","fullpath":"/tmp/new","moved_from":"/tmp/old","moved_to":"",
///      "error":null}                                                                 (in one line)
///
/// Every member of Event is there, each time, in this order. `events` are the names of `mask`'s bits
/// (decode_mask). `error` is null, or {"value":28,"message":"..."} with the errno.
///
/// A text that is not well-formed UTF-8 cannot be a string of JSON. It comes in base64 (RFC 4648) under
/// its name with "_base64", in place of the other: "path_base64":"L3RtcC//". So no byte is lost, and who
/// does not know of it misses a member rather than follows a wrong path.
///
/// Whatever somebody calls a file, the line is one line and does not steer a terminal: the control
/// characters that quoted() escapes are escaped here as well (\n, \u001b, \u202e). Thread-safe.
INOTIFY_API std::string to_json(const Event& event);

/// The same, with "time":"2026-11-25T21:07:45.123456Z" (RFC 3339, UTC) before all else. The kernel does
/// not tell when something happened. Nearest to it is the time at which it was read: take that once for
/// each read().
///
///     const auto events = watcher.read();
///     const auto time = std::chrono::system_clock::now();
///     for (const inotify::Event& event : events) std::cout << inotify::to_json(event, time) << '\n';
///
/// Thread-safe.
INOTIFY_API std::string to_json(const Event& event, std::chrono::system_clock::time_point time);

}  // namespace inotify::inline v0
