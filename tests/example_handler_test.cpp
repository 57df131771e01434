// The example handler, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

class ExampleHandler : public ::testing::Test {
 protected:
  const TempDir dir_;
};

TEST_F(ExampleHandler, PrintsAndCountsWhatIsWantedAndEndsWithCtrlC) {
  Example example("handler", {dir_.str(), dir_ / "missing"});
  ASSERT_TRUE(example.prints("missing"));
  ASSERT_TRUE(example.prints("watching 1 directory;"));
  test::write_file(dir_ / ".hidden");
  test::write_file(dir_ / "backup~");
  test::write_file(dir_ / "file");
  std::filesystem::rename(dir_ / "file", dir_ / "new name");
  EXPECT_TRUE(example.prints("IN_CREATE \"" + dir_.str() + "/file\"\n"));
  EXPECT_TRUE(example.prints("renamed: \"" + dir_.str() + "/file\" is now \"" + dir_.str() +
                             "/new name\"\n"));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_NE(example.printed().find("\n1 created, 1 written, 0 not watched\n"), std::string::npos)
      << example.printed();
  EXPECT_EQ(example.printed().find(".hidden"), std::string::npos) << example.printed();
  EXPECT_EQ(example.printed().find("backup~"), std::string::npos) << example.printed();
}

TEST_F(ExampleHandler, TheHandlerCanStopIt) {
  Example example("handler", {dir_.str()});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::create_directory(dir_ / "stop");
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_NE(example.printed().find("1 created, 0 written"), std::string::npos) << example.printed();
}

TEST_F(ExampleHandler, EndsWhenNothingIsLeftToWatch) {
  Example example("handler", {dir_.str()});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::remove(dir_.path());
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST_F(ExampleHandler, FailsIfNothingCanBeWatched) {
  Example example("handler", {"/nonexistent/1"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/1"), std::string::npos) << example.printed();
}

}  // namespace
