// Read late, read much: whether enough is queued to be worth a read.
#pragma once

#include <concepts>
#include <cstddef>

#include <inotify/instance.hpp>

namespace inotify::inline v0 {

/// Tells whether a watcher, or a descriptor, has at least so many bytes to read: the heart of a
/// loop that lets events gather instead of waking for each (see examples/performant.cpp). An event
/// is 16 bytes plus its name, padded to a multiple of 16.
///
/// It refers to the watcher, which must outlive it and stay where it is. Not thread-safe. Source:
/// python-inotify, Threshold.
class Threshold {
 public:
  /// Of anything that has readable(): Watcher, AutoWatcher (which counts what it has pulled from
  /// the kernel and not yet delivered, too), Instance.
  template <class Readable>
  requires requires(const Readable& r) {
    { r.readable() } -> std::convertible_to<std::size_t>;
  }
  explicit Threshold(const Readable& source, std::size_t bytes = 1024) noexcept
      : source_(&source),
        read_([](const void* s, int) -> std::size_t {
          return static_cast<const Readable*>(s)->readable();
        }),
        bytes_(bytes) {}

  /// Of an open descriptor. readable() throws std::system_error with ENOTTY if FIONREAD means
  /// nothing to it.
  explicit Threshold(int fd, std::size_t bytes = 1024) noexcept
      : read_([](const void*, int f) { return bytes_readable(f); }), fd_(fd), bytes_(bytes) {}

  /// The number of bytes that can be read now. Throws std::system_error (EBADF when closed).
  [[nodiscard]] std::size_t readable() const { return read_(source_, fd_); }

  /// Whether that has reached the threshold.
  [[nodiscard]] bool operator()() const { return readable() >= bytes_; }

  /// The threshold, in bytes.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  const void* source_ = nullptr;
  std::size_t (*read_)(const void* source, int fd);
  int fd_ = -1;
  std::size_t bytes_;
};

}  // namespace inotify::inline v0
