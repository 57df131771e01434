// Which mounts there are, and that one has come or gone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <inotify/detail/unique_fd.hpp>

namespace inotify::inline v0::detail {

/// /proc/self/mountinfo of the thread that opens it: the list of the mounts in its namespace, below its
/// root, and a descriptor that becomes ready, with POLLPRI, when one comes or goes. The kernel says so
/// once per change and open file [39]. So there are two: one is asked by us, the other may be waited for
/// by the user, by way of an epoll set, and what that has been told is not lost to us.
///
/// Where there is no such file (no /proc) nothing is ever said.
class MountWatch {
 public:
  struct Mount {
    std::uint64_t identity;  ///< Of the mount at this place: of its ids, device, root and point.
    std::string_view point;  ///< Where it is mounted, without escapes; valid during the call.
  };

  /// Opens the list, and adds the user's descriptor to `epoll`. Errors: EMFILE, ENFILE, ENOMEM; any
  /// other means that there is no list.
  void open(int epoll, std::error_code& ec) noexcept;
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(ours_); }
  void close() noexcept;

  /// To be waited for, with POLLPRI; who has been woken by it calls note_change().
  [[nodiscard]] int fd() const noexcept { return ours_.get(); }
  void note_change() noexcept { is_changed_ = true; }

  /// Whether a mount has come or gone since this was asked last. One system call, if it is open.
  [[nodiscard]] bool has_changed() noexcept;

  /// What the user's descriptor has said, and nobody has asked for, is done with.
  void forget_wake_up(int epoll) const noexcept;

  /// The list as it is now. False if it could not be read to its end.
  template <class Visit>
  bool for_each(Visit visit) {
    if (!read()) return false;
    std::string point;
    for (std::string_view rest = text_; !rest.empty();) {
      const auto end = std::min(rest.find('\n'), rest.size() - 1);
      Mount mount{};
      if (parse(rest.substr(0, end), mount, point)) visit(mount);
      rest.remove_prefix(end + 1);
    }
    text_ = {};
    return true;
  }

  /// One line of the list, without its end; `point` gives room for what it points to. False if it is
  /// none.
  static bool parse(std::string_view line, Mount& mount, std::string& point);

 private:
  bool read();

  UniqueFd ours_;
  UniqueFd users_;
  bool is_changed_ = false;
  std::string text_;  // of a for_each() under way
};

}  // namespace inotify::inline v0::detail
