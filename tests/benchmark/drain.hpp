// Reading what is queued: the library, and its twin.
#pragma once

#include <chrono>
#include <cstddef>
#include <inotify/event.hpp>
#include <inotify/watcher.hpp>

#include "benchmark/raw.hpp"

namespace bench {

/// Takes a batch of what is there without waiting; calls `consume(mask, fullpath)` for each event.
/// Returns how many there were.
template <class Consume>
std::size_t read(inotify::Watcher& watcher, Consume consume) {
  const auto events = watcher.read(std::chrono::milliseconds::zero());
  for (const inotify::Event& event : events) consume(event.mask, event.fullpath);
  return events.size();
}
template <class Consume>
std::size_t read(Raw& raw, Consume consume) {
  return raw.read(consume);
}

/// The same until nothing is left.
template <class Any, class Consume>
std::size_t drain(Any& any, Consume consume) {
  std::size_t count = 0;
  for (std::size_t n = 1; n != 0; count += n) n = read(any, consume);
  return count;
}

}  // namespace bench
