// Problem: do something else whenever nothing happens, and stop after a quiet time.
//
//     event_gen [PATH [SECONDS]]        (default: /tmp, and no end)
//
// The loop of PyInotify: one event after the other, and a tick each second in which none came; so
// the program needs no thread and no timer of its own. Stops when nothing has happened for SECONDS.
#include <sys/inotify.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>

namespace {

using namespace std::chrono_literals;

const inotify::Watcher* to_interrupt = nullptr;

void on_signal(int) { to_interrupt->interrupt(); }

// Whether to go on.
bool follow(inotify::Watcher& watcher, const inotify::EventGenOptions& options) try {
  for (const inotify::Event* event : inotify::event_gen(watcher, options)) {
    if (event == nullptr) {
      std::cout << "nothing to do\n" << std::flush;
      continue;
    }
    // Names are what somebody chose: quoted() keeps them from steering the terminal.
    std::cout << "PATH=[" << inotify::quoted(event->path) << "] FILENAME=["
              << inotify::quoted(event->name) << "] EVENT_TYPES=["
              << inotify::to_string(event->mask) << "]\n"
              << std::flush;
  }
  return false;
} catch (const inotify::TerminalEvent& terminal) {
  // An overflow, or something was unmounted; what came after that is still to be told.
  std::cerr << terminal.what() << '\n';
  return true;
}

}  // namespace

int main(int argc, char** argv) try {
  inotify::Watcher watcher;
  watcher.add(argc > 1 ? argv[1] : "/tmp", IN_ALL_EVENTS);

  to_interrupt = &watcher;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);

  inotify::EventGenOptions options;
  options.block_duration = 1s;  // may be a function, too: asked before each wait
  if (argc > 2) options.timeout = std::chrono::seconds(std::atoi(argv[2]));

  std::cout << "watching " << watcher.size() << " path\n" << std::flush;
  while (follow(watcher, options)) {
  }
  std::cout << "done\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
