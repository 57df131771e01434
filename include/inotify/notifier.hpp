// The loop that hands every event to a handler: in this thread, or in one of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <inotify/detail/event_batch.hpp>
#include <inotify/detail/post_box.hpp>
#include <inotify/detail/waker.hpp>
#include <inotify/event_handler.hpp>
#include <inotify/instance.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

struct NotifierOptions {
  /// The shortest time from the beginning of one cycle to its reading: events gather meanwhile, and
  /// many are read at once. 0 reads as soon as there is something. What has gathered and is more than
  /// one cycle reads does not wait again.
  std::chrono::milliseconds read_freq{0};
  /// Fewer bytes than this (16 per event, plus the name) are left to gather, until `timeout` has
  /// passed: with an endless timeout they may stay unread for ever. While they gather, the queue is
  /// looked at every `read_freq`, and at most every 10 ms.
  std::size_t threshold = 0;
  /// How long a cycle waits for events before it ends without.
  std::chrono::milliseconds timeout = Instance::forever;
  /// What to make of each batch before it is handled: `{.fold = coalesce}`, for example. Its result is
  /// views of what it is given. Default: nothing.
  std::function<std::vector<Event>(std::span<const Event>)> fold{};
};

/// Waits, reads, calls the handler for each event, and again:
///
///     inotify::Notifier notifier(watcher, std::ref(handler));
///     notifier.loop();  // until somebody, the handler say, calls notifier.stop()
///
/// The handler may throw, add and remove watches, and call stop(). It must not read from the
/// watcher, close or move it, or call loop(). No event is lost by a stop or an exception: what was
/// read and not handled yet is kept, and handled first by the next loop().
///
/// The watcher is the loop's while it runs: others may call interrupt() on it, which means nothing
/// to the loop, and no more. What another thread wants done with the watcher it posts:
///
///     notifier.post([&] { watcher.add("/etc", IN_MODIFY); });
///
/// The watcher must outlive the notifier, and stay where it is. Thread safety: stop() from any thread
/// and from a signal handler; post() from any thread; the rest from one thread at a time. Neither
/// copied nor moved. Source: pyinotify, Notifier.
class INOTIFY_API Notifier {
 public:
  using Options = NotifierOptions;
  /// Called for each event. For an object that is to be shared, give std::ref(object).
  using Handler = std::function<void(const Event&)>;
  /// Called after each cycle, whether it had events or not; true ends the loop.
  using Callback = std::function<bool(Notifier&)>;

  enum class Ended {
    stopped,
    by_callback,
    nothing_watched,  ///< It would have waited for ever; the callback, if any, was asked before.
  };

  /// Errors: EMFILE, ENFILE (it has a descriptor of its own, for stop() and post()).
  Notifier(Watcher& watcher, Handler handler, Options options = {});
  /// The same with `handler` itself, not a copy: it must outlive the notifier.
  Notifier(Watcher& watcher, EventHandler& handler, Options options = {})
      : Notifier(watcher, Handler(std::ref(handler)), std::move(options)) {}
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  ~Notifier() = default;

  /// Runs until it is stopped, the callback returns true, or nothing is left to watch and nothing is
  /// posted. What the handler or the callback throws passes through; call it again to go on with the
  /// next event.
  /// Errors: EBADF (the watcher is closed), and those of Watcher::read.
  Ended loop(const Callback& after_cycle = {});

  /// Ends the loop() that runs, after the handler that runs: at once if it waits. If none runs, it
  /// ends the next one before it has handled anything: no stop() is lost. Several in a row are as
  /// one, and each loop() that ends, whatever the cause, takes those that came before with it.
  /// Async-signal-safe.
  void stop() noexcept;

  /// Has `function` called in the thread of loop(), between two events, or at once if that waits; in
  /// the order in which they are posted. It may do what a handler may. Returns without waiting; the
  /// future has what it returns or throws, and may be thrown away:
  ///
  ///     const int wd = notifier.post([&] { return watcher.add("/etc", IN_MODIFY); }).get();
  ///
  /// What is posted before the first loop() is called by that, before anything else. A loop() that
  /// ends, for whatever cause, first calls all that has been posted; from then until the next one
  /// post() throws std::system_error with ECANCELED. So what has been accepted is called, unless the
  /// notifier is destroyed before its first loop(): then its future throws std::future_error. From a
  /// handler, or a posted function, it may be called as well: `function` is called after that, so do
  /// not wait for its future there.
  template <std::invocable Function>
  auto post(Function&& function) {
    auto future = posted_.put(std::forward<Function>(function));
    waker_.interrupt();
    return future;
  }

