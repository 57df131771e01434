#include <inotify/detail/name_hash.hpp>

#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <ctime>

namespace inotify::inline v0::detail {
namespace {

// Never waits: early at boot, and where a sandbox refuses the call, the key is made of the sixteen random
// bytes that the kernel gives each process at its start, and of what else an outsider cannot know. The
// C library makes its stack guard of the same bytes, but a hash never leaves the process.
HashKey make_secret() noexcept {
  HashKey secret;
  if (::getrandom(&secret, sizeof secret, GRND_NONBLOCK) == sizeof secret) return secret;
  HashKey given{0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F};
  if (const auto* random = std::bit_cast<const void*>(::getauxval(AT_RANDOM)))
    std::memcpy(&given, random, sizeof given);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto time =
      static_cast<std::uint64_t>(now.tv_sec) << 32 | static_cast<std::uint64_t>(now.tv_nsec);
  const auto place = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&now));
  const auto process = static_cast<std::uint64_t>(::getpid());
  return {multiply_fold(given.first ^ time, given.second | 1) ^ place,
          multiply_fold(given.second ^ place, given.first | 1) ^ process};
}

}  // namespace

HashKey HashKey::make() noexcept {
  static const HashKey secret = make_secret();
  static std::atomic<std::uint64_t> count{0};
  const std::uint64_t number = count.fetch_add(1, std::memory_order_relaxed) << 1 | 1;
  const std::uint64_t first = multiply_fold(secret.first ^ number, secret.second);
  return {first, multiply_fold(secret.second ^ number, secret.first ^ first)};
}

}  // namespace inotify::inline v0::detail
