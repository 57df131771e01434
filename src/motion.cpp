#include <inotify/detail/motion.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include <inotify/detail/event_kind.hpp>

namespace inotify::inline v0::detail {

namespace {

// Where that is which has been taken up and not put down yet: under no path.
std::string in_hand(std::uint32_t cookie) {
  std::string place(1, '\0');
  return place += std::to_string(cookie);
}

// The directory it lies in, or nothing.
std::string_view above(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos || path.size() == 1) return {};
  return path.substr(0, std::max<std::size_t>(slash, 1));
}

}  // namespace

// ---- what happens

void Motion::take(std::span<const Event> events, Time now) {
  now_time_ = now;
  // Events of one file come one after the other, and then their texts are the same bytes.
  std::string_view last_path;
  Moving* last = nullptr;
  for (const Event& event : events) {
    if (!is_content(event) || is_barrier(event)) [[unlikely]] {
      take(event);
      last = nullptr;
      continue;
    }
    const std::string_view path = event.fullpath;
    if (last == nullptr || path.data() != last_path.data() || path.size() != last_path.size()) {
      last = &recent(event);
      last_path = path;
    }
    take_content(*last, event.mask);
  }
}

// What is in motion at the event's path, if need be from now on.
Motion::Moving& Motion::recent(const Event& event) {
  const std::string_view path = event.fullpath;
  std::uint64_t end = 0;
  if (path.size() >= sizeof end)
    std::memcpy(&end, path.data() + path.size() - sizeof end, sizeof end);
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
  const auto index =
      static_cast<std::uint16_t>((end ^ static_cast<std::uint64_t>(event.wd) << 40U) * odd >> 52U);
  Moving*& slot = recent_[index];
  if (slot != nullptr && slot->now != nullptr && *slot->now == path) return *slot;
  Moving* moving = now_.find(path);
  if (moving == nullptr) moving = &known(event);
  if (recent_[moving->slot] == moving) recent_[moving->slot] = nullptr;
  moving->slot = index;
  return *(slot = moving);
}

void Motion::take(const Event& event) {
  if (is_barrier(event) || !is_about_name(event)) return pass(event);
  if (event.is_delete()) return remove(event, IN_DELETE);
  if (event.is_moved_from())
    return event.moved_to.empty() ? remove(event, IN_MOVED_FROM) : take_up(event);
  if (event.is_moved_to() && !event.moved_from.empty()) {
    const std::string hand = in_hand(event.cookie);
    if (now_.find(hand) != nullptr) return put_down(event, hand);
  }
  arrive(event);
}

// Something that has been in no motion; if there was anything, the consumer knows it.
Motion::Moving& Motion::known(const Event& event) {
  std::optional<std::string> told = told_name(event.fullpath);
  Moving& moving = add(event);
  moving.now = now_.put(std::string(event.fullpath), moving);
  if (told && told_.find(*told) == nullptr) moving.told = told_.put(*std::move(told), moving);
  return moving;
}

void Motion::arrive(const Event& event) {
  end_all(event.fullpath, IN_DELETE);
  Moving& moving = add(event);
  moving.now = now_.put(std::string(event.fullpath), moving);
  moving.arrival = event.mask & (IN_CREATE | IN_MOVED_TO);
  moving.content = event.mask & content_bits;
  moving.is_over = event.is_moved_to();  // of a CREATE it is known that there was nothing
  occupy(moving);
  if (event.is_moved_to() || event.is_close_write()) note_end(moving);
}

void Motion::remove(const Event& event, Mask how) {
  Moving* moving = now_.find(event.fullpath);
  if (moving == nullptr) {
    moving = &known(event);
  } else {
    touch(*moving);
  }
  end_all(event.fullpath, how);
}

void Motion::take_up(const Event& event) {
  const std::string hand = in_hand(event.cookie);
  end_all(hand, IN_MOVED_FROM);
  Moving* moving = now_.find(event.fullpath);
  if (moving == nullptr) moving = &known(event);
  uncover(*moving);
  now_.move(event.fullpath, hand);
  hands_.push_back(event.cookie);
}

void Motion::put_down(const Event& event, const std::string& hand) {
  std::erase(hands_, event.cookie);
  end_all(event.fullpath, IN_DELETE);
  now_.move(hand, event.fullpath);
  Moving& moving = *now_.find(event.fullpath);
  moving.wd = event.wd;
  moving.cookie = event.cookie;
  moving.is_self = false;
  moving.is_over = true;
  moving.is_moved = moving.told != nullptr;
  if (!moving.is_moved) moving.arrival = IN_MOVED_TO;
  touch(moving);
  note_end(moving);
  occupy(moving);
}

// An event that concerns more than a path: what waits there is told before it. A rename may go on around
// it, unless that is of what waits there.
void Motion::pass(const Event& event) {
  if (event.path.empty()) {
    drop_hands();
    tell_all();
  } else {
    while (Moving* there = now_.first_at_or_below(event.path)) tell(*there);
    while (Moving* known = told_.first_at_or_below(event.path)) {
      if (known->is_in_hand()) {
        drop_hands();
      } else {
        tell(*known);
      }
    }
  }
  out_.emplace_back(event);
}

// What is in hand when the other half does not come any more has gone, as far as is known.
void Motion::drop_hands() {
  for (const std::uint32_t cookie : hands_) end_all(in_hand(cookie), IN_MOVED_FROM);
  hands_.clear();
}

