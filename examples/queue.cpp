// Problem: read events at once, though handling one may take long.
//
// A thread reads, so that the kernel's queue stays short; this one handles, files and directories
// apart. Between them is a bounded queue: if the handler falls back by more than 128 events the
// reader waits for it, and the kernel keeps what comes meanwhile: 16,384 events by default, and says so
// if it had to drop some. Ctrl-C ends the reading; what was queued here until then is still handled.
#include <sys/inotify.h>

#include <cstddef>
#include <exception>
#include <future>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: queue [PATH...]        (default: /tmp)\n"
    "Prints what happens below the paths, of files and directories apart, until Ctrl-C.\n";

class Printer : public inotify::EventQueue::Handler {
 public:
  void on_file(const inotify::OwnedEvent& event) override { print("file", event, files_); }
  void on_directory(const inotify::OwnedEvent& event) override {
    print("directory", event, directories_);
  }
  void on_notice(const inotify::OwnedEvent& event) override { print("notice", event, notices_); }

  void summarize() const {
    std::cout << files_ << " events of files, " << directories_ << " of directories, " << notices_
              << " notices\n";
    command_line::flush();
  }

 private:
  static void print(const char* what, const inotify::OwnedEvent& event, std::size_t& count) {
    ++count;
    std::cout << what << ": " << event << '\n';
    command_line::flush();
  }

  std::size_t files_ = 0, directories_ = 0, notices_ = 0;
};

int main(int argc, char** argv) try {
  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  for (const std::string& path : paths)
    watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF,
                    command_line::complain);
  if (watcher.empty()) return 1;

  inotify::EventQueue queue(watcher);
  const inotify::InterruptOnSignal guard(queue, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  Printer printer;
  // From here on the watcher is the reader's.
  auto reader = std::async(std::launch::async, [&] { queue.read_events(); });
  queue.handle_events(printer);
  reader.get();  // throws what the reader threw
  printer.summarize();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
