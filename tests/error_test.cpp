#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <inotify/add_watches.hpp>
#include <inotify/auto_watcher.hpp>
#include <inotify/error.hpp>
#include <inotify/instance.hpp>
#include <inotify/watcher.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using inotify::Instance;
using inotify::make_error;
using inotify::detail::UniqueFd;
using test::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// ---- the category

TEST(Error, IsTheErrnoAndComparesEqualToItsCondition) {
  constexpr std::pair<int, std::errc> all[] = {
      {EACCES, std::errc::permission_denied},
      {EBADF, std::errc::bad_file_descriptor},
      {EEXIST, std::errc::file_exists},
      {EINVAL, std::errc::invalid_argument},
      {EMFILE, std::errc::too_many_files_open},
      {ENAMETOOLONG, std::errc::filename_too_long},
      {ENFILE, std::errc::too_many_files_open_in_system},
      {ENOENT, std::errc::no_such_file_or_directory},
      {ENOMEM, std::errc::not_enough_memory},
      {ENOSPC, std::errc::no_space_on_device},
      {ENOTDIR, std::errc::not_a_directory},
      {EPERM, std::errc::operation_not_permitted},
  };
  for (const auto& [value, condition] : all) {
    const std::error_code ec = make_error(value);
    EXPECT_EQ(ec.value(), value);
    EXPECT_EQ(&ec.category(), &inotify::error_category());
    for (const auto& [other, question] : all) {
      EXPECT_EQ(ec == question, value == other) << value << ' ' << other;
    }
  }
  EXPECT_FALSE(make_error(0));
  EXPECT_STREQ(inotify::error_category().name(), "inotify");
}

TEST(Error, SpeaksOfInotify) {
  EXPECT_THAT(make_error(ENOSPC).message(),
              AllOf(HasSubstr("watch limit"), Not(HasSubstr("No space left"))));
  EXPECT_THAT(make_error(EBADF).message(), HasSubstr("closed"));
  EXPECT_THAT(make_error(ENODATA).message(), HasSubstr("nothing is watched"));
  EXPECT_THAT(make_error(EACCES).message(), HasSubstr("permission to read"));
  EXPECT_EQ(make_error(ENOENT).message(), std::generic_category().message(ENOENT));
}

TEST(Error, IsThrownWithItsCallAndItsPath) {
  try {
    inotify::detail::throw_error("call", make_error(EINVAL));
    FAIL() << "no error";
  } catch (const std::filesystem::filesystem_error& error) {
    FAIL() << "there is no path: " << error.what();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), make_error(EINVAL));
    EXPECT_THAT(error.what(), HasSubstr("inotify: call"));
  }
  try {
    inotify::detail::throw_error("call", "/the/path", make_error(EINVAL));
    FAIL() << "no error";
  } catch (const std::filesystem::filesystem_error& error) {
    EXPECT_EQ(error.code(), make_error(EINVAL));
    EXPECT_EQ(error.path1(), "/the/path");
    EXPECT_THAT(error.what(), AllOf(HasSubstr("inotify: call"), HasSubstr("/the/path")));
  }
}

// People read what() on a terminal, and the path may be somebody else's work.
TEST(Error, QuotesThePathInItsText) {
  const std::string path = "/a\x1b]0;owned\x07\n\xc2\x9b";
  try {
    inotify::detail::throw_error("call", path, make_error(EINVAL));
    FAIL() << "no error";
  } catch (const std::filesystem::filesystem_error& error) {
    EXPECT_EQ(error.path1(), path);
    EXPECT_THAT(error.what(), HasSubstr(R"([/a\033]0;owned\007\n\302\233])"));
    const std::filesystem::filesystem_error& same = error;
    EXPECT_STREQ(same.what(), error.what());
  }
}

// ---- the limits, as a process meets them that runs into one

