// The example ignore, as its user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;

TEST(ExampleIgnore, LeavesOutWhatGitIgnores) {
  const TempDir dir;
  std::filesystem::create_directories(dir / "build/deep");
  std::filesystem::create_directories(dir / "src/deep");
  test::write_file(dir / ".gitignore", "build/\n*.o\n");
  Example example("ignore", {dir.str()});
  ASSERT_TRUE(example.prints("watching 3 directories"));
  test::write_file(dir / "build/deep/a.c");
  test::write_file(dir / "src/a.o");
  test::write_file(dir / "src/deep/a.c");
  ASSERT_TRUE(example.prints("/src/deep/a.c\""));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_THAT(example.printed(), Not(HasSubstr("build")));
  EXPECT_THAT(example.printed(), Not(HasSubstr("a.o")));
}

TEST(ExampleIgnore, ShowsOnlyWhatIsAskedFor) {
  const TempDir dir;
  Example example("ignore", {"-i", "*.c", dir.str()});
  ASSERT_TRUE(example.prints("watching 1 directory"));
  std::filesystem::create_directories(dir / "new/deep");
  test::write_file(dir / "new/deep/a.h");
  test::write_file(dir / "new/deep/a.c");
  ASSERT_TRUE(example.prints("/new/deep/a.c\""));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_THAT(example.printed(), Not(HasSubstr("a.h")));
}

}  // namespace
