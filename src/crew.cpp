#include <inotify/detail/crew.hpp>

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace inotify::inline v0::detail {

namespace {

// A thread inherits what is blocked when it begins.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

// Delegates, so that the destructor ends those that have begun if something is thrown.
Crew::Crew(std::size_t size) : Crew() {
  add_threads(size);
  is_at_home_ = !members_.empty();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    std::exception_ptr error;
    start(i, [this] { is_at_home_ = is_at_home_ && ::unshare(CLONE_FS) == 0; });
    wait(error);
  }
  if (members_.empty()) members_.emplace_back();
}

void Crew::add_threads(std::size_t size) {
  const AllSignalsBlocked blocked;
  while (members_.size() < size) {
    Member& member = members_.emplace_back();
    try {
      member.thread = std::thread([this, &member] { run(member); });
    } catch (const std::system_error&) {  // no more threads can be had
      members_.pop_back();
      return;
    }
  }
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  started_.notify_all();
  for (Member& member : members_) {
    if (member.thread.joinable()) member.thread.join();
  }
}

void Crew::run(Member& member) {
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [&] { return is_over_ || (member.work && !member.is_done); });
    if (is_over_) return;
    lock.unlock();
    do_work(member);
    lock.lock();
    member.is_done = true;
    done_.notify_one();
  }
}

void Crew::do_work(Member& member) noexcept {
  try {
    member.work();
  } catch (...) {
    member.error = std::current_exception();
  }
}

void Crew::start(std::size_t index, Work work) {
  Member& member = members_[index];
  {
    const std::lock_guard lock(mutex_);
    member.work = std::move(work);
  }
  if (member.thread.joinable()) {
    started_.notify_all();
  } else {
    do_work(member);
    member.is_done = true;
  }
}

std::size_t Crew::wait(std::exception_ptr& error) {
  std::unique_lock lock(mutex_);
  auto done = members_.end();
  done_.wait(lock, [&] {
    done = std::ranges::find_if(members_, &Member::is_done);
    return done != members_.end();
  });
  error = std::exchange(done->error, nullptr);
  done->work = nullptr;
  done->is_done = false;
  return static_cast<std::size_t>(done - members_.begin());
}

}  // namespace inotify::inline v0::detail
