// Random operations on a directory tree.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// One thing that is done to a tree. What cannot be done (no such path, not empty) does nothing.
struct Operation {
  enum class Kind {
    make_directory,
    write,   // and close; the file is created if there is none
    unlink,  // a name that is no directory
    remove,  // an empty directory
    remove_all,
    rename,
    exchange,
    link,     // a second name for a file
    symlink,  // `other` leads to `path`
  };
  Kind kind;
  std::string path;
  std::string other{};

  friend bool operator==(const Operation&, const Operation&) = default;
};

inline std::string to_string(const Operation& operation) {
  static constexpr std::array<const char*, 9> kinds = {"make directory", "write",      "unlink",
                                                       "remove",         "remove all", "rename",
                                                       "exchange",       "link",       "symlink"};
  std::string text = kinds.at(static_cast<std::size_t>(operation.kind));
  text += ' ' + testing::PrintToString(operation.path);
  if (!operation.other.empty()) text += ' ' + testing::PrintToString(operation.other);
  return text;
}

inline void perform(const Operation& operation) {
  const char* path = operation.path.c_str();
  const char* other = operation.other.c_str();
  std::error_code ignored;
  switch (operation.kind) {
    case Operation::Kind::make_directory:
      ::mkdir(path, 0755);
      break;
    case Operation::Kind::write:
      if (const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644); fd >= 0) ::close(fd);
      break;
    case Operation::Kind::unlink:
      ::unlink(path);
      break;
    case Operation::Kind::remove:
      ::rmdir(path);
      break;
    case Operation::Kind::remove_all:
      std::filesystem::remove_all(path, ignored);
      break;
    case Operation::Kind::rename:
      std::rename(path, other);
      break;
    case Operation::Kind::exchange:
      ::renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE);
      break;
    case Operation::Kind::link:
      std::filesystem::create_hard_link(path, other, ignored);
      break;
    case Operation::Kind::symlink:
      std::filesystem::create_symlink(std::filesystem::absolute(path), other, ignored);
      break;
  }
}

/// Draws operations below `inside`, the watched tree, and `outside`, from where things are moved in
/// and to where they are moved out. All share one small set of names, so they collide all the time.
class Churn {
 public:
  using Kind = Operation::Kind;

  Churn(std::string inside, std::string outside, std::uint64_t seed)
      : inside_(std::move(inside)), outside_(std::move(outside)), random_(seed) {}

  /// `count` operations, or a few more: what somebody has in mind is drawn whole.
  std::vector<Operation> draw(int count) {
    drawn_.clear();
    while (drawn_.size() < static_cast<std::size_t>(count)) deed();
    return std::exchange(drawn_, {});
  }

  /// The same, and does them.
  void run(int count) {
    for (const Operation& operation : draw(count)) perform(operation);
  }

 private:
  void deed() {
    switch (pick(18)) {
      case 0:
      case 1:
      case 2:
        return add(Kind::make_directory, path());
      case 3:
        return chain();
      case 4:
      case 5:
      case 6:
        return add(Kind::write, path());
      case 7:
        return add(Kind::unlink, path());
      case 8:
        return add(Kind::remove, path());
      case 9:
      case 10:
      case 11:
        return add(Kind::rename, path(), path());
      case 12:
        return add(Kind::exchange, path(), path());
      case 13:
        return add(Kind::remove_all, path());
      case 14:
        return replace(path());
      case 15:
        return there_and_back(path(), path());
      case 16:
        return add(pick(2) == 0 ? Kind::link : Kind::symlink, path(), path());
      default:
        return move_populated();
    }
  }

  void add(Kind kind, std::string path, std::string other = {}) {
    drawn_.push_back({kind, std::move(path), std::move(other)});
  }

  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }

  std::string name() {
    static constexpr std::array<const char*, 4> letters = {"a", "b", "c", "d \n\xff"};
    return letters.at(static_cast<std::size_t>(pick(4)));
  }

  std::string path() {
    std::string text = pick(8) == 0 ? outside_ : inside_;
    for (int depth = 1 + pick(4); depth > 0; --depth) text += '/' + name();
    return text;
  }

  // mkdir -p a/b/c/d && touch a/b/c/d/f
  void chain() {
    std::string text = pick(4) == 0 ? outside_ : inside_;
    for (int depth = 2 + pick(4); depth > 0; --depth) {
      text += '/' + name();
      add(Kind::make_directory, text);
      if (pick(3) == 0) add(Kind::write, text + "/f");
    }
    add(Kind::write, text + "/f");
  }

  // The same name again at once, and again: a directory, a file, or a way to elsewhere.
  void replace(const std::string& path) {
    for (int i = pick(3); i >= 0; --i) {
      switch (pick(3)) {
        case 0:
          add(Kind::make_directory, path);
          add(Kind::write, path + "/f");
          add(Kind::unlink, path + "/f");
          add(Kind::remove, path);
          break;
        case 1:
          add(Kind::write, path);
          add(Kind::unlink, path);
          break;
        default:
          add(Kind::rename, path, outside_ + '/' + name());
          add(Kind::symlink, pick(2) == 0 ? outside_ : inside_, path);
          add(Kind::unlink, path);
          break;
      }
    }
    add(Kind::make_directory, path);
    add(Kind::write, path + "/f");
  }

  void there_and_back(const std::string& a, const std::string& b) {
    add(Kind::rename, a, b);
    if (pick(4) != 0) add(Kind::rename, b, a);
  }

  // A tree is put together outside, moved in, and is out again before long.
  void move_populated() {
    const std::string there = outside_ + '/' + name();
    const std::string here = path();
    for (const char* below : {"", "/a", "/a/b", "/c"}) {
      add(Kind::make_directory, there + below);
      add(Kind::write, there + below + "/f");
    }
    add(pick(3) == 0 ? Kind::exchange : Kind::rename, there, here);
    for (int i = pick(3); i > 0; --i) add(Kind::make_directory, here + '/' + name());
    if (pick(2) == 0) add(Kind::rename, here, outside_ + '/' + name());
  }

  std::string inside_;
  std::string outside_;
  std::mt19937_64 random_;
  std::vector<Operation> drawn_;
};

}  // namespace test
