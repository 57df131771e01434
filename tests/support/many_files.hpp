// Many files that one FileWatch follows, and what it is held to.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <inotify/file_watch.hpp>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/contract.hpp"
#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"

namespace test {

using ManyPaths = std::vector<std::filesystem::path>;
using ToldChanges = std::map<std::string, std::vector<inotify::FileChange>>;

inline std::optional<std::string> text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text;
  for (char c = 0; file.get(c);) text += c;
  if (file.bad()) return std::nullopt;  // a directory
  return text;
}

// What is told of each path, relative to `base`, until there is no more.
inline ToldChanges told_by(inotify::FileWatch& files, const std::string& base) {
  ToldChanges told;
  for (;;) {
    const inotify::FileChange change = files.read(std::chrono::milliseconds(0));
    if (change == inotify::FileChange::none) return told;
    told[files.path().string().substr(base.size() + 1)].push_back(change);
  }
}

inline std::string show(const ToldChanges& told) {
  std::string text;
  for (const auto& [path, changes] : told) {
    text += path + ':';
    for (const auto change : changes) text += ' ' + std::string(to_string(change));
    text += '\n';
  }
  return text;
}

// What the kernel watches for it, but the file of its own: the identities.
inline std::multiset<std::pair<std::uint64_t, std::uint64_t>> watched_by(
    const inotify::FileWatch& files) {
  std::multiset<std::pair<std::uint64_t, std::uint64_t>> watched;
  for (const auto& [wd, watch] : kernel_table(files.fileno())) {
    if ((watch.mask & IN_ALL_EVENTS) != IN_MODIFY) watched.emplace(watch.device, watch.inode);
  }
  return watched;
}

inline bool is_readable(const inotify::FileWatch& files) {
  pollfd ready{files.fileno(), POLLIN, 0};
  return ::poll(&ready, 1, 0) == 1;
}

/// Whether there is nothing to tell, and so nothing to be read once that is. What others do in the
/// directories above, which may be shared, makes it readable for nothing.
inline bool is_silent(inotify::FileWatch& files) {
  for (int reads = 0; reads < 1000; ++reads) {
    if (files.read(std::chrono::milliseconds(0)) != inotify::FileChange::none) return false;
    if (!is_readable(files)) return true;
  }
  return false;
}

class FileWatchMany : public testing::Test {
 protected:
  using FileChange = inotify::FileChange;
  using FileWatch = inotify::FileWatch;

  [[nodiscard]] std::filesystem::path in(const std::string& name) const { return dir_ / name; }
  [[nodiscard]] ManyPaths all() const {
    ManyPaths paths;
    for (const std::string& name : names_) paths.push_back(in(name));
    return paths;
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(in(name).parent_path());
    write_file(in(name), text);
  }
  void replace(const std::string& name, const std::string& text) const {
    write_file(in("temporary"), text);
    move(in("temporary"), in(name));
  }
  void swap_link(const std::string& target, const std::string& name) const {
    std::filesystem::create_symlink(target, in("link"));
    move(in("link"), in(name));
  }
  // That, of each path, and nothing else.
  void expect_told(FileWatch& files, FileChange change, const char* what) const {
    ToldChanges expected;
    for (const std::string& name : names_) expected[name] = {change};
    EXPECT_EQ(show(told_by(files, dir_.str())), show(expected)) << what;
    const bool exists = change != FileChange::disappeared;
    for (const std::string& name : names_) EXPECT_EQ(files.exists(in(name)), exists) << name;
    EXPECT_TRUE(is_silent(files)) << what;
  }

  TempDir dir_;
  std::vector<std::string> names_;
};

}  // namespace test
