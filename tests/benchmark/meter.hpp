// CPU time, system calls and heap of this process.
#pragma once

#include <linux/perf_event.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <inotify/detail/unique_fd.hpp>
#include <optional>

namespace bench {

/// User and system time of the process in seconds, or of the calling thread where another makes the
/// events.
inline double cpu_seconds(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The user part of the calling thread's time.
inline double user_seconds() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec) * 1e-6;
}

/// Bytes of heap in use, malloc's own overhead included.
inline std::size_t heap_in_use() noexcept {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Counts the system calls of the thread that makes it, and of those that it starts meanwhile, with
/// the kernel's own tracepoint. That makes each call slower, so nothing is timed while one lives.
/// Needs root, or tracefs and perf_event_open(2) open to all.
class Syscalls {
 public:
  Syscalls() {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.inherit = 1;
    std::ifstream id("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id");
    if (id >> attributes.config)
      fd_ = inotify::detail::UniqueFd(static_cast<int>(
          ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  }

  /// How many since it was made, but for the one that asks; nothing where they cannot be counted.
  [[nodiscard]] std::optional<std::uint64_t> count() const noexcept {
    std::uint64_t count = 0;
    if (::read(fd_.get(), &count, sizeof count) != sizeof count) return std::nullopt;
    return count - 1;
  }

 private:
  inotify::detail::UniqueFd fd_;
};

}  // namespace bench
