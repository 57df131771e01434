// A directory tree of realistic shape, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace bench {

/// Makes `directories` directories and `files` empty files below a temporary directory, and removes
/// them in the end. Three in five directories stay without subdirectories; depth is at most 12; some
/// directories have many files and most a few.
class Tree {
 public:
  Tree(std::size_t directories, std::size_t files, std::uint64_t seed = 1);

  [[nodiscard]] std::string root() const { return temp_.str(); }
  /// All of them, the root first, parents before children.
  [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

 private:
  test::TempDir temp_;
  std::vector<std::string> directories_;
};

/// Creates or truncates a file, writes one byte and closes it: IN_CREATE (or IN_MODIFY),
/// IN_MODIFY, IN_CLOSE_WRITE.
void touch(const std::string& path);

}  // namespace bench
