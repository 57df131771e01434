// Any bytes as a pattern, and any as a path: the pattern is refused or compiled, and no path takes
// more steps than the header says. Globs match as fnmatch(3) does.
#include <fnmatch.h>

#include <algorithm>
#include <inotify/detail/pattern_program.hpp>
#include <inotify/detail/pattern_syntax.hpp>
#include <string>

#include "fuzz.hpp"

namespace {

using inotify::detail::PatternError;
using inotify::detail::PatternProgram;

// fnmatch(3) takes exponential time where there are many stars, and glibc's finds no '/' for a "\/" that
// comes after one.
bool can_compare(const std::string& glob, const std::string& text) {
  return std::count(glob.begin(), glob.end(), '*') <= 4 && glob.find("\\/") == glob.npos &&
         text.find('\0') == text.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool is_glob = input.below(2) == 1;
  const std::string pattern(input.text());
  const std::string text(input.rest());
  PatternProgram program;
  try {
    (is_glob ? inotify::detail::add_glob : inotify::detail::add_regex)(program, pattern);
  } catch (const PatternError& error) {
    fuzz::require(error.offset <= pattern.size() && !error.cause.empty());
    return 0;
  }
  fuzz::require(program.size() <= PatternProgram::max_instructions);
  const auto [is_match, steps] = program.match(text);
  fuzz::require(steps <= program.size() * (text.size() + 1));
  if (!is_glob || !can_compare(pattern, text)) return 0;
  const int flags = FNM_PATHNAME | FNM_LEADING_DIR;
  fuzz::require(is_match == (::fnmatch(pattern.c_str(), text.c_str(), flags) == 0));
  return 0;
}
