// A clock that goes as the test says. To be included by one source file of a program: it defines the C library's function anew, so
// that the whole program, the library under test included, asks this.
#pragma once

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace test {

/// How far the monotonic clock is ahead of the kernel's.
inline std::atomic<std::int64_t>& clock_lead() {
  static std::atomic<std::int64_t> nanoseconds = 0;
  return nanoseconds;
}

inline void pass(std::chrono::nanoseconds time) { clock_lead() += time.count(); }

}  // namespace test

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock != CLOCK_MONOTONIC) return static_cast<int>(result);
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t nanoseconds = time->tv_nsec + test::clock_lead();
  time->tv_sec += static_cast<time_t>(nanoseconds / second);
  time->tv_nsec = static_cast<long>(nanoseconds % second);
  return 0;
}
