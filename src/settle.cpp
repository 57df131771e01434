#include <inotify/settle.hpp>

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <vector>

#include <inotify/detail/deadline.hpp>
#include <inotify/detail/motion.hpp>
#include <inotify/detail/unique_fd.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0 {

namespace {

using std::chrono::milliseconds;
using Clock = detail::Motion::Clock;
using Time = detail::Motion::Time;

// A clock has an end.
milliseconds bounded(milliseconds wait) {
  constexpr std::chrono::hours year{24 * 365};
  return std::clamp(wait, milliseconds::zero(), milliseconds(year));
}

// Makes a timer fire at a time; in the past: at once.
void set_timer_to(int fd, Time time) noexcept {
  // Zero would stop it.
  const auto since_boot = std::max(time.time_since_epoch(), Clock::duration(1));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec when{};
  when.it_value.tv_sec = static_cast<std::time_t>(seconds.count());
  when.it_value.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count());
  ::timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace

struct Settle::State {
  explicit State(const Options& options)
      : motion({bounded(options.quiet), bounded(options.at_most), options.ends_when_finished}) {}

  detail::Motion motion;
  std::vector<Event> views;  // of what it has told
  detail::UniqueFd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  detail::UniqueFd epoll{timer ? ::epoll_create1(EPOLL_CLOEXEC) : -1};
  std::optional<Time> set_to{};  // the timer
  bool is_interrupted = false;
  bool is_lost = false;  // what was in motion, and that is still to be told
};

Settle::Settle(Watcher& watcher, Options options) : watcher_(&watcher) {
  std::error_code ec;
  *this = Settle(watcher, options, ec);
  if (ec) detail::throw_error("Settle", ec);
}

Settle::Settle(Watcher& watcher, Options options, std::error_code& ec)
    : watcher_(&watcher), state_(std::make_unique<State>(options)) {
  ec.clear();
  const auto add = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    return ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (!state_->epoll || !add(state_->timer.get()) || !add(watcher.fileno())) {
    ec = make_error(errno);
    return;
  }
  // Something may be left in the watcher of which its descriptor does not tell.
  set_timer_to(state_->timer.get(), Time());
  state_->set_to = Time();
}

Settle::Settle(Settle&&) noexcept = default;
Settle& Settle::operator=(Settle&&) noexcept = default;
Settle::~Settle() = default;

std::span<const Event> Settle::read() { return read(Instance::forever); }

std::span<const Event> Settle::read(std::error_code& ec) { return read(Instance::forever, ec); }

std::span<const Event> Settle::read(milliseconds timeout) {
  std::error_code ec;
  const auto events = read(timeout, ec);
  if (ec) detail::throw_error("read", ec);
  return events;
}

std::span<const Event> Settle::read(milliseconds timeout, std::error_code& ec) try {
  ec.clear();
  if (state_ == nullptr) {
    ec = make_error(EBADF);
    return {};
  }
  state_->motion.clear_told();
  state_->is_interrupted = false;
  const detail::Deadline deadline(timeout);
  while (!state_->is_lost && take(deadline.left(), ec)) {
  }
  return deliver();
} catch (const std::bad_alloc&) {
  state_->motion.reset();
  state_->is_lost = true;
  throw;
}

// Takes what can be had and tells what is due; waits for one of them. Whether to go on.
bool Settle::take(milliseconds timeout, std::error_code& ec) {
  detail::Motion& motion = state_->motion;
  const auto events = watcher_->read(std::min(timeout, time_to_due()), ec);
  const Time now = Clock::now();
  if (!events.empty()) motion.take(events, now);
  if (watcher_->empty() || ec) {
    motion.tell_all();  // nothing more can happen
  } else {
    motion.tell_due(now);
  }
  if (!motion.told().empty()) {
    ec.clear();  // the next read() comes to it
    if (watcher_->interrupted()) watcher_->interrupt();
    return false;
  }
  if (ec || timeout == milliseconds::zero()) return false;
  // That is for a read() that waits and has nothing to return, also on a tree that is always busy.
  state_->is_interrupted = watcher_->interrupted() || watcher_->clear_interrupt();
  return !state_->is_interrupted;
}

milliseconds Settle::time_to_due() const {
  const auto due = state_->motion.next_due();
  if (!due) return milliseconds::max();
  return std::max(std::chrono::ceil<milliseconds>(*due - Clock::now()), milliseconds::zero());
}

std::span<const Event> Settle::flush() try {
  if (state_ == nullptr) return {};
  state_->motion.clear_told();
  state_->motion.tell_all();
  return deliver();
} catch (const std::bad_alloc&) {
  state_->motion.reset();
  state_->is_lost = true;
  throw;
}

std::span<const Event> Settle::deliver() {
  auto& views = state_->views;
  if (views.capacity() > detail::Motion::most_kept) std::vector<Event>().swap(views);
  views.clear();
  if (state_->is_lost) views.emplace_back().mask = IN_Q_OVERFLOW;
  for (const OwnedEvent& event : state_->motion.told()) views.push_back(event.view());
  state_->is_lost = false;
  set_timer();
  return views;
}

// It may fire too early, once for each time that something is quiet: that is cheaper than to set it
// with each event.
void Settle::set_timer() noexcept {
  auto due = state_->motion.next_due();
  if (watcher_->is_behind()) due = Time();
  const bool has_fired = state_->set_to && *state_->set_to <= Clock::now();
  if (!has_fired && (!due || (state_->set_to && *state_->set_to <= *due))) return;
  if (due) {
    set_timer_to(state_->timer.get(), *due);
  } else {
    constexpr itimerspec never{};
    ::timerfd_settime(state_->timer.get(), 0, &never, nullptr);
  }
  state_->set_to = due;
}

std::size_t Settle::size() const noexcept { return state_ ? state_->motion.size() : 0; }

int Settle::fileno() const noexcept { return state_ ? state_->epoll.get() : -1; }

bool Settle::interrupted() const noexcept { return state_ && state_->is_interrupted; }

}  // namespace inotify::inline v0
