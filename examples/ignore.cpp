// Problem: see what somebody changes in a project, and not what a build or a checkout makes of it.
//
// What git ignores is left out, and .git itself: an IgnoreFilter keeps those directories from being
// watched at all, which is most of the watches of many a project, and drops the events of files. A
// .gitignore that is changed counts as soon as its own event has been seen.
#include <sys/inotify.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "command_line.hpp"

constexpr auto usage =
    "usage: ignore [-i PATTERN] [PATH...]        (default: /tmp)\n"
    "Prints what happens below the paths and git does not ignore, until Ctrl-C; with -i, of files\n"
    "only those that match the pattern, as \"*.c\".\n";

int main(int argc, char** argv) try {
  inotify::IgnoreFilter::Options options;
  if (const char* pattern = command_line::option(argc, argv, "-i")) options.include = {pattern};
  const auto paths = command_line::paths(argc, argv, usage);

  // A filter wants all that is not below its root: so what all of them want is wanted.
  std::vector<inotify::IgnoreFilter> filters;
  const auto wanted = [&filters](const inotify::Event& event) {
    return std::ranges::all_of(filters, [&](const auto& filter) { return filter(event); });
  };
  inotify::AutoWatcher watcher({.add_filter = wanted, .progress = command_line::progress});
  for (const std::string& path : paths) {
    try {
      filters.push_back(inotify::IgnoreFilter::from_gitignore(path, options));
      watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE,
                      command_line::complain);
    } catch (const std::exception& error) {
      command_line::complain(error);
    }
  }
  if (watcher.empty()) return 1;

  const inotify::InterruptOnSignal guard(watcher, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  std::size_t count = 0;
  while (guard.signal() == 0 && !watcher.empty()) {
    for (const inotify::Event& event : watcher.read()) {
      if (!wanted(event)) continue;
      std::cout << event << '\n';
      ++count;
    }
    command_line::flush();
  }
  std::cout << count << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
