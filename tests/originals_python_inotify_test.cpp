// The programs of python-inotify. It cannot be run here (it is for Python 2, and in no distribution):
// what they tell is what its pages say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <inotify/inotify.hpp>
#include <string>
#include <vector>

#include "support/original.hpp"
#include "support/temp_dir.hpp"

namespace python_inotify {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

class PythonInotify : public testing::Test {
 protected:
  // "print repr(evt.fullpath), ' | '.join(inotify.decode_mask(evt.mask))"
  std::string line(const inotify::Event& event) const {
    std::string text = "'" + fs::relative(event.fullpath, dir_.path()).string() + "' ";
    const auto names = inotify::decode_mask(event.mask);
    for (std::size_t i = 0; i < names.size(); ++i)
      text += (i > 0 ? " | " : "") + std::string(names[i]);
    return text;
  }

  test::TempDir dir_;
};

TEST_F(PythonInotify, Simple) {
  inotify::AutoWatcher watcher;
  watcher.add_all(dir_.path(), IN_CREATE | IN_CLOSE_WRITE | IN_DELETE);
  std::vector<std::string> told;
  for (const char* step : {"mkdir d", "write d/f", "remove d/f", "rmdir d"}) {
    test::act(dir_.path(), {step});
    for (const inotify::Event& event : watcher.read(0ms)) told.push_back(line(event));
  }
  EXPECT_THAT(told,
              ElementsAre("'d' IN_CREATE | IN_ISDIR", "'d/f' IN_CREATE", "'d/f' IN_CLOSE_WRITE",
                          "'d/f' IN_DELETE", "'d' IN_DELETE | IN_ISDIR"));
}

// Few bytes are left until a second has passed, many are read at once.
TEST_F(PythonInotify, Performant) {
  inotify::AutoWatcher watcher;
  watcher.add_all(dir_.path(), IN_ALL_EVENTS);
  const inotify::Threshold threshold(watcher, 512);
  inotify::BatchReader reader(watcher, inotify::BatchReader::Options{512, 50ms, 1ms});
  test::act(dir_.path(), {"write a"});
  EXPECT_FALSE(threshold());
  EXPECT_EQ(threshold.readable(), 4 * 32U);
  std::vector<std::string> told;
  for (const inotify::Event& event : reader.read()) told.push_back(line(event));
  EXPECT_THAT(told,
              ElementsAre("'a' IN_CREATE", "'a' IN_OPEN", "'a' IN_MODIFY", "'a' IN_CLOSE_WRITE"));

  for (int i = 0; i < 8; ++i) test::act(dir_.path(), {"write b", "remove b"});
  EXPECT_TRUE(threshold());
  EXPECT_EQ(reader.read().size(), 8 * 5U);
  EXPECT_EQ(threshold.readable(), 0U);
  // "Coalesce similar events before passing them up": the last thing its author would have done.
  test::act(dir_.path(), {"write a", "write a", "write a"});
  EXPECT_EQ(inotify::coalesce(reader.read()).size(), 1U);
}

// "By default, errors are ignored", and only what the caller asks for is told.
TEST_F(PythonInotify, A2_OnerrorIsCalledForABadRoot) {
  std::vector<int> errors;
  const auto onerror = [&](const fs::filesystem_error& e) { errors.push_back(e.code().value()); };
  inotify::Watcher plain;
  inotify::AutoWatcher following;
  for (inotify::Watcher* watcher : {&plain, static_cast<inotify::Watcher*>(&following)}) {
    EXPECT_THAT(watcher->add_all(dir_ / "none", IN_CREATE, onerror), IsEmpty());
    for ([[maybe_unused]] const int wd : watcher->add_iter(dir_ / "none", IN_CREATE, onerror))
      ADD_FAILURE();
  }
  EXPECT_THAT(errors, ElementsAre(ENOENT, ENOENT, ENOENT, ENOENT));
}

// "For example: for wd in w.add_iter(path, mask): pass", and then new directories are watched.
TEST_F(PythonInotify, A1_WhatAddIterAddsIsFollowed) {
  inotify::AutoWatcher watcher;
  for ([[maybe_unused]] const int wd : watcher.add_iter(dir_.path(), IN_CREATE)) continue;
  test::act(dir_.path(), {"mkdir d", "mkdir d/e"});
  watcher.read(0ms);
  EXPECT_EQ(watcher.num_watches(), 3U);
}

// "It will be called each time a directory is about to be automatically watched."
TEST_F(PythonInotify, Addfilter) {
  std::vector<std::string> asked;
  inotify::AutoWatcher watcher([&](const inotify::Event& event) {
    asked.emplace_back(event.name);
    return event.name != "no";
  });
  watcher.add_all(dir_.path(), IN_CREATE);
  test::act(dir_.path(), {"mkdir d", "mkdir no"});
  watcher.read(0ms);
  EXPECT_THAT(asked, ElementsAre("d", "no"));
  EXPECT_TRUE(watcher.path(dir_ / "d"));
  EXPECT_FALSE(watcher.path(dir_ / "no"));
}

}  // namespace
}  // namespace python_inotify
