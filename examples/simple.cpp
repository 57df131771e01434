// Problem: print what happens in some directory trees, as it happens.
//
// The simplest loop there is: read() waits until something has happened and returns all of it. It
// wakes up for every few events, which costs CPU time on a busy tree: see performant.cpp for a loop
// that does not.
#include <sys/inotify.h>

#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: simple [PATH...]        (default: /tmp)\n"
    "Prints what happens below the paths, until Ctrl-C.\n";

int main(int argc, char** argv) try {
  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  for (const std::string& path : paths)
    watcher.add_all(path, IN_ALL_EVENTS, command_line::complain);
  if (watcher.empty()) return 1;

  // empty() once every tree has been deleted: then there is nothing left to wait for.
  const inotify::InterruptOnSignal guard(watcher, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  std::size_t count = 0;
  while (guard.signal() == 0 && !watcher.empty()) {
    for (const inotify::Event& event : watcher.read()) {
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
