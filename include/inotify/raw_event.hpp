// What read(2) on an inotify descriptor returned, walked in place.
//
// This is the only parser of the kernel's bytes in the library. It knows nothing of descriptors or
// paths, so that hand-made bytes and a fuzzer can drive it just as the kernel does.
#pragma once

#include <sys/inotify.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>

#include <inotify/mask.hpp>

namespace inotify::inline v0 {

/// One event as the kernel told it. `name` points into the buffer that was walked and lives as long
/// as that.
struct RawEvent {
  int wd = -1;               ///< The watch it concerns; -1 for IN_Q_OVERFLOW.
  Mask mask = 0;             ///< What happened.
  std::uint32_t cookie = 0;  ///< Connects MOVED_FROM and MOVED_TO of one rename; otherwise 0.
  std::string_view name;     ///< The entry inside a watched directory; empty for the object itself.

  /// Whether the object it concerns is a directory.
  [[nodiscard]] bool is_dir() const noexcept { return (mask & IN_ISDIR) != 0; }
};

/// A forward range of RawEvent over a buffer filled by read(2). A view: it owns nothing, and is
/// valid as long as the bytes are.
///
/// Attention: the bytes are not trusted. A header or a name that would reach past the end of the
/// buffer ends the walk there (see `well_formed`). A name is cut at its first NUL, for the kernel
/// pads it with NULs to a multiple of 16 bytes; it is otherwise passed on byte for byte, in no
/// encoding. The buffer needs no particular alignment. Nothing here throws. Source: inotify(7),
/// "Reading events from an inotify file descriptor".
class RawEvents {
 public:
  class iterator {
   public:
    using value_type = RawEvent;
    using reference = RawEvent;
    using pointer = const RawEvent*;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;  // a C++17 forward one yields references

    iterator() = default;
    RawEvent operator*() const noexcept { return event_; }
    pointer operator->() const noexcept { return &event_; }
    iterator& operator++() noexcept {
      rest_ = rest_.subspan(size_);
      decode();
      return *this;
    }
    /// Goes on to the next event if that is about the same name of the same watch and has no other
    /// bits than those in `mask`, and returns whether it is: a file that is made, written and closed
    /// is three events in a row.
    bool follow(Mask mask) noexcept {
      inotify_event header;
      const std::span<const std::byte> rest = rest_.subspan(size_);
      if (rest.size() < sizeof header) return false;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.wd != event_.wd || (header.mask & ~mask) != 0 || header.mask == 0) return false;
      if (sizeof header + header.len != size_ || rest.size() < size_) return false;
      const char* name = reinterpret_cast<const char*>(rest.data() + sizeof header);
      if (!same(name, event_.name.data(), header.len)) return false;
      rest_ = rest;
      event_ = {header.wd, header.mask, header.cookie, {name, event_.name.size()}};
      return true;
    }
    iterator operator++(int) noexcept {
      iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.size_ == b.size_ && (a.size_ == 0 || a.rest_.data() == b.rest_.data());
    }

    /// The bytes of the current event.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return rest_.first(size_); }

    /// What has not been walked yet, the current event included.
    [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }

   private:
    friend class RawEvents;
    explicit iterator(std::span<const std::byte> bytes) noexcept : rest_(bytes) { decode(); }

    // Nearly all names take 16 bytes or 32; of that many a comparison is inlined, which saves 15
    // instructions each.
    static bool same(const char* a, const char* b, std::size_t size) noexcept {
      if (size == 16) return std::memcmp(a, b, 16) == 0;
      if (size == 32) return std::memcmp(a, b, 32) == 0;
      return std::memcmp(a, b, size) == 0;
    }

    // size_ becomes 0, the end of the walk, unless a whole event lies ahead.
    void decode() noexcept {
      size_ = 0;
      inotify_event header;
      if (rest_.size() < sizeof header) return;
      std::memcpy(&header, rest_.data(), sizeof header);
      if (header.len > rest_.size() - sizeof header) return;
      const char* name = reinterpret_cast<const char*>(rest_.data() + sizeof header);
      event_ = {header.wd, header.mask, header.cookie, {name, ::strnlen(name, header.len)}};
      size_ = sizeof header + header.len;
    }

    std::span<const std::byte> rest_;
    std::size_t size_ = 0;  // bytes of the current event
    RawEvent event_;
  };

  RawEvents() = default;
  explicit RawEvents(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] iterator begin() const noexcept { return iterator(bytes_); }
  [[nodiscard]] iterator end() const noexcept { return {}; }
  [[nodiscard]] bool empty() const noexcept { return begin() == end(); }

  /// Calls `visit(wd)` for each event but those about the same watch as the one before. Looks at no
  /// name, and so takes a fifth of a walk.
  template <class Visit>
  void for_each_wd(Visit visit) const {
    inotify_event header;
    std::span<const std::byte> rest = bytes_;
    for (int last = -1; rest.size() >= sizeof header;) {
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.len > rest.size() - sizeof header) return;
      if (header.wd != last) visit(header.wd);
      last = header.wd;
      rest = rest.subspan(sizeof header + header.len);
    }
  }

  /// The bytes walked.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// Whether the events fill the buffer to its last byte, as the kernel's always do. Walks the
  /// buffer.
  [[nodiscard]] bool well_formed() const noexcept {
    auto it = begin();
    while (it != end()) ++it;
    return it.rest().empty();
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace inotify::inline v0
