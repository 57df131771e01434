// Errors that explain themselves.
//
// The rule: a call on a watcher, an Instance, a FileWatch or a BatchReader that the kernel may refuse
// has two forms. One throws std::filesystem::filesystem_error with the path where there is one, else
// std::system_error; the other takes a std::error_code&, which it clears on success. (What walks a
// tree takes an `onerror` instead; what runs a loop throws.) Either way the code's value is the
// errno, it compares equal to the std::errc of that name, and its message() says what to do, where
// something can be done. Overflow and IN_IGNORED are events, not errors.
//
// what() has the path as quoted() writes it (event.hpp), since somebody else may have chosen it.
#pragma once

#include <string_view>
#include <system_error>

#include <inotify/version.hpp>

namespace inotify::inline v0 {

/// The category of every std::error_code this library makes about inotify. value() is an errno, and
/// `code == std::errc::no_space_on_device` and the like hold as for the system's own category.
/// message() speaks of inotify: for ENOSPC it is never "No space left on device", but names the
/// sysctl, its value, what this process uses and the command to raise it, as of the moment it is
/// called. Thread-safe.
INOTIFY_API const std::error_category& error_category() noexcept;

/// `errno_value` as an error code of that category.
inline std::error_code make_error(int errno_value) noexcept {
  return {errno_value, error_category()};
}

namespace detail {

/// Throws as the rule above says: `call` is the public name of what failed.
[[noreturn]] INOTIFY_API void throw_error(const char* call, std::error_code ec);
[[noreturn]] INOTIFY_API void throw_error(const char* call, std::string_view path,
                                          std::error_code ec);

/// Throws if `ec` is an error: a form that throws, made of the one that does not.
inline void require(const std::error_code& ec, const char* call) {
  if (ec) throw_error(call, ec);
}

}  // namespace detail
}  // namespace inotify::inline v0
