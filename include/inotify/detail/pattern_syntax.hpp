// Regular expressions and globs, compiled.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <inotify/detail/pattern_program.hpp>

namespace inotify::inline v0::detail {

/// The most that {m,n} may say.
inline constexpr std::size_t max_repetitions = 1000;

/// Adds a pattern to a program, in one pass and with an explicit stack; the syntax is that of the
/// header exclude_filter.hpp. Throws PatternError, and then the program is of no use any more.
void add_regex(PatternProgram& program, std::string_view pattern);
void add_glob(PatternProgram& program, std::string_view glob);

/// The bytes of the class [:name:] in the "C" locale; none if there is no such class.
[[nodiscard]] std::optional<ByteSet> named_class(std::string_view name);

/// The bytes of \w, for which POSIX has no class.
[[nodiscard]] ByteSet word_class();

/// Adds `first` to `last`. False, and nothing is added, if they are the wrong way round.
[[nodiscard]] bool add_range(ByteSet& set, unsigned char first, unsigned char last);

}  // namespace inotify::inline v0::detail
