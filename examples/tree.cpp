// Problem: follow several directory trees in one loop, as InotifyTree and InotifyTrees do.
//
//     tree [PATH...]        (default: /tmp)
//
// One AutoWatcher, one add_all per tree. New directories are watched as they come, and what was
// made in them before that is told as well; after a rename all below is told under the new name.
#include <sys/inotify.h>

#include <csignal>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace {

const inotify::Watcher* to_interrupt = nullptr;

void on_signal(int) { to_interrupt->interrupt(); }

// Whether to go on.
bool follow(inotify::AutoWatcher& watcher) try {
  for (const inotify::Event* event : inotify::event_gen(watcher, {.yield_idle = false}))
    std::cout << *event << '\n' << std::flush;
  return false;
} catch (const inotify::TerminalEvent& terminal) {
  // After an overflow the watcher has watched everything anew: only what was lost meanwhile must be
  // looked for, by listing the path of this event.
  std::cerr << terminal.what() << '\n';
  return true;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) paths.emplace_back("/tmp");

  inotify::AutoWatcher watcher;
  for (const std::string& path : paths) {
    try {
      watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE);
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
    }
  }
  if (watcher.empty()) return 1;

  to_interrupt = &watcher;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);

  std::cout << "watching " << watcher.size() << " directories\n" << std::flush;
  // Ends with Ctrl-C, or when every tree has been deleted.
  while (follow(watcher)) {
  }
  std::cout << "done\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
