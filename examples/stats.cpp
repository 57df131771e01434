// Problem: find out what keeps some directory trees busy.
//
//     stats [-o FILE] [PATH...]        (default: /tmp)
//
// Counts all events, and tells them each second while something happens: as a screen that is drawn
// anew on a terminal, one after the other elsewhere. Ctrl-C ends it with all that was counted;
// -o FILE writes that to a file, too, which must not exist yet.
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace {

using std::chrono::milliseconds;

const inotify::Watcher* interrupted = nullptr;
volatile std::sig_atomic_t stop = 0;

void on_signal(int) {
  stop = 1;
  interrupted->interrupt();  // ends the read() that waits, or the next one
}

void show(const inotify::Stats& stats, bool is_terminal) {
  if (is_terminal) std::cout << "\033[H\033[J";  // home, and clear
  std::cout << stats.report({.most = 20}) << '\n' << std::flush;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> paths(argv + 1, argv + argc);
  std::string file;
  if (!paths.empty() && paths[0] == "-o") {
    if (paths.size() < 2) {
      std::cerr << "usage: stats [-o FILE] [PATH...]\n";
      return 2;
    }
    file = paths[1];
    paths.erase(paths.begin(), paths.begin() + 2);
  }
  if (paths.empty()) paths.emplace_back("/tmp");

  inotify::AutoWatcher watcher;
  for (const std::string& path : paths) {
    try {
      watcher.add_all(path, IN_ALL_EVENTS);
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
    }
  }
  if (watcher.empty()) return 1;

  interrupted = &watcher;
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::cout << "watching " << watcher.size() << " directories\n" << std::flush;

  using Clock = inotify::Stats::Clock;
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  inotify::Stats stats;
  bool has_news = false;  // counted, and not shown yet
  Clock::time_point next;
  while (stop == 0 && !watcher.empty()) {
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
  std::cout << "at the end:\n" << stats.report() << std::flush;
  if (!file.empty()) stats.dump(file);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
