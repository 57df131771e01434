// One list of patterns as gitignore(5) reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <inotify/detail/pattern_program.hpp>
#include <inotify/detail/pattern_sieve.hpp>

namespace inotify::inline v0::detail {

/// A relative path and where its components are. Neither is empty; no component is.
struct CutPath {
  std::string_view text;
  std::vector<std::size_t> ends;  ///< The offset behind each component.
  bool is_directory = false;

  /// False if the path has an empty component: then it is not to be used.
  bool cut(std::string_view path, bool is_directory_path);
  [[nodiscard]] std::size_t size() const noexcept { return ends.size(); }
  [[nodiscard]] std::size_t begin_of(std::size_t component) const noexcept {
    return component == 0 ? 0 : ends[component - 1] + 1;
  }
  [[nodiscard]] std::string_view component(std::size_t i) const noexcept {
    return text.substr(begin_of(i), ends[i] - begin_of(i));
  }
};

/// What the last line that matches says: `keep` is that of a '!'.
enum class Verdict : std::uint8_t { none, ignore, keep };

/// The lines of one pattern file, compiled.
///
/// Invariants:
/// 1. A line without a '/' but at its end is in names_, which is matched with each component by
///    itself; any other is in paths_, which goes once through all components below the directory of
///    the file. So a judgement takes at most as many steps as there are instructions, for each
///    byte and each component.
/// 2. There are at most as many instructions as there is room for. Once a line has been too much,
///    the list is not to be used.
/// 3. Patterns are numbered in the order of the lines, in either of them; lines that no path can
///    match have no number.
///
/// Const members may be called from several threads at once.
class IgnoreRules {
 public:
  /// Of all lists that concern a path together.
  static constexpr std::size_t max_instructions = 50'000;

  explicit IgnoreRules(bool ignore_case = false, std::size_t room = max_instructions)
      : ignore_case_(ignore_case), room_(room) {}

  /// Throws PatternError for a line that is too large, by itself or for the room there is.
  void add_line(std::string_view line);
  /// All lines of a file.
  void add_file(std::string_view text);

  [[nodiscard]] bool empty() const noexcept { return is_negated_.empty(); }
  /// In instructions.
  [[nodiscard]] std::size_t size() const noexcept {
    return names_.program.size() + paths_.program.size();
  }

  /// Whether a line may match a component, if what is below the directory of the file begins with
  /// that byte on the way to it.
  [[nodiscard]] bool may_match(char first, std::string_view name) const noexcept {
    return names_.sieve.may_match(name.front(), name.back()) ||
           paths_.sieve.may_match(first, name.back());
  }

  /// What these lines say of a path's components, one at a time: nothing is done for the names of
  /// those behind the last that is asked about. Refers to the list and the path.
  class Judgement {
   public:
    /// Of `path` by its place below the directory of the file, which has `depth` components. What
    /// is asked about begins at component `from`.
    Judgement(const IgnoreRules& rules, const CutPath& path, std::size_t depth, std::size_t from)
        : rules_(&rules),
          path_(&path),
          depth_(depth),
          of_path_(rules.lines_of_path(path, depth, from, steps_)) {}

    /// Of a component, as the directory or file that it leads to.
    Verdict of(std::size_t component);
    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }

   private:
    const IgnoreRules* rules_;
    const CutPath* path_;
    std::size_t depth_;
    std::size_t steps_ = 0;
    std::vector<std::size_t> of_path_;
  };

 private:
  using Line = std::size_t;  // from 1 on
  static constexpr Line none = 0;

  struct Patterns {
    PatternProgram program{};
    PatternSieve sieve{};
    std::vector<Line> lines{};  // by the number of the pattern in the program
  };

  Line line_of_name(std::string_view name, bool is_directory, std::size_t& steps) const;
  std::vector<Line> lines_of_path(const CutPath& path, std::size_t depth, std::size_t from,
                                  std::size_t& steps) const;

  bool ignore_case_;
  std::size_t room_;
  Patterns names_;
  Patterns paths_;
  std::vector<bool> is_negated_;  // by line - 1
};

}  // namespace inotify::inline v0::detail
