// The patterns of ExcludeFilter: what they match, compared with std::regex and fnmatch(3), and that
// no text takes long.
#include <fnmatch.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <inotify/detail/pattern_program.hpp>
#include <inotify/detail/pattern_syntax.hpp>

#include <cctype>
#include <cstddef>
#include <locale>
#include <random>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/contract.hpp"

namespace {

using inotify::detail::PatternError;
using inotify::detail::PatternProgram;

PatternProgram regex(std::string_view pattern) {
  PatternProgram program;
  inotify::detail::add_regex(program, pattern);
  return program;
}

PatternProgram glob(std::string_view pattern) {
  PatternProgram program;
  inotify::detail::add_glob(program, pattern);
  return program;
}

bool matches(std::string_view pattern, std::string_view text) {
  return regex(pattern).match(text).is_match;
}

// All texts over `alphabet` of at most `size` bytes.
std::vector<std::string> texts(std::string_view alphabet, std::size_t size) {
  std::vector<std::string> all{""};
  for (std::size_t begin = 0, length = 0; length < size; ++length) {
    const std::size_t end = all.size();
    for (; begin < end; ++begin) {
      for (const char c : alphabet) all.push_back(all[begin] + c);
    }
  }
  return all;
}

// ---- what std::regex and fnmatch(3) say

class RandomPattern {
 public:
  explicit RandomPattern(unsigned seed) : random_(seed) {}

  std::string regex(int depth) {
    std::string text = sequence(depth);
    while (one_in(4)) text += '|' + sequence(depth);
    return text;
  }

  std::string glob() {
    static const std::vector<std::string> parts{
        "a",     "b",   "/",    "*",           "**",   "?", "[ab]",   "[!a]", "[^b]",
        "[a-c]", "\\*", "[]a]", "[[:alpha:]]", "\\[a", "-", "[\\]b]", "[a-]"};
    std::string text;
    while (!one_in(5)) text += pick(parts);
    return text;
  }

 private:
  std::string sequence(int depth) {
    std::string text;
    while (!one_in(4)) text += item(depth);
    return text;
  }

  std::string item(int depth) {
    static const std::vector<std::string> assertions{"^", "$", "\\b", "\\B"};
    static const std::vector<std::string> repetitions{
        "*", "+", "?", "*?", "+?", "??", "{0}", "{2}", "{1,}", "{0,}", "{1,3}", "{0,2}?"};
    if (one_in(12)) return pick(assertions);
    std::string text = atom(depth);
    if (one_in(3)) text += pick(repetitions);
    return text;
  }

  std::string atom(int depth) {
    static const std::vector<std::string> atoms{
        "a",     "b",   "/",   ".",    "a",    "b",           "[ab]",         "[^a]",   "[a-b/]",
        "\\w",   "\\W", "\\d", "\\S",  "\\s",  "[[:alpha:]]", "[^[:alpha:]]", "[\\w/]", "\\/",
        "\\x61", "\\.", "\\*", "[-a]", "[a-]", "[.*]",        "\\n"};
    if (depth > 0 && one_in(4)) return (one_in(2) ? "(?:" : "(") + regex(depth - 1) + ')';
    return pick(atoms);
  }

  bool one_in(unsigned n) { return random_() % n == 0; }
  const std::string& pick(const std::vector<std::string>& from) {
    return from[random_() % from.size()];
  }

  std::mt19937 random_;
};

// libstdc++ can do without backtracking, which takes for ever on some of these patterns.
#ifdef __GLIBCXX__
constexpr auto grammar =
    std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;
constexpr int max_depth = 3;
#else
constexpr auto grammar = std::regex::ECMAScript | std::regex::nosubs;
constexpr int max_depth = 1;
#endif

TEST(Pattern, MatchesAsStdRegexDoes) {
  std::vector<std::string> subjects = texts("ab/", 4);
  for (const char* more : {"\n", "a\nb", "_a", "1", "\xff", "a.b*", "aaaaaaab", "a-b"}) {
    subjects.emplace_back(more);
  }
  const int first = test::number("INOTIFY_SEED", 1);
  int matched = 0;
  for (int seed = first; seed < first + test::rounds(1500); ++seed) {
    const std::string pattern = RandomPattern(static_cast<unsigned>(seed)).regex(max_depth);
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed) + ", pattern " +
                 testing::PrintToString(pattern));
    std::regex oracle;
    oracle.imbue(std::locale::classic());
    oracle.assign(pattern, grammar);
    const PatternProgram program = regex(pattern);
    for (const std::string& text : subjects) {
      const bool expected = std::regex_search(text, oracle, std::regex_constants::match_continuous);
      const auto [is_match, steps] = program.match(text);
      ASSERT_EQ(is_match, expected) << testing::PrintToString(text);
      ASSERT_LE(steps, program.size() * (text.size() + 1));
      matched += is_match ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 0);
}

