// What a filter is asked.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <inotify/detail/path_text.hpp>
#include <inotify/event.hpp>

namespace inotify::inline v0::detail {

/// "/a/b" as a synthetic IN_CREATE of "b" in "/a"; with IN_ISDIR, if it is a directory. However the
/// path is written, the names are those that events of it will have.
inline OwnedEvent event_of_given(const std::string& path) {
  OwnedEvent event;
  std::error_code unknown;
  event.mask = IN_CREATE | (std::filesystem::is_directory(path, unknown) ? IN_ISDIR : 0U);
  event.synthetic = true;
  event.fullpath = clean_path(path);
  if (event.fullpath.empty()) event.fullpath = ".";
  event.name = event.fullpath.substr(event.fullpath.rfind('/') + 1);
  event.path = event.fullpath.substr(0, event.fullpath.size() - event.name.size());
  if (event.path.size() > 1) event.path.pop_back();
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
