#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <inotify/detail/pattern_syntax.hpp>

namespace inotify::inline v0::detail {
namespace {

using Op = PatternProgram::Op;

// One pass over the pattern. What is open, be it nested ever so deeply, stands in groups_.
class RegexCompiler {
 public:
  RegexCompiler(PatternProgram& program, std::string_view pattern)
      : program_(program), pattern_(pattern) {}

  void compile() {
    open_group(0);
    while (at_ < pattern_.size()) add_next();
    if (groups_.size() > 1) fail("'(' is never closed", groups_.back().offset);
    close_group();
    program_.end_pattern();
  }

 private:
  static constexpr std::size_t none = PatternProgram::unbounded;

  struct Group {
    std::size_t offset;                     // in the pattern
    std::size_t begin;                      // in the program, as what follows
    std::size_t branch;                     // the alternative that is being read
    std::vector<std::size_t> alternatives;  // those before, to be joined
  };

  // One byte or several of them, as an escape or a class may be.
  struct Item {
    ByteSet set;
    std::optional<unsigned char> byte;  // if it is one
  };

  static ByteSet only(unsigned char byte) { return ByteSet().set(byte); }

  [[noreturn]] static void fail(std::string cause, std::size_t offset) {
    throw PatternError{std::move(cause), offset};
  }

  [[nodiscard]] bool is_next(std::string_view text) const {
    return pattern_.substr(at_, text.size()) == text;
  }
  bool skip(std::string_view text) {
    const bool is_there = is_next(text);
    if (is_there) at_ += text.size();
    return is_there;
  }

  // Whether the pattern may come to so many instructions more.
  void need(std::size_t count, std::size_t offset) const {
    const std::size_t used = program_.size() - program_.pattern_begin() + 1;  // and `accept`
    if (count >
        PatternProgram::max_instructions - std::min(used, PatternProgram::max_instructions)) {
      fail("the pattern is too large from here on", offset);
    }
  }

  void add_next() {
    const std::size_t offset = at_;
    const char c = pattern_[at_++];
    need(2, offset);
    switch (c) {
      case '|':
        return begin_alternative();
      case '(':
        return begin_group(offset);
      case ')':
        if (groups_.size() == 1) fail("')' closes nothing", offset);
        atom_ = groups_.back().begin;
        return close_group();
      case '*':
        return repeat(0, none, offset);
      case '+':
        return repeat(1, none, offset);
      case '?':
        return repeat(0, 1, offset);
      case '{':
        return repeat_counted(offset);
      case '^':
        return add_assertion(Op::at_begin);
      case '$':
        return add_assertion(Op::at_end);
      case '.':
        return add_item({~(only('\n') | only('\r')), std::nullopt});
      case '[':
        return add_item({bracket(offset), std::nullopt});
      case '\\':
        if (skip("b")) return add_assertion(Op::at_boundary);
        if (skip("B")) return add_assertion(Op::not_at_boundary);
        return add_item(escape(offset));
      default:
        return add_item({{}, static_cast<unsigned char>(c)});
    }
  }

  void add_item(const Item& item) {
    atom_ = program_.size();
    if (item.byte) {
      program_.add_byte(*item.byte);
    } else {
      program_.add_set(item.set);
    }
  }

  void add_assertion(Op op) {
    atom_ = none;
    program_.add_assertion(op);
  }

  // ---- groups and alternatives

  void begin_group(std::size_t offset) {
    if (skip("?")) {
      if (is_next("=") || is_next("!") || is_next("<=") || is_next("<!")) {
        fail("(?=, (?!, (?<= and (?<! are not supported", offset);
      }
      if (!skip(":")) fail("of all that begins with (? only (?:...) is supported", offset);
    }
    open_group(offset);
  }

  void open_group(std::size_t offset) {
    groups_.push_back({offset, program_.size(), program_.size(), {}});
    atom_ = none;
  }

  void close_group() {
    for (const std::size_t alternative : groups_.back().alternatives) program_.join(alternative);
    groups_.pop_back();
  }

  void begin_alternative() {
    Group& group = groups_.back();
    group.alternatives.push_back(program_.begin_alternative(group.branch));
    group.branch = program_.size();
    atom_ = none;
  }

  // ---- repetition

  void repeat(std::size_t min, std::size_t max, std::size_t offset) {
    if (atom_ == none) fail("there is nothing here to be repeated", offset);
    skip("?");  // the shortest match first; whether there is one is the same
    const std::size_t size = program_.size() - atom_;
    const std::size_t repeated = PatternProgram::repeated_size(size, min, max);
    if (repeated > size) need(repeated - size, offset);
    program_.repeat(atom_, min, max);
    atom_ = none;
  }

