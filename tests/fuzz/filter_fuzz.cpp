// Any bytes as a pattern, and any as a path: the pattern is refused or compiled, and no path takes
// more steps than the header says. Globs match as fnmatch(3) does; git's patterns end with a component,
// and begin and end with bytes that they have told.
#include <fnmatch.h>

#include <algorithm>
#include <inotify/detail/pattern_program.hpp>
#include <inotify/detail/pattern_syntax.hpp>
#include <optional>
#include <string>
#include <vector>

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

void check_gitignore(const std::string& pattern, const std::string& text) {
  PatternProgram program;
  const bool is_path = pattern.find('/') != pattern.npos;
  std::optional<inotify::detail::PatternEdges> edges;
  try {
    edges = inotify::detail::add_gitignore(program, pattern, is_path, false, text.size() % 2 == 1);
  } catch (const PatternError& error) {
    fuzz::require(error.offset <= pattern.size() && program.size() == 0);
    return;
  }
  fuzz::require(edges.has_value() == (program.size() != 0));
  std::vector<PatternProgram::End> ends;
  fuzz::require(program.find_ends(text, false, ends) <= program.size() * (text.size() + 1));
  for (const auto& end : ends) {
    fuzz::require(end.pattern == 0 && (end.offset == text.size() || text[end.offset] == '/'));
    if (end.offset == 0) continue;
    fuzz::require(edges->first[static_cast<unsigned char>(text.front())] &&
                  edges->last[static_cast<unsigned char>(text[end.offset - 1])]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned kind = input.below(3);
  const bool is_glob = kind == 1;
  const std::string pattern(input.text());
  const std::string text(input.rest());
  if (kind == 2) {
    check_gitignore(pattern, text);
    return 0;
  }
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
