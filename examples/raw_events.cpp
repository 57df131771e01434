// Problem: watch a handful of known files with the least that can be had.
//
//     raw_events PATH...
//
// No paths, no tables, no recursion, no allocation. Instance is the descriptor and its system
// calls, RawEvents the walk over what read(2) returned. What a watch descriptor stands for is for
// the program to remember; here it is the place of the path on the command line.
#include <sys/inotify.h>

#include <array>
#include <cstddef>
#include <exception>
#include <inotify/event.hpp>
#include <inotify/instance.hpp>
#include <iostream>
#include <map>

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: raw_events PATH...\n";
    return 2;
  }
  inotify::Instance instance;
  std::map<int, const char*> path_of;
  for (int i = 1; i < argc; ++i) path_of[instance.add_watch(argv[i], IN_ALL_EVENTS)] = argv[i];
  std::cout << "watching " << path_of.size() << " paths\n" << std::flush;

  alignas(inotify_event) std::array<std::byte, 16 * 1024> buffer;
  while (!path_of.empty()) {
    instance.wait();
    for (const inotify::RawEvent& event : instance.read(buffer)) {
      if ((event.mask & IN_Q_OVERFLOW) != 0) {  // the only event that concerns no watch
        std::cout << "events were lost\n";
        continue;
      }
      // A name is what somebody chose: quoted() keeps it from steering the terminal.
      std::cout << path_of[event.wd] << '\t' << inotify::to_string(event.mask) << '\t'
                << inotify::quoted(event.name) << '\n';
      if ((event.mask & IN_IGNORED) != 0) path_of.erase(event.wd);  // the watch is gone
    }
    std::cout.flush();
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
