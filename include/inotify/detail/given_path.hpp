// What a filter is asked.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
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

/// A directory that has been found in another, which is watched.
inline OwnedEvent event_of_found(int wd, std::string_view path, std::string_view name) {
  OwnedEvent event;
  event.wd = wd;
  event.mask = IN_CREATE | IN_ISDIR;
  event.synthetic = true;
  event.name = name;
  event.path = path;
  event.fullpath = event.path;
  if (!event.fullpath.ends_with('/')) event.fullpath += '/';
  event.fullpath += name;
  return event;
}

}  // namespace inotify::inline v0::detail
