// The paths in motion: what has happened and has not been told yet.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inotify/detail/event_kind.hpp>
#include <inotify/detail/places.hpp>
#include <inotify/event.hpp>
#include <inotify/mask.hpp>

namespace inotify::inline v0::detail {

/// What Settle does, without a watcher and without a clock: it takes events, with the time, and tells
/// what has settled by then.
///
/// There are two trees: the one the events have come to, and the one that the consumer has been told
/// of. What they differ in is in motion: a Moving has its place in the one (`now`) and in the other
/// (`told`), or in one of them alone. Nothing is kept of what they have in common. What is told is the
/// way from the one to the other by the rules of examples/README.md, "Replaying the stream", however the events went:
///
/// 1. What has come to be (no `told`) is told by an event that puts it where it is: its CREATE, or
///    a MOVED_TO without `moved_from` if it has been renamed since.
/// 2. What is gone (no `now`) is told as that; if it was in `told` as well. What is in neither is
///    forgotten: it came and went.
/// 3. What has been renamed (`is_moved`) is told as MOVED_FROM `told`, MOVED_TO `now`; whatever lies
///    below moves with it, in both trees, and is_moved says of it only whether it has left its
///    directory.
/// 4. Something is put down once the directories above it have been told, and once what the consumer
///    has in its place, or below, and what has left from there, has been taken up (tell()).
/// 5. `is_over`: it has been put where there may be something in `told` that no Moving stands
///    for. If it goes away before it is told, somebody must (uncover()).
///
/// Two orders of time, for there are two waits and each is the same for all: `moving_`, by when
/// something happened to it last; `capped_`, by when it began.
class Motion {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  struct Waits {
    Clock::duration quiet;
    Clock::duration at_most;
    bool ends_when_finished;
  };

  /// How much memory it keeps for what it will tell, in events.
  static constexpr std::size_t most_kept = 8192;

  INOTIFY_API explicit Motion(Waits waits) noexcept : waits_(waits) {}
  Motion(const Motion&) = delete;
  Motion& operator=(const Motion&) = delete;

  /// `now` never goes back.
  INOTIFY_API void take(std::span<const Event> events, Time now);
  INOTIFY_API void tell_due(Time now);
  INOTIFY_API void tell_all();

  /// When there is something to tell; none if nothing is in motion.
  [[nodiscard]] INOTIFY_API std::optional<Time> next_due() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return capped_.size(); }

  /// What has been told since clear_told().
  [[nodiscard]] const std::vector<OwnedEvent>& told() const noexcept { return out_; }
  void clear_told() noexcept {
    if (out_.capacity() > most_kept) std::vector<OwnedEvent>().swap(out_);
    out_.clear();
  }

  /// Forgets all.
  INOTIFY_API void reset() noexcept;

 private:
  struct Moving {
    // Keys of now_ and told_, or null.
    const std::string* now = nullptr;
    const std::string* told = nullptr;
    Mask arrival = 0;  // IN_CREATE or IN_MOVED_TO, if that is to be told
    Mask gone = 0;     // IN_DELETE or IN_MOVED_FROM, if that is
    Mask content = 0;
    int wd = -1;
    int told_wd = -1;
    std::uint32_t cookie = 0;
    bool is_dir = false;
    bool is_self = false;  // an event about a watched path itself: `path` is its full path
    bool is_synthetic = false;
    bool is_moved = false;
    bool is_over = false;
    bool is_finished = false;  // in finished_
    bool is_listed = false;    // in together_
    std::uint16_t slot = 0;    // its own in recent_, if that leads to it
    std::string came_from{};   // while it is being told: what was `told`
    Time first{};
    Time last{};
    std::list<Moving>::iterator self{};
    std::list<Moving*>::iterator capped{};

    /// Between the halves of a rename, itself or a directory above; then it cannot be told.
    [[nodiscard]] bool is_in_hand() const noexcept {
      return now != nullptr && now->front() == '\0';
    }
    [[nodiscard]] bool leaves() const noexcept {
      return told != nullptr && (gone != 0 || (is_moved && !is_in_hand()));
    }
    [[nodiscard]] bool is_put() const noexcept {
      return now != nullptr && (arrival != 0 || is_moved) && !is_in_hand();
    }
  };

  // ---- what happens
  void take(const Event& event);
  Moving& recent(const Event& event);
  // A file that was changed since it was closed is closed no more.
  void take_content(Moving& moving, Mask mask) {
    if ((mask & IN_MODIFY) != 0) moving.content &= ~Mask{IN_CLOSE_WRITE};
    moving.content |= mask & content_bits;
    if (moving.last != now_time_ || moving.is_finished) touch(moving);
    if (waits_.ends_when_finished && (mask & IN_CLOSE_WRITE) != 0) note_end(moving);
  }
  Moving& known(const Event& event);
  void arrive(const Event& event);
  void remove(const Event& event, Mask how);
  void take_up(const Event& event);
  void put_down(const Event& event, const std::string& hand);
  void pass(const Event& event);
  void drop_hands();
  void end_all(std::string_view path, Mask how);
  void end(Moving& moving, Mask how);
  void occupy(Moving& moving);
  void uncover(Moving& moving);
  void absorb(Moving& gone, Moving& successor);
  [[nodiscard]] std::optional<std::string> told_name(std::string_view path) const;

  // ---- time
  Moving& add(const Event& event);
  void touch(Moving& moving);
  void note_end(Moving& moving);
  void erase(Moving& moving) noexcept;

  // ---- what is told
  void tell(Moving& moving);
  void list(Moving& moving);
  void list_leaving(const std::string& path);
  void list_above(const std::string& path);
  void vacate(const std::string& path);
  void put(Moving& moving);
  void lose(Moving& moving);
  OwnedEvent& emit(const Moving& moving, const std::string& path, Mask mask, int wd);

  Waits waits_;
  Time now_time_{};
  // Found by few bytes: to hash all of a path takes as long as all the rest.
  std::array<Moving*, 4096> recent_{};
  Places<Moving> now_;
  Places<Moving> told_;
  std::list<Moving> moving_;
  std::list<Moving> finished_;  // what need not wait any more
  std::list<Moving*> capped_;
  std::vector<std::uint32_t> hands_;  // cookies of what has been taken up
  std::vector<Moving*> together_;     // what is told with one another, in tell()
  std::vector<OwnedEvent> out_;
};

}  // namespace inotify::inline v0::detail
