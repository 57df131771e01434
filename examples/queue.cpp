// Problem: read events at once, though handling one may take long.
//
//     queue [PATH...]        (default: /tmp)
//
// A thread reads, so that the kernel's queue stays short; this one handles, files and directories
// apart. Between them is a bounded queue: if the handler falls back by more than 128 events the
// reader waits for it, the kernel keeps what comes meanwhile, and nothing is lost. Ctrl-C ends the
// reading; what was queued until then is still handled.
#include <sys/inotify.h>

#include <csignal>
#include <exception>
#include <future>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace {

const inotify::Watcher* to_interrupt = nullptr;

void on_signal(int) { to_interrupt->interrupt(); }

class Printer : public inotify::EventQueue::Handler {
 public:
  void on_file(const inotify::OwnedEvent& event) override { print("file", event); }
  void on_directory(const inotify::OwnedEvent& event) override { print("directory", event); }
  void on_notice(const inotify::OwnedEvent& event) override { print("notice", event); }

 private:
  static void print(const char* what, const inotify::OwnedEvent& event) {
    std::cout << what << ": " << event << '\n' << std::flush;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) paths.emplace_back("/tmp");

  inotify::AutoWatcher watcher;
  for (const std::string& path : paths) {
    try {
      watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF);
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
    }
  }
  if (watcher.empty()) return 1;

  to_interrupt = &watcher;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::cout << "watching " << watcher.size() << " directories\n" << std::flush;

  inotify::EventQueue queue(watcher);
  Printer printer;
  // From here on the watcher is the reader's.
  auto reader = std::async(std::launch::async, [&] { queue.read_events(); });
  queue.handle_events(printer);
  reader.get();  // throws what the reader threw
  std::cout << "done\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
