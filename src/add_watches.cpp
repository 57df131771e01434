#include <inotify/add_watches.hpp>

#include <glob.h>

#include <algorithm>
#include <inotify/detail/given_path.hpp>
#include <inotify/detail/override.hpp>
#include <new>
#include <utility>

namespace inotify::inline v0 {
namespace {

using Result = std::map<std::string, Added>;

void add_tree(Watcher& watcher, const std::string& path, Mask mask, bool is_quiet, Result& result) {
  const auto onerror = [&](const std::filesystem::filesystem_error& error) {
    if (!is_quiet) detail::throw_error("add_all", error.path1().native(), error.code());
    result[error.path1().native()] = {-1, error.code()};
  };
  const std::vector<int> wds = watcher.add_all(path, mask, onerror);
  if (wds.empty()) result.try_emplace(path);  // refused, unless it has failed
  for (const int wd : wds) {
    if (const auto known = watcher.wd(wd)) result[known->path] = {wd, {}};
  }
}

void add_one(Watcher& watcher, const std::string& path, Mask mask, bool is_quiet, Result& result) {
  Added added;
  if (is_quiet) {
    added.wd = watcher.add(path, mask, added.error);
  } else {
    added.wd = watcher.add(path, mask);
  }
  result[path] = added;
}

}  // namespace

std::vector<std::string> glob_paths(const std::string& pattern) {
  struct Found : ::glob_t {
    Found() : ::glob_t{} {}
    ~Found() { ::globfree(this); }
  } found;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == GLOB_NOSPACE) throw std::bad_alloc();
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::map<std::string, Added> add_watches(Watcher& watcher, const std::vector<std::string>& paths,
                                         Mask mask, AddOptions options) {
  Result result;
  const auto accepts = [&](const Event& event) {
    const bool is_wanted = options.add_filter(event);
    if (!is_wanted) result[std::string(event.fullpath)] = {};
    return is_wanted;
  };
  const detail::Override<DirectoryFilter> below(
      watcher.add_filter, options.add_filter ? DirectoryFilter(accepts) : watcher.add_filter);
  const auto add = [&](const std::string& path) {
    if (options.add_filter && !options.add_filter(detail::event_of_given(path).view())) {
      result[path] = {};
      return;
    }
    (options.recursive ? add_tree : add_one)(watcher, path, mask, options.quiet, result);
  };
  for (const std::string& path : paths) {
    const auto matches = options.glob ? glob_paths(path) : std::vector<std::string>{};
    for (const std::string& match : matches) add(match);
    if (matches.empty()) add(path);
  }
  return result;
}

}  // namespace inotify::inline v0
