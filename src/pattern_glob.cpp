#include <algorithm>
#include <optional>
#include <string_view>

#include <inotify/detail/pattern_syntax.hpp>

namespace inotify::inline v0::detail {
namespace {

using Op = PatternProgram::Op;

// What a component, and what is behind it, comes to beyond one instruction for each byte.
constexpr std::size_t most_at_once = 8;

class GlobCompiler {
 public:
  GlobCompiler(PatternProgram& program, std::string_view glob) : program_(program), glob_(glob) {
    not_slash_.set().reset('/');
  }

  void compile() {
    while (at_ < glob_.size()) {
      const std::size_t size = program_.size() - program_.pattern_begin();
      if (size + most_at_once > PatternProgram::max_instructions)
        fail("the glob is too large", at_);
      add_next();
    }
    // The end of the path, or of a directory above.
    const std::size_t begin = program_.size();
    program_.add_assertion(Op::at_end);
    const std::size_t alternative = program_.begin_alternative(begin);
    program_.add_byte('/');
    program_.join(alternative);
    program_.end_pattern();
  }

 private:
  [[noreturn]] static void fail(const char* cause, std::size_t offset) {
    throw PatternError{cause, offset};
  }

  void add_next() {
    switch (glob_[at_]) {
      case '?':
        ++at_;
        program_.add_set(not_slash_);
        return;
      case '*':
        at_ = std::min(glob_.find_first_not_of('*', at_), glob_.size());
        program_.add_set(not_slash_);
        program_.repeat(program_.size() - 1, 0, PatternProgram::unbounded);
        return;
      case '[':
        add_bracket();
        return;
      default:
        program_.add_byte(next_byte());
    }
  }

  // A byte, perhaps behind a backslash.
  unsigned char next_byte() {
    const std::size_t offset = at_;
    if (glob_[at_] == '\\' && ++at_ == glob_.size()) fail("a backslash is the last byte", offset);
    return static_cast<unsigned char>(glob_[at_++]);
  }

  // [...], [!...] or [^...].
  void add_bracket() {
    const auto is_next = [&](char c) { return at_ < glob_.size() && glob_[at_] == c; };
    const std::size_t begin = at_++;
    const bool is_negated = is_next('!') || is_next('^');
    if (is_negated) ++at_;
    ByteSet set;
    for (bool is_first = true; is_first || !is_next(']'); is_first = false) {
      if (at_ >= glob_.size()) fail("'[' is never closed; that byte is \\[", begin);
      add_item(set);
    }
    ++at_;
    program_.add_set((is_negated ? ~set : set) & not_slash_);
  }

  // What begins [:name:], [.x.] or [=x=].
  static bool is_special(std::string_view begin) {
    return begin == "[:" || begin == "[." || begin == "[=";
  }

  // A class, a byte or a range.
  void add_item(ByteSet& set) {
    const std::size_t offset = at_;
    const std::string_view begin = glob_.substr(at_, 2);
    if (begin == "[:") {
      // As for fnmatch(3), what has other bytes in it names no class (none has a 'z').
      const std::size_t end = glob_.find_first_not_of("abcdefghijklmnopqrstuvwxy", at_ + 2);
      const bool is_name = end != std::string_view::npos && glob_.substr(end, 2) == ":]";
      const auto named = is_name ? named_class(glob_.substr(at_ + 2, end - at_ - 2)) : std::nullopt;
      if (!named) fail("there is no class of that name", offset);
      at_ = end + 2;
      set |= *named;
      return;
    }
    if (begin == "[.") fail("[.x.] is not supported", offset);
    if (begin == "[=") fail("[=x=] is not supported", offset);
    const unsigned char first = next_byte();
    unsigned char last = first;
    if (at_ + 1 < glob_.size() && glob_[at_] == '-' && glob_[at_ + 1] != ']') {
      ++at_;
      if (is_special(glob_.substr(at_, 2)))
        fail("a range begins and ends with a single byte", offset);
      last = next_byte();
    }
    if (!add_range(set, first, last)) fail("the range ends before it begins", offset);
    if (first == '/' || last == '/') fail("a '/' stands in [...]: no bracket matches it", offset);
  }

  PatternProgram& program_;
  std::string_view glob_;
  std::size_t at_ = 0;
  ByteSet not_slash_;
};

}  // namespace

void add_glob(PatternProgram& program, std::string_view glob) {
  GlobCompiler(program, glob).compile();
}

}  // namespace inotify::inline v0::detail
