#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace test {

bool sleeps(pid_t thread) {
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

Watchdog::Watchdog() : thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  condition_.notify_one();
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  if (condition_.wait_for(lock, std::chrono::minutes(1), [this] { return is_over_; })) return;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::fprintf(stderr, "still waiting: %s.%s\n", test->test_suite_name(), test->name());
  std::abort();
}

}  // namespace test
