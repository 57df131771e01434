// Problem: load a configuration file again whenever it has changed, however it is changed.
//
// Editors write a new file and rename it over the old one; a deployment deletes and creates it, or
// swaps a symlink; at boot it may not be there yet. A watch on the file itself would stay with the
// file that is gone. FileWatch watches the path, or thousands of them: make it first, then load, then
// load again after each change, and what is loaded is never older than what it told last.
#include <exception>
#include <filesystem>
#include <fstream>
#include <inotify/event.hpp>
#include <inotify/file_watch.hpp>
#include <inotify/interrupt_on_signal.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "command_line.hpp"

constexpr auto usage =
    "usage: watch_file FILE...\n"
    "Loads each file, which need not exist yet, after each change, until Ctrl-C.\n";

// What a program does with its configuration; here it counts the lines.
void load(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    std::cout << "no configuration\n";
    return;
  }
  int lines = 0;
  std::string first;
  for (std::string line; std::getline(file, line); ++lines) {
    if (lines == 0) first = line;
  }
  std::cout << "loaded " << lines << " lines: " << inotify::quoted(first) << '\n';
}

int main(int argc, char** argv) try {
  const auto arguments = command_line::paths(argc, argv, usage);
  if (argc < 2) {
    std::cerr << usage;
    return 2;
  }
  const std::vector<std::filesystem::path> paths(arguments.begin(), arguments.end());
  inotify::FileWatch files(paths);
  const inotify::InterruptOnSignal guard(files, {SIGINT, SIGTERM});
  for (const std::filesystem::path& path : paths) {
    std::cout << "watching " << inotify::quoted(path.native())
              << "; change it, or put another in its place\n";
    load(path);
  }
  command_line::flush();

  int changes = 0;
  while (guard.signal() == 0) {
    const inotify::FileChange change = files.read();
    if (change == inotify::FileChange::none) continue;  // interrupted
    ++changes;
    std::cout << inotify::quoted(files.path().native()) << ' ' << to_string(change) << '\n';
    if (change != inotify::FileChange::attributes) load(files.path());
    command_line::flush();
  }
  std::cout << changes << " changes\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
