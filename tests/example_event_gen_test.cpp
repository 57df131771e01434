// The example event_gen, as its user runs it.
#include <gtest/gtest.h>

#include "support/example.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Example;
using test::TempDir;

TEST(ExampleEventGen, TellsEventsTicksAndEndsWithCtrlC) {
  const TempDir dir;
  Example example("event_gen", {dir.str()});
  ASSERT_TRUE(example.prints("watching 1 directory"));
  test::write_file(dir / "file");
  EXPECT_TRUE(
      example.prints("PATH=[\"" + dir.str() + "\"] FILENAME=[\"file\"] EVENT_TYPES=[IN_CREATE]"));
  EXPECT_TRUE(example.prints("EVENT_TYPES=[IN_CLOSE_WRITE]"));
  EXPECT_TRUE(example.prints("nothing to do"));
  example.interrupt();
  EXPECT_TRUE(example.prints(" events\n"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

// What somebody calls a file must not reach the terminal as it is.
TEST(ExampleEventGen, QuotesNames) {
  const TempDir dir;
  Example example("event_gen", {dir.str()});
  ASSERT_TRUE(example.prints("watching 1 directory"));
  test::write_file(dir / "\x1b]0;owned\x07\n\xc2\x9b");
  EXPECT_TRUE(example.prints(R"(FILENAME=["\033]0;owned\007\n\302\233"])"));
  EXPECT_EQ(example.printed().find('\x1b'), std::string::npos);
}

TEST(ExampleEventGen, EndsAfterAQuietTime) {
  const TempDir dir;
  Example example("event_gen", {"-t", "1", dir.str()});
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_NE(example.printed().find("0 events"), std::string::npos) << example.printed();
}

TEST(ExampleEventGen, EndsWhenThePathIsDeleted) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "gone");
  Example example("event_gen", {dir / "gone"});
  ASSERT_TRUE(example.prints("watching"));
  std::filesystem::remove(dir / "gone");
  EXPECT_TRUE(example.prints("EVENT_TYPES=[IN_DELETE_SELF"));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
}

TEST(ExampleEventGen, FailsIfThePathCannotBeWatched) {
  Example example("event_gen", {"/nonexistent/1"});
  EXPECT_EQ(example.exit_status(), 1);
  EXPECT_NE(example.printed().find("/nonexistent/1"), std::string::npos) << example.printed();
}

}  // namespace
