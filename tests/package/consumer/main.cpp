// A small program that watches a directory; the second source file is there for the linker to object to
// whatever a header defines twice.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

std::string second_says(const inotify::Event& event);

int main() {
  namespace fs = std::filesystem;
  std::string dir = (fs::temp_directory_path() / "inotify-consumer-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) return 1;

  bool seen = false;
  {
    inotify::Watcher watcher;
    watcher.add(dir, IN_CREATE);
    std::ofstream(dir + "/file").flush();
    for (const inotify::Event& event : watcher.read(std::chrono::milliseconds(0))) {
      std::cout << second_says(event) << '\n';
      seen = seen || (event.fullpath == dir + "/file" && event.is_create());
    }
    // Inline, and calls what a shared library has to export.
    watcher.interrupt();
    seen = watcher.read().empty() && seen;
  }
  fs::remove_all(dir);
  return seen ? 0 : 1;
}
