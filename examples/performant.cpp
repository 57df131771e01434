// Problem: follow busy directory trees without waking up for every event.
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
#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: performant [PATH...]        (default: /tmp)\n"
    "Prints what happens below the paths, a second's events at once and folded, until Ctrl-C.\n";

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;

  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  // All events of the whole tree. Most programs want less: IN_CREATE | IN_DELETE | IN_MOVE |
  // IN_CLOSE_WRITE, say.
  for (const std::string& path : paths)
    watcher.add_all(path, IN_ALL_EVENTS, command_line::complain);
  if (watcher.empty()) return 1;  // with nothing to watch we would wait for ever

  // Plugged in, it waits for the first event; unplugged, it lets more of them gather for a second,
  // unless 512 bytes are there at once.
  inotify::BatchReader reader(watcher, {.threshold = 512, .max_delay = 1s, .poll_interval = 1s});
  const inotify::InterruptOnSignal guard(reader, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  std::size_t events = 0;
  while (guard.signal() == 0 && !watcher.empty()) {
    const auto batch = reader.read();
    events += batch.size();
    for (const inotify::Event& event : inotify::coalesce(batch, {.renames = true}))
      std::cout << event << '\n';
    const auto& [polls, fionreads, reads] = reader.counts();
    std::cout << events << " events so far, in " << reads << " reads (and " << polls << " waits, "
              << fionreads << " looks at how much is queued)\n";
    command_line::flush();
  }
  std::cout << events << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