  /// How many events were read, and are to be handled first by the next loop().
  [[nodiscard]] std::size_t num_kept() const noexcept { return kept_.size(); }

 private:
  friend class ThreadedNotifier;
  enum class Wake { events, posted, stop, timeout };
  enum class Cycle { done, stopped, nothing_watched };

  Cycle cycle();
  Wake gather(std::chrono::milliseconds timeout);
  Wake wait(int fd, std::chrono::milliseconds timeout);
  bool take(std::span<const Event> events);
  bool deliver(std::span<const Event> events);
  bool deliver_kept();
  bool goes_on();
  void keep(std::span<const Event> events) noexcept;

  Watcher& watcher_;
  Handler handler_;
  Options options_;
  std::span<const Event> kept_;  // not handled yet: some of held_, or of what it was folded to
  detail::EventBatch held_;
  std::vector<Event> folded_;
  detail::Waker waker_;  // look at is_stopped_ and posted_
  std::atomic<bool> is_stopped_ = false;
  detail::PostBox posted_;
  bool waits_for_watches_ = false;  // though it may be for ever: somebody may post one
};

/// A Notifier in a thread of its own:
///
///     inotify::ThreadedNotifier notifier(watcher, std::ref(handler));
///     notifier.start();
///     ...
///     notifier.stop();
///     notifier.join();  // throws what the handler threw
///
/// From start() until join() has returned, the watcher and all the handler uses belong to that
/// thread: add and remove watches before, in the handler, or by post(). It may be started before
/// anything is watched, and goes on when nothing is watched any more, for that may change; a callback
/// that returns watcher.empty() ends it then. It can be started again after join(). The thread has the
/// signal mask of the thread that calls start(): block unwanted signals there.
///
///     notifier.start();
///     notifier.post([&] { watcher.add_all("/srv", IN_CREATE); }).get();  // throws if that did
///
/// Thread safety: stop(), post() and is_running() from any thread, also from the handler; stop() from
/// a signal handler, too. The rest, and the destructor, from one thread at a time, not the notifier's
/// own. Neither copied nor moved. Source: pyinotify, ThreadedNotifier.
class INOTIFY_API ThreadedNotifier {
 public:
  using Options = NotifierOptions;

  /// As of Notifier.
  ThreadedNotifier(Watcher& watcher, Notifier::Handler handler, Options options = {});
  ThreadedNotifier(Watcher& watcher, EventHandler& handler, Options options = {})
      : ThreadedNotifier(watcher, Notifier::Handler(std::ref(handler)), std::move(options)) {}
  ThreadedNotifier(const ThreadedNotifier&) = delete;
  ThreadedNotifier& operator=(const ThreadedNotifier&) = delete;

  /// Stops the thread and waits for it. What the handler threw and no join() has thrown is written
  /// to the standard error output: who wants to handle it calls join().
  ~ThreadedNotifier();

  /// Starts the thread; a stop() before that means nothing any more, one after it is not lost.
  /// Errors: EALREADY (started, and not joined since), EAGAIN (no more threads can be had).
  void start(Notifier::Callback after_cycle = {});

  /// Ends the thread as Notifier::stop() ends its loop; does not wait for it.
  void stop() noexcept { notifier_.stop(); }

  /// Has `function` called in the thread: see Notifier::post(). It is accepted before start(), too;
  /// after the end of the thread it is refused with ECANCELED, until the next start().
  template <std::invocable Function>
  auto post(Function&& function) {
    return notifier_.post(std::forward<Function>(function));
  }

  /// Waits for the end of the thread. Throws what ended it, once: an exception of the handler, of
  /// the callback or of Watcher::read. Otherwise returns why it ended; nothing if it was not
  /// started since the last join().
  std::optional<Notifier::Ended> join();

  /// Whether the thread still handles events: false once it has ended, whatever the cause.
  [[nodiscard]] bool is_running() const noexcept { return is_running_; }

 private:
  Notifier notifier_;
  std::exception_ptr error_;  // the thread's until it is joined, as is the next
  std::optional<Notifier::Ended> ended_;
  std::atomic<bool> is_running_ = false;
  std::thread thread_;
};

}  // namespace inotify::inline v0
