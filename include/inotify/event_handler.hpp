// A class with a handler for each kind of event.
#pragma once

#include <iosfwd>

#include <inotify/event.hpp>

namespace inotify::inline v0 {

/// What a handler wants of those that stand after it (see HandlerChain); on its own it means
/// nothing.
enum class Chain { go_on, stop };

/// Derive from it and override the handlers of the events you care about:
///
///     class Handler : public inotify::EventHandler {
///       inotify::Chain on_create(const inotify::Event& event) override {
///         ...
///         return inotify::Chain::go_on;
///       }
///     };
///     Handler handler;
///     for (const inotify::Event& event : watcher.read()) handler(event);
///
/// An event goes to the handler of its bit; if that is not overridden, to the one of its family
/// (on_close, on_move), and if there is none or that is not overridden either, to on_default, which
/// does nothing. Where pyinotify keeps an overflow from its default handler and only logs it, it
/// comes to on_default here, as does an `error`: nothing is dropped unseen.
///
/// An event with several bits, such as the synthetic IN_CREATE|IN_CLOSE_WRITE of an AutoWatcher or
/// what was folded, is taken apart: the handler of each bit is called once, in the order in which they
/// happened (on_create, on_open, on_access, on_modify, on_attrib, on_close_write, on_close_nowrite, the
/// moves, on_delete, ...: see mask.hpp), with a copy whose mask has this bit alone, and IN_ISDIR if it
/// was there. Override handle() to have events whole.
///
/// A handler may throw: the exception passes through, and the bits that are left are not handled.
/// It may add and remove watches; it must not read from the watcher, close or move it, for the
/// event's texts are the watcher's. Not copyable, so that it is not sliced or copied by accident:
/// where a function object is wanted, pass std::ref(handler). Thread safety: the class has no
/// state; yours is up to you. Source: pyinotify, ProcessEvent.
class INOTIFY_API EventHandler {
 public:
  EventHandler() = default;
  EventHandler(const EventHandler&) = delete;
  EventHandler& operator=(const EventHandler&) = delete;
  virtual ~EventHandler() = default;

  /// Handles one event: stop if any of the handlers called said so.
  Chain operator()(const Event& event) { return handle(event); }

 protected:
  /// Takes the event apart and calls the handlers, as said above.
  virtual Chain handle(const Event& event);

  virtual Chain on_access(const Event& event) { return on_default(event); }
  virtual Chain on_modify(const Event& event) { return on_default(event); }
  virtual Chain on_attrib(const Event& event) { return on_default(event); }
  virtual Chain on_close_write(const Event& event) { return on_close(event); }
  virtual Chain on_close_nowrite(const Event& event) { return on_close(event); }
  virtual Chain on_open(const Event& event) { return on_default(event); }
  virtual Chain on_moved_from(const Event& event) { return on_move(event); }
  virtual Chain on_moved_to(const Event& event) { return on_move(event); }
  virtual Chain on_create(const Event& event) { return on_default(event); }
  virtual Chain on_delete(const Event& event) { return on_default(event); }
  virtual Chain on_delete_self(const Event& event) { return on_default(event); }
  virtual Chain on_move_self(const Event& event) { return on_default(event); }
  virtual Chain on_unmount(const Event& event) { return on_default(event); }
  virtual Chain on_overflow(const Event& event) { return on_default(event); }
  virtual Chain on_ignored(const Event& event) { return on_default(event); }

  /// An event with `error`: a directory that is not watched. It comes here whatever its mask.
  virtual Chain on_error(const Event& event) { return on_default(event); }

  /// The families of inotify(7): IN_CLOSE, and IN_MOVE (the two halves of a rename).
  virtual Chain on_close(const Event& event) { return on_default(event); }
  virtual Chain on_move(const Event& event) { return on_default(event); }

  /// What no other handler takes, a bit that has no handler included.
  virtual Chain on_default(const Event& event);
};

/// Prints every event, whole, on a line of its own. Does not flush. Source: pyinotify,
/// PrintAllEvents.
class INOTIFY_API PrintAll final : public EventHandler {
 public:
  /// `out` must outlive it.
  explicit PrintAll(std::ostream& out) noexcept : out_(out) {}

 protected:
  Chain handle(const Event& event) override;

 private:
  std::ostream& out_;
};

}  // namespace inotify::inline v0
