// What Settle tells of a tree, with a clock that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <inotify/auto_watcher.hpp>
#include <inotify/detail/motion.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/contract.hpp"
#include "support/temp_dir.hpp"

namespace test {

/// An AutoWatcher of a directory, and what makes a Settle of it; nothing waits for real time.
class Settled {
 public:
  using Motion = inotify::detail::Motion;
  using Lines = std::vector<std::string>;
  static constexpr inotify::Mask mask =
      IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE;
  static constexpr Motion::Waits waits{.quiet = std::chrono::milliseconds(200),
                                       .at_most = std::chrono::seconds(2),
                                       .ends_when_finished = false};

  explicit Settled(Motion::Waits options = waits) : motion_(options) {}

  /// What is there by now is known.
  void start() { watcher_.add_all(dir_.path(), mask); }

  [[nodiscard]] std::string operator/(std::string_view name) const {
    return (dir_.path() / name).string();
  }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  [[nodiscard]] inotify::AutoWatcher& watcher() { return watcher_; }
  [[nodiscard]] Motion& motion() { return motion_; }

  /// Reads what has happened, as if at this time.
  void read() {
    for (;;) {
      const auto events = watcher_.read(std::chrono::milliseconds::zero());
      if (events.empty()) return;
      motion_.take(events, now_);
    }
  }

  /// Reads, lets time pass, and returns what has settled by then.
  Lines after(std::chrono::milliseconds time) {
    read();
    now_ += time;
    motion_.tell_due(now_);
    return told();
  }

  /// What has been told and not been asked for yet.
  Lines told() {
    Lines lines;
    for (const inotify::OwnedEvent& event : motion_.told())
      lines.push_back(brief(event.view(), dir_.str()));
    motion_.clear_told();
    return lines;
  }

 private:
  TempDir dir_;
  inotify::AutoWatcher watcher_;
  Motion motion_;
  Motion::Time now_{};
};

}  // namespace test
