// Several paths in one argument.
#pragma once

#include <concepts>
#include <filesystem>
#include <iterator>

#include <inotify/version.hpp>

namespace inotify::inline v0 {

/// What can be gone through for paths: a std::vector<std::string>, an array of const char*, ... A
/// single path is none.
template <class Range>
concept PathRange =
    !std::convertible_to<const Range&, std::filesystem::path> && requires(const Range& range) {
  { *std::begin(range) } -> std::convertible_to<std::filesystem::path>;
};

}  // namespace inotify::inline v0
