#include <inotify/exclude_filter.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <inotify/detail/pattern_program.hpp>
#include <inotify/detail/pattern_syntax.hpp>
#include <inotify/detail/read_file.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0 {
namespace {

// Compiles by `add`. `where` is what the message names besides the pattern: a file and line, or
// nothing.
void compile(void (*add)(detail::PatternProgram&, std::string_view), const char* kind,
             detail::PatternProgram& program, std::string_view pattern, const std::string& where) {
  try {
    add(program, pattern);
  } catch (const detail::PatternError& error) {
    throw std::invalid_argument("inotify: ExcludeFilter: " + where + "bad " + kind + ' ' +
                                inotify::quoted(pattern) + ": " + error.cause + ", at offset " +
                                std::to_string(error.offset));
  }
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\v\f";
  const std::size_t begin = std::min(line.find_first_not_of(blanks), line.size());
  line.remove_prefix(begin);
  return line.substr(0, line.find_last_not_of(blanks) + 1);
}

}  // namespace

struct ExcludeFilter::Patterns {
  detail::PatternProgram paths;       // for the full path
  detail::PatternProgram components;  // for its last component

  void add_regex(std::string_view regex, const std::string& where) {
    compile(detail::add_regex, "regular expression", paths, regex, where);
  }

  void add_glob(std::string_view glob) {
    const bool is_path = glob.find('/') != std::string_view::npos;
    compile(detail::add_glob, "glob", is_path ? paths : components, glob, "");
  }
};

ExcludeFilter::ExcludeFilter(const std::vector<std::string>& regexes,
                             const std::vector<std::string>& globs) {
  Patterns patterns;
  for (const std::string& regex : regexes) patterns.add_regex(regex, "");
  for (const std::string& glob : globs) patterns.add_glob(glob);
  patterns_ = std::make_shared<const Patterns>(std::move(patterns));
}

ExcludeFilter::ExcludeFilter(const std::vector<std::string>& regexes,
                             const std::vector<std::string>& globs, std::error_code& ec) {
  try {
    *this = ExcludeFilter(regexes, globs);
    ec.clear();
  } catch (const std::invalid_argument&) {
    ec = make_error(EINVAL);
  }
}

ExcludeFilter ExcludeFilter::from_file(const std::filesystem::path& file) {
  std::error_code ec;
  const std::string text = detail::read_file(file.native(), 0, ec);
  if (ec) detail::throw_error("ExcludeFilter", file.native(), ec);
  Patterns patterns;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::string where = file.native() + ':' + std::to_string(number) + ": ";
    patterns.add_regex(line, where);
  }
  ExcludeFilter filter;
  filter.patterns_ = std::make_shared<const Patterns>(std::move(patterns));
  return filter;
}

ExcludeFilter ExcludeFilter::from_file(const std::filesystem::path& file, std::error_code& ec) {
  try {
    ec.clear();
    return from_file(file);
  } catch (const std::system_error& error) {
    ec = error.code();
  } catch (const std::invalid_argument&) {
    ec = make_error(EINVAL);
  }
  return {};
}

bool ExcludeFilter::excludes(std::string_view path) const {
  if (!patterns_) return false;
  const std::string_view component = path.substr(path.rfind('/') + 1);
  return patterns_->paths.match(path).is_match || patterns_->components.match(component).is_match;
}

}  // namespace inotify::inline v0
