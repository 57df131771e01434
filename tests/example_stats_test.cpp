// The example stats, as its user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ExampleStats, CountsLiveAndAtTheEnd) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "before");
  Example example("stats", {dir.str(), dir / "missing"});
  ASSERT_TRUE(example.prints("missing"));  // bad paths are reported and skipped
  ASSERT_TRUE(example.prints("watching 2 directories;"));
  for (const char* name : {"before/1", "before/2", "3"}) test::write_file(dir / name);
  ASSERT_TRUE(example.prints(" in 2 directories\n"));
  ASSERT_TRUE(example.prints("IN_CREATE"));
  ASSERT_TRUE(example.prints("\"" + dir.str() + "/before\"\n"));
  ASSERT_TRUE(example.prints("  total\n"));
  EXPECT_THAT(example.printed(), Not(HasSubstr("at the end")));
  std::filesystem::remove(dir / "3");
  ASSERT_TRUE(example.prints("IN_DELETE"));
  example.interrupt();
  EXPECT_TRUE(example.prints("at the end:\n"));
  EXPECT_TRUE(example.prints("  total\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_THAT(example.printed(), Not(HasSubstr("\033")));  // no terminal
}

TEST(ExampleStats, WritesAFileAndOverwritesNone) {
  const TempDir dir;
  const TempDir elsewhere;
  for (const int expected : {0, 1}) {
    Example example("stats", {"-o", elsewhere / "report", dir.str()});
    ASSERT_TRUE(example.prints("watching"));
    test::write_file(dir / "f");
    ASSERT_TRUE(example.prints("IN_CLOSE_WRITE"));
    example.interrupt();
    EXPECT_EQ(example.exit_status(), expected) << example.printed();
    EXPECT_THAT(content_of(elsewhere / "report"), HasSubstr("\"" + dir.str() + "\"\n"));
  }
}

TEST(ExampleStats, EndsWithItsLastTree) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "tree");
  Example example("stats", {dir / "tree"});
  ASSERT_TRUE(example.prints("watching 1 "));
  std::filesystem::remove(dir / "tree");
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_THAT(example.printed(), HasSubstr("IN_DELETE_SELF"));
}

TEST(ExampleStats, FailsIfNothingCanBeWatched) {
  Example example("stats", {"/nonexistent"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_THAT(example.printed(), HasSubstr("/nonexistent"));
}

}  // namespace
