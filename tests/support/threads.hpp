// What other threads do.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

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

/// A thread that is joined at the end of its scope: a std::jthread, which libc++ has not.
class Thread {
 public:
  Thread() = default;
  template <class Function>
  requires(!std::same_as<std::remove_cvref_t<Function>, Thread>) explicit Thread(
      Function&& function)
      : thread_(std::forward<Function>(function)) {}
  Thread(Thread&&) = default;
  Thread& operator=(Thread&& other) noexcept {
    if (thread_.joinable()) thread_.join();
    thread_ = std::move(other.thread_);
    return *this;
  }
  ~Thread() {
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] bool joinable() const { return thread_.joinable(); }
  void join() { thread_.join(); }
  [[nodiscard]] std::thread::native_handle_type native_handle() { return thread_.native_handle(); }

 private:
  std::thread thread_;
};

/// For a test that might wait for ever: ends the program after a minute, and says which test it was.
class Watchdog {
 public:
  Watchdog() : thread_([this] { watch(); }) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    condition_.notify_one();
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    if (condition_.wait_for(lock, std::chrono::minutes(1), [this] { return is_over_; })) return;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::fprintf(stderr, "still waiting: %s.%s\n", test->test_suite_name(), test->name());
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable condition_;
  bool is_over_ = false;
  Thread thread_;  // last: joined before what it uses is gone
};

}  // namespace test
