// Problem: act once on each file that was saved, and not on half of it.
//
// A save is a dozen events: a lock file, a new file that is written in pieces, renames, a backup. Settle
// tells of a path when nothing has happened to it for a while: what has become of it, in one event,
// under its last name. What came and went is not told at all.
#include <sys/inotify.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: settle [PATH...]        (default: /tmp)\n"
    "Prints what has become of each path below, once it is quiet for 0.2 s, until Ctrl-C.\n";

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;

  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  // IN_MODIFY keeps a file waiting that is written to; the rest is what is worth an action.
  for (const std::string& path : paths) {
    watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE,
                    command_line::complain);
  }
  if (watcher.empty()) return 1;  // with nothing to watch we would wait for ever

  inotify::Settle settle(watcher, {.quiet = 200ms, .at_most = 2s});
  const inotify::InterruptOnSignal guard(settle, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  std::size_t events = 0;
  while (guard.signal() == 0 && !watcher.empty()) {
    for (const inotify::Event& event : settle.read()) {
      std::cout << event << '\n';
      ++events;
    }
    command_line::flush();
  }
  for (const inotify::Event& event : settle.flush()) {  // what is still in motion
    std::cout << event << '\n';
    ++events;
  }
  std::cout << events << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
