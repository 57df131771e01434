// Any sequence of events, questions and answers: LookAhead agrees with one that walks through
// everything each time.
#include <algorithm>
#include <inotify/detail/look_ahead.hpp>
#include <string>

#include "fuzz.hpp"
#include "support/hand_made.hpp"
#include "support/naive_look_ahead.hpp"

namespace {

using fuzz::require;
using inotify::Mask;
using inotify::RawEvent;
using inotify::detail::LookAhead;
using Naive = test::NaiveLookAhead;
using Entry = LookAhead::Entry;

class Both {
 public:
  explicit Both(fuzz::Input& input) : input_(input) {}

  void step() {
    switch (input_.below(8)) {
      case 0:
      case 1:
        return append();
      case 2:
        return next(look_ahead_.next());
      case 3:
        return next_alike();
      case 4:
        return ask_about_name();
      case 5:
        return ask_about_current();
      case 6:
        return take_arrival();
      default:
        if (input_.below(8) != 0) return;
        look_ahead_.clear();
        naive_.clear();
    }
  }

 private:
  static constexpr Mask plain = IN_MODIFY | IN_CLOSE_WRITE;

  int wd() { return static_cast<int>(1 + input_.below(3)); }
  std::string name() {
    const unsigned choice = input_.below(5);
    return std::string(choice == 4 ? 250 : 1, static_cast<char>('a' + choice));
  }

  void append() {
    static constexpr Mask masks[] = {IN_CREATE,      IN_DELETE,      IN_MODIFY,
                                     IN_CLOSE_WRITE, IN_MOVED_TO,    IN_MOVED_FROM,
                                     IN_MOVE_SELF,   IN_DELETE_SELF, IN_CREATE | IN_ISDIR};
    const Mask mask = input_.of(masks);
    const bool is_self = (mask & (IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
    // The cookie of a rename is new with its first half, and known to its second.
    const bool begins = (mask & IN_MOVED_FROM) != 0;
    const bool is_new = begins || ((mask & IN_MOVED_TO) != 0 && (cookie_ == last_to_));
    if (is_new) ++cookie_;
    const std::uint32_t cookie = (mask & IN_MOVE) != 0 ? cookie_ : 0;
    if ((mask & IN_MOVED_TO) != 0) last_to_ = cookie_;
    const int watch = wd();
    const std::string entry = is_self ? "" : name();
    const test::HandMade made = test::HandMade().append(watch, mask, cookie, entry);
    const std::span<std::byte> room = look_ahead_.room();
    require(room.size() >= made.bytes().size());
    std::ranges::copy(made.bytes(), room.begin());
    look_ahead_.append(inotify::RawEvents(room.first(made.bytes().size())));
    naive_.push({watch, mask, cookie, entry});
  }

  void next(const RawEvent* raw) {
    require((raw != nullptr) == naive_.next());
    std::size_t bytes = 0;
    for (std::size_t i = naive_.handed_out + 1; i <= naive_.items.size(); ++i) {
      if (!naive_.at(i).taken) bytes += naive_.at(i).size();
    }
    require(look_ahead_.bytes() == bytes && look_ahead_.empty() == (bytes == 0));
    if (raw == nullptr) return;
    const Naive::Item& item = naive_.at(naive_.current);
    require(raw->wd == item.wd && raw->mask == item.mask && raw->cookie == item.cookie &&
            raw->name == item.name);
  }

  void next_alike() {
    if (naive_.current == 0) return;
    const std::size_t before = naive_.handed_out;
    const RawEvent* raw = look_ahead_.next_alike(plain);
    if (raw == nullptr) return;
    next(raw);
    require(naive_.current == before + 1 && naive_.at(before).wd == raw->wd &&
            naive_.at(before).name == raw->name && (raw->mask & ~plain) == 0);
  }

  void ask_about_name() {
    const int watch = wd();
    const std::string entry = name();
    const auto is_it = [&](const Naive::Item& item) {
      return item.wd == watch && item.name == entry && (item.mask & test::name_bits) != 0;
    };
    const auto departs = [&](const Naive::Item& item) {
      return is_it(item) && (item.mask & IN_MOVED_FROM) != 0;
    };
    require(look_ahead_.touches(watch, entry) == (naive_.first_after(0, is_it) != 0));
    const std::size_t leaves = naive_.first_after(0, departs);
    require(look_ahead_.leaves(watch, entry) == (leaves != 0));
    const Entry* from = look_ahead_.departure(watch, entry, nullptr);
    const bool is_now = naive_.current != 0 && departs(naive_.at(naive_.current));
    require(naive_.number(from) == (is_now ? naive_.current : leaves));
    if (from == nullptr) return;
    require(naive_.number(look_ahead_.departure(watch, entry, from)) ==
            naive_.first_after(naive_.number(from), departs));
    ask_what_follows(*from);
  }

  void ask_about_current() {
    if (naive_.current == 0 || !naive_.is_name_event(naive_.current)) return;
    const Entry& current = look_ahead_.current();
    require(naive_.number(&current) == naive_.current);
    ask_what_follows(current);
  }

  void ask_what_follows(const Entry& entry) {
    const int watch = wd();
    const Entry* next = look_ahead_.following(entry, watch);
    require(naive_.number(next) ==
            naive_.first_after(naive_.number(&entry), [&](const Naive::Item& item) {
              return item.wd == watch && (item.mask & test::name_bits) != 0;
            }));
    const int mover = wd();
    const std::size_t self =
        naive_.first_after(naive_.number(&entry), [&](const Naive::Item& item) {
          return item.wd == mover && (item.mask & IN_MOVE_SELF) != 0;
        });
    require(look_ahead_.moves_self(mover, entry, next) ==
            (self != 0 && (next == nullptr || self < naive_.number(next))));
    require(look_ahead_.moves_self(mover, entry, nullptr) == (self != 0));
  }

  void take_arrival() {
    const std::uint32_t cookie = cookie_ - std::min(cookie_, input_.below(8));
    const std::size_t expected = naive_.first_after(0, [&](const Naive::Item& item) {
      return item.cookie == cookie && (item.mask & IN_MOVED_TO) != 0;
    });
    const Entry* to = look_ahead_.arrival(cookie);
    require(naive_.number(to) == expected);
    if (to == nullptr || input_.below(2) == 0) return;
    look_ahead_.take(*to);
    naive_.items[expected - 1].taken = true;
  }

  fuzz::Input& input_;
  LookAhead look_ahead_;
  Naive naive_;
  std::uint32_t cookie_ = 0;
  std::uint32_t last_to_ = 0;  // the cookie of the last MOVED_TO: each comes once
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Both both(input);
  while (!input.empty()) both.step();
  return 0;
}