// What `body` returns, run in a child process, whose limits it may change.
std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "pipe2 failed";
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = std::string("unexpected: ") + error.what();
    }
    const ssize_t written = ::write(in.get(), text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  in.reset();
  std::string text;
  std::array<char, 512> part{};
  for (ssize_t n = 0; (n = ::read(out.get(), part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0 ? text : "the child ended with status " + std::to_string(status) + ": " + text;
}

constexpr std::string_view cannot = "cannot ";

// Enters a user namespace whose own `sysctl` has that value [10]; returns why it cannot, or
// nothing.
std::string limit_namespace(const char* sysctl, int value) {
  if (::unshare(CLONE_NEWUSER) != 0) {
    return std::string(cannot) + "enter a user namespace: " + std::strerror(errno);
  }
  const std::string file = std::string("/proc/sys/user/") + sysctl;
  const std::string text = std::to_string(value);
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return std::string(cannot) + "write " + file + ": " + std::strerror(errno);
}

// Uses up the descriptors of this process but for `left`.
std::vector<UniqueFd> use_up_descriptors(rlim_t limit, std::size_t left) {
  const rlimit few{limit, limit};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<UniqueFd> used;
  for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) used.emplace_back(fd);
  for (; left > 0; --left) used.pop_back();
  return used;
}

template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Error, EnospcNamesTheLimitOnWatchesItsValueItsUseAndItsRemedy) {
  const TempDir dir;
  for (int i = 0; i < 6; ++i) std::filesystem::create_directory(dir / std::to_string(i));
  const std::string text = in_child([&]() -> std::string {
    if (std::string why = limit_namespace("max_inotify_watches", 5); !why.empty()) return why;
    inotify::Watcher watcher;
    const std::string message = message_of([&] {
      for (int i = 0; i < 6; ++i) watcher.add(dir / std::to_string(i), IN_CREATE);
    });
    return std::to_string(watcher.num_watches()) + " watched; " + message;
  });
  if (text.starts_with(cannot)) GTEST_SKIP() << text;
  EXPECT_THAT(text, HasSubstr("5 watched"));
  EXPECT_THAT(text, HasSubstr("user.max_inotify_watches = 5 "));
  EXPECT_THAT(text, HasSubstr("5 used by this"));
  EXPECT_THAT(text, HasSubstr("sysctl -w user.max_inotify_watches=10"));
  EXPECT_THAT(text, HasSubstr((dir / "5").string())) << "the path that could not be watched";
}

// The name of a directory that the walk comes to, told by each who walks.
TEST(Error, QuotesThePathThatAWalkFailsAt) {
  const TempDir dir;
  std::filesystem::create_directories(dir / "\x1b[2J");
  const std::string text = in_child([&]() -> std::string {
    if (std::string why = limit_namespace("max_inotify_watches", 1); !why.empty()) return why;
    inotify::Watcher watcher;
    std::string told = message_of([&] { watcher.add_all(dir.path(), IN_CREATE); }) + '\n';
    watcher.add_all(dir.path(), IN_CREATE,
                    [&](const auto& error) { (told += error.what()) += '\n'; });
    const inotify::AddOptions options{.recursive = true};
    return told + message_of([&] { add_watches(watcher, {dir.str()}, IN_CREATE, options); }) + '\n';
  });
  if (text.starts_with(cannot)) GTEST_SKIP() << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 3) << text;
  EXPECT_EQ(std::ranges::count(text, '\x1b'), 0) << text;
  const std::string quoted = dir.str() + "/\\033[2J]\n";
  for (std::size_t at = 0, i = 0; i < 3; ++i) {
    at = text.find(quoted, at);
    ASSERT_NE(at, std::string::npos) << i << ": " << text;
    at += quoted.size();
  }
}

TEST(Error, AHoleOfAnAutoWatcherExplainsItself) {
  const TempDir dir;
  for (int i = 0; i < 3; ++i) std::filesystem::create_directory(dir / std::to_string(i));
  const std::string text = in_child([&]() -> std::string {
    if (std::string why = limit_namespace("max_inotify_watches", 3); !why.empty()) return why;
    inotify::AutoWatcher watcher;
    watcher.add_all(dir.path(), IN_CREATE);
    std::string holes;
    for (const auto& event : watcher.read(std::chrono::milliseconds(0))) {
      if (event.error) holes += inotify::to_string(event) + '\n';
    }
    return holes;
  });
  if (text.starts_with(cannot)) GTEST_SKIP() << text;
  EXPECT_THAT(text, HasSubstr("hole \"" + (dir / "").string()));
  EXPECT_THAT(text, HasSubstr("user.max_inotify_watches = 3 "));
}

TEST(Error, EmfileNamesTheLimitOnInstancesItsValueItsUseAndItsRemedy) {
  const std::string text = in_child([]() -> std::string {
    if (std::string why = limit_namespace("max_inotify_instances", 3); !why.empty()) return why;
    std::vector<Instance> instances;
    return message_of([&] {
      for (int i = 0; i < 4; ++i) instances.emplace_back();
    });
  });
  if (text.starts_with(cannot)) GTEST_SKIP() << text;
  EXPECT_THAT(text, HasSubstr("user.max_inotify_instances = 3 "));
  EXPECT_THAT(text, HasSubstr("3 used by this"));
  EXPECT_THAT(text, HasSubstr("sysctl -w user.max_inotify_instances=6"));
  EXPECT_THAT(text, Not(HasSubstr("RLIMIT_NOFILE")));
}

// The watcher needs several descriptors: it may be the last of them that is not to be had.
TEST(Error, EmfileNamesTheLimitOnDescriptorsHoweverFewAreLeft) {
  for (std::size_t left = 0; left <= 6; ++left) {
    SCOPED_TRACE(std::to_string(left) + " descriptors left");
    const std::string text = in_child([&]() -> std::string {
      // Before: the undefined behaviour sanitizer needs a descriptor of its own when it first meets
      // a type.
      message_of([] { inotify::AutoWatcher(); });
      message_of([] { inotify::detail::throw_error("call", make_error(EINVAL)); });
      const auto used = use_up_descriptors(32, left);
      return message_of([] { inotify::AutoWatcher(); });
    });
    if (left == 6) {
      EXPECT_EQ(text, "no error") << "the inotify descriptor, two eventfds, the list of mounts, "
                                     "and an epoll descriptor for each";
      continue;
    }
    EXPECT_THAT(text, HasSubstr("RLIMIT_NOFILE"));
    EXPECT_THAT(text, HasSubstr("32 file descriptors"));
    EXPECT_THAT(text, HasSubstr("ulimit -n 64"));
    EXPECT_THAT(text, Not(HasSubstr("sysctl")));
  }
}

}  // namespace
