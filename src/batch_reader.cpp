#include <inotify/batch_reader.hpp>

#include <algorithm>
#include <cerrno>

#include <inotify/detail/deadline.hpp>

namespace inotify::inline v0 {

using detail::Deadline;
using detail::Wake;

BatchReader::BatchReader(Watcher& watcher, Options options)
    : watcher_(&watcher), options_(options) {
  std::error_code ec;
  waker_ = detail::Waker(ec);
  if (ec) detail::throw_error("BatchReader", ec);
}

BatchReader::BatchReader(Watcher& watcher, Options options, std::error_code& ec) noexcept
    : watcher_(&watcher), options_(options), waker_(ec) {}

std::span<const Event> BatchReader::read(milliseconds timeout) {
  std::error_code ec;
  const auto events = read(timeout, ec);
  if (ec) detail::throw_error("read", ec);
  return events;
}

std::span<const Event> BatchReader::read(milliseconds timeout, std::error_code& ec) {
  const Deadline deadline(timeout);
  for (;;) {
    ++counts_.reads;
    // Nothing more can come: the watcher returns what is queued, or says so.
    if (!watcher_->is_open() || (deadline.is_endless() && watcher_->empty()))
      return watcher_->read(ec);
    // What has gathered may be more than one batch; the rest of it has waited long enough.
    const bool is_rest = watcher_->has_pending();
    const Wake wake = is_rest ? wait(-1, milliseconds::zero(), ec) : gather(deadline.left(), ec);
    if (ec) return {};
    const auto events = watcher_->read(milliseconds::zero(), ec);
    // An AutoWatcher may find that nothing of what it has read is the consumer's business.
    const bool goes_on = is_rest ? wake == Wake::timeout && deadline.left() > milliseconds::zero()
                                 : wake == Wake::events;
    if (ec || !events.empty() || !goes_on) return events;
  }
}

// Waits for the first event, at most `timeout`, and from there on until it is worth it to read them.
Wake BatchReader::gather(milliseconds timeout, std::error_code& ec) {
  const Wake first = wait(watcher_->fileno(), timeout, ec);
  if (ec || first != Wake::events) return first;
  const Deadline deadline(options_.max_delay);
  const milliseconds most = options_.threshold == never
                                ? Instance::forever
                                : std::max(options_.poll_interval, milliseconds(1));
  while (!ec && !has_enough() && deadline.left() > milliseconds::zero()) {
    if (wait(-1, std::min(most, deadline.left()), ec) == Wake::interrupt) return Wake::interrupt;
  }
  return Wake::events;
}

bool BatchReader::has_enough() {
  if (options_.threshold == never) return false;
  ++counts_.fionreads;
  return watcher_->readable() >= options_.threshold;
}

// For the first event, or with a negative `fd` for time to pass.
Wake BatchReader::wait(int fd, milliseconds timeout, std::error_code& ec) noexcept {
  ++counts_.polls;
  return waker_.wait(fd, timeout, ec);
}

}  // namespace inotify::inline v0
