// Counts the allocations of a test program, and lets some of them fail.
#pragma once

#include <cstddef>
#include <limits>
#include <new>

namespace test {

/// How many times operator new was called, by anyone. Linked in, and counted, only where it is used.
std::size_t allocations() noexcept;

/// A plan: of the allocations made by whatever thread while an Exposed lives, number `first` to
/// `first + times - 1` fail. One at a time.
class Shortage {
 public:
  static constexpr std::size_t for_ever = std::numeric_limits<std::size_t>::max();

  explicit Shortage(std::size_t first, std::size_t times = 1) noexcept;
  ~Shortage();
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;

  /// How many have failed.
  [[nodiscard]] static std::size_t hits() noexcept;
};

/// What is done meanwhile meets the Shortage: the library's work, not that of the test.
class Exposed {
 public:
  Exposed() noexcept;
  ~Exposed();
  Exposed(const Exposed&) = delete;
  Exposed& operator=(const Exposed&) = delete;
};

/// Calls `call()`, exposed; false if std::bad_alloc came out.
template <class Call>
bool attempt(Call call) {
  const Exposed exposed;
  try {
    call();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// The same until it succeeds.
template <class Call>
void insist(Call call) {
  while (!attempt(call)) {
  }
}

}  // namespace test
