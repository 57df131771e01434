#include <inotify/event_queue.hpp>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <inotify/detail/deadline.hpp>

namespace inotify::inline v0 {

namespace {

// Of what is watched itself and has ended the kernel does not tell what it was.
constexpr Mask notices = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED;

void hand(const OwnedEvent& event, EventQueue::Handler& handler) {
  if (event.error || (event.mask & notices) != 0) {
    handler.on_notice(event);
  } else if (event.is_dir()) {
    handler.on_directory(event);
  } else {
    handler.on_file(event);
  }
}

// That nothing is watched any more is an end like others.
void check(const std::error_code& ec, const char* call) {
  if (ec && ec.value() != ENODATA) detail::throw_error(call, ec);
}

}  // namespace

EventQueue::EventQueue(Watcher& watcher, std::size_t capacity)
    : watcher_(&watcher), capacity_(capacity) {
  if (capacity == 0) {
    throw std::invalid_argument(
        "inotify: EventQueue: a capacity of 0 has room for no event; it must be 1 or more");
  }
}

// ---- the reader

std::size_t EventQueue::fill(milliseconds timeout) {
  std::size_t count = 0;
  std::error_code ec;
  while (take(count == 0 ? timeout : milliseconds::zero(), Full::give_up, ec)) ++count;
  check(ec, "EventQueue::fill");
  // It ends a loop of fill(), and this call has not failed to bring something.
  if (count > 0 && watcher_->interrupted()) watcher_->interrupt();
  return count;
}

// Whichever side ends, and however: the other one does not wait for it.
void EventQueue::read_events() {
  const struct End {
    EventQueue& queue;
    ~End() {
      queue.stop();
      queue.posted_.run();  // what was accepted before that
    }
  } end{*this};
  std::error_code ec;
  while (take(Instance::forever, Full::wait, ec)) {
  }
  check(ec, "EventQueue::read_events");
}

// Takes one event, and calls what is posted before that or meanwhile.
bool EventQueue::take(milliseconds timeout, Full when_full, std::error_code& ec) {
  const detail::Deadline deadline(timeout);
  for (;;) {
    posted_.run();
    const Room room = begin_take(when_full);
    if (room == Room::none) return false;
    if (room == Room::posted) continue;
    // Who posts without end keeps no event away.
    const auto limit = posted_.empty() ? deadline.left() : milliseconds::zero();
    if (take_next(limit, ec) != nullptr) return true;
    if (ec.value() == ENODATA && !posted_.empty()) continue;  // it may add a watch
    if (ec || watcher_->interrupted() || deadline.left() == milliseconds::zero()) return false;
    // Woken by post() or stop(); or the watcher had nothing to tell of what it has read.
  }
}

// Makes sure of the room, so that there never is an event in hand that has none. There is one reader, so
// the room stays.
EventQueue::Room EventQueue::begin_take(Full when_full) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] { return events_.size() < capacity_; };
  if (when_full == Full::wait)
    room_or_end_.wait(lock, [&] { return is_stopped_ || !posted_.empty() || has_room(); });
  if (is_stopped_) return Room::none;
  if (!has_room()) return when_full == Full::wait ? Room::posted : Room::none;
  is_taking_ = true;  // a post() from now on wakes it
  return Room::one;
}

// What it returns is in the queue.
const Event* EventQueue::take_next(milliseconds timeout, std::error_code& ec) {
  const Event* event = nullptr;
  try {
    event = watcher_->next(timeout, ec);
    end_take(event);
  } catch (...) {
    if (event != nullptr) watcher_->put_back();
    end_take(nullptr);
    throw;
  }
  return event;
}

// Throws only if there is an event, and then nothing has changed.
void EventQueue::end_take(const Event* event) {
  std::optional<OwnedEvent> owned;
  if (event != nullptr) owned.emplace(*event);
  const std::lock_guard lock(mutex_);
  if (owned) events_.push_back(*std::move(owned));
  is_taking_ = false;
  // A wake() that came too late to be noticed is nobody else's business; an interrupt() is.
  if (std::exchange(is_woken_, false) && watcher_->clear_interrupt()) watcher_->interrupt();
  event_or_end_.notify_all();
}

// ---- the handler

OwnedEvent EventQueue::pop_front() {
  OwnedEvent event = std::move(events_.front());
  events_.pop_front();
  room_or_end_.notify_one();
  return event;
}

std::optional<OwnedEvent> EventQueue::try_pop() {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) return std::nullopt;
  return pop_front();
}

std::optional<OwnedEvent> EventQueue::pop() {
  std::unique_lock lock(mutex_);
  event_or_end_.wait(lock, [&] { return !events_.empty() || (is_stopped_ && !is_taking_); });
  if (events_.empty()) return std::nullopt;
  return pop_front();
}

std::size_t EventQueue::handle_queued(Handler& handler) {
  std::size_t count = 0;
  for (const std::size_t queued = size(); count < queued; ++count) {
    const auto event = try_pop();
    if (!event) break;  // another thread was quicker
    hand(*event, handler);
  }
  return count;
}

void EventQueue::handle_events(Handler& handler) {
  const struct End {
    EventQueue& queue;
    ~End() { queue.stop(); }
  } end{*this};
  while (const auto event = pop()) hand(*event, handler);
}

// ---- both

void EventQueue::stop() noexcept {
  posted_.shut();
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    event_or_end_.notify_all();
  }
  wake_reader();
}

// Whatever it waits for.
void EventQueue::wake_reader() noexcept {
  const std::lock_guard lock(mutex_);
  room_or_end_.notify_all();
  if (is_taking_ && !std::exchange(is_woken_, true)) watcher_->wake();
}

bool EventQueue::is_stopped() const {
  const std::lock_guard lock(mutex_);
  return is_stopped_;
}

std::size_t EventQueue::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

}  // namespace inotify::inline v0
