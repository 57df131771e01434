// The patterns of gitignore(5), as git's own matcher reads them.
#include <algorithm>
#include <optional>
#include <string_view>

#include <inotify/detail/pattern_syntax.hpp>

namespace inotify::inline v0::detail {
namespace {

using Op = PatternProgram::Op;

// Adds the other case of each letter.
ByteSet folded(ByteSet set) {
  for (std::size_t upper = 'A'; upper <= 'Z'; ++upper) {
    const std::size_t lower = upper - 'A' + 'a';
    set[upper] = set[lower] = set[upper] || set[lower];
  }
  return set;
}

class GitignoreCompiler {
 public:
  GitignoreCompiler(PatternProgram& program, std::string_view pattern, bool is_path,
                    bool ignore_case)
      : program_(program), pattern_(pattern), is_path_(is_path), ignore_case_(ignore_case) {
    not_slash_.set().reset('/');
    any_.set();
    // Git compares what is before the first special byte by itself, so to its matcher the rest is a
    // pattern of its own: in "a**/b" the "**" is at the beginning.
    matcher_begin_ = std::min(pattern.find_first_of("*?[\\"), pattern.size());
  }

  std::optional<PatternEdges> compile(bool is_for_directories) {
    if (pattern_.empty()) return {};
    while (at_ < pattern_.size()) {
      const std::size_t size = program_.size() - program_.pattern_begin();
      if (size + most_at_once > PatternProgram::max_instructions) {
        program_.drop_pattern();
        throw PatternError{"the pattern is too large", at_};
      }
      if (!add_next()) {
        program_.drop_pattern();
        return {};
      }
    }
    program_.add_assertion(is_for_directories ? Op::at_directory_end : Op::at_component_end);
    program_.end_pattern();
    return edges_;
  }

 private:
  // The most instructions that one item of a pattern comes to, and what is behind the last.
  static constexpr std::size_t most_at_once = 8;

  // False if nothing can match.
  bool add_next() {
    const char c = pattern_[at_++];
    switch (c) {
      case '?':
        add_set(not_slash_);
        return true;
      case '*':
        add_stars();
        return true;
      case '[':
        return add_bracket();
      case '\\':
        if (at_ == pattern_.size()) return false;
        add_byte(pattern_[at_++]);
        return true;
      default:
        add_byte(c);
        return true;
    }
  }

  void add_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    const ByteSet set = ByteSet().set(byte);
    if (ignore_case_ && folded(set) != set) return add_set(folded(set));
    note_edge(set);
    program_.add_byte(byte);
  }

  void add_set(const ByteSet& set) {
    note_edge(set);
    program_.add_set(set);
  }

  void note_edge(const ByteSet& set) {
    if (program_.size() == program_.pattern_begin()) edges_.first = set;
    edges_.last = set;
  }

  void add_any_number_of(const ByteSet& set) {
    note_edge(any_);  // of what is before or behind it
    program_.add_set(set);
    program_.repeat(program_.size() - 1, 0, PatternProgram::unbounded);
  }

  // '*', or "**", which crosses a '/' only where it is a component of its own.
  void add_stars() {
    const std::size_t begin = at_ - 1;
    at_ = std::min(pattern_.find_first_not_of('*', at_), pattern_.size());
    const std::string_view rest = pattern_.substr(at_);
    const bool is_component = (begin == matcher_begin_ || pattern_[begin - 1] == '/') &&
                              (rest.empty() || rest[0] == '/' || rest.substr(0, 2) == "\\/");
    if (!is_path_ || at_ - begin == 1 || !is_component) return add_any_number_of(not_slash_);
    const std::size_t fragment = program_.size();
    add_any_number_of(any_);
    if (rest.empty() || rest[0] != '/') return;
    program_.add_byte('/');  // "**/": any number of directories, or none
    program_.repeat(fragment, 0, 1);
    ++at_;
  }

  // [...], [!...] or [^...], from behind the '['. False if it is never closed, or misspelled.
  bool add_bracket() {
    const bool is_negated = is_next('!') || is_next('^');
    if (is_negated) ++at_;
    ByteSet set;
    unsigned char previous = 0;  // with which a range may begin; no pattern holds a NUL
    for (bool is_first = true; is_first || !is_next(']'); is_first = false) {
      if (!add_item(set, previous)) return false;
    }
    ++at_;
    if (ignore_case_) set = folded(set);
    set = (is_negated ? ~set : set) & not_slash_;
    if (set.none()) return false;
    add_set(set);
    return true;
  }

  bool add_item(ByteSet& set, unsigned char& previous) {
    if (at_ == pattern_.size()) return false;
    if (pattern_.substr(at_, 2) == "[:") {
      const std::size_t begin = at_ + 2;
      const std::size_t end = pattern_.find(']', begin);
      if (end == std::string_view::npos) return false;
      if (end > begin && pattern_[end - 1] == ':') {
        at_ = end + 1;
        previous = 0;
        return add_class(set, pattern_.substr(begin, end - 1 - begin));
      }
    }
    const bool is_range =
        is_next('-') && previous != 0 && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']';
    if (is_range) ++at_;
    if (is_next('\\') && ++at_ == pattern_.size()) return false;
    const auto byte = static_cast<unsigned char>(pattern_[at_++]);
    if (is_range) {
      static_cast<void>(add_range(set, previous, byte));  // the wrong way round it is empty
      previous = 0;
    } else {
      set.set(byte);
      previous = byte;
    }
    return true;
  }

  static bool add_class(ByteSet& set, std::string_view name) {
    auto named = named_class(name);
    if (!named) return false;
    if (name == "space") named->reset('\v').reset('\f');  // so git's tables say
    set |= *named;
    return true;
  }

  [[nodiscard]] bool is_next(char c) const { return at_ < pattern_.size() && pattern_[at_] == c; }

  PatternProgram& program_;
  std::string_view pattern_;
  std::size_t at_ = 0;
  bool is_path_;
  bool ignore_case_;
  std::size_t matcher_begin_ = 0;
  ByteSet not_slash_;
  ByteSet any_;
  PatternEdges edges_;
};

}  // namespace

std::optional<PatternEdges> add_gitignore(PatternProgram& program, std::string_view pattern,
                                          bool is_path, bool is_for_directories, bool ignore_case) {
  return GitignoreCompiler(program, pattern, is_path, ignore_case).compile(is_for_directories);
}

}  // namespace inotify::inline v0::detail
