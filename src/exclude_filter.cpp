#include <inotify/exclude_filter.hpp>

#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <locale>
#include <regex>
#include <stdexcept>

#include <inotify/detail/unique_fd.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0 {
namespace {

// `where` is what the message names besides the pattern: a file and line, or nothing.
std::regex compile(const std::string& pattern, const std::string& where) {
  try {
    std::regex regex;
    regex.imbue(std::locale::classic());
    regex.assign(pattern, std::regex::ECMAScript | std::regex::optimize | std::regex::nosubs);
    return regex;
  } catch (const std::regex_error& error) {
    throw std::invalid_argument("inotify: ExcludeFilter: " + where + "bad regular expression " +
                                inotify::quoted(pattern) + ": " + error.what());
  }
}

bool matches(const std::string& glob, const std::string& path, const char* last) {
  return glob.find('/') == std::string::npos
             ? ::fnmatch(glob.c_str(), last, 0) == 0
             : ::fnmatch(glob.c_str(), path.c_str(), FNM_PATHNAME | FNM_LEADING_DIR) == 0;
}

std::string read_all(const std::filesystem::path& file, std::error_code& ec) {
  ec.clear();
  std::string text;
  const detail::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  ssize_t size = -1;
  while (fd && ((size = ::read(fd.get(), buffer.data(), buffer.size())) > 0 ||
                (size < 0 && errno == EINTR))) {
    if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (size < 0) ec = make_error(errno);
  return text;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\v\f";
  const std::size_t begin = std::min(line.find_first_not_of(blanks), line.size());
  line.remove_prefix(begin);
  return line.substr(0, line.find_last_not_of(blanks) + 1);
}

}  // namespace

struct ExcludeFilter::Patterns {
  std::vector<std::regex> regexes;
  std::vector<std::string> globs;
};

ExcludeFilter::ExcludeFilter(const std::vector<std::string>& regexes,
                             const std::vector<std::string>& globs) {
  Patterns patterns;
  for (const std::string& regex : regexes) patterns.regexes.push_back(compile(regex, ""));
  patterns.globs = globs;
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
  const std::string text = read_all(file, ec);
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
    patterns.regexes.push_back(compile(std::string(line), where));
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
  const auto from_begin = std::regex_constants::match_continuous;
  for (const std::regex& regex : patterns_->regexes) {
    if (std::regex_search(path.begin(), path.end(), regex, from_begin)) return true;
  }
  if (patterns_->globs.empty()) return false;
  const std::string text(path);  // fnmatch(3) needs the NUL
  const char* last = text.c_str() + (text.rfind('/') + 1);
  return std::any_of(patterns_->globs.begin(), patterns_->globs.end(),
                     [&](const std::string& glob) { return matches(glob, text, last); });
}

}  // namespace inotify::inline v0
