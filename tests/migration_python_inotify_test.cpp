// examples/migrating/python-inotify.md, name by name: what stands on its right side does what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <inotify/inotify.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace migration_python_inotify {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace fs = std::filesystem;

class FromPythonInotify : public testing::Test {
 protected:
  test::TempDir dir_;
};

TEST_F(FromPythonInotify, TheModule) {
  inotify::Instance instance;
  const int wd = instance.add_watch(dir_.path().c_str(), IN_CREATE);
  std::array<std::byte, inotify::Instance::max_event_size> buffer{};
  EXPECT_THAT(instance.read(buffer).bytes(), IsEmpty()) << "it does not wait";
  test::write_file(dir_ / "f");
  EXPECT_EQ(instance.wait(), inotify::Instance::Wake::events);
  for (const inotify::RawEvent& raw : instance.read(buffer)) {
    EXPECT_EQ(raw.wd, wd);
    EXPECT_EQ(raw.mask, IN_CREATE);
    EXPECT_EQ(raw.cookie, 0U);
    EXPECT_EQ(raw.name, "f");
  }
  instance.rm_watch(wd);
  EXPECT_THAT(inotify::decode_mask(IN_CREATE | IN_ISDIR), ElementsAre("IN_CREATE", "IN_ISDIR"));
  EXPECT_EQ(inotify::to_string(IN_CREATE), "IN_CREATE");
  EXPECT_EQ(inotify::parse_mask("IN_CREATE"), inotify::Mask{IN_CREATE});
  EXPECT_GT(inotify::max_queued_events().value(), 0U);
  EXPECT_GT(inotify::max_user_instances().value(), 0U);
  EXPECT_GT(inotify::max_user_watches().value(), 0U);
}

TEST_F(FromPythonInotify, Event) {
  inotify::Watcher watcher;
  const int wd = watcher.add(dir_.path(), IN_CREATE);
  test::write_file(dir_ / "f");
  for (const inotify::Event& event : watcher.read()) {
    EXPECT_EQ(event.mask, IN_CREATE);
    EXPECT_EQ(event.cookie, 0U);
    EXPECT_EQ(event.name, "f");
    EXPECT_EQ(event.path, dir_.path());
    EXPECT_EQ(event.fullpath, dir_ / "f");
    EXPECT_EQ(event.wd, wd);
    EXPECT_TRUE(event.moved_from.empty() && event.moved_to.empty());
    EXPECT_FALSE(event.synthetic || event.error);
    EXPECT_TRUE(event.is_create() && !event.is_access());
    EXPECT_THAT(inotify::decode_mask(event.mask), ElementsAre("IN_CREATE"));
    EXPECT_THAT(watcher.paths(event.wd), ElementsAre(dir_.path()));
    EXPECT_EQ(watcher.wd(event.wd)->path, dir_.path());
    EXPECT_EQ(inotify::describe(IN_CREATE), "an entry was made in the directory");
    EXPECT_THAT(inotify::to_json(event), HasSubstr("IN_CREATE"));
    std::ostringstream out;
    out << event;
    EXPECT_EQ(out.str(), inotify::to_string(event));
#ifdef __cpp_lib_format
    EXPECT_EQ(std::format("{}", event), out.str());
#endif
  }
}

TEST_F(FromPythonInotify, Watcher) {
  fs::create_directory(dir_ / "d");
  inotify::Watcher watcher;
  const int wd = watcher.add(dir_.path(), IN_CREATE);
  EXPECT_EQ(watcher.path(dir_.path())->wd, wd);
  EXPECT_EQ(watcher.path(dir_.path())->mask, inotify::Mask{IN_CREATE});
  EXPECT_FALSE(watcher.path(dir_ / "d"));
  EXPECT_EQ(watcher.wd(wd)->path, dir_.path());
  EXPECT_FALSE(watcher.wd(wd + 1));
  EXPECT_THAT(watcher.add_all(dir_.path(), IN_CREATE), SizeIs(2));
  int steps = 0;
  for ([[maybe_unused]] const int one : watcher.add_iter(dir_.path(), IN_CREATE)) ++steps;
  EXPECT_EQ(steps, 2);
  watcher.ignored_errors.clear();
  EXPECT_EQ(watcher.num_watches(), 2U);
  EXPECT_EQ(watcher.size(), 2U);
  for (const inotify::Watch& watch : watcher.watches()) {
    EXPECT_THAT(watcher.paths(watch.wd), ElementsAre(watch.path));
    EXPECT_EQ(watch.mask, inotify::Mask{IN_CREATE});
  }
  EXPECT_THAT(watcher.read(0ms), IsEmpty());
  watcher.remove_path(dir_ / "d");
  watcher.remove(wd);
  EXPECT_THAT(watcher.read(), SizeIs(2)) << "two IN_IGNORED";
  EXPECT_TRUE(watcher.empty());
  pollfd ready{watcher.fileno(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  watcher.close();
  EXPECT_FALSE(watcher.is_open());
}

// bos counts paths, this counts what the kernel has.
TEST_F(FromPythonInotify, AnInodeUnderTwoNamesAddsItsMask) {
  fs::create_directory_symlink(dir_.path(), dir_ / "link");
  inotify::Watcher watcher;
  watcher.add(dir_.path(), IN_CREATE);
  const int wd = watcher.add(dir_ / "link", IN_DELETE);
  EXPECT_EQ(watcher.num_watches(), 1U);
  EXPECT_THAT(watcher.paths(wd), SizeIs(2));
  EXPECT_EQ(watcher.wd(wd)->mask, inotify::Mask{IN_CREATE | IN_DELETE});
}

TEST_F(FromPythonInotify, AutoWatcherAndThreshold) {
  const auto addfilter = [](const inotify::Event& event) { return event.name != "no"; };
  fs::create_directory(dir_ / "no");
  inotify::AutoWatcher watcher(addfilter);
  EXPECT_THAT(watcher.add_all(dir_.path(), IN_CREATE), SizeIs(1)) << "asked about what exists, too";
  const inotify::AutoWatcher same({.add_filter = addfilter});
  const inotify::Threshold threshold(watcher, 16);
  EXPECT_FALSE(threshold());
  test::write_file(dir_ / "f");
  EXPECT_EQ(threshold.readable(), 32U);
  EXPECT_TRUE(threshold());
  inotify::BatchReader reader(watcher, inotify::BatchReader::Options{16, 1s, 1s});
  EXPECT_THAT(reader.read(), SizeIs(1));
}

template <class Call>
std::error_code code_of(Call call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

TEST_F(FromPythonInotify, Exceptions) {
  inotify::Watcher watcher;
  EXPECT_EQ(code_of([&] { watcher.read(); }).value(), ENODATA) << "NoFilesException";
  EXPECT_THAT(watcher.read(0ms), IsEmpty());
  EXPECT_EQ(code_of([&] { watcher.remove_path(dir_ / "d"); }).value(), ENOENT);
  EXPECT_EQ(code_of([&] { watcher.remove(9); }).value(), EINVAL);
  try {
    watcher.add(dir_ / "none", IN_CREATE);
    FAIL();
  } catch (const fs::filesystem_error& error) {
    EXPECT_EQ(error.path1(), dir_ / "none");
  }
}

}  // namespace
}  // namespace migration_python_inotify
