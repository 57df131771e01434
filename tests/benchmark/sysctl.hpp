// A limit of the kernel, raised for a while.
#pragma once

#include <fstream>
#include <string>

namespace bench {

/// Raises /proc/sys/fs/inotify/`name` to at least `wanted` where that is allowed, and puts the old
/// value back in the end. A queue's limit is read when its instance is made [15].
class Sysctl {
 public:
  Sysctl(const std::string& name, long wanted) : file_("/proc/sys/fs/inotify/" + name) {
    std::ifstream(file_) >> before_;
    if (before_ < wanted) write(wanted);
    std::ifstream(file_) >> value_;
  }
  Sysctl(const Sysctl&) = delete;
  Sysctl& operator=(const Sysctl&) = delete;
  ~Sysctl() {
    if (value_ != before_) write(before_);
  }

  [[nodiscard]] long value() const noexcept { return value_; }

 private:
  void write(long value) const { std::ofstream(file_) << value << std::flush; }

  std::string file_;
  long before_ = 0;
  long value_ = 0;
};

}  // namespace bench
