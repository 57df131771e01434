// Paths below a path.
#pragma once

#include <string>
#include <string_view>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// What everything below `path` begins with.
inline std::string prefix_below(std::string_view path) {
  std::string prefix(path);
  if (!prefix.ends_with('/')) prefix += '/';
  return prefix;
}

}  // namespace inotify::inline v0::detail
