// The example watch_file, as its user runs it.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExampleWatchFile, LoadsAgainWhateverHappensToTheFileAndEndsWithCtrlC) {
  const TempDir dir;
  Example example("watch_file", {dir / "etc/app.conf"});
  ASSERT_TRUE(example.prints("watching \"" + dir.str() + "/etc/app.conf\""));
  ASSERT_TRUE(example.prints("no configuration"));
  std::filesystem::create_directory(dir / "etc");
  test::write_file(dir / "etc/app.conf", "one\n");
  ASSERT_TRUE(example.prints("appeared\nloaded "));
  ASSERT_TRUE(example.prints(" lines: \"one\"\n"));
  test::write_file(dir / "etc/app.conf~", "two\nlines\n");
  std::filesystem::rename(dir / "etc/app.conf~", dir / "etc/app.conf");
  ASSERT_TRUE(example.prints("replaced\nloaded 2 lines: \"two\"\n"));
  test::write_file(dir / "etc/app.conf", "three\n");
  ASSERT_TRUE(example.prints("modified\n"));
  ASSERT_TRUE(example.prints("loaded 1 lines: \"three\"\n"));
  std::filesystem::remove(dir / "etc/app.conf");
  ASSERT_TRUE(example.prints("disappeared\nno configuration\n"));
  example.interrupt();
  EXPECT_TRUE(example.prints(" changes\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleWatchFile, TakesSeveralFilesAndSaysWhichItWas) {
  const TempDir dir;
  test::write_file(dir / "a.conf", "one\n");
  Example example("watch_file", {dir / "a.conf", dir / "etc/b.conf"});
  ASSERT_TRUE(example.prints("/a.conf\"; change it, or put another in its place\nloaded 1 lines"));
  ASSERT_TRUE(example.prints("/etc/b.conf\"; change it, or put another in its place\nno config"));
  std::filesystem::create_directory(dir / "etc");
  test::write_file(dir / "b.conf~", "two\n");
  std::filesystem::rename(dir / "b.conf~", dir / "etc/b.conf");
  ASSERT_TRUE(example.prints("/etc/b.conf\" appeared\nloaded 1 lines: \"two\"\n"));
  std::filesystem::remove(dir / "a.conf");
  ASSERT_TRUE(example.prints("/a.conf\" disappeared\nno configuration\n"));
  example.interrupt();
  EXPECT_TRUE(example.prints(" changes\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleWatchFile, FailsIfNothingCanBeWatched) {
  Example example("watch_file", {""});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("FileWatch"), std::string::npos) << example.printed();
}

}  // namespace
