// The pattern files that concern a path.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <inotify/detail/ignore_rules.hpp>

namespace inotify::inline v0::detail {

/// Patterns for a whole tree, and, for a tree that git ignores files in, those of the .gitignore of
/// each directory, which are read as paths come: a stack of those that concern the last path, as
/// git has it.
///
/// Invariants:
/// 1. levels_[i] is of the directory i components below top_, on the way to loaded_, which is the
///    path of the last of them; each is kept. Paths of directories begin at top_, and are empty or
///    have a slash at their end.
/// 2. A level is asked about what is below its directory only, after those above it, whose answers
///    it replaces; and no more once a component is ignored, so that it is not even read then.
/// 3. rules_ and those of all levels together have at most IgnoreRules::max_instructions. So an
///    answer takes at most that many steps for each byte and each component of a path, whoever has
///    written the files; one that there is no room for is a failure, and counts as empty.
///
/// Thread safety: one thread at a time.
class IgnoreFiles {
 public:
  /// Ignores nothing.
  IgnoreFiles() = default;
  explicit IgnoreFiles(IgnoreRules rules)
      : rules_(std::make_shared<const IgnoreRules>(std::move(rules))) {}

  /// Those of one file. Throws PathError.
  static IgnoreFiles of_file(const std::string& file, bool ignore_case);
  /// What git ignores below `root`. Throws PathError.
  static IgnoreFiles of_repository(const std::string& root, bool ignore_case);

  /// Whether a path, from the root on, is ignored. It is not empty; nor is a component of one that
  /// is.
  bool ignores(std::string_view below, bool is_directory);

  /// The .gitignore of a directory below the root, or of the root (""), may be another, and so may
  /// those below it.
  void forget(std::string_view directory) noexcept;

  /// The files that could not be read since the last call.
  using Failure = std::pair<std::string, std::error_code>;
  [[nodiscard]] bool has_failures() const noexcept { return !failures_.empty(); }
  std::vector<Failure> take_failures() noexcept { return std::exchange(failures_, {}); }

 private:
  using Rules = std::shared_ptr<const IgnoreRules>;  // null: no file, or no pattern in it
  struct Level {
    std::size_t begin;  // of what is below the directory
    Rules rules;
  };

  std::size_t pass(std::string_view path);
  [[nodiscard]] bool is_kept(std::string_view path, std::size_t begin, std::size_t end) const;
  bool judge(std::size_t begin);
  [[nodiscard]] bool is_git(std::string_view name) const;
  [[nodiscard]] bool is_loaded(std::string_view directory) const noexcept;
  void drop_levels(std::size_t most) noexcept;
  [[nodiscard]] std::size_t room() const noexcept;
  bool load(std::string_view directory);

  Rules rules_;  // the patterns of all; asked first, for the levels go before it
  bool ignore_case_ = false;
  std::string top_;   // the directory with the .git, or the root; empty: nothing is read
  std::string root_;  // the path of the root
  std::vector<Level> levels_;
  std::vector<Level> ruled_;  // those of them that have rules
  std::string loaded_;
  std::vector<Failure> failures_;

  // Of the path under way; members to reuse their memory.
  std::string joined_;
  std::string file_;
  CutPath path_;
};

}  // namespace inotify::inline v0::detail
