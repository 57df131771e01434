#include <inotify/interrupt_on_signal.hpp>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>

#include <inotify/error.hpp>

namespace inotify::inline v0 {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free &&
              std::atomic<int>::is_always_lock_free && std::atomic<void*>::is_always_lock_free);

namespace {

// What is done when a signal comes, and was before there was a guard.
struct Disposition {
  int guards = 0;             // under the mutex, as are the next two
  bool is_installed = false;  // though others may have covered it since
  struct sigaction before {};
  // Of `before`, for the handler.
  std::atomic<void (*)(int)> handler = SIG_DFL;
  std::atomic<void (*)(int, siginfo_t*, void*)> handler_with_info = nullptr;
  std::atomic<bool> is_once = false;  // SA_RESETHAND
};

}  // namespace

// What a process has of signals is global, so this is.
//
// 1. A guard is in the list from before its first signal can come until after its last.
// 2. Handlers only read the list. Who takes a guard out of it under `mutex` then waits until no handler
//    is in there that may have met it; all of that is sequentially consistent, so that one of the two
//    sees the other.
//    A child process has none of the other threads, so none of their handlers: its count begins with 0,
//    and its mutex is its own to unlock.
// 3. The handler is installed for a signal once, however many guards there are, and `before` is what it
//    has replaced. It stays readable when it is uninstalled: somebody's handler may still call it.
struct InterruptOnSignal::Registry {
  static constexpr int num_signals = 64;

  static inline std::mutex mutex;
  static inline constinit std::array<Disposition, num_signals + 1> dispositions;
  static inline constinit std::atomic<const InterruptOnSignal*> first = nullptr;
  static inline constinit std::atomic<int> handlers = 0;  // that go through the list at the moment

  static constexpr std::uint64_t bit(int signal) { return std::uint64_t{1} << (signal - 1); }

  // ---- in the signal handler

  static void handle(int signal, siginfo_t* info, void* context) {
    const int saved = errno;
    const bool was_awaited = deliver(signal);
    pass_on(signal, info, context, was_awaited);
    errno = saved;
  }

  // Whether a guard has waited for it.
  static bool deliver(int signal) noexcept {
    bool was_awaited = false;
    ++handlers;
    const pid_t process = ::getpid();
    for (const InterruptOnSignal* guard = first; guard != nullptr; guard = guard->next_) {
      if (guard->process_ != process || !guard->takes(signal)) continue;
      int none = 0;
      guard->signal_.compare_exchange_strong(none, signal);
      guard->interrupt_(guard->target_);
      was_awaited = true;
    }
    --handlers;
    return was_awaited;
  }

  // Does what was done before there were guards; but not by default what a guard has waited for.
  static void pass_on(int signal, siginfo_t* info, void* context, bool was_awaited) {
    Disposition& disposition = dispositions[static_cast<std::size_t>(signal)];
    const bool is_once = disposition.is_once;
    const auto with_info =
        is_once ? disposition.handler_with_info.exchange(nullptr) : +disposition.handler_with_info;
    const auto handler = is_once ? disposition.handler.exchange(SIG_DFL) : +disposition.handler;
    if (with_info != nullptr) {
      with_info(signal, info, context);
    } else if (handler != SIG_DFL && handler != SIG_IGN) {
      handler(signal);
    } else if (handler == SIG_DFL && !was_awaited) {
      ::signal(signal, SIG_DFL);
      ::raise(signal);  // it comes when this handler returns
    }
  }

  // ---- elsewhere

  static bool is_ours(const struct sigaction& action) {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == handle;
  }
  static bool is_plain(const struct sigaction& action, void (*handler)(int)) {
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == handler;
  }

