// Problem: follow busy directory trees without waking up for every event.
//
//     performant [PATH...]        (default: /tmp)
//
// Reading is put off until enough is queued to be worth it, or a second has passed. That saves most
// of the system calls on a busy tree, and moves the work to a moment when the machine is likely to
// be idle again. The kernel keeps the events meanwhile: 16,384 of them by default
// (fs.inotify.max_queued_events), and says so if it had to drop some.
#include <poll.h>
#include <sys/inotify.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t stop = 0;

void on_signal(int) { stop = 1; }

// poll(2), which SIGINT ends early. `timeout_ms` -1 waits for ever.
bool wait(int fd, int timeout_ms) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, fd < 0 ? 0 : 1, timeout_ms) > 0;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) paths.emplace_back("/tmp");

  inotify::AutoWatcher watcher;
  for (const std::string& path : paths) {
    try {
      // All events of the whole tree. Most programs want less: IN_CREATE | IN_DELETE | IN_MOVE |
      // IN_CLOSE_WRITE, say.
      watcher.add_all(path, IN_ALL_EVENTS);
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
    }
  }
  // With nothing to watch we would wait for ever.
  if (watcher.empty()) return 1;
  std::cout << "watching " << watcher.size() << " directories\n" << std::flush;

  // No SA_RESTART: the signal shall end poll(2).
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  const inotify::Threshold threshold(watcher, 512);
  bool plugged_in = true;
  while (stop == 0 && !watcher.empty()) {
    // Plugged in, we wait for the first event; unplugged, we let more of them gather for a second.
    const bool ready = plugged_in ? wait(watcher.fileno(), -1) : wait(-1, 1000);
    if (stop != 0) break;
    std::size_t count = 0;
    if (threshold() || !ready) {
      std::cout << "reading, " << threshold.readable() << " bytes available\n";
      for (const inotify::Event& event : watcher.read(std::chrono::milliseconds(0))) {
        ++count;
        std::cout << event << '\n';
      }
    }
    plugged_in = count > 0;
    if (plugged_in) {
      std::cout << "plugging back in\n";
    } else {
      std::cout << "unplugging, " << threshold.readable() << " bytes available\n";
    }
    std::cout.flush();
  }
  std::cout << "done\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
