// Texts of others, made fit for a terminal.
#pragma once

#include <string>
#include <string_view>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Appends `bytes` as a string of C would hold them: see inotify::quoted(), which adds the quotes.
void append_escaped(std::string& text, std::string_view bytes);

}  // namespace inotify::inline v0::detail
