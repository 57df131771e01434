// A bounded queue between who reads events and who handles them.
#pragma once

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include <inotify/detail/post_box.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

/// A queue of events that own their texts. A reader fills it from a watcher; a handler drains it, in
/// the order of the stream, with files and directories told apart. It never holds more than
/// `capacity` events, and never drops one: what does not fit stays, in order, where it is, in the
/// watcher and in the kernel's queue. (That one is bounded, too, and says so if it had to drop
/// events: an IN_Q_OVERFLOW comes through here as any other event.)
///
/// In one thread nothing waits for the other side, so nothing can deadlock:
///
///     inotify::EventQueue queue(watcher);
///     while (queue.wait_and_fill() > 0) queue.handle_queued(handler);  // until watcher.interrupt()
///
/// In two, the reader waits for room and the handler for events; when one side ends, in whatever
/// way, so does the other:
///
///     auto reader = std::async(std::launch::async, [&] { queue.read_events(); });
///     queue.handle_events(handler);  // returns after stop() or watcher.interrupt()
///     reader.get();                  // the reader's error, if it had one
///
/// Neither side can starve the other. The reader takes an event only if there is room, so it is at
/// most `capacity` events ahead of the handlers, and then waits until one of them has taken one; a
/// handler waits only while there is none. Each such wait lasts as long as the scheduler lets the
/// other thread wait for a processor: with a capacity of 1 there are two of them for each event,
/// with 128 hardly any. On a crowded machine that decides how many events come through in a given
/// time, and so how many have been handled when a stop() comes.
///
/// What a stop() leaves: the events that are queued, and one that the reader has in hand at that
/// moment, are still handled by handle_events() and returned by pop(). All that has not been taken
/// from the watcher stays there, in order, in what it has read or in the kernel's queue, and is the
/// next reader's:
///
///     queue.stop();  // then both sides are joined
///     inotify::EventQueue rest(watcher);
///     while (rest.try_fill() > 0) rest.handle_queued(handler);  // all that had happened before
///
/// While the reader has the watcher, what others want done with it they post:
///
///     queue.post([&] { watcher.add("/etc", IN_MODIFY); });
///
/// Thread safety: the functions called fill, and read_events(), use the watcher, so they are called by
/// the one thread that may use it; all the rest from any thread. Several threads may handle; which of them gets the
/// next event is open. No lock is held while a handler runs: it may call stop(), and in one thread
/// change watches and fill the queue.
///
/// When memory runs out, std::bad_alloc comes out, and the event that could not be kept stays with the
/// watcher, as what comes after it does.
///
/// The watcher must outlive the queue and stay where it is. The queue must outlive both sides: it
/// is undefined to destroy it while one of them is in a call, waiting or not; stop() and join
/// first. What it then holds is gone with it. Neither copied nor moved. Source: the sample code of
/// "Monitor Linux file system events with inotify" (IBM developerWorks), queue_t.
class INOTIFY_API EventQueue {
 public:
  using milliseconds = std::chrono::milliseconds;

  /// What is done with an event. Whether something is a directory is what the kernel says (IN_ISDIR):
  /// of everything but the end of what is watched itself.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_file(const OwnedEvent& event) = 0;
    virtual void on_directory(const OwnedEvent& event) = 0;
    /// What concerns a watch and not an entry: IN_DELETE_SELF and IN_MOVE_SELF, for which the kernel
    /// does not say whether it was a directory, IN_UNMOUNT, IN_IGNORED; IN_Q_OVERFLOW; and a directory
    /// that cannot be watched (`event.error`).
    virtual void on_notice(const OwnedEvent& event) = 0;
  };

  /// Throws std::invalid_argument if `capacity`, a number of events, is 0.
  explicit EventQueue(Watcher& watcher, std::size_t capacity = 128);
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue() = default;

  // ---- one thread

  /// Takes events as long as there is room and returns how many. Waits for the first one, and at
  /// most `timeout`; never for room. 0 when nothing came, when full or stopped, and after
  /// Watcher::interrupt(). Errors: as of Watcher::read(), but ENODATA; what was taken before stays in
  /// the queue.
  std::size_t fill(milliseconds timeout);

  /// The same without waiting: `while (queue.try_fill() > 0) queue.handle_queued(handler);` handles
  /// all that is there.
  std::size_t try_fill() { return fill(milliseconds::zero()); }

  /// The same, waiting for ever: 0 only when full or stopped, after Watcher::interrupt(), or when
  /// nothing is watched any more.
  std::size_t wait_and_fill() { return fill(Instance::forever); }

  /// The oldest event, if there is one. Never waits.
  std::optional<OwnedEvent> try_pop();

  /// Hands what is queued now to `handler`, and returns how many events. Never waits. If the handler
  /// throws, that event counts as handled; the rest stays queued.
  std::size_t handle_queued(Handler& handler);

  // ---- two threads

  /// Reads until stop(), Watcher::interrupt(), or until nothing is watched any more and nothing is
  /// posted, and waits for room when the queue is full. Calls stop() at the end, even if that is an error. Errors: as of
  /// Watcher::read(), but ENODATA is the end.
  void read_events();

  /// The oldest event; waits for it. Empty when the queue is stopped and all has been popped.
  std::optional<OwnedEvent> pop();

  /// Hands events to `handler` until the queue is stopped and all are handled. Calls stop() at the
  /// end. If the handler throws, that event counts as handled; the rest stays queued, for
  /// handle_queued().
  void handle_events(Handler& handler);

  /// Has `function` called in the thread that reads, between two events, or at once if that waits; in
  /// the order in which they are posted. It may do with the watcher all but read, close or move it.
  /// Returns without waiting; the future has what it returns or throws, and may be thrown away.
  ///
  /// What is posted before somebody reads is called first when somebody does. After stop() it is
  /// refused: post() throws std::system_error with ECANCELED. What has been accepted is called by then,
  /// or by read_events() at its end; where nothing reads at that moment, by the next call that fills,
  /// which otherwise does nothing. If there is none, its future throws std::future_error when the
  /// queue is destroyed. It may be called from a handler, or a posted function; do not wait for the
  /// future in the thread that reads.
  template <std::invocable Function>
  auto post(Function&& function) {
    auto future = posted_.put(std::forward<Function>(function));
    wake_reader();
    return future;
  }

  /// Ends the reading, for good, and the waiting of both sides, at once; what is queued may still be
  /// popped. What has not been taken stays with the watcher, for whoever reads it next. Not
  /// async-signal-safe: that is interrupt().
  void stop() noexcept;

  /// Watcher::interrupt(), which the reader sees with the next batch: fill() returns 0, read_events()
  /// ends. Async-signal-safe.
  void interrupt() const noexcept { watcher_->interrupt(); }

  [[nodiscard]] bool is_stopped() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool full() const { return size() >= capacity_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  enum class Full { give_up, wait };
  enum class Room { none, one, posted };
  bool take(milliseconds timeout, Full when_full, std::error_code& ec);
  Room begin_take(Full when_full);
  const Event* take_next(milliseconds timeout, std::error_code& ec);
  void end_take(const Event* event);
  INOTIFY_API void wake_reader() noexcept;
  OwnedEvent pop_front();  // under the lock

  Watcher* watcher_;
  std::size_t capacity_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable room_or_end_;
  std::condition_variable event_or_end_;
  std::deque<OwnedEvent> events_;
  bool is_stopped_ = false;
  bool is_taking_ = false;  // the reader may bring one more event
  bool is_woken_ = false;   // while it was taking

  detail::PostBox posted_;
};

}  // namespace inotify::inline v0
