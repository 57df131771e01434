// Directories one in another, deeper than any path that a system call takes.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <inotify/detail/unique_fd.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "support/temp_dir.hpp"

namespace test {

/// A chain of `levels` directories in `top`, whose names have `name_size` bytes. Removed with all it
/// holds, which may be empty directories and files only.
class Chain {
 public:
  using Fd = inotify::detail::UniqueFd;

  Chain(const fs::path& top, std::size_t levels, std::size_t name_size)
      : top_(open(AT_FDCWD, top.c_str())), name_(name_size, 'd') {
    Fd at = open(top_.get(), ".");
    for (std::size_t i = 0; i < levels; ++i) {
      check(::mkdirat(at.get(), name_.c_str(), 0755));
      at = open(at.get(), name_.c_str());
    }
    bottom_ = std::move(at);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  // From the top down: what is in the first is put beside it, and then it is empty.
  ~Chain() {
    bottom_ = Fd();
    for (;;) {
      const Fd first(::openat(top_.get(), name_.c_str(), O_DIRECTORY | O_CLOEXEC));
      if (!first) return;
      const bool has_more = ::renameat(first.get(), name_.c_str(), top_.get(), "next") == 0;
      if (::unlinkat(top_.get(), name_.c_str(), AT_REMOVEDIR) != 0 || !has_more) return;
      ::renameat(top_.get(), "next", top_.get(), name_.c_str());
    }
  }

  /// The last directory.
  [[nodiscard]] int bottom() const noexcept { return bottom_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  static void check(int result) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), "chain");
  }
  static Fd open(int at, const char* name) {
    Fd fd(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    check(fd.get());
    return fd;
  }

  Fd top_;
  Fd bottom_;
  std::string name_;
};

}  // namespace test
