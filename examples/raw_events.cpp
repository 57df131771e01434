// Problem: watch a handful of known files with the least that can be had.
//
// The library keeps no paths and no table here, and allocates nothing: Instance is the descriptor and
// its system calls, RawEvents the walk over what read(2) returned. What a watch descriptor stands for
// is for the program to remember, here in a map.
#include <sys/inotify.h>

#include <array>
#include <cstddef>
#include <exception>
#include <inotify/event.hpp>
#include <inotify/instance.hpp>
#include <inotify/interrupt_on_signal.hpp>
#include <iostream>
#include <map>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: raw_events [PATH...]        (default: /tmp)\n"
    "Prints what happens to the files, and in the directories, until Ctrl-C.\n";

int main(int argc, char** argv) try {
  inotify::Instance instance;
  std::map<int, std::string> path_of;
  for (const std::string& path : command_line::paths(argc, argv, usage)) {
    try {
      path_of[instance.add_watch(path.c_str(), IN_ALL_EVENTS)] = inotify::quoted(path);
    } catch (const std::exception& error) {
      command_line::complain(error);
    }
  }
  if (path_of.empty()) return 1;

  const inotify::InterruptOnSignal guard(instance, {SIGINT, SIGTERM});
  std::cout << "watching " << path_of.size() << " paths; change one of them\n";
  command_line::flush();

  alignas(inotify_event) std::array<std::byte, 16 * 1024> buffer;
  std::size_t count = 0;
  while (guard.signal() == 0 && !path_of.empty()) {
    instance.wait();
    for (const inotify::RawEvent& event : instance.read(buffer)) {
      ++count;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {  // the only event that concerns no watch
        std::cout << "events were lost\n";
        continue;
      }
      // A name is what somebody chose: quoted() keeps it from steering the terminal.
      std::cout << path_of[event.wd] << '\t' << inotify::to_string(event.mask) << '\t'
                << inotify::quoted(event.name) << '\n';
      if ((event.mask & IN_IGNORED) != 0) path_of.erase(event.wd);  // the watch is gone
    }
    command_line::flush();
  }
  std::cout << count << " events\n";
  command_line::flush();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
