// Runs an example as its user would, and reads what it prints.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// An example of this build, started with `arguments`; killed if it still runs at the end. Its
/// standard output and errors are read together. With `script` it is sh(1) that is started, to which
/// the example is "$0" and its arguments "$@".
class Example {
 public:
  explicit Example(const std::string& name, std::vector<std::string> arguments = {},
                   const std::string& script = {}) {
    std::string program = std::string(INOTIFY_EXAMPLES_DIR) + '/' + name;
    arguments.insert(arguments.begin(), program);
    if (!script.empty()) {
      program = "/bin/sh";
      arguments.insert(arguments.begin(), {program, "-c", script});
    }
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    // As at a terminal: a job in the background of a script ignores SIGINT, and so would the example.
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) ::sigaddset(&signals, signal);
    ::posix_spawnattr_setsigdefault(&attributes, &signals);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int failed =
        ::posix_spawn(&pid_, program.c_str(), &actions, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (failed != 0) throw std::runtime_error("cannot start " + program);
  }
  Example(const Example&) = delete;
  Example& operator=(const Example&) = delete;
  ~Example() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
  }

  /// Reads until `text` has been printed after what was found last. False, and a failure that shows
  /// all that was printed, if the program ends first or a minute passes.
  bool prints(std::string_view text) {
    for (;;) {
      if (const auto at = printed_.find(text, found_); at != std::string::npos) {
        found_ = at + text.size();
        return true;
      }
      if (!read_more()) {
        ADD_FAILURE() << "not printed: " << text << "\nall that was:\n" << printed_;
        return false;
      }
    }
  }

  /// Ctrl-C, as the terminal sends it.
  void interrupt() const { ::kill(pid_, SIGINT); }

  /// Reads to the end; the exit status, or minus the signal that ended it.
  int exit_status() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  [[nodiscard]] const std::string& printed() const { return printed_; }

 private:
  bool read_more() {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    pollfd ready{output_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) != 1) return false;
    char buffer[4096];
    const ssize_t size = ::read(output_, buffer, sizeof buffer);
    if (size <= 0) return false;
    printed_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }

  pid_t pid_ = 0;
  int output_ = -1;
  std::string printed_;
  std::size_t found_ = 0;
  std::chrono::steady_clock::time_point deadline_ =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
};

}  // namespace test
