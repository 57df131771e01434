// Problem: print what happens in some directory trees, as it happens.
//
//     simple [PATH...]        (default: /tmp)
//
// The simplest loop there is: read() waits until something has happened and returns all of it. It
// wakes up for every few events, which costs CPU time on a busy tree: see performant.cpp for a loop
// that does not.
#include <sys/inotify.h>

#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) paths.emplace_back("/tmp");

  inotify::AutoWatcher watcher;
  for (const std::string& path : paths) watcher.add_all(path, IN_ALL_EVENTS);

  // empty() once every tree has been deleted: then there is nothing left to wait for.
  while (!watcher.empty()) {
    for (const inotify::Event& event : watcher.read()) std::cout << event << '\n';
    std::cout.flush();
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
