// What other threads do.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace test {

/// Waits until `thread` of this process sleeps in a system call, as ps(1) tells it; false if it
/// does not within half a minute.
bool sleeps(pid_t thread);

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
  Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

 private:
  void watch();

  std::mutex mutex_;
  std::condition_variable condition_;
  bool is_over_ = false;
  Thread thread_;  // last: joined before what it uses is gone
};

}  // namespace test
