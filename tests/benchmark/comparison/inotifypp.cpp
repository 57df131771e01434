// Prints the path of each event below a directory, with inotify++.
#include <chrono>
#include <cstring>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const bool is_batched = argc > 2 && std::string_view(argv[2]) == "batched";
  inotify::AutoWatcher watcher;
  watcher.add_all(argv[1], IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE);
  inotify::BatchReader reader(watcher, {.max_delay = std::chrono::milliseconds(20)});
  while (!watcher.empty()) {
    for (const inotify::Event& event : is_batched ? reader.read() : watcher.read())
      std::cout << event.fullpath << '\n';
    std::cout.flush();
  }
}
