// The example raw_events, as its user runs it.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExampleRawEvents, PrintsEventsAndEndsWithItsLastWatch) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "watched");
  Example example("raw_events", {dir / "watched"});
  ASSERT_TRUE(example.prints("watching 1 paths"));
  test::write_file(dir / "watched/file");
  EXPECT_TRUE(example.prints("\"" + dir.str() + "/watched\"\tIN_CREATE\t\"file\"\n"));
  std::filesystem::remove_all(dir / "watched");
  EXPECT_TRUE(example.prints("\tIN_IGNORED\t\"\"\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

// What somebody calls a file must not reach the terminal as it is.
TEST(ExampleRawEvents, QuotesNames) {
  const TempDir dir;
  Example example("raw_events", {dir.str()});
  ASSERT_TRUE(example.prints("watching 1 paths"));
  test::write_file(dir / "\x1b]0;owned\x07\n\xc2\x9b\xe2\x80\xae");
  EXPECT_TRUE(example.prints(R"("\033]0;owned\007\n\302\233\342\200\256")"));
  EXPECT_EQ(example.printed().find('\x1b'), std::string::npos);
}

}  // namespace
