// The bits of one event in the order in which they happened.
#pragma once

#include <array>

#include <inotify/mask.hpp>

namespace inotify::inline v0::detail {

/// What happens to an object between its beginning and its end; see mask.hpp.
inline constexpr std::array<Mask, 15> event_order{
    IN_CREATE,      IN_OPEN,          IN_ACCESS,     IN_MODIFY,     IN_ATTRIB,
    IN_CLOSE_WRITE, IN_CLOSE_NOWRITE, IN_MOVED_FROM, IN_MOVED_TO,   IN_MOVE_SELF,
    IN_DELETE,      IN_DELETE_SELF,   IN_UNMOUNT,    IN_Q_OVERFLOW, IN_IGNORED};

/// Takes the bit that happened first from `mask`, which is not empty: what is no event comes last, the
/// lowest bit of it first.
constexpr Mask take_first(Mask& mask) noexcept {
  Mask first = mask & (~mask + 1);
  for (const Mask bit : event_order) {
    if ((mask & bit) == 0) continue;
    first = bit;
    break;
  }
  mask ^= first;
  return first;
}

}  // namespace inotify::inline v0::detail
