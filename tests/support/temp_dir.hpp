// A directory of its own for each test.
#pragma once

#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

namespace fs = std::filesystem;

/// Where the tests make their trees: $INOTIFY_TEST_DIR, else in memory, where a file costs a tenth of
/// the time, if a test of a million files finds room there; else where the system has temporary files.
inline fs::path test_directory() {
  if (const char* wanted = std::getenv("INOTIFY_TEST_DIR")) return wanted;
  constexpr const char* memory = "/dev/shm";
  struct statfs status {};
  if (::statfs(memory, &status) == 0 && status.f_type == TMPFS_MAGIC &&
      status.f_bavail >= (std::uint64_t{2} << 30U) / static_cast<std::uint64_t>(status.f_bsize) &&
      ::access(memory, W_OK | X_OK) == 0) {
    return memory;
  }
  return fs::temp_directory_path();
}

/// Made in the test directory; removed with all it holds.
class TempDir {
 public:
  TempDir() {
    std::string name = (test_directory() / "inotify-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = fs::canonical(name);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] std::string str() const { return path_.string(); }
  fs::path operator/(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// Creates or truncates a file, writes `content` and closes it.
inline void write_file(const fs::path& path, std::string_view content = "") {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace test
