// What other threads want done in the thread of a loop.
#pragma once

#include <atomic>
#include <future>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Functions to be run by another thread, the one that runs a loop. It wakes nobody: put() first, then
/// wake the loop, which calls run() before it waits.
///
/// Invariants:
///   1. What put() has accepted is run once, in the order of put(); or it is still here when the box is
///      destroyed, and then its future says broken_promise.
///   2. What put() accepts it accepts before shut(): a run() after that leaves nothing here until open().
///   3. No lock is held while a function runs, so it may put() another, which the next run() runs.
///   4. What a function throws goes into its future, and nowhere else.
class PostBox {
 public:
  /// Takes in `function`; the future has what it returns or throws. Errors: ECANCELED if it is shut.
  template <class Function>
  std::future<std::invoke_result_t<std::decay_t<Function>&>> put(Function&& function) {
    std::packaged_task<std::invoke_result_t<std::decay_t<Function>&>()> task(
        std::forward<Function>(function));
    auto future = task.get_future();
    add(Task([task = std::move(task)]() mutable { task(); }));
    return future;
  }

  /// Whether there is nothing to run. An answer that is out of date is never "yes" to a thread that has
  /// been woken after a put().
  [[nodiscard]] bool empty() const noexcept { return !has_any_; }

  /// Runs what is here now; whether there was something.
  bool run() noexcept { return !empty() && run_all(); }

  /// From now on put() is refused; again allowed.
  void shut() noexcept { set_shut(true); }
  void open() noexcept { set_shut(false); }
  /// Shuts it unless there is something to run; whether it did.
  bool shut_if_empty() noexcept;

 private:
  using Task = std::packaged_task<void()>;

  INOTIFY_API void add(Task task);  // exported, for put() is compiled where it is used
  bool run_all() noexcept;
  void set_shut(bool is_shut) noexcept;

  std::mutex mutex_;  // guards what follows; has_any_ is read without it
  std::vector<Task> tasks_;
  std::atomic<bool> has_any_ = false;
  bool is_shut_ = false;
};

}  // namespace inotify::inline v0::detail
