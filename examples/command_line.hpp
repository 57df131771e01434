// What the examples share that has nothing to do with inotify: arguments, and what is printed. Copy it
// along with an example, or put in its place what your program has for that.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace command_line {

/// Shows what was printed. Throws if that cannot be written; ends the program quietly if nobody reads on
/// (`| head -1`). To be called in the thread that prints.
inline void flush() {
  if (std::cout.flush()) return;
  if (errno == EPIPE) std::_Exit(0);
  throw std::system_error(errno, std::generic_category(), "standard output");
}

/// The arguments, or /tmp if there are none. --help prints `usage`, and ends the program.
inline std::vector<std::string> paths(int argc, char** argv, std::string_view usage) {
  std::vector<std::string> paths(argv + 1, argv + argc);
  for (const std::string& path : paths) {
    if (path != "--help" && path != "-h") continue;
    std::cout << usage;
    flush();
    std::exit(0);
  }
  if (paths.empty()) paths.emplace_back("/tmp");
  return paths;
}

/// The value of an option that stands before the paths, `-o FILE` say, which is taken away from them;
/// nullptr if it is not there.
inline const char* option(int& argc, char**& argv, std::string_view name) {
  if (argc < 3 || argv[1] != name) return nullptr;
  argc -= 2;
  argv += 2;
  return argv[0];
}

/// 1234567 as "1,234,567".
inline std::string grouped(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

/// Whether there is a line of progress to be cleared.
inline bool shows_progress = false;

/// Prints `error` as a line of its own: of a path that cannot be watched, while the others are.
inline void complain(const std::exception& error) {
  std::cerr << (shows_progress ? "\r\033[K" : "") << error.what() << '\n';
}

/// For AutoWatcher::Options::progress: tells somebody who waits at a terminal, after half a second, how
/// many directories are watched already.
inline void progress(std::size_t directories) {
  using Clock = std::chrono::steady_clock;
  static const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  static Clock::time_point next = Clock::now() + std::chrono::milliseconds(500);
  if (!is_terminal || Clock::now() < next) return;
  next = Clock::now() + std::chrono::milliseconds(100);
  shows_progress = true;
  std::cerr << '\r' << grouped(directories) << " directories ..." << std::flush;
}

/// Says that all is set up, and what to do to see something.
inline void announce(std::size_t directories) {
  if (shows_progress) std::cerr << "\r\033[K" << std::flush;
  shows_progress = false;
  std::cout << "watching " << grouped(directories)
            << (directories == 1 ? " directory; make a file in it\n"
                                 : " directories; make a file in one of them\n");
  flush();
}

}  // namespace command_line
