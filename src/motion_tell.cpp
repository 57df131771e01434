#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <inotify/detail/motion.hpp>

// How what is in motion is told.
//
// Somebody who is due is told with those who must be told before (list_above: the directories he is in;
// list_leaving: who leaves from where something is put down, or from what is itself taken away), all
// of them as they are now. Then, the directories above before what is below:
//   - what is in the way is taken up, or told as gone, the innermost first (vacate());
//   - what was taken up is put down, with all that is below (put()).
// So an exchange comes out as FROM x, FROM y, TO y, TO x, and a plain rename as FROM x, TO y. What is gone
// comes last: others may leave from it.

namespace inotify::inline v0::detail {

namespace {

// Where the consumer has what he has taken up: under no path.
std::string taken_up(const void* moving) {
  std::string place(1, '\0');
  return place += std::to_string(reinterpret_cast<std::uintptr_t>(moving));
}

}  // namespace

void Motion::tell_due(Time now) {
  if (const auto due = next_due(); !due || *due > now) return;
  drop_hands();
  for (auto due = next_due(); due && *due <= now; due = next_due()) {
    if (!finished_.empty()) {
      tell(finished_.front());
    } else if (capped_.front()->first + waits_.at_most <= now) {
      tell(*capped_.front());
    } else {
      tell(moving_.front());
    }
  }
}

void Motion::tell_all() {
  drop_hands();
  while (!capped_.empty()) tell(*capped_.front());
}

void Motion::tell(Moving& moving) {
  if (together_.capacity() > most_kept) std::vector<Moving*>().swap(together_);
  together_.clear();
  list(moving);
  for (std::size_t i = 0; i < together_.size(); ++i) {
    const Moving& each = *together_[i];
    if (each.now != nullptr) list_above(*each.now);
    if (each.leaves()) list_leaving(*each.told);
    if (each.is_put()) list_leaving(*each.now);
  }
  const auto gone = std::partition(together_.begin(), together_.end(),
                                   [](const Moving* each) { return each->now != nullptr; });
  std::sort(together_.begin(), gone,
            [](const Moving* a, const Moving* b) { return *a->now < *b->now; });
  std::sort(gone, together_.end(),
            [](const Moving* a, const Moving* b) { return *a->told < *b->told; });
  std::for_each(together_.begin(), gone, [this](Moving* each) { put(*each); });
  std::for_each(gone, together_.end(), [this](const Moving* each) {
    if (each->told != nullptr) vacate(*each->told);
  });
  for (Moving* each : together_) erase(*each);
}

void Motion::list(Moving& moving) {
  if (std::exchange(moving.is_listed, true)) return;
  together_.push_back(&moving);
}

void Motion::list_leaving(const std::string& path) {
  for (Moving* each : told_.at_and_below(path)) {
    if (each->leaves()) list(*each);
  }
}

void Motion::list_above(const std::string& path) {
  for (auto slash = path.rfind('/'); slash != 0 && slash != std::string::npos;
       slash = path.rfind('/', slash - 1)) {
    Moving* each = now_.find(std::string_view(path).substr(0, slash));
    if (each != nullptr && each->is_put()) list(*each);
  }
}

// Takes up what leaves from `path` and below.
void Motion::vacate(const std::string& path) {
  auto there = told_.at_and_below(path);
  for (auto it = there.rbegin(); it != there.rend(); ++it) {
    Moving& moving = **it;
    if (!moving.leaves() || !moving.is_listed) continue;
    OwnedEvent& event = emit(moving, *moving.told, moving.gone, moving.told_wd);
    if (moving.gone != 0) {
      told_.remove(*std::exchange(moving.told, nullptr));
      continue;
    }
    event.mask |= IN_MOVED_FROM;
    event.moved_to = *moving.now;
    event.cookie = moving.cookie;
    moving.came_from = *moving.told;
    told_.move(moving.came_from, taken_up(&moving));
  }
}

void Motion::put(Moving& moving) {
  const bool is_put = moving.is_put();
  if (moving.leaves() && moving.came_from.empty()) vacate(std::string(*moving.told));
  if (is_put) {
    vacate(*moving.now);
    for (Moving* replaced : told_.at_and_below(*moving.now)) lose(*replaced);
  }
  const Mask name = moving.is_moved ? Mask{IN_MOVED_TO} : moving.arrival;
  if ((name | moving.content) == 0) return;
  OwnedEvent& event = emit(moving, *moving.now, name | moving.content, moving.wd);
  event.synthetic = moving.is_synthetic;
  if (!moving.is_moved) return;
  event.cookie = moving.cookie;
  event.moved_from = moving.came_from;
  told_.move(std::string(*moving.told), *moving.now);
}

// What the consumer has of it was replaced by something else.
void Motion::lose(Moving& moving) {
  told_.remove(*std::exchange(moving.told, nullptr));
  if (moving.gone != 0) return erase(moving);
  if (std::exchange(moving.is_moved, false)) moving.arrival = IN_MOVED_TO;
}

OwnedEvent& Motion::emit(const Moving& moving, const std::string& path, Mask mask, int wd) {
  OwnedEvent& event = out_.emplace_back();
  event.wd = wd;
  event.mask = mask | (moving.is_dir ? Mask{IN_ISDIR} : 0U);
  event.fullpath = path;
  event.path = path;
  const auto slash = path.rfind('/');
  if (moving.is_self || slash == std::string::npos) return event;
  event.path.resize(std::max<std::size_t>(slash, 1));
  event.name = path.substr(slash + 1);
  return event;
}

}  // namespace inotify::inline v0::detail
