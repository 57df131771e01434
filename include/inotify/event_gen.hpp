// Events one after the other, as a range that can also tick, time out and end itself.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

/// What an event_gen() throws when it comes to a terminal event. Its message names the event, the
/// path and what to do. Source: PyInotify, TerminalEventException.
class INOTIFY_API TerminalEvent : public std::runtime_error {
 public:
  explicit TerminalEvent(const Event& event);
  /// The event; it is delivered nowhere else.
  [[nodiscard]] const OwnedEvent& event() const noexcept { return *event_; }

 private:
  std::shared_ptr<const OwnedEvent> event_;  // copying an exception must not throw
};

/// How long a cycle waits: a value, or a function that is asked each cycle. Made from either.
/// (Not a std::variant: GCC 14 warns in its users' units, of what it takes for uninitialized.)
class BlockDuration {
 public:
  using milliseconds = std::chrono::milliseconds;

  template <std::convertible_to<milliseconds> Value>
  BlockDuration(Value value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  template <class Ask>
  requires(!std::convertible_to<Ask, milliseconds> && std::is_invocable_r_v<milliseconds, Ask&>)
      BlockDuration(Ask ask)
      : ask_(std::move(ask)) {}  // NOLINT(google-explicit-constructor)

  /// The value, or what the function says now.
  [[nodiscard]] milliseconds get() const { return ask_ ? ask_() : value_; }

 private:
  milliseconds value_{};
  std::function<milliseconds()> ask_;
};

/// When an event_gen() ticks, that is yields a null pointer.
enum class Tick {
  idle,       ///< In each cycle in which nothing came.
  each_batch  ///< And after the events of each cycle, so on a busy tree, too. Source: PyInotify.
};

struct EventGenOptions {
  using milliseconds = std::chrono::milliseconds;

  /// How long a cycle waits for events: a value, or a function that is asked each cycle. Never
  /// longer than what is left of `timeout`.
  BlockDuration block_duration = milliseconds(1000);

  /// Ends the range when no event has come for so long. Default: never.
  std::optional<milliseconds> timeout{};

  /// Whether it ticks, that is yields a null pointer now and then, in which to do something else.
  bool yield_idle = true;

  /// When. A cycle is a read: what it brought, up to some 2,000 events, is yielded before it ticks.
  Tick tick = Tick::idle;

  /// Asked of each event before it is delivered: false ends the range. The event that ended it is
  /// not delivered but kept: see EventGen::last_event(). Default: all are delivered.
  std::function<bool(const Event&)> filter_predicate{};

  /// Bits of events that are not delivered but thrown, as a TerminalEvent. 0: none.
  Mask terminal_events = IN_Q_OVERFLOW | IN_UNMOUNT;
};

/// What event_gen() returns: an input range, to be run through once, of `const Event*`. The pointer
/// is null when it ticks; otherwise the event is valid until the range is advanced, or the
/// watcher read. Move-only; a view.
///
/// It goes on only when asked whether there is a further element, so `| std::views::take(3)` takes
/// three events, not four, and waits for no more (`filter | take` does: a filter looks further by
/// itself). Whatever ends the loop (the range, a `break`, an exception), the events behind the last
/// one seen stay with the watcher: a new event_gen(), or read(), goes on with them.
class INOTIFY_API EventGen : public std::ranges::view_base {
 public:
  class iterator {
   public:
    using value_type = const Event*;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    value_type operator*() const {
      gen_->fetch();
      return gen_->current_;
    }
    iterator& operator++() {
      gen_->fetch();
      gen_->is_fetched_ = false;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !gen_->fetch(); }

   private:
    friend class EventGen;
    explicit iterator(EventGen& gen) noexcept : gen_(&gen) {}
    EventGen* gen_;
  };

  EventGen(Watcher& watcher, EventGenOptions options);
  EventGen(EventGen&&) = default;
  EventGen& operator=(EventGen&&) = default;
  EventGen(const EventGen&) = delete;
  EventGen& operator=(const EventGen&) = delete;

  [[nodiscard]] iterator begin() noexcept { return iterator(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

  /// The event that `filter_predicate` ended the range with, if it was that. Source: PyInotify,
  /// last_success_return.
  [[nodiscard]] const std::optional<OwnedEvent>& last_event() const noexcept { return last_event_; }

 private:
  using clock = std::chrono::steady_clock;

  bool fetch();  // the current element, if it is not there yet; false if there is none
  bool advance();
  [[nodiscard]] std::chrono::milliseconds time_to_wait(clock::time_point now) const;
  [[nodiscard]] bool is_timed_out(clock::time_point now) const;

  Watcher* watcher_;
  EventGenOptions options_;
  const Event* current_ = nullptr;
  bool owes_tick_ = false;  // once the cycle is over
  bool is_fetched_ = false;
  bool is_done_ = false;
  std::optional<clock::time_point> last_hit_;  // of an event; at first, the begin
  std::optional<OwnedEvent> last_event_;
};

/// The events of a watcher, one after the other:
///
///     for (const inotify::Event* event : inotify::event_gen(watcher, {.timeout = 10s}))
///       if (event) std::cout << *event << '\n';
///
/// After an overflow events are lost, and an AutoWatcher names each root whose content is to be listed
/// again. As the default is to throw, whoever just goes on says that it is an event like others:
///
///     for (const inotify::Event* event : inotify::event_gen(watcher, {.terminal_events = 0}))
///       if (event && event->is_overflow()) list(event->path);
///
/// The range ends when `timeout` has passed without an event, when `filter_predicate` says so,
/// after Watcher::interrupt() (what is queued stays queued), and when nothing is watched any more
/// and all of it is delivered. Its errors come up where it is advanced: TerminalEvent, after
/// everything before that event was delivered (the range is over then; a new one goes on behind
/// it); those of Watcher::read(), and whatever the functions in the options throw. After std::bad_alloc, or
/// an exception of a function, the same range may go on, with the same event.
///
/// The watcher must outlive the range and stay where it is. Watches may be added and removed
/// meanwhile. Thread safety: that of the watcher. Source: PyInotify, Inotify.event_gen.
[[nodiscard]] INOTIFY_API EventGen event_gen(Watcher& watcher, EventGenOptions options = {});

}  // namespace inotify::inline v0
