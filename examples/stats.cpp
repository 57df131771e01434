// Problem: find out what keeps some directory trees busy.
//
// Counts all events, and tells them each second while something happens: as a screen that is drawn
// anew on a terminal, one after the other elsewhere.
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: stats [-o FILE] [PATH...]        (default: /tmp)\n"
    "Counts what happens below the paths, until Ctrl-C; then prints all that was counted, and "
    "writes\n"
    "it to FILE, too, which must not exist yet.\n";

using std::chrono::milliseconds;

void show(const inotify::Stats& stats, bool is_terminal) {
  if (is_terminal) std::cout << "\033[H\033[J";  // home, and clear
  std::cout << stats.report({.most = 20}) << '\n';
  command_line::flush();
}

int main(int argc, char** argv) try {
  const char* file = command_line::option(argc, argv, "-o");
  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  for (const std::string& path : paths)
    watcher.add_all(path, IN_ALL_EVENTS, command_line::complain);
  if (watcher.empty()) return 1;

  using Clock = inotify::Stats::Clock;
  const inotify::InterruptOnSignal guard(watcher, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  inotify::Stats stats;
  bool has_news = false;  // counted, and not shown yet
  Clock::time_point next;
  while (guard.signal() == 0 && !watcher.empty()) {
    if (!has_news) {
      const auto events = watcher.read();  // as long as it takes
      stats.add(events);
      has_news = !events.empty();
      next = Clock::now() + std::chrono::seconds(1);
    } else if (const auto now = Clock::now(); now < next) {
      stats.add(watcher.read(std::chrono::ceil<milliseconds>(next - now)));
    } else {
      show(stats, is_terminal);
      has_news = false;
    }
  }
  stats.add(watcher.read(milliseconds(0)));  // what the signal came before
  std::cout << "at the end:\n" << stats.report();
  command_line::flush();
  if (file != nullptr) stats.dump(file);
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
