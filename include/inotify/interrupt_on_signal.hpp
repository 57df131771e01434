// Ctrl-C, and other signals, as the end of a wait.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <concepts>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <system_error>

#include <inotify/version.hpp>

namespace inotify::inline v0 {

/// What a signal can end: it has interrupt() or else stop(), noexcept and async-signal-safe. The latter
/// cannot be checked: of this library it holds for all that fit (Instance, Watcher, AutoWatcher,
/// BatchReader, EventQueue, FileWatch, Settle, Notifier, ThreadedNotifier).
template <class T>
concept Interruptible = requires(T& target) {
  { target.interrupt() }
  noexcept;
}
|| requires(T& target) {
  { target.stop() }
  noexcept;
};

/// While it lives, a signal interrupts `target`:
///
///     inotify::AutoWatcher watcher;
///     const inotify::InterruptOnSignal guard(watcher, {SIGINT, SIGTERM});
///     while (guard.signal() == 0 && !watcher.empty())
///       for (const inotify::Event& event : watcher.read()) std::cout << event << '\n';
///
/// The first signal of each kind calls interrupt(), or stop() where there is no interrupt(); every guard
/// that waits for it gets it. The next one of that kind does what it did before there was a guard: by
/// default it ends the program, so a second Ctrl-C always works.
///
/// A handler that the program has installed before is called as well, after the targets were
/// interrupted, each time. A signal that is ignored (nohup(1), a shell's background job) stays ignored.
/// The destructor of the last guard of a signal restores what was there before the first. A handler that
/// the program installs over a guard's should call that one, and be removed before the guard goes: it is
/// never removed by the guard. What is installed is SA_RESTART, unless the program's handler was not.
///
/// In a child process (fork(2)) the signal does what it did before: it never wakes the parent.
///
/// The target must outlive the guard and stay where it is: to move a Watcher is to lose its guard.
///
/// Errors, with nothing changed: EINVAL (no signal, or one that cannot be caught: SIGKILL, SIGSTOP).
///
/// Thread safety: guards may be made and destroyed by any thread, at the same time; signal() may be
/// called by any. Signals may come to any thread: the destructor waits for a handler that another one
/// runs at that moment, so that `target` is not used afterwards. Not to be made or destroyed in a
/// signal handler. All that runs in the handler is async-signal-safe. Neither copied nor moved.
/// Source: signal-safety(7), sigaction(2); keep_running of the IBM article's sample code.
class INOTIFY_API InterruptOnSignal {
 public:
  template <Interruptible Target>
  explicit InterruptOnSignal(Target& target, std::initializer_list<int> signals = {SIGINT, SIGTERM})
      : InterruptOnSignal(interrupt_target<Target>, std::addressof(target), signals, nullptr) {}
  template <Interruptible Target>
  InterruptOnSignal(Target& target, std::initializer_list<int> signals,
                    std::error_code& ec) noexcept
      : InterruptOnSignal(interrupt_target<Target>, std::addressof(target), signals, &ec) {}
  InterruptOnSignal(const InterruptOnSignal&) = delete;
  InterruptOnSignal& operator=(const InterruptOnSignal&) = delete;
  ~InterruptOnSignal();

  /// The first signal that came, SIGINT say; 0 if none has. Ask it in a loop over read(): an interrupt
  /// ends a read() that waits, not one that finds events each time.
  [[nodiscard]] int signal() const noexcept { return signal_; }

 private:
  struct Registry;
  using Interrupt = void (*)(const void* target) noexcept;

  template <class Target>
  static void interrupt_target(const void* target) noexcept {
    auto& object = *static_cast<Target*>(const_cast<void*>(target));
    if constexpr (requires { object.interrupt(); }) {
      object.interrupt();
    } else {
      object.stop();
    }
  }

  InterruptOnSignal(Interrupt interrupt, const void* target, std::initializer_list<int> signals,
                    std::error_code* ec);
  bool takes(int signal) const noexcept;

  const Interrupt interrupt_;
  const void* const target_;
  const pid_t process_;
  std::uint64_t signals_ = 0;  // bit n - 1: signal n
  // What follows changes in a guard that is const as well, as most are.
  // Of the signals, those that have not come yet. In halves, for not every machine has a lock-free whole.
  mutable std::array<std::atomic<std::uint32_t>, 2> awaited_{};
  mutable std::atomic<int> signal_ = 0;                           // the first that came
  mutable std::atomic<const InterruptOnSignal*> next_ = nullptr;  // in the list of all guards
};

}  // namespace inotify::inline v0
