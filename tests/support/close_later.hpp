// To be rid of many inotify instances quickly.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace test {

/// The last close(2) of an inotify instance that has watches waits some 15 ms for the kernel. A test that
/// makes thousands of them calls close_later() before it destroys one: then some threads do the waiting.
class CloseLater {
 public:
  CloseLater() {
    for (int i = 0; i < 8; ++i) threads_.emplace_back([this] { run(); });
  }
  CloseLater(const CloseLater&) = delete;
  CloseLater& operator=(const CloseLater&) = delete;
  ~CloseLater() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void take(int fd) {
    // No function that a test may have replaced.
    const long copy = ::syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return fds_.size() < threads_.size(); });
    fds_.push_back(copy);
    changed_.notify_all();
  }

  /// Waits until all that was taken is closed.
  void finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return fds_.empty() && closing_ == 0; });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return is_over_ || !fds_.empty(); });
      if (fds_.empty()) return;
      const long fd = fds_.back();
      fds_.pop_back();
      ++closing_;
      changed_.notify_all();
      lock.unlock();
      ::syscall(SYS_close, fd);
      lock.lock();
      --closing_;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<long> fds_;
  int closing_ = 0;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

inline CloseLater& closer() {
  static CloseLater only;
  return only;
}

inline void close_later(int inotify_fd) { closer().take(inotify_fd); }

/// For who counts descriptors after another test has made such instances.
inline void finish_closing() { closer().finish(); }

}  // namespace test