TEST(Pattern, GlobsMatchAsFnmatchDoes) {
  const std::vector<std::string> subjects = texts("ab/]*", 4);
  const int first = test::number("INOTIFY_SEED", 1);
  for (int seed = first; seed < first + test::rounds(1500); ++seed) {
    const std::string pattern = RandomPattern(static_cast<unsigned>(seed)).glob();
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed) + ", glob " +
                 testing::PrintToString(pattern));
    PatternProgram program;
    try {
      program = glob(pattern);
    } catch (const PatternError& error) {
      EXPECT_THAT(error.cause, testing::AnyOf(testing::HasSubstr("'/' stands in [...]"),
                                              testing::HasSubstr("range ends before it begins")));
      continue;
    }
    for (const std::string& text : subjects) {
      const int flags = FNM_PATHNAME | FNM_LEADING_DIR;
      ASSERT_EQ(program.match(text).is_match, ::fnmatch(pattern.c_str(), text.c_str(), flags) == 0)
          << testing::PrintToString(text);
    }
  }
}

// Each way to write [...] with up to four bytes in it, and each short glob without.
TEST(Pattern, AllShortGlobsMatchAsFnmatchDoes) {
  const std::vector<std::string> subjects = texts("]-[a/", 3);
  std::vector<std::string> globs = texts("[]-*?a/", 4);
  for (const std::string& inside : texts("[]-!^\\a:.=", 4)) globs.push_back('[' + inside + ']');
  int compiled = 0;
  for (const std::string& pattern : globs) {
    PatternProgram program;
    try {
      program = glob(pattern);
    } catch (const PatternError&) {
      continue;
    }
    ++compiled;
    for (const std::string& text : subjects) {
      const int flags = FNM_PATHNAME | FNM_LEADING_DIR;
      ASSERT_EQ(program.match(text).is_match, ::fnmatch(pattern.c_str(), text.c_str(), flags) == 0)
          << testing::PrintToString(pattern) << " against " << testing::PrintToString(text);
    }
  }
  EXPECT_GT(compiled, 5000);
}

// ---- what is special

TEST(Pattern, MatchesFromTheFirstByteOnAndNeedNotReachTheEnd) {
  EXPECT_TRUE(matches("/etc/rc", "/etc/rc.d"));
  EXPECT_FALSE(matches("/etc/rc", "/mnt/etc/rc"));
  EXPECT_FALSE(matches("/etc/rc$", "/etc/rc.d"));
  EXPECT_TRUE(matches("", "anything"));
  EXPECT_TRUE(matches("a||b", ""));
  EXPECT_FALSE(PatternProgram().match("").is_match);  // no pattern
}

TEST(Pattern, ADotIsAnyByteButTheEndOfALine) {
  for (int c = 0; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    EXPECT_EQ(matches(".", text), c != '\n' && c != '\r') << c;
    EXPECT_TRUE(matches("[^a]|a", text)) << c;
  }
}

TEST(Pattern, EachEscapeIsItsByte) {
  EXPECT_TRUE(matches(R"(\t\n\r\f\v\x5c\x7F\xfF\/\.\_\-$)", "\t\n\r\f\v\\\x7f\xff/._-"));
  EXPECT_TRUE(matches(R"([\b\]\\\x41-\x43]{5}$)", "\b]\\AC"));
  EXPECT_TRUE(matches(R"([[]x[^\d]-]$)", "[xa-]"));
  EXPECT_TRUE(matches("[+--]$", ","));
  EXPECT_TRUE(matches("a]}$", "a]}"));
}

// Against the functions of the "C" locale, which a test runs in.
TEST(Pattern, NamedClassesAreThoseOfTheCLocale) {
  const std::vector<std::pair<const char*, int (*)(int)>> classes{
      {"alnum", std::isalnum}, {"alpha", std::isalpha}, {"blank", std::isblank},
      {"cntrl", std::iscntrl}, {"digit", std::isdigit}, {"graph", std::isgraph},
      {"lower", std::islower}, {"print", std::isprint}, {"punct", std::ispunct},
      {"space", std::isspace}, {"upper", std::isupper}, {"xdigit", std::isxdigit}};
  for (const auto& [name, has] : classes) {
    const std::string bracket = std::string("[[:") + name + ":]]";
    for (int c = 0; c < 256; ++c) {
      const std::string text(1, static_cast<char>(c));
      EXPECT_EQ(matches(bracket, text), has(c) != 0) << name << ' ' << c;
      EXPECT_EQ(glob(bracket).match(text).is_match, has(c) != 0 && c != '/') << name << ' ' << c;
    }
  }
}

