// Events pulled from the kernel and not yet interpreted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inotify/detail/name_hash.hpp>
#include <inotify/raw_event.hpp>

namespace inotify::inline v0::detail {

/// A queue of raw events behind the kernel's own, in which one can look ahead: what the disk shows
/// is newer than what the queue tells, so an answer of the disk may be used only for names that the
/// events still to come do not touch [31, 32].
///
/// The events stay as the bytes that the kernel wrote, and are walked where they are. The index that
/// answers is built when the first question comes, over what has not been interpreted yet: a stream
/// that raises no question costs no more than the walk. (With an Entry per event, and a block of
/// entries allocated for each seven of them, it was 143 instructions per event more.)
///
/// Invariants
///   1. Events are handed out in the order in which they came, but for those that are blank: noise,
///      or taken early. The mask of a blank event is 0, which the kernel never writes.
///   2. The bytes of an event live until the event after it has been handed out.
///   3. The index, once built, holds the name events (create, delete, moved) by (wd, name) and by
///      wd, and MOVE_SELF by (wd, ""), from the current event, inclusively, up to `indexer_`. It has
///      an Entry for each of them, and for no other. The key of a chain is a view of the name of the
///      first event in it. If there is no memory for it, there is none, until the next question: only
///      questions and room() may throw.
class LookAhead {
 public:
  /// An event of the index: one that waits, or the current one. Pointers stay good over append().
  struct Entry {
    RawEvent raw;
    std::uint64_t position = 0;   // where it ends in the stream of all that has come
    std::byte* header = nullptr;  // its bytes
    const Entry* next_of_wd = nullptr;
    const Entry* next_of_name = nullptr;
    bool taken = false;
    bool is_doubtful = false;  // a mark of the interpreter's, for when its turn comes
  };

  LookAhead() = default;
  LookAhead(LookAhead&& other) noexcept { swap(other); }
  LookAhead& operator=(LookAhead&& other) noexcept {
    LookAhead(std::move(other)).swap(*this);
    return *this;
  }

  /// Room for the next read(2): at least one event fits.
  std::span<std::byte> room();

  /// Takes over `events`, which fill the front of room().
  void append(RawEvents events) noexcept {
    segments_.back().used += events.bytes().size();
    received_ += events.bytes().size();
  }
  /// Takes out those of the events just appended that `is_noise` says are not worth it.
  template <class IsNoise>
  void drop(RawEvents events, IsNoise is_noise) {
    for (auto it = events.begin(); it != events.end(); ++it) {
      if (is_noise(*it)) blank(mine(it));
    }
  }

  /// Hands out the next event, valid until the next call: the current one from now on. Null if there
  /// is none.
  const RawEvent* next() noexcept {
    while (advance(reader_)) {
      if (reader_.at->mask != 0) {
        if (has_entries() || first_segment_ != reader_.segment) forget_passed();
        return reader_.at.operator->();
      }
      blank_ -= reader_.at.bytes().size();
    }
    rewind();
    return nullptr;
  }
  /// The same if the next event is about the same name of the same watch as the current one, and has
  /// no other bits than those in `mask`; otherwise null, and the current one stays.
  const RawEvent* next_alike(Mask mask) noexcept {
    if (!reader_.at.follow(mask)) return nullptr;
    reader_.position += reader_.at.bytes().size();
    return reader_.at.operator->();
  }
  [[nodiscard]] bool empty() const noexcept { return bytes() == 0; }
  /// Bytes of all events that have come, and of those that have been handed out or skipped.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t passed() const noexcept { return reader_.position; }
  /// The size of what is still to be interpreted.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(received_ - passed() - blank_);
  }
  void clear() noexcept;
  /// The same, and frees its memory.
  void give_back() noexcept;

  // ---- questions about what comes after the current event

  /// Whether a name event of that directory will speak of that name.
  [[nodiscard]] bool touches(int wd, std::string_view name) {
    return !empty() && is_touched(wd, name);
  }
  /// False: no MOVED_FROM of any name comes.
  [[nodiscard]] bool has_departures() { return index().departures > 0; }
  /// Whether a MOVED_FROM of that name comes.
  [[nodiscard]] bool leaves(int wd, std::string_view name);
  /// The first MOVED_FROM of that name after `entry`, an event of the same name; if that is null, the
  /// current event or the first after it. Or null.
  [[nodiscard]] const Entry* departure(int wd, std::string_view name, const Entry* entry);
  /// The MOVED_TO with that cookie, or null.
  [[nodiscard]] const Entry* arrival(std::uint32_t cookie);
  /// The current event, which must be a name event.
  [[nodiscard]] const Entry& current();
  /// The first name event of the directory `wd` that comes after `entry`, or null.
  [[nodiscard]] const Entry* following(const Entry& entry, int wd);
  /// Whether a MOVE_SELF of that watch stands after `entry` and before `end`, which may be null for
  /// none.
  [[nodiscard]] bool moves_self(int wd, const Entry& entry, const Entry* end);

