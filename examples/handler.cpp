// Problem: have a function for each kind of event, and keep what is of no interest from them all.
//
// A class derives from EventHandler and overrides what it cares about. It stands in a chain: first
// a condition that keeps hidden files and editors' backups from the rest, then PrintAll, then the
// class. The Notifier reads and calls the chain; Ctrl-C stops it, and so does a file called "stop".
#include <sys/inotify.h>

#include <exception>
#include <functional>
#include <inotify/inotify.hpp>
#include <iostream>
#include <string>

#include "command_line.hpp"

constexpr auto usage =
    "usage: handler [PATH...]        (default: /tmp)\n"
    "Prints what happens below the paths, but to hidden files and backups, until Ctrl-C or until\n"
    "something is made that is called stop.\n";

using inotify::Chain;
using inotify::Event;

class Handler : public inotify::EventHandler {
 public:
  std::function<void()> stop;

  void summarize() const {
    std::cout << created_ << " created, " << written_ << " written, " << holes_ << " not watched\n";
    command_line::flush();
  }

 private:
  Chain on_create(const Event& event) override {
    ++created_;
    if (event.name == "stop") stop();
    return Chain::go_on;
  }
  Chain on_close(const Event& event) override {  // the family: CLOSE_WRITE and CLOSE_NOWRITE
    if (event.is_close_write()) ++written_;
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
  Chain on_error(const Event&) override {  // PrintAll has said which, and why
    ++holes_;
    return Chain::go_on;
  }

  int created_ = 0;
  int written_ = 0;
  int holes_ = 0;
};

bool is_wanted(const Event& event) {
  return !event.name.starts_with('.') && !event.name.ends_with('~');
}

int main(int argc, char** argv) try {
  const auto paths = command_line::paths(argc, argv, usage);
  inotify::AutoWatcher watcher({.progress = command_line::progress});
  for (const std::string& path : paths)
    watcher.add_all(path, IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE, command_line::complain);
  if (watcher.empty()) return 1;

  Handler handler;
  inotify::PrintAll print(std::cout);
  inotify::HandlerChain chain;
  chain.then(inotify::chain_if(is_wanted)).then(std::ref(print)).then(std::ref(handler));

  inotify::Notifier notifier(watcher, std::ref(chain));
  handler.stop = [&] { notifier.stop(); };
  const inotify::InterruptOnSignal guard(notifier, {SIGINT, SIGTERM});
  command_line::announce(watcher.size());
  // The callback has its turn after each cycle: mostly, when there is nothing more to read at the moment.
  notifier.loop([](inotify::Notifier&) {
    command_line::flush();
    return false;
  });
  handler.summarize();
} catch (const std::exception& error) {
  command_line::complain(error);
  return 1;
}
