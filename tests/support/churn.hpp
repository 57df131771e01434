// Random operations on a directory tree, at full speed.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>

namespace test {

/// Makes and unmakes files and directories below `inside`, the watched tree, and `outside`, from where it moves them in and to where it
/// moves them out. Directories and files share one small set of names, so they collide all the time. Most operations that
/// lead nowhere (no such path, not empty) simply fail.
class Churn {
 public:
  Churn(std::string inside, std::string outside, std::uint64_t seed)
      : inside_(std::move(inside)), outside_(std::move(outside)), random_(seed) {}

  void run(int operations) {
    for (int i = 0; i < operations; ++i) step();
  }

 private:
  void step() {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        ::mkdir(path().c_str(), 0755);
        break;
      case 3:
        chain();
        break;
      case 4:
      case 5:
      case 6:
        write(path());
        break;
      case 7:
        ::unlink(path().c_str());
        break;
      case 8:
        ::rmdir(path().c_str());
        break;
      case 9:
      case 10:
      case 11:
        std::rename(path().c_str(), path().c_str());
        break;
      case 12:
        exchange(path(), path());
        break;
      case 13:
        remove_all(path());
        break;
      case 14:
        replace(path());
        break;
      default:
        there_and_back(path(), path());
        break;
    }
  }

  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }

  std::string name() { return std::string(1, static_cast<char>('a' + pick(4))); }

  std::string path() {
    std::string text = pick(8) == 0 ? outside_ : inside_;
    for (int depth = 1 + pick(4); depth > 0; --depth) text += '/' + name();
    return text;
  }

  static void write(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) ::close(fd);
  }

  // mkdir -p a/b/c/d && touch a/b/c/d/f
  void chain() {
    std::string text = pick(4) == 0 ? outside_ : inside_;
    for (int depth = 2 + pick(4); depth > 0; --depth) {
      text += '/' + name();
      ::mkdir(text.c_str(), 0755);
      if (pick(3) == 0) write(text + "/f");
    }
    write(text + "/f");
  }

  static void exchange(const std::string& a, const std::string& b) {
    ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  }

  static void remove_all(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  // The same name again at once, and again.
  void replace(const std::string& path) {
    for (int i = pick(3); i >= 0; --i) {
      if (pick(2) == 0) {
        ::mkdir(path.c_str(), 0755);
        write(path + "/f");
        ::unlink((path + "/f").c_str());
        ::rmdir(path.c_str());
      } else {
        write(path);
        ::unlink(path.c_str());
      }
    }
    ::mkdir(path.c_str(), 0755);
    write(path + "/f");
  }

  void there_and_back(const std::string& a, const std::string& b) {
    if (std::rename(a.c_str(), b.c_str()) == 0 && pick(4) != 0) std::rename(b.c_str(), a.c_str());
  }

  std::string inside_;
  std::string outside_;
  std::mt19937_64 random_;
};

}  // namespace test
