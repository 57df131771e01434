// Problem: load a configuration file again whenever it has changed, however it is changed.
//
//     watch_file FILE
//
// Editors write a new file and rename it over the old one; a deployment deletes and creates it, or
// swaps a symlink; at boot it may not be there yet. A watch on the file itself would stay with the
// file that is gone. FileWatch watches the path: make it first, then load, then load again after
// each change, and what is loaded is never older than what it told last.
#include <signal.h>

#include <csignal>
#include <exception>
#include <fstream>
#include <inotify/event.hpp>
#include <inotify/file_watch.hpp>
#include <iostream>
#include <string>

namespace {

volatile std::sig_atomic_t stop = 0;
const inotify::FileWatch* watched = nullptr;

void on_signal(int) {
  stop = 1;
  watched->interrupt();  // async-signal-safe
}

// What a program does with its configuration; here it counts the lines.
void load(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::cout << "no configuration\n" << std::flush;
    return;
  }
  int lines = 0;
  std::string first;
  for (std::string line; std::getline(file, line); ++lines) {
    if (lines == 0) first = line;
  }
  std::cout << "loaded " << lines << " lines: " << inotify::quoted(first) << '\n' << std::flush;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: watch_file FILE\n";
    return 2;
  }
  const std::string path = argv[1];
  inotify::FileWatch file(path);

  watched = &file;
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  std::cout << "watching " << path << '\n';
  load(path);
  while (stop == 0) {
    const inotify::FileChange change = file.read();
    if (change == inotify::FileChange::none) continue;  // interrupted
    std::cout << to_string(change) << '\n';
    if (change != inotify::FileChange::attributes) load(path);
    std::cout.flush();
  }
  std::cout << "done\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
