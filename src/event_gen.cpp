#include <inotify/event_gen.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace inotify::inline v0 {

namespace {

using std::chrono::milliseconds;

std::string describe(const Event& event) {
  std::string text = "inotify: event_gen: terminal event " + to_string(event);
  if (event.is_overflow()) {
    text +=
        ": events were lost; list what you watch anew, and read faster or raise "
        "fs.inotify.max_queued_events";
  } else if (event.is_unmount()) {
    text +=
        ": its file system was unmounted, and it is no longer watched; mount it and add it anew";
  }
  return text;
}

}  // namespace

TerminalEvent::TerminalEvent(const Event& event)
    : std::runtime_error(describe(event)), event_(std::make_shared<const OwnedEvent>(event)) {}

EventGen::EventGen(Watcher& watcher, EventGenOptions options)
    : watcher_(&watcher), options_(std::move(options)) {}

EventGen event_gen(Watcher& watcher, EventGenOptions options) {
  return {watcher, std::move(options)};
}

milliseconds EventGen::time_to_wait(clock::time_point now) const {
  const milliseconds block = options_.block_duration.get();
  if (watcher_->empty()) return milliseconds::zero();  // it would wait for ever
  if (!options_.timeout) return block;
  const auto passed = std::chrono::floor<milliseconds>(now - *last_hit_);
  return std::min(block, std::max(*options_.timeout - passed, milliseconds::zero()));
}

bool EventGen::is_timed_out(clock::time_point now) const {
  return options_.timeout &&
         std::chrono::floor<milliseconds>(now - *last_hit_) >= *options_.timeout;
}

bool EventGen::fetch() {
  while (!is_fetched_ && !is_done_) is_fetched_ = advance();
  return !is_done_;
}

// One step: whether it has something to yield.
bool EventGen::advance() {
  if (owes_tick_ && watcher_->num_kept() == 0) {
    owes_tick_ = false;
    current_ = nullptr;
    return true;
  }
  if (!last_hit_) last_hit_ = clock::now();
  current_ = watcher_->next(time_to_wait(clock::now()));
  const auto now = clock::now();
  if (current_ == nullptr) {
    is_done_ = watcher_->interrupted() || watcher_->empty() || is_timed_out(now);
    return options_.yield_idle;
  }
  last_hit_ = now;
  owes_tick_ = options_.yield_idle && options_.tick == Tick::each_batch;
  std::optional<TerminalEvent> terminal;
  try {
    if (options_.filter_predicate && !options_.filter_predicate(*current_)) {
      last_event_.emplace(*current_);
      is_done_ = true;
    } else if ((current_->mask & options_.terminal_events) != 0) {
      terminal.emplace(*current_);
    }
  } catch (...) {  // the next cycle asks again
    watcher_->put_back();
    throw;
  }
  if (!terminal) return true;
  is_done_ = true;
  throw TerminalEvent(*terminal);
}

}  // namespace inotify::inline v0