  // {m}, {m,}, {m,n}
  void repeat_counted(std::size_t offset) {
    const std::size_t min = number(offset);
    std::size_t max = min;
    if (skip(",")) max = is_next("}") ? none : number(offset);
    if (!skip("}")) fail("'{' does not begin {m}, {m,} or {m,n}; the byte is \\{", offset);
    if (max < min) fail("in {m,n} m is greater than n", offset);
    repeat(min, max, offset);
  }

  std::size_t number(std::size_t offset) {
    std::size_t value = 0;
    const std::size_t begin = at_;
    for (; at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9'; ++at_) {
      value = value * 10 + static_cast<std::size_t>(pattern_[at_] - '0');
      if (value > max_repetitions) fail("in {m,n} neither may be more than 1000", offset);
    }
    if (at_ == begin) fail("'{' does not begin {m}, {m,} or {m,n}; the byte is \\{", offset);
    return value;
  }

  // ---- escapes and classes

  // What is behind a backslash.
  Item escape(std::size_t offset) {
    if (at_ == pattern_.size()) fail("a backslash is the last byte", offset);
    const char c = pattern_[at_++];
    constexpr std::string_view letters = "tnrfv";
    if (const std::size_t i = letters.find(c); i != std::string_view::npos) {
      return {{}, static_cast<unsigned char>("\t\n\r\f\v"[i])};
    }
    switch (c) {
      case 'd':
        return {*named_class("digit"), std::nullopt};
      case 'D':
        return {~*named_class("digit"), std::nullopt};
      case 's':
        return {*named_class("space"), std::nullopt};
      case 'S':
        return {~*named_class("space"), std::nullopt};
      case 'w':
        return {word_class(), std::nullopt};
      case 'W':
        return {~word_class(), std::nullopt};
      case 'x':
        return {{}, hexadecimal(offset)};
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (c >= '0' && c <= '9') fail("backreferences and octal numbers are not supported", offset);
    if (is_word_byte(byte) && c != '_') fail("this escape is not supported", offset);
    return {{}, byte};
  }

  unsigned char hexadecimal(std::size_t offset) {
    constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";
    std::size_t value = 0;
    for (int i = 0; i < 2; ++i) {
      const std::size_t digit =
          at_ < pattern_.size() ? digits.find(pattern_[at_++]) : std::string_view::npos;
      if (digit == std::string_view::npos) fail("\\x wants two hexadecimal digits", offset);
      value = value * 16 + digit % 16;
    }
    return static_cast<unsigned char>(value);
  }

  // [...] or [^...], from behind its '['.
  ByteSet bracket(std::size_t offset) {
    const bool is_negated = skip("^");
    if (is_next("]")) fail("']' is first in a class; the byte is \\]", at_);
    ByteSet set;
    while (!skip("]")) {
      if (at_ == pattern_.size()) fail("'[' is never closed", offset);
      const std::size_t begin = at_;
      const Item first = bracket_item(offset);
      if (!is_next("-") || is_next("-]") || at_ + 1 == pattern_.size()) {
        set |= first.byte ? only(*first.byte) : first.set;
        continue;
      }
      ++at_;
      const Item last = bracket_item(offset);
      if (!first.byte || !last.byte) fail("a range begins and ends with a single byte", begin);
      if (!add_range(set, *first.byte, *last.byte)) fail("the range ends before it begins", begin);
    }
    return is_negated ? ~set : set;
  }

  Item bracket_item(std::size_t bracket_offset) {
    const std::size_t offset = at_;
    if (is_next("[.") || is_next("[=")) fail("[.x.] and [=x=] are not supported", offset);
    if (skip("[:")) {
      const std::size_t end = pattern_.find(":]", at_);
      if (end == std::string_view::npos) fail("'[' is never closed", bracket_offset);
      const auto named = named_class(pattern_.substr(at_, end - at_));
      if (!named) fail("there is no class of that name", offset);
      at_ = end + 2;
      return {*named, std::nullopt};
    }
    if (!skip("\\")) return {{}, static_cast<unsigned char>(pattern_[at_++])};
    if (skip("b")) return {{}, static_cast<unsigned char>('\b')};
    return escape(offset);
  }

  PatternProgram& program_;
  std::string_view pattern_;
  std::size_t at_ = 0;
  std::vector<Group> groups_;  // the first of them is the pattern
  std::size_t atom_ = none;    // what a '*' would repeat, from there on
};

}  // namespace

void add_regex(PatternProgram& program, std::string_view pattern) {
  RegexCompiler(program, pattern).compile();
}

}  // namespace inotify::inline v0::detail
