// Problem: do something else whenever nothing happens, and stop after a quiet time.
//
// The loop of PyInotify: one event after the other, and a tick each second in which none came; so
// the program needs no thread and no timer of its own.
#include <sys/inotify.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: event_gen [-t SECONDS] [PATH...]        (default: /tmp)\n"
    "Prints what happens in the directories (not below), until Ctrl-C, or when nothing has "
    "happened\n"
    "for SECONDS.\n";

std::size_t count = 0;

// Whether to go on.
bool follow(inotify::Watcher& watcher, const inotify::EventGenOptions& options) try {
  for (const inotify::Event* event : inotify::event_gen(watcher, options)) {
    if (event == nullptr) {
      std::cout << "nothing to do\n";
    } else {
      ++count;
      // Names are what somebody chose: quoted() keeps them from steering the terminal.
      std::cout << "PATH=[" << inotify::quoted(event->path) << "] FILENAME=["
                << inotify::quoted(event->name) << "] EVENT_TYPES=["
                << inotify::to_string(event->mask) << "]\n";
    }
    command_line::flush();
  }
  return false;
} catch (const inotify::TerminalEvent& terminal) {
  // An overflow, or something was unmounted; what came after that is still to be told.
  command_line::complain(terminal);
  return true;
}

int main(int argc, char** argv) try {
  inotify::EventGenOptions options;
  options.block_duration =
      std::chrono::seconds(1);  // may be a function, too: asked before each wait
  if (const char* seconds = command_line::option(argc, argv, "-t"))
    options.timeout = std::chrono::seconds(std::atoi(seconds));

  inotify::Watcher watcher;
  for (const std::string& path : command_line::paths(argc, argv, usage)) {
    try {
      watcher.add(path, IN_ALL_EVENTS);
    } catch (const std::exception& error) {
      command_line::complain(error);
    }
  }
  if (watcher.empty()) return 1;

  const inotify::InterruptOnSignal guard(watcher, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  while (follow(watcher, options)) {
  }
  std::cout << count << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
