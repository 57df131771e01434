// What every example promises, example by example.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "../examples/command_line.hpp"
#include "support/example.hpp"
#include "support/temp_dir.hpp"
#include "support/threads.hpp"

namespace {

using test::Example;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Case {
  const char* name;
  const char* ready;        // what is printed when all is set up
  const char* shows;        // of a file that is made
  const char* sums;         // what is printed at the end
  bool is_of_file = false;  // its argument is a file, which may be missing
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

constexpr Case cases[] = {
    {"simple", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"raw_events", "watching 1 paths; change one of them\n", "IN_CREATE", " events\n"},
    {"event_gen", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"tree", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"queue", "watching 1 directory; make a file in it\n", "file: IN_CREATE", " events of files"},
    {"threaded", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"performant", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"settle", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"handler", "watching 1 directory; make a file in it\n", "IN_CREATE", " created, "},
    {"ignore", "watching 1 directory; make a file in it\n", "IN_CREATE", " events\n"},
    {"stats", "watching 1 directory; make a file in it\n", "IN_CREATE", "at the end:\n"},
    {"watch_file", "; change it, or put another in its place\n", "appeared", " changes\n", true},
};

class ExampleAll : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] std::string name() const { return GetParam().name; }
  // What is watched, so that a file that is made as `file_` is seen.
  [[nodiscard]] std::string target() const { return GetParam().is_of_file ? file_ : dir_.str(); }

  const TempDir dir_;
  // What somebody calls a file must not reach the terminal as it is.
  const std::string file_ = dir_ / "\x1b]0;owned\x07";
};

TEST_P(ExampleAll, ShowsSomethingAndItsSumsWithCtrlC) {
  Example example(name(), {target()});
  ASSERT_TRUE(example.prints(GetParam().ready));
  test::write_file(file_);
  ASSERT_TRUE(example.prints(GetParam().shows));
  example.interrupt();
  EXPECT_TRUE(example.prints(GetParam().sums));
  EXPECT_EQ(example.exit_status(), 0) << example.printed();
  EXPECT_THAT(example.printed(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(example.printed(), Not(HasSubstr("\x07")));
}

TEST_P(ExampleAll, Helps) {
  for (const char* help : {"--help", "-h"}) {
    Example example(name(), {help});
    EXPECT_EQ(example.exit_status(), 0);
    EXPECT_THAT(example.printed(), StartsWith("usage: " + name() + ' '));
    EXPECT_THAT(example.printed(), Not(HasSubstr("watching ")));
  }
}

TEST_P(ExampleAll, ABadPathIsAMessageAndNotTheEnd) {
  if (GetParam().is_of_file) GTEST_SKIP() << "a path that leads nowhere is none to it";
  Example example(name(), {dir_ / "missing \x1b", target()});
  ASSERT_TRUE(example.prints("missing \\033"));
  ASSERT_TRUE(example.prints(GetParam().ready));
  test::write_file(file_);
  EXPECT_TRUE(example.prints(GetParam().shows));
  EXPECT_THAT(example.printed(), Not(HasSubstr("\x1b")));
}

TEST_P(ExampleAll, FailsIfNoPathIsLeft) {
  const std::vector<std::string> missing{"/nonexistent/1", "/nonexistent/2"};
  Example example(name(), GetParam().is_of_file ? std::vector<std::string>{""} : missing);
  EXPECT_EQ(example.exit_status(), 1);
  if (!GetParam().is_of_file) {
    for (const std::string& path : missing) EXPECT_THAT(example.printed(), HasSubstr(path));
  }
  EXPECT_THAT(example.printed(), Not(HasSubstr("watching ")));
}

TEST_P(ExampleAll, NoticesAWriteThatFails) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  for (const std::string& argument : {target(), std::string("--help")}) {
    Example example(name(), {argument}, R"(exec "$0" "$@" >/dev/full)");
    EXPECT_EQ(example.exit_status(), 1) << argument;
    EXPECT_THAT(example.printed(), HasSubstr("standard output: No space left on device"));
  }
}

// Also in a process that was started with SIGPIPE ignored, as by Python's subprocess of old.
TEST_P(ExampleAll, EndsQuietlyWhenNobodyReadsOn) {
  for (const char* script :
       {R"("$0" "$@" | head -n 1)", R"(trap '' PIPE; "$0" "$@" | head -n 1)"}) {
    Example example(name(), {target()}, script);
    ASSERT_TRUE(example.prints("watching "));
    std::atomic<bool> has_ended = false;
    test::Thread busy([&] {
      while (!has_ended) {
        test::write_file(file_, "x");
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    const int status = example.exit_status();
    has_ended = true;
    EXPECT_EQ(status, 0) << script;
    const std::string& printed = example.printed();
    EXPECT_EQ(printed.find('\n') + 1, printed.size()) << script << "\nprinted:\n" << printed;
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, ExampleAll, testing::ValuesIn(cases),
                         [](const auto& row) { return std::string(row.param.name); });

// No example has been left out.
TEST(Examples, AreAllHere) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(INOTIFY_EXAMPLES_SOURCE_DIR)) {
    if (entry.path().extension() != ".cpp") continue;
    ++count;
    const auto is_it = [&](const Case& row) { return entry.path().stem() == row.name; };
    EXPECT_TRUE(std::any_of(std::begin(cases), std::end(cases), is_it)) << entry.path();
  }
  EXPECT_EQ(count, std::size(cases));
}

TEST(Examples, CountManyDirectories) {
  const TempDir dir;
  for (int i = 1; i < 1234; ++i) std::filesystem::create_directory(dir / std::to_string(i));
  Example example("simple", {dir.str()});
  EXPECT_TRUE(example.prints("watching 1,234 directories; make a file in one of them\n"));
}

TEST(Examples, GroupNumbers) {
  EXPECT_EQ(command_line::grouped(0), "0");
  EXPECT_EQ(command_line::grouped(999), "999");
  EXPECT_EQ(command_line::grouped(1000), "1,000");
  EXPECT_EQ(command_line::grouped(1234567), "1,234,567");
}

// What a child process writes to `error_output` while it sets up for two thirds of a second.
std::string progress_on(int error_output) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(error_output >= 0 ? error_output : ends[1], STDERR_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(660);
    while (std::chrono::steady_clock::now() < end) {
      command_line::progress(12345);
      ::usleep(1000);
    }
    command_line::announce(23456);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  ::close(ends[1]);
  char buffer[4096];
  const ssize_t size = ::read(ends[0], buffer, sizeof buffer);
  ::close(ends[0]);
  return {buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

TEST(Examples, TellTheirProgressAtATerminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0)
    GTEST_SKIP() << "no terminals can be had here";
  const int end = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_GE(end, 0);
  EXPECT_THAT(progress_on(end), StartsWith("watching 23,456 directories;"));
  // The kernel passes it on in a thread of its own: it may come in pieces.
  std::string shown;
  pollfd ready{terminal, POLLIN, 0};
  while (!shown.ends_with("\r\x1b[K") && ::poll(&ready, 1, 30000) == 1) {
    char buffer[4096];
    const ssize_t size = ::read(terminal, buffer, sizeof buffer);
    if (size <= 0) break;
    shown.append(buffer, static_cast<std::size_t>(size));
  }
  EXPECT_THAT(shown, StartsWith("\r12,345 directories ..."));
  EXPECT_THAT(shown, testing::EndsWith("\r\x1b[K"));
  ::close(end);
  ::close(terminal);
}

TEST(Examples, TellNoProgressElsewhere) {
  EXPECT_THAT(progress_on(-1), StartsWith("watching 23,456 directories;"));
}

}  // namespace
