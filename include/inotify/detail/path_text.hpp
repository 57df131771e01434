// Paths as the watchers write them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Takes the next component off the front of `path`; "" and "." are none. Empty at the end.
inline std::string_view next_component(std::string_view& path) noexcept {
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (!component.empty() && component != ".") return component;
  }
  return {};
}

/// Without what is no component: "/a//b/./c/" is "/a/b/c", and "./a" is "a". The working directory
/// is "".
inline std::string clean_path(std::string_view path) {
  std::string text(path.starts_with('/') ? "/" : "");
  for (auto name = next_component(path); !name.empty(); name = next_component(path)) {
    if (!text.empty() && text != "/") text += '/';
    text += name;
  }
  return text;
}

/// Makes a clean path that of the directory which holds it: "" for "a". False, and nothing is done,
/// if that cannot be told by name: of "", "/" and "..".
inline bool ascend(std::string_view& path) noexcept {
  if (path.empty() || path == "/" || path == ".." || path.ends_with("/..")) return false;
  const auto slash = path.rfind('/');
  path = path.substr(0, slash == std::string_view::npos ? 0 : std::max<std::size_t>(slash, 1));
  return true;
}

}  // namespace inotify::inline v0::detail
