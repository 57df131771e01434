// What other threads do.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace test {

/// Waits until `thread` of this process sleeps in a system call, as ps(1) tells it; false if it
/// does not within half a minute.
inline bool sleeps(pid_t thread) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < end) {
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
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// For a test that might wait for ever: ends the program after a minute, and says which test it was.
class Watchdog {
 public:
  Watchdog()
      : thread_([](const std::stop_token& token) {
          std::mutex mutex;
          std::condition_variable_any condition;
          std::unique_lock lock(mutex);
          condition.wait_for(lock, token, std::chrono::minutes(1), [] { return false; });
          if (token.stop_requested()) return;
          const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
          std::fprintf(stderr, "still waiting: %s.%s\n", test->test_suite_name(), test->name());
          std::abort();
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace test
