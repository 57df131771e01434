// System calls that a signal may interrupt.
#pragma once

#include <cerrno>

namespace inotify::inline v0::detail {

/// Returns what `call` returns, a negative number on failure, calling it again after EINTR: where a
/// file system asks a server, a signal interrupts even a look-up.
template <class Call>
auto uninterrupted(Call call) noexcept(noexcept(call())) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace inotify::inline v0::detail
