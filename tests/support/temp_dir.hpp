// A directory of its own for each test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

namespace fs = std::filesystem;

/// Made below $INOTIFY_TEST_DIR, else the system's temporary directory; removed with all it holds.
class TempDir {
 public:
  TempDir() {
    const char* base = std::getenv("INOTIFY_TEST_DIR");
    std::string name =
        (fs::path(base != nullptr ? base : fs::temp_directory_path()) / "inotify-XXXXXX").string();
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
