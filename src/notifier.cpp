#include <inotify/notifier.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <inotify/detail/deadline.hpp>

namespace inotify::inline v0 {
namespace {

using std::chrono::milliseconds;

// So many batches are read before the callback has its turn.
constexpr int max_batches = 16;

// The least pause between two looks at a queue that has not reached the threshold.
constexpr milliseconds min_pause{10};

}  // namespace

Notifier::Notifier(Watcher& watcher, Handler handler, Options options)
    : watcher_(watcher), handler_(std::move(handler)), options_(std::move(options)) {
  std::error_code ec;
  waker_ = detail::Waker(ec);
  if (ec) detail::throw_error("Notifier", ec);
}

void Notifier::stop() noexcept {
  is_stopped_ = true;
  waker_.interrupt();
}

Notifier::Ended Notifier::loop(const Callback& after_cycle) {
  // However it ends: no function that was accepted is left behind, and no stop() goes on to the next.
  const struct End {
    Notifier& notifier;
    ~End() {
      notifier.posted_.shut();
      notifier.posted_.run();
      notifier.is_stopped_ = false;
    }
  } end{*this};

  posted_.open();
  while (!is_stopped_) {
    const Cycle result = cycle();
    if (result == Cycle::stopped) return Ended::stopped;
    if (after_cycle && after_cycle(*this)) return Ended::by_callback;
    if (result == Cycle::nothing_watched && watcher_.empty() && posted_.shut_if_empty())
      return Ended::nothing_watched;
  }
  return Ended::stopped;
}

Notifier::Cycle Notifier::cycle() {
  if (!goes_on()) return Cycle::stopped;
  if (!kept_.empty()) return deliver_kept() ? Cycle::done : Cycle::stopped;
  const bool is_hopeless =
      !waits_for_watches_ && watcher_.empty() && detail::Deadline(options_.timeout).is_endless();
  // What is left of what had gathered waits no longer.
  if (!watcher_.has_pending()) {
    const Wake wake = gather(is_hopeless ? milliseconds::zero() : options_.timeout);
    if (wake == Wake::stop) return Cycle::stopped;
    if (wake == Wake::posted) return Cycle::done;
  }
  for (int batch = 0; batch < max_batches; ++batch) {
    const auto events = watcher_.read(milliseconds::zero());
    if (events.empty()) {
      return batch == 0 && is_hopeless ? Cycle::nothing_watched : Cycle::done;
    }
    if (!take(events)) return Cycle::stopped;
    if (!watcher_.has_pending()) break;
  }
  return Cycle::done;
}

// Waits until it is time to read, or until functions have been called before anything came.
Notifier::Wake Notifier::gather(milliseconds timeout) {
  const detail::Deadline deadline(timeout);
  const detail::Deadline pause(options_.read_freq);
  const int fd = watcher_.fileno();
  if (fd < 0) detail::throw_error("Notifier::loop", make_error(EBADF));
  Wake wake = wait(fd, timeout);
  // Who posts without end keeps no event away.
  if (wake == Wake::posted && watcher_.readable() == 0) return wake;
  if (wake != Wake::timeout && wake != Wake::stop) wake = wait(-1, pause.left());
  while (wake != Wake::stop && deadline.left() > milliseconds::zero() &&
         watcher_.readable() < options_.threshold) {
    wake = wait(-1, std::min(deadline.left(), std::max(options_.read_freq, min_pause)));
  }
  return wake;
}

// Waits for `fd` to be readable, and calls what is posted meanwhile, which ends it; if `fd` is -1 time
// just passes, up to a stop().
Notifier::Wake Notifier::wait(int fd, milliseconds timeout) {
  const detail::Deadline deadline(timeout);
  while (!is_stopped_) {
    std::error_code ec;
    const detail::Wake wake = waker_.wait(fd, deadline.left(), ec);
    if (ec) detail::throw_error("Notifier::loop", ec);
    if (wake == detail::Wake::events) return Wake::events;
    if (wake == detail::Wake::timeout) return Wake::timeout;
    // Woken by a stop() or post() that may have been taken already: what they have left tells.
    const bool has_run = posted_.run();
    if (is_stopped_) break;
    if (has_run && fd >= 0) return Wake::posted;
    if (deadline.left() == milliseconds::zero()) return Wake::timeout;
  }
  return Wake::stop;
}

bool Notifier::take(std::span<const Event> events) {
  if (!options_.fold) return deliver(events);
  try {
    folded_ = options_.fold(events);
  } catch (...) {
    keep(events);
    throw;
  }
  return deliver(folded_);
}

// Handles `events`, up to a stop(): then false, and what is left is kept.
bool Notifier::deliver(std::span<const Event> events) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    try {
      handler_(events[i]);
    } catch (...) {
      keep(events.subspan(i + 1));
      throw;
    }
    if (!goes_on()) {
      keep(events.subspan(i + 1));
      return false;
    }
  }
  return true;
}

bool Notifier::deliver_kept() {
  while (!kept_.empty()) {
    const Event& event = kept_.front();
    kept_ = kept_.subspan(1);
    handler_(event);
    if (!goes_on()) return false;
  }
  return true;
}

// Between two events: calls what is posted. False after a stop().
bool Notifier::goes_on() {
  posted_.run();
  return !is_stopped_;
}

// Nothing is copied, for that might fail: the watcher gives its batch away.
void Notifier::keep(std::span<const Event> events) noexcept {
  if (events.empty()) return;
  held_ = watcher_.take_delivered();
  kept_ = events;
}

ThreadedNotifier::ThreadedNotifier(Watcher& watcher, Notifier::Handler handler, Options options)
    : notifier_(watcher, std::move(handler), std::move(options)) {
  notifier_.waits_for_watches_ = true;
}

ThreadedNotifier::~ThreadedNotifier() {
  stop();
  if (thread_.joinable()) thread_.join();
  if (error_ == nullptr) return;
  const auto tell = [](const char* cause) {
    std::fprintf(stderr,
                 "inotify: ~ThreadedNotifier: its thread was ended by, and no join() told: %s\n",
                 cause);
  };
  try {
    std::rethrow_exception(error_);
  } catch (const std::exception& error) {
    tell(error.what());
  } catch (...) {
    tell("an exception that is no std::exception");
  }
}

void ThreadedNotifier::start(Notifier::Callback after_cycle) {
  if (thread_.joinable()) detail::throw_error("ThreadedNotifier::start", make_error(EALREADY));
  error_ = nullptr;
  ended_.reset();
  notifier_.is_stopped_ = false;
  notifier_.posted_.open();  // not only once the thread runs
  is_running_ = true;
  try {
    thread_ = std::thread([this, after_cycle = std::move(after_cycle)] {
      try {
        ended_ = notifier_.loop(after_cycle);
      } catch (...) {
        error_ = std::current_exception();
      }
      is_running_ = false;
    });
  } catch (...) {
    is_running_ = false;
    throw;
  }
}

std::optional<Notifier::Ended> ThreadedNotifier::join() {
  if (thread_.joinable()) thread_.join();
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
  return std::exchange(ended_, std::nullopt);
}

}  // namespace inotify::inline v0
