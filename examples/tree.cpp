// Problem: follow several directory trees in one loop, as InotifyTree and InotifyTrees do.
//
// One AutoWatcher, one add_all per tree. New directories are watched as they come, and what was
// made in them before that is told as well; after a rename all below is told under the new name.
#include <sys/inotify.h>

#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: tree [PATH...]        (default: /tmp)\n"
    "Prints what is made, renamed, written and deleted below the paths, until Ctrl-C.\n";

std::size_t count = 0;

// Whether to go on.
bool follow(inotify::AutoWatcher& watcher) try {
  for (const inotify::Event* event : inotify::event_gen(watcher, {.yield_idle = false})) {
    ++count;
    std::cout << *event << '\n';
    command_line::flush();
  }
  return false;
} catch (const inotify::TerminalEvent& terminal) {
  // After an overflow the watcher has watched everything anew: only what was lost meanwhile must be
  // looked for, by listing the path of this event.
  command_line::complain(terminal);
  return true;
}

int main(int argc, char** argv) try {
  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  for (const std::string& path : paths)
    watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE, command_line::complain);
  if (watcher.empty()) return 1;

  // Ends with Ctrl-C, or when every tree has been deleted.
  const inotify::InterruptOnSignal guard(watcher, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  while (follow(watcher)) {
  }
  std::cout << count << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