  /// Takes an event out early: next() will skip it, and no answer speaks of it any more.
  void take(const Entry& entry);
  /// Marks an event that is to come.
  void doubt(const Entry& entry) { mine(entry).is_doubtful = true; }
  /// Takes out all name events of a directory that are to come, and calls `visit(raw)` for each.
  template <class Visit>
  void take_all(int wd, Visit visit) {
    const auto& by_wd = index().by_wd;
    const auto it = by_wd.find(wd);
    if (it == by_wd.end()) return;
    for (const Entry* entry = it->second.first; entry != nullptr; entry = entry->next_of_wd) {
      if (!is_to_come(*entry)) continue;
      take(*entry);
      visit(entry->raw);
    }
  }

 private:
  struct Key {
    int wd;
    std::string_view name;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    KeyHash() noexcept : secret(HashKey::make()) {}
    HashKey secret;
    std::size_t operator()(const Key& key) const noexcept {
      return hash_name(secret, static_cast<std::uint32_t>(key.wd), key.name);
    }
  };
  struct Chain {
    const Entry* first;
    Entry* last;
  };
  struct Index {
    std::deque<Entry> entries{};  // in the order of the events
    std::unordered_map<Key, Chain, KeyHash> by_name{};
    std::unordered_map<int, Chain> by_wd{};
    std::unordered_map<std::uint32_t, const Entry*> arrivals{};
    std::size_t departures = 0;  // how many entries are MOVED_FROM

    void enter(const RawEvent& raw, std::uint64_t position, std::byte* header);
    void pop() noexcept;
    void clear() noexcept;
  };
  struct Segment {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t used = 0;
  };
  // A walk over the segments, at its current event.
  struct Cursor {
    RawEvents::iterator at{};
    std::size_t walked = 0;      // where `at` ends: the bytes of the segment when it began
    std::uint64_t segment = 0;   // the number of the segment, from the first ever
    std::uint64_t position = 0;  // of the current event, as in Entry
  };

  static constexpr std::size_t segment_size = 64 * 1024;  // of one read(2), as in Watcher

  // All that is pointed to is ours.
  static Entry& mine(const Entry& entry) { return const_cast<Entry&>(entry); }
  static std::byte* mine(const RawEvents::iterator& it) {
    return const_cast<std::byte*>(it.rest().data());
  }
  // Goes on to the next event, blank or not. False at the end, which may be none if more comes.
  bool advance(Cursor& cursor) const noexcept {
    ++cursor.at;
    if (cursor.at == RawEvents::iterator() && !enter_segment(cursor)) return false;
    cursor.position += cursor.at.bytes().size();
    return true;
  }
  bool enter_segment(Cursor& cursor) const noexcept;
  void blank(std::byte* header) noexcept;
  [[nodiscard]] bool has_entries() const noexcept {
    return index_ != nullptr && !index_->entries.empty();
  }
  void forget_passed() noexcept;
  void rewind() noexcept;
  void enter(const Cursor& cursor);
  const Index& index();
  void bring_up();
  void swap(LookAhead& other) noexcept;
  [[nodiscard]] bool is_touched(int wd, std::string_view name);
  [[nodiscard]] const Entry* first_of_name(int wd, std::string_view name);
  [[nodiscard]] bool is_to_come(const Entry& entry) const noexcept {
    return !entry.taken && entry.position > reader_.position;
  }

  std::vector<Segment> segments_;       // a deque would allocate a block for each 16 that come
  std::uint64_t first_segment_ = 0;     // the number of the first of them
  std::unique_ptr<std::byte[]> spare_;  // for the next segment
  Cursor reader_;                       // at the event that was handed out last
  std::uint64_t received_ = 0;
  std::uint64_t blank_ = 0;  // bytes of blank events not passed yet

  Cursor indexer_;                // at the last event that was looked at for the index
  std::unique_ptr<Index> index_;  // null: nobody has asked yet
};

}  // namespace inotify::inline v0::detail
