// What a filter is asked about a path that the user has given.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <inotify/event.hpp>

namespace inotify::inline v0::detail {

/// "/a/b" as a synthetic IN_CREATE of "b" in "/a"; with IN_ISDIR, if it is a directory.
inline OwnedEvent event_of_given(std::string path) {
  OwnedEvent event;
  std::error_code unknown;
  event.mask = IN_CREATE | (std::filesystem::is_directory(path, unknown) ? IN_ISDIR : 0U);
  event.synthetic = true;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  event.name = path.substr(path.rfind('/') + 1);
  event.path = path.substr(0, path.size() - event.name.size());
  if (event.path.size() > 1) event.path.pop_back();
  event.fullpath = std::move(path);
  return event;
}

}  // namespace inotify::inline v0::detail
