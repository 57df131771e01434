// What an event is about.
#pragma once

#include <sys/inotify.h>

#include <inotify/event.hpp>
#include <inotify/mask.hpp>

namespace inotify::inline v0::detail {

constexpr Mask content_bits = IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_CLOSE | IN_OPEN;
constexpr Mask name_bits = IN_CREATE | IN_DELETE | IN_MOVE;
constexpr Mask self_bits = IN_DELETE_SELF | IN_MOVE_SELF;

/// It concerns more than its path, or we do not understand it.
inline bool is_barrier(const Event& event) noexcept {
  constexpr Mask known = content_bits | name_bits | self_bits | IN_ISDIR;
  return event.error || event.path.empty() || (event.mask & ~known) != 0;
}

inline bool is_about_name(const Event& event) noexcept { return (event.mask & name_bits) != 0; }

/// Of content and nothing else.
inline bool is_content(const Event& event) noexcept {
  return (event.mask & content_bits) != 0 && (event.mask & (name_bits | self_bits)) == 0;
}

}  // namespace inotify::inline v0::detail