TEST(Pattern, CountedRepetitionCounts) {
  EXPECT_TRUE(matches("a{1000}$", std::string(1000, 'a')));
  EXPECT_FALSE(matches("a{1000}$", std::string(999, 'a')));
  EXPECT_FALSE(matches("a{1000}$", std::string(1001, 'a')));
  EXPECT_TRUE(matches("(ab?){2,3}c", "aabc"));
  EXPECT_FALSE(matches("(ab?){2,3}c", "aaaac"));
  EXPECT_TRUE(matches("(){1000}((){2}){0,7}(a*){3,}b$", "aaab"));
  EXPECT_TRUE(matches("(a|b){0}c", "c"));
}

// ---- bad patterns

// "cause @offset", or nothing.
template <class Compile>
std::string error_of(Compile compile, std::string_view pattern) {
  try {
    compile(pattern);
    return "";
  } catch (const PatternError& error) {
    EXPECT_LE(error.offset, pattern.size());
    return error.cause + " @" + std::to_string(error.offset);
  }
}

TEST(Pattern, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/b(", "'(' is never closed @2"},
      {"((a)", "'(' is never closed @0"},
      {"a)b", "')' closes nothing @1"},
      {"/b[", "'[' is never closed @2"},
      {"/b[a-", "'[' is never closed @2"},
      {"[[:alpha:]", "'[' is never closed @0"},
      {"[[:alpha", "'[' is never closed @0"},
      {"a[]b]", "']' is first in a class; the byte is \\] @2"},
      {"[^]", "']' is first in a class; the byte is \\] @2"},
      {"[z-a]", "the range ends before it begins @1"},
      {"[a\\d-z]", "a range begins and ends with a single byte @2"},
      {"[a-\\w]", "a range begins and ends with a single byte @1"},
      {"[[:letter:]]", "there is no class of that name @1"},
      {"[[:word:]]", "there is no class of that name @1"},  // POSIX has none
      {"[[=a=]]", "[.x.] and [=x=] are not supported @1"},
      {"[[.a.]]", "[.x.] and [=x=] are not supported @1"},
      {"a\\", "a backslash is the last byte @1"},
      {"[\\", "a backslash is the last byte @1"},
      {"*a", "there is nothing here to be repeated @0"},
      {"a**", "there is nothing here to be repeated @2"},
      {"a*??", "there is nothing here to be repeated @3"},
      {"a|+", "there is nothing here to be repeated @2"},
      {"(?:*)", "there is nothing here to be repeated @3"},
      {"^*", "there is nothing here to be repeated @1"},
      {"a{", "'{' does not begin {m}, {m,} or {m,n}; the byte is \\{ @1"},
      {"a{x}", "'{' does not begin {m}, {m,} or {m,n}; the byte is \\{ @1"},
      {"a{1,2", "'{' does not begin {m}, {m,} or {m,n}; the byte is \\{ @1"},
      {"a{,2}", "'{' does not begin {m}, {m,} or {m,n}; the byte is \\{ @1"},
      {"a{3,2}", "in {m,n} m is greater than n @1"},
      {"a{1001}", "in {m,n} neither may be more than 1000 @1"},
      {"a{0,99999999999999999999}", "in {m,n} neither may be more than 1000 @1"},
      {"(a)\\1", "backreferences and octal numbers are not supported @3"},
      {"\\0", "backreferences and octal numbers are not supported @0"},
      {"a(?=b)", "(?=, (?!, (?<= and (?<! are not supported @1"},
      {"a(?!b)", "(?=, (?!, (?<= and (?<! are not supported @1"},
      {"(?<=b)", "(?=, (?!, (?<= and (?<! are not supported @0"},
      {"(?<!b)", "(?=, (?!, (?<= and (?<! are not supported @0"},
      {"(?P<n>b)", "of all that begins with (? only (?:...) is supported @0"},
      {"(?i)b", "of all that begins with (? only (?:...) is supported @0"},
      {"(?", "of all that begins with (? only (?:...) is supported @0"},
      {"\\Ab", "this escape is not supported @0"},
      {"\\u0041", "this escape is not supported @0"},
      {"[\\B]", "this escape is not supported @1"},
      {"\\x4", "\\x wants two hexadecimal digits @0"},
      {"\\x4g", "\\x wants two hexadecimal digits @0"},
  };
  for (const auto& [pattern, error] : cases) EXPECT_EQ(error_of(regex, pattern), error) << pattern;
}

