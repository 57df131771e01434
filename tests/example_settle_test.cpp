// The example settle, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExampleSettle, TellsASaveOnceAndEndsWithCtrlC) {
  const TempDir dir;
  test::write_file(dir / "text", "old");
  Example example("settle", {dir.str(), dir / "missing"});
  ASSERT_TRUE(example.prints("missing"));  // bad paths are reported and skipped
  ASSERT_TRUE(example.prints("watching"));
  test::write_file(dir / "text.tmp", "new");
  std::filesystem::rename(dir / "text.tmp", dir / "text");
  EXPECT_TRUE(example.prints("\"" + dir.str() + "/text\"\n"));
  example.interrupt();
  EXPECT_TRUE(example.prints(" events\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleSettle, EndsWhenItsTreeIsDeleted) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "tree");
  Example example("settle", {dir / "tree"});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::remove(dir / "tree");
  EXPECT_TRUE(example.prints("IN_IGNORED"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleSettle, FailsIfNothingCanBeWatched) {
  Example example("settle", {"/nonexistent/1", "/nonexistent/2"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/2"), std::string::npos) << example.printed();
}

}  // namespace