// Nothing is at `path` and below any more.
void Motion::end_all(std::string_view path, Mask how) {
  auto there = now_.at_and_below(path);
  for (auto it = there.rbegin(); it != there.rend(); ++it) {
    Moving& moving = **it;
    // What has not left its directory goes with that.
    const bool is_carried = *moving.now != path && !moving.is_moved;
    if (is_carried && !moving.is_over) {
      erase(moving);
    } else {
      end(moving, how);
    }
  }
}

void Motion::end(Moving& moving, Mask how) {
  uncover(moving);
  if (moving.told == nullptr) return erase(moving);
  const std::string place = *moving.told;
  now_.remove(*std::exchange(moving.now, nullptr));
  moving.gone = how;
  moving.content = 0;
  moving.is_moved = false;
  if (moving.is_finished) touch(moving);
  // Somebody may have taken its place already.
  Moving* successor = now_.find(place);
  if (successor != nullptr && told_name(place) == place) absorb(moving, *successor);
}

// `moving` has come to where it is.
void Motion::occupy(Moving& moving) {
  const auto place = told_name(*moving.now);
  Moving* there = place ? told_.find(*place) : nullptr;
  if (!place) {
    moving.is_over = false;  // in a directory of which nothing is known
  } else if (there == &moving) {
    moving.is_over = moving.is_moved = false;
    if (moving.content == 0) erase(moving);  // it went and came back
  } else if (there != nullptr) {
    moving.is_over = false;
    absorb(*there, moving);
  }
}

// `moving` leaves its place.
void Motion::uncover(Moving& moving) {
  if (!std::exchange(moving.is_over, false)) return;
  auto place = told_name(*moving.now);
  if (!place || told_.find(*place) != nullptr) return;
  Moving& covered = moving_.emplace_back();
  covered.self = std::prev(moving_.end());
  covered.capped = capped_.insert(moving.capped, &covered);
  covered.first = moving.first;
  covered.last = now_time_;
  covered.told_wd = moving.wd;
  covered.is_dir = moving.is_dir;
  covered.gone = IN_DELETE;
  covered.told = told_.put(*std::move(place), covered);
}

// One file that took the place of another is one event, and has waited as long as both.
void Motion::absorb(Moving& gone, Moving& successor) {
  if (gone.gone == 0 || gone.is_dir || successor.is_dir || !successor.is_put()) return;
  successor.is_over = true;
  if (gone.first < successor.first) {
    successor.first = gone.first;
    std::swap(gone.capped, successor.capped);
    *gone.capped = &gone;
    *successor.capped = &successor;
  }
  erase(gone);
}

// Where the consumer has what is at `path`, if it is in no motion itself; none if he knows nothing of
// the directory.
std::optional<std::string> Motion::told_name(std::string_view path) const {
  for (auto directory = above(path); !directory.empty(); directory = above(directory)) {
    if (const Moving* moving = now_.find(directory)) {
      if (moving->told == nullptr) return std::nullopt;
      return std::string(*moving->told).append(path, directory.size());
    }
  }
  return std::string(path);
}

// ---- time

Motion::Moving& Motion::add(const Event& event) {
  Moving& moving = moving_.emplace_back();
  moving.self = std::prev(moving_.end());
  moving.wd = moving.told_wd = event.wd;
  moving.is_dir = event.is_dir();
  moving.is_self = event.name.empty();
  moving.is_synthetic = event.synthetic;
  moving.first = moving.last = now_time_;
  moving.capped = capped_.insert(capped_.end(), &moving);
  return moving;
}

void Motion::touch(Moving& moving) {
  moving.last = now_time_;
  if (!std::exchange(moving.is_finished, false)) {
    moving_.splice(moving_.end(), moving_, moving.self);
  } else {
    moving_.splice(moving_.end(), finished_, moving.self);
  }
}

// A file that is closed, or has come under its name, need not wait unless it is still written to.
void Motion::note_end(Moving& moving) {
  const bool is_written = (moving.content & (IN_MODIFY | IN_CLOSE_WRITE)) == IN_MODIFY;
  if (!waits_.ends_when_finished || moving.is_dir || is_written || moving.is_finished) return;
  moving.is_finished = true;
  finished_.splice(finished_.end(), moving_, moving.self);
}

void Motion::erase(Moving& moving) noexcept {
  if (moving.now != nullptr) now_.remove(*moving.now);
  if (moving.told != nullptr) told_.remove(*moving.told);
  if (recent_[moving.slot] == &moving) recent_[moving.slot] = nullptr;
  capped_.erase(moving.capped);
  (moving.is_finished ? finished_ : moving_).erase(moving.self);
}

void Motion::reset() noexcept {
  recent_.fill(nullptr);
  now_.clear();
  told_.clear();
  moving_.clear();
  finished_.clear();
  capped_.clear();
  hands_.clear();
  out_.clear();
}

std::optional<Motion::Time> Motion::next_due() const noexcept {
  if (!finished_.empty()) return finished_.front().last;
  if (capped_.empty()) return std::nullopt;
  const Time cap = capped_.front()->first + waits_.at_most;
  return moving_.empty() ? cap : std::min(moving_.front().last + waits_.quiet, cap);
}

}  // namespace inotify::inline v0::detail
