// Problem: follow directory trees in the background, while the main thread has its own work.
//
// ThreadedNotifier reads and handles the events in a thread of its own. The main thread waits for
// its end (it might serve a window, or a network), and hears of what went wrong there. Events gather
// for a tenth of a second before they are read. A signal stops the thread, whichever of the two gets it.
#include <sys/inotify.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: threaded [PATH...]        (default: /tmp)\n"
    "Prints what is made, renamed, written and deleted below the paths, until Ctrl-C.\n";

int main(int argc, char** argv) try {
  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  for (const std::string& path : paths)
    watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE, command_line::complain);
  if (watcher.empty()) return 1;
  const std::size_t directories = watcher.size();

  // From start() to join() the watcher, and all that the handler uses, belong to the other thread.
  std::size_t count = 0;
  inotify::ThreadedNotifier notifier(watcher,
                                     [&](const inotify::Event& event) {
                                       ++count;
                                       std::cout << event << '\n';
                                     },
                                     {.read_freq = std::chrono::milliseconds(100)});
  notifier.start([&](inotify::Notifier&) {
    command_line::flush();
    return watcher.empty();  // the trees are deleted; without this it would wait for new ones
  });
  const inotify::InterruptOnSignal guard(notifier, {SIGINT, SIGTERM});
  command_line::announce(directories);

  notifier.join();  // until Ctrl-C, or the end of the trees; throws what ended the thread
  std::cout << count << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
