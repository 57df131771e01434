// How long the kernel's queue of a watcher may get.
#pragma once

#include <algorithm>
#include <inotify/limits.hpp>
#include <optional>
#include <string>

namespace test {

/// An instance keeps the limit that was set when it was made [15], which the kernel does not show.
/// So it is read before and after; somebody else may have lowered it for a moment, and then a race
/// overflows that never does otherwise.
class QueueLimit {
 public:
  using Read = std::optional<long> (*)();

  /// To be made before the instance.
  explicit QueueLimit(Read read = inotify::max_queued_events)
      : read_(read), before_(read_().value_or(usual)), after_(before_) {}
  /// The instance has been made.
  void made() { after_ = read_().value_or(usual); }

  /// "queue of 16384", and what to think of it if that is not as usual.
  [[nodiscard]] std::string text() const {
    const long least = std::min(before_, after_);
    std::string text = "queue of " + std::to_string(least);
    if (before_ != after_) text += " or " + std::to_string(std::max(before_, after_));
    if (least < usual) {
      text += ": fs.inotify.max_queued_events was below its default of " + std::to_string(usual) +
              " when the watcher was made, so this may be an overflow and no defect";
    }
    return text;
  }

 private:
  static constexpr long usual = 16384;
  Read read_;
  long before_;
  long after_;
};

}  // namespace test
