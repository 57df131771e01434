// The events of one read() and the bytes their views point to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <inotify/detail/path_cache.hpp>
#include <inotify/event.hpp>

namespace inotify::inline v0::detail {

/// Text that stays where it was put until clear(), which keeps the memory for the next round: in
/// the steady state nothing is allocated. What it has is about what the last round used.
class TextArena {
 public:
  TextArena() = default;
  TextArena(TextArena&& other) noexcept { swap(other); }
  TextArena& operator=(TextArena&& other) noexcept {
    TextArena(std::move(other)).swap(*this);
    return *this;
  }
  void swap(TextArena& other) noexcept;

  /// Room for `size` bytes, in steps, of which only reserve() may throw.
  [[nodiscard]] bool has(std::size_t size) const noexcept {
    return static_cast<std::size_t>(end_ - at_) >= size;
  }
  void reserve(std::size_t size);
  char* take(std::size_t size) noexcept { return std::exchange(at_, at_ + size); }

  /// The size of the chunks in use.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void clear() noexcept;
  /// Frees all, unless that is little.
  void give_back() noexcept {
    if (chunks_.size() > few || has_large_) *this = {};
  }

 private:
  static constexpr std::size_t chunk_size = 64 * 1024;
  static constexpr std::size_t few = 8;  // chunks that do not matter
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };

  std::vector<Chunk> chunks_;
  bool has_large_ = false;
  std::size_t size_ = 0;
  std::size_t next_ = 0;  // the number of those that have been begun, which are the first
  char* at_ = nullptr;    // in the last of these
  char* end_ = nullptr;
};

/// What a path was made from: two that are equal name the same path.
struct PathKey {
  NodeId node = no_node;
  std::uint64_t version = UINT64_MAX;  // of the table; at first one that there is not
  bool operator==(const PathKey&) const = default;
};

/// Builds events; what throws has added nothing. Invariant: every view of an event in `events()` points into `text_`, or to a
/// literal, until clear().
///
/// A batch is full when it has some number of events or some size of text. That bounds what they take
/// if whoever adds them asks: a path may be of any length (8,000 directories with long names in one
/// another: 2 MB), and each event has its own.
class EventBatch {
 public:
  EventBatch() = default;
  EventBatch(EventBatch&& other) noexcept { swap(other); }
  EventBatch& operator=(EventBatch&& other) noexcept {
    EventBatch(std::move(other)).swap(*this);
    return *this;
  }

  void clear() noexcept {
    end_ = events_.get();
    text_.clear();
    set_full_end();
    key_ = {};
  }
  /// Takes back the events from number `size` on.
  void truncate(std::size_t size) noexcept {
    end_ = events_.get() + size;
    key_ = {};
  }
  /// Of an empty batch: frees what it keeps for the next events, if that is much.
  void give_back() noexcept {
    text_.give_back();
    if (room_end_ - events_.get() > most_kept) *this = {};
  }

  /// Whether it has `enough` events, or 8 MiB of text.
  [[nodiscard]] bool is_full() const noexcept { return end_ > full_end_; }
  [[nodiscard]] bool has_enough_text() const noexcept { return text_.size() >= enough_text; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept {
    return static_cast<std::size_t>(end_ - events_.get());
  }
  [[nodiscard]] std::span<const Event> events() const noexcept { return {events_.get(), size()}; }
  [[nodiscard]] Event& operator[](std::size_t i) noexcept { return events_[i]; }

  /// Appends an event about `name` inside `path`, or about `path` itself if `name` is empty. On
  /// return its texts are set; the caller sets the rest.
  Event& add(std::string_view path, std::string_view name) {
    key_ = {};
    return add({path, ""}, name);
  }
  /// The same for the path made from `key`, which `path_of(key)` yields as PathParts if it is not
  /// that of the last event.
  template <class PathOf>
  Event& add(PathKey key, std::string_view name, PathOf path_of) {
    const PathParts path = key_ == key ? PathParts{next_.path, ""} : path_of(key);
    key_ = key;
    return add(path, name);
  }
  /// Appends an event with the texts of the last.
  Event& add_again() {
    if (end_ == room_end_) make_room(0);
    return *end_++ = next_;
  }

  /// A copy of `text`, NUL-terminated, that lives as long as the events.
  std::string_view keep(std::string_view text) {
    const std::size_t size = text.size() + 1;
    if (!text_.has(size)) make_room(size);
    char* copy = text_.take(size);
    if (!text.empty()) std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return {copy, text.size()};
  }

 private:
  static constexpr std::ptrdiff_t enough = 2048;
  static constexpr std::ptrdiff_t most_kept = 8192;
  static constexpr std::size_t enough_text = std::size_t{8} << 20;

  Event& add(PathParts path, std::string_view name) {
    const std::size_t path_size = path.above.size() + path.name.size();
    const std::size_t size = path_size + name.size() + 2;
    if (end_ == room_end_ || !text_.has(size)) make_room(size);
    char* text = text_.take(size);
    char* end = put(put(text, path.above), path.name);
    if (!name.empty()) {
      if (path_size != 0 && end[-1] != '/') *end++ = '/';
      put(end, name);
    }
    next_.name = {end, name.size()};
    end += name.size();
    *end = '\0';
    next_.path = {text, path_size};
    next_.fullpath = {text, end};
    return *end_++ = next_;
  }
  static char* put(char* to, std::string_view text) noexcept {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }
  void make_room(std::size_t size);
  void set_full_end() noexcept {
    full_end_ = events_.get();
    if (text_.size() < enough_text) full_end_ += std::min(room_end_ - full_end_, enough - 1);
  }
  void swap(EventBatch& other) noexcept;

  std::unique_ptr<Event[]> events_;
  Event* end_ = nullptr;       // of those in use
  Event* room_end_ = nullptr;  // of all
  Event* full_end_ = nullptr;  // beyond which there are enough
  TextArena text_;
  Event next_{};  // to copy: the texts of the last event, and nothing else
  PathKey key_;   // of next_.path
};

}  // namespace inotify::inline v0::detail
