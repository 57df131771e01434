// Regular expressions, globs and the patterns of git, compiled.
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

/// The bytes that what is matched can begin and end with.
struct PatternEdges {
  ByteSet first;
  ByteSet last;
};

/// Adds a pattern of gitignore(5), without its '!', its leading '/' and its trailing '/', which
/// ends where a component of the path does. Without `is_path` it is to match a single component.
/// `is_for_directories`: it has had a trailing '/'. Nothing, and nothing is added, if no path can
/// match it, as git, which calls no pattern wrong, reads some ("[a", a backslash at the end).
/// Throws PatternError if it is too large; the program is as it was then.
[[nodiscard]] std::optional<PatternEdges> add_gitignore(PatternProgram& program,
                                                        std::string_view pattern, bool is_path,
                                                        bool is_for_directories, bool ignore_case);

/// The bytes of the class [:name:] in the "C" locale; none if there is no such class.
[[nodiscard]] std::optional<ByteSet> named_class(std::string_view name);

/// The bytes of \w, for which POSIX has no class.
[[nodiscard]] ByteSet word_class();

/// Adds `first` to `last`. False, and nothing is added, if they are the wrong way round.
[[nodiscard]] bool add_range(ByteSet& set, unsigned char first, unsigned char last);

}  // namespace inotify::inline v0::detail
