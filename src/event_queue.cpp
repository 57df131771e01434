#include <inotify/event_queue.hpp>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace inotify::inline v0 {

namespace {

void hand(const OwnedEvent& event, EventQueue::Handler& handler) {
  if (event.error || event.is_overflow() || event.is_unmount() || event.is_ignored()) {
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

// Whichever side ends, and however: the other one shall not wait for it.
class StopAtEnd {
 public:
  explicit StopAtEnd(EventQueue& queue) : queue_(queue) {}
  StopAtEnd(const StopAtEnd&) = delete;
  StopAtEnd& operator=(const StopAtEnd&) = delete;
  ~StopAtEnd() { queue_.stop(); }

 private:
  EventQueue& queue_;
};

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

void EventQueue::read_events() {
  const StopAtEnd stop_at_end(*this);
  std::error_code ec;
  while (take(Instance::forever, Full::wait, ec)) {
  }
  check(ec, "EventQueue::read_events");
}

// Takes one event; first it makes sure of the room, so that there never is an event in hand that
// has none. There is one reader, so the room stays.
bool EventQueue::take(milliseconds timeout, Full when_full, std::error_code& ec) {
  {
    std::unique_lock lock(mutex_);
    const auto can_go_on = [&] { return is_stopped_ || events_.size() < capacity_; };
    if (when_full == Full::wait) room_or_end_.wait(lock, can_go_on);
    if (is_stopped_ || events_.size() >= capacity_) return false;
    is_taking_ = true;
  }
  const Event* event = nullptr;
  try {
    event = watcher_->next(timeout, ec);
    end_take(event);
  } catch (...) {
    if (event != nullptr) watcher_->put_back();
    end_take(nullptr);
    throw;
  }
  return event != nullptr;
}

// Throws only if there is an event, and then nothing has changed.
void EventQueue::end_take(const Event* event) {
  std::optional<OwnedEvent> owned;
  if (event != nullptr) owned.emplace(*event);
  const std::lock_guard lock(mutex_);
  if (owned) events_.push_back(*std::move(owned));
  is_taking_ = false;
  // The interrupt() of a stop() that came too late to be noticed is nobody else's business.
  if (is_stopped_ && !watcher_->interrupted()) watcher_->clear_interrupt();
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
  const StopAtEnd stop_at_end(*this);
  while (const auto event = pop()) hand(*event, handler);
}

// ---- both

void EventQueue::stop() noexcept {
  const std::lock_guard lock(mutex_);
  if (is_taking_ && !is_stopped_) watcher_->interrupt();
  is_stopped_ = true;
  room_or_end_.notify_all();
  event_or_end_.notify_all();
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
