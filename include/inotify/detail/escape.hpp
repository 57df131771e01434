// Texts of others, made fit for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// The first character of a text, and how many bytes it takes; 0 bytes if that is not well-formed
/// UTF-8 (RFC 3629), or nothing is there.
struct Letter {
  std::size_t length = 0;
  char32_t code = 0;
};
Letter first_letter(std::string_view text) noexcept;

/// What a terminal acts on, or what shows a text in another order than it is in: control characters
/// (C0, DEL, C1), line and paragraph separators, and whatever changes the direction of writing.
bool is_control(char32_t code) noexcept;

/// Appends `bytes` as a string of C would hold them: see inotify::quoted(), which adds the quotes.
void append_escaped(std::string& text, std::string_view bytes);

}  // namespace inotify::inline v0::detail