TEST(Pattern, SaysWhatIsWrongWithAGlobAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a\\", "a backslash is the last byte @1"},
      {"a[", "'[' is never closed; that byte is \\[ @1"},
      {"[]a-", "'[' is never closed; that byte is \\[ @0"},
      {"[z-a]", "the range ends before it begins @1"},
      {"a[b/]", "a '/' stands in [...]: no bracket matches it @3"},
      {"[a\\/]", "a '/' stands in [...]: no bracket matches it @2"},
      {"[[:letter:]]", "there is no class of that name @1"},
      {"[[:word:]]", "there is no class of that name @1"},       // POSIX has none
      {"[^[:dig\xCFt:]*", "there is no class of that name @2"},  // closed: that names no class
      {"[[=a=]]", "[=x=] is not supported @1"},
      {"[[.a.]]", "[.x.] is not supported @1"},
      // To fnmatch(3) a class, or a range up to the bracket: that depends on the text.
      {"[]!-[:a:]", "a range begins and ends with a single byte @2"},
      {std::string(20'000, 'a'), "the glob is too large @9993"},
  };
  for (const auto& [pattern, error] : cases) EXPECT_EQ(error_of(glob, pattern), error) << pattern;
}

// ---- no pattern and no text takes long

// Each is compiled or refused at once, whatever its nesting would come to.
TEST(Pattern, ALargePatternIsRefusedBeforeItIsMade) {
  const auto is_too_large = testing::HasSubstr("the pattern is too large");
  EXPECT_THAT(error_of(regex, "((((a{1000}){1000}){1000}){1000}){1000}"), is_too_large);
  EXPECT_THAT(error_of(regex, "(a{100}){100}"), is_too_large);
  EXPECT_THAT(error_of(regex, "(.{1000}){0,1000}"), is_too_large);
  EXPECT_THAT(error_of(regex, std::string(1 << 20, 'a')), is_too_large);
  EXPECT_THAT(error_of(regex, std::string(1 << 20, '|')), is_too_large);
  EXPECT_EQ(error_of(regex, "(a{99}){100}"), "");
  EXPECT_EQ(error_of(regex, "(a{1000}|.{1000}){4}"), "");
}

TEST(Pattern, NestingIsNoRecursion) {
  constexpr std::size_t depth = 1 << 20;
  const std::string open(depth, '(');
  EXPECT_EQ(error_of(regex, open), "'(' is never closed @" + std::to_string(depth - 1));
  EXPECT_TRUE(matches(open + 'a' + std::string(depth, ')') + '$', "a"));
  std::string stars = "a";
  for (int i = 0; i < 2000; ++i) stars = '(' + stars + ")*";
  EXPECT_TRUE(matches(stars + "b$", "aaab"));
  EXPECT_FALSE(matches(stars + "b$", "aaac"));
}

// The bound of the header: with it the time is linear, whatever the machine does meanwhile.
TEST(Pattern, TakesAtMostAStepForEachByteAndInstruction) {
  const std::vector<std::string> patterns{
      ".*/\\.git",     "(a+)+$",         "(a|a)*b",           "(a*)*b",   "(a?){1000}b",
      "(.*)(.*)(.*)$", "((a*)*)*$",      "(.|a|[ab])*c",      "a{1000}b", "(a{1,30}){1,30}$",
      "(^|a)*$",       "(\\b|\\B|a)*c$", "(.{1000}|a{999})*b"};
  for (const std::string& pattern : patterns) {
    const PatternProgram program = regex(pattern);
    for (const char* of : {"a", "/a", "a\n", "/.gi", ""}) {
      std::string text;
      for (std::size_t size = 0; size <= 4096; size = size * 4 + 1) {
        while (text.size() < size && *of != '\0') text += of;
        EXPECT_LE(program.match(text).steps, program.size() * (text.size() + 1)) << pattern;
      }
    }
  }
}

TEST(Pattern, TwiceTheTextTakesTwiceTheSteps) {
  for (const char* pattern : {".*/\\.git", "(a+)+$", "(a|a)*b", "(a?){1000}b", "(.|a)*c"}) {
    const PatternProgram program = regex(pattern);
    const auto steps = [&](std::size_t size) {
      return program.match(std::string(size, 'a') + '!').steps;
    };
    EXPECT_LE(steps(20'000), 2 * steps(10'000) + program.size()) << pattern;
  }
}

TEST(Pattern, SeveralPatternsAreOneProgram) {
  PatternProgram program;
  inotify::detail::add_regex(program, "a|b$");
  inotify::detail::add_regex(program, "cd");
  inotify::detail::add_glob(program, "e*f");
  for (const char* text : {"a", "ax", "b", "cdx", "ef", "exxf", "ef/x"}) {
    EXPECT_TRUE(program.match(text).is_match) << text;
  }
  for (const char* text : {"", "bx", "c", "e", "e/f", "efx"}) {
    EXPECT_FALSE(program.match(text).is_match) << text;
  }
}

}  // namespace
