// An event of our own making.
#pragma once

#include <system_error>

#include <inotify/detail/unique_fd.hpp>
#include <inotify/instance.hpp>

namespace inotify::inline v0::detail {

/// Makes an instance's descriptor readable: a watch on a file in memory that nobody else has, and a
/// change of that. A write(2) to it tells nothing from Linux 6.14 on, where files without a name make
/// no events of their own; a change of its size does, for that is told of the inode, and needs no
/// permission that the process may have given up since.
class Bell {
 public:
  /// Errors: as for add_watch, EMFILE, ENFILE, ENOMEM, ENOSYS (before Linux 3.17).
  void hang(Instance& instance, std::error_code& ec) noexcept;
  [[nodiscard]] bool is_hung() const noexcept { return wd_ >= 0; }

  /// Queues an event, unless one is queued already.
  void ring() noexcept;

  /// Whether that is what was read.
  bool hears(const RawEvent& event) noexcept {
    if (event.wd < 0 || event.wd != wd_) return false;
    is_ringing_ = false;
    return true;
  }
  /// What is queued may have been lost.
  void on_overflow() noexcept { is_ringing_ = false; }

  void close() noexcept { fd_.reset(); }

 private:
  UniqueFd fd_;
  int wd_ = -1;
  bool is_ringing_ = false;
};

}  // namespace inotify::inline v0::detail
