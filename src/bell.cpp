#include <inotify/detail/bell.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <inotify/detail/directory.hpp>

namespace inotify::inline v0::detail {

void Bell::hang(Instance& instance, std::error_code& ec) noexcept {
  UniqueFd fd(::memfd_create("inotify++", MFD_CLOEXEC));
  if (!fd) {
    ec = make_error(errno);
    return;
  }
  const int wd = instance.add_watch(DescriptorPath(fd.get()).c_str(), IN_MODIFY, ec);
  if (ec) return;
  fd_ = std::move(fd);
  wd_ = wd;
}

void Bell::ring() noexcept {
  if (fd_ && !is_ringing_) is_ringing_ = ::ftruncate(fd_.get(), 0) == 0;
}

}  // namespace inotify::inline v0::detail
