// What the library does, in bare system calls: the twin against which it is measured.
#pragma once

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inotify/detail/unique_fd.hpp>
#include <inotify/mask.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The best walk known, and the least a reader with paths must do. No error is handled but by
/// throwing, no tree that changes meanwhile, no rename: this is the limit, not a watcher.
class Raw {
 public:
  /// Whether the path of each watch is kept, as a reader needs it.
  enum class Keep { nothing, paths };

  /// `flags` of inotify_init1(2): IN_NONBLOCK, or 0 for a read() that waits.
  explicit Raw(int flags = IN_NONBLOCK);

  /// Watches `root` and every directory below it: depth first, the watch before the listing, each by
  /// its name in the working directory, which goes along with the walk.
  void add_all(const std::string& root, inotify::Mask mask, Keep keep);
  [[nodiscard]] std::size_t num_watches() const { return watches_; }
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }
  [[nodiscard]] int fileno() const { return fd_.get(); }

  /// One read(2); calls `consume(mask, fullpath)` for
  /// each event. Returns the number of events.
  template <class Consume>
  std::size_t read(Consume consume);

 private:
  void enter(int above, const char* name);
  void list(int directory);

  inotify::detail::UniqueFd fd_;
  inotify::Mask mask_ = 0;
  Keep keep_ = Keep::nothing;
  bool leaves_show_ = false;        // a directory without subdirectories has two links
  std::string path_;                // of the directory being entered
  std::vector<char> todo_;          // names of subdirectories, each with its NUL: a stack
  std::vector<std::string> paths_;  // by wd
  std::size_t watches_ = 0;
  std::vector<char> buffer_;
  int last_wd_ = -1;        // whose path stands in line_,
  std::size_t prefix_ = 0;  // and takes so many bytes of it, the slash included
  std::array<char, 8192> line_;
};

template <class Consume>
std::size_t Raw::read(Consume consume) {
  const ssize_t size = ::read(fd_.get(), buffer_.data(), buffer_.size());
  std::size_t count = 0;
  for (const char* at = buffer_.data(); at < buffer_.data() + size; ++count) {
    inotify_event event;
    std::memcpy(&event, at, sizeof event);
    if (event.wd != last_wd_) {
      const std::string& path = paths_[static_cast<std::size_t>(event.wd)];
      std::memcpy(line_.data(), path.data(), path.size());
      line_[path.size()] = '/';
      prefix_ = path.size() + 1;
      last_wd_ = event.wd;
    }
    const char* name = at + sizeof event;
    const std::size_t length = ::strnlen(name, event.len);
    std::memcpy(line_.data() + prefix_, name, length + 1);
    consume(event.mask, std::string_view(line_.data(), prefix_ + length));
    at += sizeof event + event.len;
  }
  return count;
}

}  // namespace bench
