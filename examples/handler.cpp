// Problem: have a function for each kind of event, and keep what is of no interest from them all.
//
//     handler [PATH...]        (default: /tmp)
//
// A class derives from EventHandler and overrides what it cares about. It stands in a chain: first
// a condition that keeps hidden files and editors' backups from the rest, then PrintAll, then the
// class. The Notifier reads and calls the chain; Ctrl-C stops it, and so does a file called "stop".
#include <sys/inotify.h>

#include <csignal>
#include <exception>
#include <functional>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace {

using inotify::Chain;
using inotify::Event;

class Handler : public inotify::EventHandler {
 public:
  std::function<void()> stop;

  void summarize() const { std::cout << created_ << " created, " << closed_ << " written\n"; }

 private:
  Chain on_create(const Event& event) override {
    ++created_;
    if (event.name == "stop") stop();
    return Chain::go_on;
  }
  Chain on_close(const Event& event) override {  // the family: CLOSE_WRITE and CLOSE_NOWRITE
    if (event.is_close_write()) ++closed_;
    return Chain::go_on;
  }
  Chain on_moved_to(const Event& event) override {
    if (!event.moved_from.empty()) {
      std::cout << "renamed: " << inotify::quoted(event.moved_from) << " is now "
                << inotify::quoted(event.fullpath) << '\n';
    }
    return Chain::go_on;
  }
  Chain on_overflow(const Event&) override {
    std::cout << "events were lost; everything is watched anew\n";
    return Chain::go_on;
  }
  Chain on_error(const Event& event) override {
    std::cerr << "not watched: " << inotify::quoted(event.fullpath) << ": " << event.error.message()
              << '\n';
    return Chain::go_on;
  }

  int created_ = 0;
  int closed_ = 0;
};

bool is_wanted(const Event& event) {
  return !event.name.starts_with('.') && !event.name.ends_with('~');
}

inotify::Notifier* to_stop = nullptr;

}  // namespace

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

  Handler handler;
  inotify::PrintAll print(std::cout);
  inotify::HandlerChain chain;
  chain.then(inotify::chain_if(is_wanted)).then(std::ref(print)).then(std::ref(handler));

  inotify::Notifier notifier(watcher, std::ref(chain));
  handler.stop = [&] { notifier.stop(); };
  to_stop = &notifier;
  struct sigaction action {};
  action.sa_handler = [](int) { to_stop->stop(); };  // may be called in a signal handler
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  std::cout << "watching " << watcher.size() << " directories\n" << std::flush;
  // The callback has its turn when there is nothing more to read at the moment.
  notifier.loop([](inotify::Notifier&) {
    std::cout.flush();
    return false;
  });
  handler.summarize();
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
