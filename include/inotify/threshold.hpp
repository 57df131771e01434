// Read late, read much: whether enough is queued to be worth a read.
#pragma once

#include <concepts>
#include <cstddef>

#include <inotify/version.hpp>

namespace inotify::inline v0 {

/// Tells whether a watcher has at least so many bytes to read: the heart of a loop that lets events
/// gather instead of waking for each (see examples/performant.cpp). An event is 16 bytes plus its
/// name, padded to a multiple of 16.
///
///     const inotify::Threshold threshold(watcher, 512);
///     if (threshold()) handle(watcher.read(0ms));
///
/// It refers to the watcher, which must outlive it and stay where it is. Not thread-safe. Source:
/// python-inotify, Threshold, whose `fd` is a watcher, too.
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
        read_([](const void* s) -> std::size_t {
          return static_cast<const Readable*>(s)->readable();
        }),
        bytes_(bytes) {}

  /// Not of a descriptor: that of an AutoWatcher is an epoll instance, which does not know how many
  /// bytes there are. Give the watcher itself; for other descriptors there is bytes_readable(fd).
  explicit Threshold(int fd, std::size_t bytes = 1024) = delete;

  /// The number of bytes that can be read now. Throws std::system_error (EBADF when closed).
  [[nodiscard]] std::size_t readable() const { return read_(source_); }

  /// Whether that has reached the threshold.
  [[nodiscard]] bool operator()() const { return readable() >= bytes_; }

  /// The threshold, in bytes.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  const void* source_;
  std::size_t (*read_)(const void* source);
  std::size_t bytes_;
};

}  // namespace inotify::inline v0
