// FileWatch over many paths, whatever is done to them and to what is above them.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <inotify/file_watch.hpp>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "support/close_later.hpp"
#include "support/contract.hpp"
#include "support/many_files.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using test::FileWatchMany;
using test::ManyPaths;
using test::text_of;
using test::watched_by;

// Whatever is done to files, links and directories on the way: what was read at each report is what there
// is, and what is watched is what a new FileWatch of these paths would watch.
class FileWatchManyRandom : public FileWatchMany {
 protected:
  static constexpr int path_count = 12;

  // A name at random of a small world: /a/b/f etc., where each directory may be a link.
  std::string name(std::mt19937& random) const {
    const auto pick = [&](const char* letters) { return std::string(1, letters[random() % 3]); };
    switch (random() % 4) {
      case 0:
        return pick("abl");
      case 1:
        return pick("abl") + '/' + pick("fgl");
      case 2:
        return pick("abl") + '/' + pick("abl");
      default:
        return pick("abl") + '/' + pick("abl") + '/' + pick("fgl");
    }
  }

  void act(std::mt19937& random, int step) const {
    std::error_code ignored;
    const std::filesystem::path one = in(name(random));
    const std::filesystem::path other = in(name(random));
    static const std::vector<std::string> targets = {"a", "../b", "b/f",     "..",
                                                     "f", "l",    "/nowhere"};
    switch (random() % 10) {
      case 0:
      case 1:
        std::ofstream(one) << step;
        break;
      case 2:
        std::ofstream(in("new")) << step;
        std::filesystem::rename(in("new"), one, ignored);
        break;
      case 3:
        std::filesystem::remove_all(one, ignored);
        break;
      case 4:
      case 5:
        std::filesystem::create_directories(one.parent_path(), ignored);
        std::ofstream(one) << step;
        break;
      case 6:
        std::filesystem::rename(one, other, ignored);
        break;
      case 7:
        std::filesystem::create_symlink(targets[random() % targets.size()], in("new"), ignored);
        std::filesystem::rename(in("new"), one, ignored);
        break;
      case 8:
        std::filesystem::create_hard_link(one, other, ignored);
        break;
      default:
        std::filesystem::create_directories(one, ignored);
    }
    std::filesystem::remove_all(in("new"), ignored);
  }

  // A reader of many paths, who reads each when it is added and at each report, and at no other time.
  struct Reader {
    FileWatch files{};
    std::map<std::string, std::optional<std::string>> seen{};

    void add(const std::filesystem::path& path) {
      files.add(path);
      seen.try_emplace(path.string(), text_of(path));
    }
    void remove(const std::filesystem::path& path) {
      files.remove(path);
      seen.erase(path.string());
    }
    bool read(std::chrono::milliseconds timeout) {
      if (files.read(timeout) == FileChange::none) return false;
      seen[files.path().string()] = text_of(files.path());
      return true;
    }
    void expect_up_to_date() {
      while (read(0ms)) {
      }
      std::error_code ignored;
      for (const auto& [path, text] : seen) {
        EXPECT_EQ(text, text_of(path)) << path;
        EXPECT_EQ(files.exists(path), std::filesystem::exists(path, ignored)) << path;
      }
    }
    // Of none it watches more, or less, than it must.
    void expect_audited() const {
      const FileWatch fresh(files.paths());
      EXPECT_EQ(watched_by(files), watched_by(fresh));
      test::close_later(fresh.fileno());
    }
  };

  void change_paths(Reader& reader, std::mt19937& random) const {
    if (reader.files.size() < path_count) reader.add(in(name(random)));
    if (random() % 3 != 0) return;
    const ManyPaths paths = reader.files.paths();
    reader.remove(paths[random() % paths.size()]);
  }
};

TEST_F(FileWatchManyRandom, WhatIsToldOfEachPathIsWhatThereIs) {
  const auto first = static_cast<unsigned>(test::number("INOTIFY_SEED", 1));
  for (unsigned seed = first; seed < first + 20 && !HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    std::mt19937 random(seed);
    Reader reader;
    for (int i = 0; i < test::rounds(60) && !HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      if (random() % 4 == 0) change_paths(reader, random);
      for (auto n = random() % 3; n > 0; --n) act(random, i);
      reader.expect_up_to_date();
      if (i % 8 == 0) reader.expect_audited();
    }
    reader.expect_audited();
    test::close_later(reader.files.fileno());
    for (const char* top : {"a", "b", "l"}) std::filesystem::remove_all(in(top));
  }
}

class FileWatchManyRace : public FileWatchManyRandom {};

// The same with a second process at full speed.
TEST_F(FileWatchManyRace, EndsUpToDateBesideAWriter) {
  const auto first = static_cast<unsigned>(test::number("INOTIFY_SEED", 1));
  for (unsigned seed = first; seed < first + 10 && !HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    std::mt19937 random(seed);
    Reader reader;
    for (int i = 0; i < path_count; ++i) reader.add(in(name(random)));
    test::SecondProcess writer([&] {
      std::mt19937 other(~seed);
      for (int i = 0; i < test::rounds(400); ++i) act(other, i);
    });
    while (writer.is_running()) {
      reader.read(1ms);
      if (random() % 16 == 0) change_paths(reader, random);
    }
    reader.expect_up_to_date();
    reader.expect_audited();
    for (const char* top : {"a", "b", "l", "new"}) std::filesystem::remove_all(in(top));
  }
}

}  // namespace
