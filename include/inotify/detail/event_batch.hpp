// The events of one read() and the bytes their views point to.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <inotify/event.hpp>

namespace inotify::inline v0::detail {

/// Text that stays where it was put until clear(), which keeps the memory for the next round: in
/// the steady state nothing is allocated.
class TextArena {
 public:
  /// Room for `size` bytes.
  char* allocate(std::size_t size) {
    while (chunk_ < chunks_.size() && chunks_[chunk_].size - used_ < size) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
      const std::size_t chunk = size > chunk_size ? size : chunk_size;
      chunks_.push_back({std::make_unique_for_overwrite<char[]>(chunk), chunk});
    }
    char* room = chunks_[chunk_].bytes.get() + used_;
    used_ += size;
    return room;
  }

  void clear() noexcept {
    chunk_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t chunk_size = 64 * 1024;
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0;  // the one that is being filled
  std::size_t used_ = 0;   // bytes of it
};

/// Builds events. Invariant: every view of an event in `events()` points into `text_`, or to a
/// literal, until clear().
class EventBatch {
 public:
  void clear() noexcept {
    events_.clear();
    text_.clear();
  }
  [[nodiscard]] bool empty() const noexcept { return events_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
  [[nodiscard]] std::span<const Event> events() const noexcept { return events_; }
  [[nodiscard]] Event& operator[](std::size_t i) noexcept { return events_[i]; }

  /// Appends an event about `name` inside `path`, or about `path` itself if `name` is empty. `path`
  /// may be a view of this batch. On return its texts are set; the caller sets the rest.
  Event& add(std::string_view path, std::string_view name) {
    const Texts texts = is_last(path, name) ? texts_ : texts_of(path, name);
    Event& event = events_.emplace_back(blank_);
    texts_ = texts;
    event.fullpath = texts.fullpath;
    event.path = texts.path;
    event.name = texts.name;
    return event;
  }

  /// A copy of `text`, NUL-terminated, that lives as long as the events.
  std::string_view keep(std::string_view text) {
    char* copy = text_.allocate(text.size() + 1);
    if (!text.empty()) std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return {copy, text.size()};
  }

 private:
  struct Texts {
    std::string_view fullpath;
    std::string_view path;
    std::string_view name;
  };

  // A file that is made, written and closed is three events in a row with the same texts: they share
  // them.
  [[nodiscard]] bool is_last(std::string_view path, std::string_view name) const noexcept {
    return !events_.empty() && texts_.name == name && texts_.path == path;
  }

  Texts texts_of(std::string_view path, std::string_view name) {
    const bool slash = !name.empty() && !path.empty() && path.back() != '/';
    const std::size_t size = path.size() + (slash ? 1 : 0) + name.size();
    char* text = text_.allocate(size + 1);
    if (!path.empty()) std::memcpy(text, path.data(), path.size());
    if (slash) text[path.size()] = '/';
    if (!name.empty()) std::memcpy(text + size - name.size(), name.data(), name.size());
    text[size] = '\0';
    return {{text, size}, {text, path.size()}, {text + size - name.size(), name.size()}};
  }

  std::vector<Event> events_;
  TextArena text_;
  Texts texts_;    // of the last event
  Event blank_{};  // to copy: the default constructor of std::error_code is a function call
};

}  // namespace inotify::inline v0::detail
