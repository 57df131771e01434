// What other threads do.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace test {

/// Waits until `thread` of this process sleeps in a system call, as ps(1) tells it; false if it
/// does not within half a minute.
inline bool sleeps(pid_t thread) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto after_name = text.rfind(") ");
    if (after_name != std::string::npos && text.at(after_name + 2) == 'S') return true;
    std::this_thread::yield();
  }
  return false;
}

/// Waits until `condition` holds; false if it does not within half a minute.
template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace test
