// The example queue, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExampleQueue, TellsFilesFromDirectoriesAndEndsWithCtrlC) {
  const TempDir dir;
  Example example("queue", {dir.str(), dir / "missing"});
  ASSERT_TRUE(example.prints("missing"));  // bad paths are reported and skipped
  ASSERT_TRUE(example.prints("watching 1 directory;"));
  std::filesystem::create_directory(dir / "new");
  EXPECT_TRUE(example.prints("directory: IN_CREATE|IN_ISDIR \"" + dir.str() + "/new\""));
  test::write_file(dir / "new/file");
  EXPECT_TRUE(example.prints("file: IN_CREATE"));
  EXPECT_TRUE(example.prints("\"" + dir.str() + "/new/file\""));
  example.interrupt();
  EXPECT_TRUE(example.prints("2 events of files, 1 of directories, 0 notices\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleQueue, EndsWhenItsTreeIsDeleted) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "tree");
  Example example("queue", {dir / "tree"});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::remove(dir / "tree");
  EXPECT_TRUE(example.prints("notice: IN_IGNORED"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleQueue, FailsIfNothingCanBeWatched) {
  Example example("queue", {"/nonexistent/1", "/nonexistent/2"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/2"), std::string::npos) << example.printed();
}

}  // namespace
