// Problem: follow directory trees in the background, while the main thread has its own work.
//
//     threaded [PATH...]        (default: /tmp)
//
// ThreadedNotifier reads and handles the events in a thread of its own. The main thread waits for
// Ctrl-C (it might serve a window, or a network), stops the other one, and hears of what went wrong
// there. Events gather for a tenth of a second before they are read.
#include <signal.h>
#include <sys/inotify.h>
#include <time.h>

#include <chrono>
#include <exception>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) paths.emplace_back("/tmp");

  inotify::AutoWatcher watcher;
  for (const std::string& path : paths) {
    try {
      watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE);
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
    }
  }
  if (watcher.empty()) return 1;

  // Blocked in all threads, for it is done before there is a second one: sigtimedwait(2) takes them.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // From start() to join() the watcher, and all that the handler uses, belong to the other thread.
  int count = 0;
  inotify::ThreadedNotifier notifier(watcher,
                                     [&](const inotify::Event& event) {
                                       ++count;
                                       std::cout << event << '\n';
                                     },
                                     {.read_freq = std::chrono::milliseconds(100)});
  std::cout << "watching " << watcher.size() << " directories\n" << std::flush;
  notifier.start([](inotify::Notifier&) {
    std::cout.flush();
    return false;
  });

  // The other thread also ends if the trees are deleted, or by an exception: look once a second.
  const timespec second{1, 0};
  while (notifier.is_running() && ::sigtimedwait(&signals, nullptr, &second) < 0) {
  }
  notifier.stop();
  notifier.join();  // throws what ended the thread, if that was an exception
  std::cout << count << " events\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
