// The example performant, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExamplePerformant, TellsWhatHappensAndEndsWithCtrlC) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "before");
  Example example("performant", {dir.str(), dir / "missing"});
  ASSERT_TRUE(example.prints("missing"));  // bad paths are reported and skipped
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::create_directories(dir / "new/deep");
  test::write_file(dir / "new/deep/file");
  EXPECT_TRUE(example.prints("\"" + dir.str() + "/new/deep/file\""));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExamplePerformant, FoldsWhatBelongsTogether) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "before");
  Example example("performant", {dir.str()});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::rename(dir / "before", dir / "after");
  EXPECT_TRUE(example.prints("IN_MOVED_FROM|IN_MOVED_TO|IN_ISDIR \"" + dir.str() +
                             "/after\" from \"" + dir.str() + "/before\""));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExamplePerformant, FailsIfNothingCanBeWatched) {
  Example example("performant", {"/nonexistent/1", "/nonexistent/2"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/2"), std::string::npos) << example.printed();
}

}  // namespace
