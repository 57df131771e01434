// An original, run side by side: tests/originals/*.py does the same as the test, with the original
// library, and prints what that tells.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace test {

using Steps = std::vector<std::string>;

inline void check(int result, const std::string& what) {
  if (result < 0) throw std::runtime_error(what);
}

/// Does what activity.py does, by the same system calls.
inline void act(const fs::path& root, const Steps& steps) {
  for (const std::string& step : steps) {
    std::istringstream words(step);
    std::string verb, name, other;
    words >> verb >> name >> other;
    const std::string path = root / name;
    if (verb == "write" || verb == "touch") {
      const int flags = verb == "write" ? O_APPEND : 0;
      const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
      check(file, step);
      if (verb == "write") check(static_cast<int>(::write(file, "x", 1)), step);
      ::close(file);
      if (verb == "touch") check(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0), step);
    } else if (verb == "move") {
      check(::rename(path.c_str(), (root / other).c_str()), step);
    } else if (verb == "mkdir") {
      check(::mkdir(path.c_str(), 0700), step);
    } else if (verb == "rmdir" || verb == "remove") {
      check(verb == "rmdir" ? ::rmdir(path.c_str()) : ::unlink(path.c_str()), step);
    } else {
      throw std::runtime_error("no such step: " + step);
    }
  }
}

/// What a program of an original has printed, line by line.
struct Original {
  std::vector<std::string> lines{};
  std::string missing{};  ///< Why it could not be run, if it could not.
};

/// Runs a program of an original, in a directory of its own that `prepared` has made, by the first Python
/// that has the library: the system's may be another one than the first on the path.
inline Original run_original(const std::string& script, const std::string& program,
                             const Steps& steps, const Steps& prepared = {}) {
  const TempDir dir;
  act(dir.path(), prepared);
  Original original{{}, "no python3"};
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    std::string command = std::string(python) + " -B '" INOTIFY_ORIGINALS_DIR "/" + script + "' ";
    command += program + " '" + dir.str() + "'";
    for (const std::string& step : steps) command += " '" + step + "'";
    std::FILE* output = ::popen((command + " 2>&1").c_str(), "re");
    if (output == nullptr) throw std::runtime_error(command);
    original.lines.clear();
    std::array<char, 4096> line{};
    while (std::fgets(line.data(), line.size(), output) != nullptr) {
      original.lines.emplace_back(line.data());
      if (original.lines.back().ends_with('\n')) original.lines.back().pop_back();
    }
    const int status = ::pclose(output);
    if (status == 0) return {original.lines, ""};
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 77) original.missing = original.lines.at(0);
    if (code == 77 || code == 127) continue;
    std::string all = command + " has failed";
    for (const std::string& one : original.lines) all += "\n" + one;
    throw std::runtime_error(all);
  }
  return original;
}

}  // namespace test
