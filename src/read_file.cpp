#include <inotify/detail/read_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <inotify/detail/unique_fd.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0::detail {

std::string read_file(const std::string& path, int flags, std::error_code& ec, std::size_t most) {
  ec.clear();
  std::string text;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  std::array<char, 4096> buffer;
  ssize_t size = -1;
  while (fd && ((size = ::read(fd.get(), buffer.data(), buffer.size())) > 0 ||
                (size < 0 && errno == EINTR))) {
    if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
    if (text.size() > most) {
      ec = make_error(EFBIG);
      return {};
    }
  }
  if (size < 0) ec = make_error(errno);
  return text;
}

}  // namespace inotify::inline v0::detail
