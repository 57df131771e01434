// Threads that do a call's work while the call waits for them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Some threads, each with a working directory of its own (unshare(CLONE_FS), which is for ever, and
/// so not for a thread of the user's) and with all signals blocked. They end with the crew.
///
/// Without any, if none can be had or none is wanted, start() does the work itself.
///
/// Thread safety: one thread at a time, and not from the crew's work.
class Crew {
 public:
  using Work = std::function<void()>;

  explicit Crew(std::size_t size);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// How much work can be under way at a time; at least one.
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }

  /// Whether the work may change the working directory.
  [[nodiscard]] bool is_at_home() const noexcept { return is_at_home_; }

  /// Has member `index` do that, which must have nothing to do.
  void start(std::size_t index, Work work);

  /// Waits until one of those started has done its work, and returns which; `error` is what that has
  /// thrown.
  std::size_t wait(std::exception_ptr& error);

 private:
  struct Member {
    Work work{};
    bool is_done = false;
    std::exception_ptr error{};
    std::thread thread{};  // none: start() does the work
  };

  Crew() = default;
  void add_threads(std::size_t size);
  void run(Member& member);
  static void do_work(Member& member) noexcept;

  std::deque<Member> members_;
  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable done_;
  bool is_over_ = false;
  bool is_at_home_ = false;
};

}  // namespace inotify::inline v0::detail
