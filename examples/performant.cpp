// Problem: follow busy directory trees without waking up for every event.
//
//     performant [PATH...]        (default: /tmp)
//
// Reading is put off until enough is queued to be worth it, or a second has passed. That saves most
// of the system calls on a busy tree, and moves the work to a moment when the machine is likely to
// be idle again. The kernel keeps the events meanwhile: 16,384 of them by default
// (fs.inotify.max_queued_events), and says so if it had to drop some.
//
// What gathered for a while says many things twice, so it is folded: a file that was created,
// written in pieces and closed is one event, and so is a rename.
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

using namespace std::chrono_literals;

const inotify::BatchReader* to_stop = nullptr;
volatile std::sig_atomic_t stop = 0;

void on_signal(int) {
  stop = 1;
  to_stop->interrupt();
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

  // Plugged in, it waits for the first event; unplugged, it lets more of them gather for a second,
  // unless 512 bytes are there at once.
  inotify::BatchReader reader(watcher, {.enough = 512, .longest_wait = 1s, .look_every = 1s});
  to_stop = &reader;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);

  std::size_t events = 0;
  while (stop == 0 && !watcher.empty()) {
    const auto batch = reader.read();
    events += batch.size();
    for (const inotify::Event& event : inotify::coalesce(batch, {.renames = true})) {
      std::cout << event << '\n';
    }
    const auto& [waits, looks, reads] = reader.counts();
    std::cout << events << " events so far, in " << reads << " reads (and " << waits << " waits, "
              << looks << " looks at how much is queued)" << std::endl;
  }
  std::cout << "done\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
