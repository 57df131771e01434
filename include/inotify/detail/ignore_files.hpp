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

/// Patterns for a whole tree, and, for a tree that git ignores files in, those of the .gitignore of each
/// directory, which are read as paths come: a stack of those that concern the last path, as git has it.
///
/// Invariants:
/// 1. levels_[i] is what was read in the directory that is i components below top_, on the way to what
///    loaded_ leads to, whose path has a slash at its end.
/// 2. A level is asked about what is below its directory only, after those above it, whose answers it
///    replaces; and no more once a component is ignored, so that it is not even read then.
///
/// Thread safety: one thread at a time.
class IgnoreFiles {
 public:
  /// Ignores nothing.
  explicit IgnoreFiles(bool ignore_case) : rules_(ignore_case), ignore_case_(ignore_case) {}
  explicit IgnoreFiles(IgnoreRules rules) : rules_(std::move(rules)) {}

  /// Those of one file. Throws PathError.
  static IgnoreFiles of_file(const std::string& file, bool ignore_case);
  /// What git ignores below `root`. Throws PathError.
  static IgnoreFiles of_repository(const std::string& root, bool ignore_case);

  /// Whether a path, from the root on, is ignored.
  bool ignores(const CutPath& below);

  /// The .gitignore of a directory below the root, or of the root (""), may be another, and so may those
  /// below it.
  void forget(std::string_view directory) noexcept;

  /// The files that could not be read since the last call.
  using Failure = std::pair<std::string, std::error_code>;
  std::vector<Failure> take_failures() { return std::exchange(failures_, {}); }

 private:
  using Level = std::shared_ptr<const IgnoreRules>;  // null: no file, or no pattern in it

  [[nodiscard]] Level read_level(std::string_view directory, std::string& file,
                                 std::error_code& ec) const;
  const CutPath& from_top(const CutPath& below);
  [[nodiscard]] bool is_git(std::string_view name) const;
  void drop_unlike_levels(const CutPath& path) noexcept;
  const IgnoreRules* level(const CutPath& path, std::size_t depth);

  IgnoreRules rules_;  // the patterns of all; asked first, for the levels go before it
  bool ignore_case_ = false;
  bool has_levels_ = false;
  std::string top_;          // the directory with the .git, or the root
  std::string root_;         // below top_; empty, or with a slash at its end
  std::size_t in_root_ = 0;  // the levels of the root and above
  std::vector<Level> levels_;
  std::string loaded_;  // as far as the last level
  std::vector<Failure> failures_;

  // Of the path under way; members to reuse their memory.
  std::string joined_;
  CutPath path_;  // of joined_
  std::vector<Verdict> verdicts_;
};

}  // namespace inotify::inline v0::detail
