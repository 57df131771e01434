// The example tree, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExampleTree, FollowsTwoTreesAndEndsWithCtrlC) {
  const TempDir one;
  const TempDir two;
  std::filesystem::create_directories(one / "before/deep");
  Example example("tree", {one.str(), one / "missing", two.str()});
  ASSERT_TRUE(example.prints("missing"));  // bad paths are reported and skipped
  ASSERT_TRUE(example.prints("watching 4 directories"));
  test::write_file(one / "before/deep/file");
  EXPECT_TRUE(example.prints("IN_CREATE \"" + one.str() + "/before/deep/file\""));
  std::filesystem::create_directories(two / "new/deep");
  test::write_file(two / "new/deep/file");
  EXPECT_TRUE(example.prints("\"" + two.str() + "/new/deep/file\""));
  std::filesystem::rename(two / "new", two / "renamed");
  EXPECT_TRUE(example.prints("\"" + two.str() + "/renamed\" from"));
  test::write_file(two / "renamed/deep/other");
  EXPECT_TRUE(example.prints("\"" + two.str() + "/renamed/deep/other\""));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleTree, FailsIfNothingCanBeWatched) {
  Example example("tree", {"/nonexistent/1", "/nonexistent/2"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/2"), std::string::npos) << example.printed();
}

}  // namespace
