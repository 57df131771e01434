// Let events gather, and read them together.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include <inotify/detail/waker.hpp>
#include <inotify/error.hpp>
#include <inotify/event.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

/// Reads a Watcher or an AutoWatcher late, so that a busy tree costs few system calls and few
/// wake-ups: "plugged in" it waits for the first event; then it is "unplugged" and lets more of them
/// gather, until enough are queued or the longest delay is over.
///
///     inotify::BatchReader reader(watcher, {.max_delay = 20ms});
///     while (!watcher.empty())
///       for (const inotify::Event& e : reader.read()) std::cout << e << '\n';
///
/// What it saves, per 100k events at 20,000 a second (tests/benchmark, 2 cores, Linux 6.18; between
/// full runs the CPU time differs by up to twice):
///
///     raw blocking read(2)                    99,700 system calls   126 ms of CPU
///     AutoWatcher::read()                    199,400                207
///     5 ms after the first event               3,000                 19
///     20 ms after the first event                750                 14
///     100 ms after the first event               150                 12
///     512 bytes at once, or after a second        75                 21
///     4 KiB, looked for every ms              12,000                 33
///     16 KiB, looked for every 5 ms            2,600                 18
///     64 KiB, looked for every 5 ms            3,100                 37
///     256 KiB, looked for every 5 ms           2,700                 64
///
/// So the fixed delay is the default, and a threshold is for those who want a little at once and the
/// rest late: each look makes the kernel walk the queue.
///
/// The kernel keeps the events meanwhile: 16,384 of them by default (fs.inotify.max_queued_events),
/// and says so if it had to drop some. So the longest delay must fit the rate: 16,384 events are 65 ms
/// of a busy tmpfs (src/KERNEL.md#34), and the second of the table above was measured with a queue of
/// 40,000; the default one overflowed.
///
/// It refers to the watcher, which must outlive it and stay where it is; a read() of the watcher
/// itself takes events away from it and does no other harm. Thread safety: interrupt() from any
/// thread and from a signal handler; everything else from the thread that uses the watcher.
/// Move-only. Source: python-inotify, examples/performant.py.
class INOTIFY_API BatchReader {
 public:
  using milliseconds = std::chrono::milliseconds;

  /// No number of bytes is enough: what is read is what came in `max_delay`.
  static constexpr std::size_t never = SIZE_MAX;

  struct Options {
    /// Reads as soon as so many bytes are queued; see Threshold for what an event takes. Beyond
    /// some 16 KiB it gets dearer again.
    std::size_t threshold = never;
    /// Reads so long after the first event at the latest.
    milliseconds max_delay{20};
    /// How often it looks whether enough are queued.
    milliseconds poll_interval{5};
  };

  /// What it has asked of the kernel. Where each event is read as it comes there is a wait and a
  /// read for each.
  struct Counts {
    std::size_t polls = 0;      ///< poll(2): waits
    std::size_t fionreads = 0;  ///< FIONREAD: looks at how much is queued
    std::size_t reads = 0;      ///< reads of the watcher
  };

  /// Errors: EMFILE, ENOMEM.
  explicit BatchReader(Watcher& watcher) : BatchReader(watcher, Options{}) {}
  BatchReader(Watcher& watcher, Options options);
  BatchReader(Watcher& watcher, Options options, std::error_code& ec) noexcept;

  /// Waits for the first event, lets more gather, and returns them as Watcher::read() does: what has
  /// gathered may be more than one batch, whose rest the next calls return without any waiting. Empty
  /// only if interrupt() was called. Errors: as of Watcher::read().
  std::span<const Event> read() { return read(Instance::forever); }
  std::span<const Event> read(std::error_code& ec) { return read(Instance::forever, ec); }

  /// The same, but waits for the first event at most `timeout`, and may return an empty span.
  std::span<const Event> read(milliseconds timeout);
  std::span<const Event> read(milliseconds timeout, std::error_code& ec);

  /// Ends a read() in another thread, or the next one, which returns what is queued. The watcher's
  /// own interrupt() does not. Async-signal-safe.
  void interrupt() const noexcept { waker_.interrupt(); }

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  detail::Wake gather(milliseconds timeout, std::error_code& ec);
  bool has_enough();
  detail::Wake wait(int fd, milliseconds timeout, std::error_code& ec) noexcept;

  Watcher* watcher_;
  Options options_;
  detail::Waker waker_;
  Counts counts_;
};

}  // namespace inotify::inline v0