  static void install(int signal, std::error_code& ec) {
    Disposition& disposition = dispositions[static_cast<std::size_t>(signal)];
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0) {
      ec = make_error(errno);
      return;
    }
    // What has covered ours calls it, or it would not be there: but for the default, which is put back
    // when a signal came that no guard has waited for.
    const bool is_covered = disposition.is_installed && !is_plain(now, SIG_DFL);
    if (!is_ours(now) && !is_plain(now, SIG_IGN) && !is_covered) {
      replace(signal, now, disposition, ec);
      if (ec) return;
    }
    ++disposition.guards;
  }

  static void replace(int signal, const struct sigaction& before, Disposition& disposition,
                      std::error_code& ec) {
    const bool has_info = (before.sa_flags & SA_SIGINFO) != 0;
    disposition.handler = has_info ? SIG_DFL : before.sa_handler;
    disposition.handler_with_info = has_info ? before.sa_sigaction : nullptr;
    disposition.is_once = (static_cast<unsigned>(before.sa_flags) & SA_RESETHAND) != 0;
    struct sigaction action {};
    action.sa_sigaction = handle;
    action.sa_mask = before.sa_mask;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    action.sa_flags |= is_plain(before, SIG_DFL) ? SA_RESTART : before.sa_flags & SA_RESTART;
    if (::sigaction(signal, &action, nullptr) != 0) {
      ec = make_error(errno);
      return;
    }
    disposition.before = before;
    disposition.is_installed = true;
  }

  static void uninstall(int signal) noexcept {
    Disposition& disposition = dispositions[static_cast<std::size_t>(signal)];
    if (--disposition.guards > 0 || !disposition.is_installed) return;
    disposition.is_installed = false;
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (!is_ours(now)) return;
    struct sigaction before = disposition.before;
    const bool is_used_up = disposition.is_once && disposition.handler == SIG_DFL &&
                            disposition.handler_with_info == nullptr;
    if (is_used_up) before = {};
    ::sigaction(signal, &before, nullptr);
  }

  static void uninstall_all(std::uint64_t signals) noexcept {
    for (; signals != 0; signals &= signals - 1) uninstall(std::countr_zero(signals) + 1);
  }

  static void prepare_for_fork() {
    [[maybe_unused]] static const int done =
        ::pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); },
                         [] {
                           handlers = 0;
                           mutex.unlock();
                         });
  }

  static void link(InterruptOnSignal& guard) noexcept {
    guard.next_ = first.load();
    first = &guard;
  }

  static void unlink(const InterruptOnSignal& guard) noexcept {
    auto* at = &first;
    while (*at != &guard) at = &at->load()->next_;
    *at = guard.next_.load();
    while (handlers != 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
};

InterruptOnSignal::InterruptOnSignal(Interrupt interrupt, const void* target,
                                     std::initializer_list<int> signals, std::error_code* ec)
    : interrupt_(interrupt), target_(target), process_(::getpid()) {
  std::error_code error;
  for (const int signal : signals) {
    if (signal < 1 || signal > Registry::num_signals) {
      error = make_error(EINVAL);
    } else {
      signals_ |= Registry::bit(signal);
    }
  }
  awaited_[0] = static_cast<std::uint32_t>(signals_);
  awaited_[1] = static_cast<std::uint32_t>(signals_ >> 32);
  Registry::prepare_for_fork();
  {
    const std::lock_guard lock(Registry::mutex);
    Registry::link(*this);
    std::uint64_t installed = 0;
    for (std::uint64_t left = signals_; left != 0 && !error; left &= left - 1) {
      const int signal = std::countr_zero(left) + 1;
      Registry::install(signal, error);
      if (!error) installed |= Registry::bit(signal);
    }
    if (error) {
      Registry::uninstall_all(installed);
      signals_ = awaited_[0] = awaited_[1] = 0;
      if (ec == nullptr) Registry::unlink(*this);
    }
  }
  if (ec == nullptr) detail::require(error, "InterruptOnSignal");
  if (ec != nullptr) *ec = error;
}

// In the signal handler: whether it waits for `signal`, and from now on no more.
bool InterruptOnSignal::takes(int signal) const noexcept {
  const auto bit = std::uint32_t{1} << ((signal - 1) % 32);
  return (awaited_[signal <= 32 ? 0 : 1].fetch_and(~bit) & bit) != 0;
}

InterruptOnSignal::~InterruptOnSignal() {
  const std::lock_guard lock(Registry::mutex);
  Registry::uninstall_all(signals_);
  Registry::unlink(*this);
}

}  // namespace inotify::inline v0
