// The example threaded, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

class ExampleThreaded : public ::testing::Test {
 protected:
  const TempDir dir_;
};

TEST_F(ExampleThreaded, TellsWhatHappensAndEndsWithCtrlC) {
  Example example("threaded", {dir_.str(), dir_ / "missing"});
  ASSERT_TRUE(example.prints("missing"));
  ASSERT_TRUE(example.prints("watching 1 directory;"));
  std::filesystem::create_directories(dir_ / "new/deep");
  EXPECT_TRUE(example.prints("IN_CREATE|IN_ISDIR \"" + dir_.str() + "/new\""));
  EXPECT_TRUE(example.prints("IN_CREATE|IN_ISDIR \"" + dir_.str() + "/new/deep\""));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_NE(example.printed().find("\n2 events\n"), std::string::npos) << example.printed();
}

TEST_F(ExampleThreaded, EndsWithCtrlCWhileNothingHappens) {
  Example example("threaded", {dir_.str()});
  ASSERT_TRUE(example.prints("watching"));
  example.interrupt();
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_NE(example.printed().find("0 events"), std::string::npos) << example.printed();
}

TEST_F(ExampleThreaded, EndsWhenNothingIsLeftToWatch) {
  Example example("threaded", {dir_.str()});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::remove(dir_.path());
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST_F(ExampleThreaded, FailsIfNothingCanBeWatched) {
  Example example("threaded", {"/nonexistent/1"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/1"), std::string::npos) << example.printed();
}

}  // namespace
