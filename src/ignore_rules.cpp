#include <inotify/detail/ignore_rules.hpp>

#include <algorithm>

namespace inotify::inline v0::detail {
namespace {

// Without the blanks at its end, but for one behind a backslash.
std::string_view without_trailing_blanks(std::string_view line) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ') continue;
    if (line[i] == '\\') ++i;
    size = i + 1;
  }
  return line.substr(0, size);
}

}  // namespace

bool CutPath::cut(std::string_view path, bool is_directory_path) {
  text = path;
  is_directory = is_directory_path;
  ends.clear();
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end == begin) return false;
    ends.push_back(end);
    if (end == path.size()) return true;
    begin = end + 1;
  }
}

void IgnoreRules::add_file(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    add_line(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void IgnoreRules::add_line(std::string_view line) {
  if (line.starts_with('#')) return;
  std::string_view pattern = without_trailing_blanks(line.substr(0, line.find('\0')));
  const bool is_negated = pattern.starts_with('!');
  if (is_negated) pattern.remove_prefix(1);
  const bool is_for_directories = pattern.ends_with('/');
  if (is_for_directories) pattern.remove_suffix(1);
  const bool is_path = pattern.find('/') != std::string_view::npos;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  Patterns& patterns = is_path ? paths_ : names_;
  const auto edges =
      add_gitignore(patterns.program, pattern, is_path, is_for_directories, ignore_case_);
  if (!edges) return;
  if (size() > room_) throw PatternError{"the patterns before it leave no room for it", 0};
  patterns.sieve.add(*edges);
  is_negated_.push_back(is_negated);
  patterns.lines.push_back(is_negated_.size());
}

Verdict IgnoreRules::Judgement::of(std::size_t component) {
  const bool is_directory = path_->is_directory || component + 1 < path_->size();
  Line line = rules_->line_of_name(path_->component(component), is_directory, steps_);
  if (!of_path_.empty()) line = std::max(line, of_path_[component - depth_]);
  if (line == none) return Verdict::none;
  return rules_->is_negated_[line - 1] ? Verdict::keep : Verdict::ignore;
}

// The last line without a '/' that matches a component.
IgnoreRules::Line IgnoreRules::line_of_name(std::string_view name, bool is_directory,
                                            std::size_t& steps) const {
  if (!names_.sieve.may_match(name.front(), name.back())) return none;
  std::vector<PatternProgram::End> ends;
  steps += names_.program.find_ends(name, is_directory, ends);
  return ends.empty() ? none : names_.lines[ends.back().pattern];
}

// For each component, the last line with a '/' that matches the path as far as that; nothing if no
// line can match one of them.
std::vector<IgnoreRules::Line> IgnoreRules::lines_of_path(const CutPath& path, std::size_t depth,
                                                          std::size_t from,
                                                          std::size_t& steps) const {
  if (paths_.sieve.empty()) return {};
  const std::size_t begin = path.begin_of(depth);
  bool may_match = false;
  for (std::size_t i = from; i < path.size() && !may_match; ++i) {
    may_match = paths_.sieve.may_match(path.text[begin], path.text[path.ends[i] - 1]);
  }
  if (!may_match) return {};
  std::vector<PatternProgram::End> ends;
  steps += paths_.program.find_ends(path.text.substr(begin), path.is_directory, ends);
  std::vector<Line> lines(path.size() - depth, none);
  std::size_t i = depth;
  for (const auto& end : ends) {
    while (path.ends[i] != begin + end.offset) ++i;
    lines[i - depth] = paths_.lines[end.pattern];
  }
  return lines;
}

}  // namespace inotify::inline v0::detail
