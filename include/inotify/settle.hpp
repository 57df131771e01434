// Tell a path once nothing happens to it any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

#include <inotify/event.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

/// Reads a Watcher or an AutoWatcher and tells of each path when it has come to rest: once nothing has
/// happened to it for `quiet`, and at the latest `at_most` after the first thing that did. A build that
/// starts when a file was saved starts once for each save, and reads no half of one:
///
///     inotify::Settle settle(watcher, {.quiet = 200ms, .at_most = 2s});
///     while (!watcher.empty())
///       for (const inotify::Event& e : settle.read()) std::cout << e << '\n';
///
/// What is told is what has become of the path, not how:
///   - What happens to the content (ACCESS, MODIFY, ATTRIB, OPEN, CLOSE_WRITE, CLOSE_NOWRITE) is one
///     event with all its bits, and part of the CREATE or MOVED_TO if there is one. CLOSE_WRITE says
///     that nobody has changed the file since it was closed last.
///   - What came and went is not told: temporary and lock files. Nor is a rename there and back.
///   - Of several renames one is told, from where the consumer has it to where it is. A wait goes along
///     with its file, also if a directory above is renamed. What has not been told under its old
///     name is told under its new one only, as a MOVED_TO without `moved_from`.
///   - A file that took the place of another is one event, whose CREATE or MOVED_TO is in place of
///     the other; no DELETE is told. So editors that write a new file and rename it, and those that
///     move the old one away first, save with one event.
///
/// The rules of examples/README.md, "Replaying the stream", hold for what is told, at any moment, as for
/// what was read: a directory is told before what is in it, with it if need be, and what leaves a place before
/// what takes it. Paths that have nothing to do with one another come in the order in which they settled.
/// The two halves of a rename stand back to back unless others have to move in between, as in an
/// exchange. A DELETE may be told of a name that has not been told of: of one that had a file moved
/// to it, which may have replaced another, and lost it again. For these rules the mask must have
/// IN_CREATE | IN_DELETE | IN_MOVE. Who lists the disk sees what has not been told yet.
///
/// A plain Watcher does not tell an exchange of two names (RENAME_EXCHANGE) from a rename there and back.
/// So over one, of an exchange of x and y no more may be told than a DELETE of y, which exists: where
/// names are exchanged take an AutoWatcher, or look whether a path is gone before acting on that.
///
/// Overflow, errors, IN_IGNORED, IN_UNMOUNT, DELETE_SELF and MOVE_SELF are told at once. What waits at
/// their path and below is told before them, and all that waits if they have no path: so nothing is
/// dropped, and what they make the consumer forget he forgets after it.
///
/// Time counts from when an event is read here. Memory is bounded by the paths that were in motion at
/// once. An event of a path in motion that is about its content allocates nothing, and takes some 95
/// instructions.
///
/// When memory runs out std::bad_alloc comes out; what waited is lost then, and the next read() says
/// so: an IN_Q_OVERFLOW without a path.
///
/// It takes up what next() or an event_gen has left in the watcher. The watcher must outlive it and
/// stay where it is; who else reads it takes events away from it. Thread safety: interrupt() from any
/// thread and from a signal handler; everything else from the thread that uses the watcher. Move-only;
/// one that was moved away reads nothing: EBADF.
/// Source: the debouncing of watchexec and watchfiles; chokidar, awaitWriteFinish.
class INOTIFY_API Settle {
 public:
  using milliseconds = std::chrono::milliseconds;

  struct Options {
    /// How long nothing must have happened to a path.
    milliseconds quiet{200};
    /// How long it waits at most, however busy it is.
    milliseconds at_most{2'000};
    /// A file does not wait any more once it is closed after it was written, or has come under its
    /// name as a whole: MOVED_TO, or a `synthetic` create with CLOSE_WRITE. Sooner, but a program that
    /// opens its file several times is told as often. The mask must have IN_CLOSE_WRITE.
    bool ends_when_finished = false;
  };

  /// Errors: EMFILE, ENFILE, ENOMEM; EBADF, the watcher is closed.
  explicit Settle(Watcher& watcher) : Settle(watcher, Options{}) {}
  Settle(Watcher& watcher, Options options);
  Settle(Watcher& watcher, Options options, std::error_code& ec);
  Settle(Settle&&) noexcept;
  Settle& operator=(Settle&&) noexcept;
  /// What is in motion is gone with it; take flush() first.
  ~Settle();

  /// Waits until something has settled, and returns all that has; empty only if interrupt() ended the
  /// wait. The span, and every view in its events, is valid until the next read() or flush(). Errors: as
  /// of Watcher::read(); ENODATA comes once nothing is watched and nothing waits any more.
  std::span<const Event> read();
  std::span<const Event> read(std::error_code& ec);

  /// The same, but waits at most `timeout`, and may return an empty span. 0ms takes what there is to
  /// read, a batch of it, and tells what has settled by now: for event loops, when fileno() is readable.
  std::span<const Event> read(milliseconds timeout);
  std::span<const Event> read(milliseconds timeout, std::error_code& ec);

  /// Tells all that is in motion, at once, settled or not: at the end of a program. Reads nothing.
  std::span<const Event> flush();

  /// How many paths are in motion.
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// The descriptor to poll for reading: readable when something has happened, or is due. Then a
  /// read(0ms) may still return nothing.
  [[nodiscard]] int fileno() const noexcept;

  /// Ends a blocked read() in another thread, or the next one that would block, which a read(0ms) never
  /// does; that of the watcher does the same. Async-signal-safe.
  void interrupt() const noexcept { watcher_->interrupt(); }

  /// Whether it was interrupt() that ended the last read() without an event.
  [[nodiscard]] bool interrupted() const noexcept;

 private:
  struct State;

  bool take(milliseconds timeout, std::error_code& ec);
  std::span<const Event> deliver();
  [[nodiscard]] milliseconds time_to_due() const;
  void set_timer() noexcept;

  Watcher* watcher_;
  std::unique_ptr<State> state_;
};

}  // namespace inotify::inline v0
