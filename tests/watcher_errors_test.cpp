// Watcher: what goes wrong, and what is said about it.
//
// Limits and permissions are those of a child process, so that the machine is not touched: it
// returns a text, which is empty if all was well.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <inotify/limits.hpp>
#include <inotify/watcher.hpp>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "support/audit.hpp"
#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using inotify::Event;
using inotify::Mask;
using inotify::Watcher;
using test::TempDir;
using test::write_file;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

// What `call` throws, if it is an E.
template <class E, class Call>
std::optional<E> thrown(Call call) {
  try {
    call();
  } catch (const E& e) {
    return e;
  }
  return std::nullopt;
}

template <class Call>
std::optional<fs::filesystem_error> path_error(Call call) {
  return thrown<fs::filesystem_error>(call);
}

// Where the environment forbids what a test needs, its child says so and why.
constexpr const char* skip = "skip: ";

// Runs `body` in a child process and returns what it returns.
std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::string("pipe2: ") + std::strerror(errno);
  const pid_t child = ::fork();
  if (child < 0) return std::string("fork: ") + std::strerror(errno);
  if (child == 0) {
    std::string text;
    try {
      text = body();
    } catch (const std::exception& e) {
      text = std::string("exception: ") + e.what();
    }
    const auto written = ::write(ends[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) text += " (the child died with status " + std::to_string(status) + ')';
  return text;
}

// Expects that the child has nothing to say; skips the test if it says that it cannot.
void expect_no_complaint(const std::function<std::string()>& body) {
  const std::string complaint = in_child(body);
  if (complaint.starts_with(skip)) GTEST_SKIP() << complaint;
  EXPECT_EQ(complaint, "");
}

// Becomes nobody in particular; a process that is not root is that already.
std::string drop_privileges() {
  constexpr uid_t nobody = 65534;
  if (::geteuid() == 0 &&
      (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0)) {
    return std::string(skip) + "setresuid: " + std::strerror(errno);
  }
  return "";
}

// Moves this process to a user namespace of its own and sets one of its limits [10].
std::string limit_namespace(const char* sysctl, int value) {
  if (::unshare(CLONE_NEWUSER) != 0)
    return std::string(skip) + "no user namespace here: " + std::strerror(errno);
  std::ofstream file(std::string("/proc/sys/user/") + sysctl);
  file << value;
  file.close();
  if (!file) return std::string(skip) + "cannot set user." + sysctl + " in a user namespace";
  return "";
}

class WatcherErrors : public ::testing::Test {
 protected:
  std::string file(const std::string& name) {
    write_file(dir_ / name);
    return (dir_ / name).string();
  }

  TempDir dir_;
  Watcher w_;
};

TEST_F(WatcherErrors, OfAddAllNameIt) {
  inotify::AutoWatcher follows;
  for (Watcher* w : {&w_, static_cast<Watcher*>(&follows)}) {
    for (const auto& path : {dir_ / "missing", std::filesystem::path(file("file") + "/below")}) {
      const auto error = path_error([&] { w->add_all(path, IN_CREATE); });
      ASSERT_TRUE(error);
      EXPECT_THAT(error->what(), HasSubstr("inotify: add_all: "));
      EXPECT_EQ(error->path1(), path);
    }
    const auto error = path_error([&] { w->add_all(file("file"), IN_ISDIR); });
    ASSERT_TRUE(error);
    EXPECT_THAT(error->what(), HasSubstr("inotify: add_all: the mask"));
  }
}

// ---- what add() refuses

class WatcherBadMask : public WatcherErrors, public ::testing::WithParamInterface<Mask> {};

TEST_P(WatcherBadMask, IsRefusedByItsNameAndChangesNothing) {
  const Mask mask = GetParam();
  const int wd = w_.add(dir_.path(), IN_CREATE);
  const auto error = path_error([&] { w_.add(dir_.path(), mask); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code().value(), EINVAL);
  EXPECT_EQ(error->code(), std::errc::invalid_argument);
  EXPECT_EQ(error->path1(), dir_.path());
  EXPECT_THAT(error->what(), HasSubstr("mask " + inotify::to_string(mask)));
  std::error_code ec;
  EXPECT_EQ(w_.add(dir_.path(), mask, ec), -1);
  EXPECT_EQ(ec.value(), EINVAL);
  const auto error_of_walk = path_error([&] { w_.add_all(dir_.path(), mask); });
  ASSERT_TRUE(error_of_walk);
  EXPECT_EQ(error_of_walk->code().value(), EINVAL);
  EXPECT_THAT(error_of_walk->what(), HasSubstr("mask " + inotify::to_string(mask)));
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_CREATE});
  EXPECT_EQ(test::audit(w_), "");
}

// Nothing; flags alone, which the kernel would take [2]; bits that inotify does not know, alone and
// among others.
INSTANTIATE_TEST_SUITE_P(All, WatcherBadMask,
                         ::testing::Values(Mask{0}, Mask{IN_ISDIR}, Mask{IN_ONLYDIR},
                                           Mask{IN_ONLYDIR | IN_DONT_FOLLOW}, Mask{IN_MASK_ADD},
                                           Mask{IN_ONESHOT | IN_EXCL_UNLINK}, Mask{IN_IGNORED},
                                           Mask{IN_UNMOUNT | IN_Q_OVERFLOW}, Mask{0x1000},
                                           Mask{IN_CREATE | 0x10000},
                                           Mask{IN_ALL_EVENTS | 0x00800000}, Mask{0xFFFFFFFF}));

TEST_F(WatcherErrors, WhatIsMissingIsNamed) {
  const fs::path missing = dir_ / "missing/file";
  const auto error = path_error([&] { w_.add(missing, IN_CREATE); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code().value(), ENOENT);
  EXPECT_EQ(error->code(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(error->path1(), missing);
  EXPECT_THAT(error->what(), HasSubstr(missing.string()));
  EXPECT_TRUE(w_.empty());
  EXPECT_FALSE(w_.path(missing));
}

TEST_F(WatcherErrors, AnEmptyPathIsMissing) {
  std::error_code ec;
  EXPECT_EQ(w_.add("", IN_CREATE, ec), -1);
  EXPECT_EQ(ec.value(), ENOENT);
  EXPECT_TRUE(path_error([&] { w_.add_all("", IN_CREATE); }));
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherErrors, ADanglingSymlinkIsMissing) {
  fs::create_symlink(dir_ / "nowhere", dir_ / "link");
  const auto error = path_error([&] { w_.add(dir_ / "link", IN_CREATE); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code().value(), ENOENT);
  EXPECT_EQ(error->path1(), dir_ / "link");
}

TEST_F(WatcherErrors, ALoopOfSymlinksIsSaidToBeOne) {
  fs::create_symlink(dir_ / "b", dir_ / "a");
  fs::create_symlink(dir_ / "a", dir_ / "b");
  const auto error = path_error([&] { w_.add(dir_ / "a", IN_CREATE); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code().value(), ELOOP);
}

TEST_F(WatcherErrors, AFileOnTheWayIsNoDirectory) {
  const auto path = fs::path(file("f")) / "below";
  const auto error = path_error([&] { w_.add(path, IN_CREATE); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code().value(), ENOTDIR);
  EXPECT_EQ(error->path1(), path);
}

TEST_F(WatcherErrors, ANameOrPathThatIsTooLongIsSaidToBe) {
  std::string deep = dir_.str();
  while (deep.size() < 5000) deep += "/.";
  for (const fs::path& path : {dir_ / std::string(256, 'x'), fs::path(deep)}) {
    const auto error = path_error([&] { w_.add(path, IN_CREATE); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code().value(), ENAMETOOLONG);
    EXPECT_EQ(error->path1(), path);
  }
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherErrors, AnEmbeddedNulIsRefusedAndDoesNotCutThePath) {
  const std::string path = dir_.str() + std::string("\0rest", 5);
  const auto error = path_error([&] { w_.add(path, IN_CREATE); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code().value(), EINVAL);
  EXPECT_EQ(error->path1().native(), path);
  std::error_code ec;
  w_.add(path, IN_CREATE, ec);
  EXPECT_EQ(ec.value(), EINVAL);
  EXPECT_TRUE(path_error([&] { w_.add_all(path, IN_CREATE); }));
  EXPECT_TRUE(w_.empty());
  EXPECT_THAT(test::kernel_table(w_.fileno()), IsEmpty());
}

TEST_F(WatcherErrors, WhatMayNotBeReadIsNamedAndExplained) {
  fs::create_directory(dir_ / "secret");
  fs::create_directory(dir_ / "secret/below");
  file("unreadable");
  fs::permissions(dir_ / "unreadable", fs::perms::none);
  fs::permissions(dir_ / "secret", fs::perms::none);
  fs::permissions(dir_.path(), fs::perms::all);
  expect_no_complaint([&]() -> std::string {
    if (auto why = drop_privileges(); !why.empty()) return why;
    for (const char* name : {"secret", "secret/below", "unreadable"}) {
      Watcher w;
      const auto error = path_error([&] { w.add(dir_ / name, IN_CREATE); });
      if (!error) return std::string(name) + " could be watched";
      if (error->code().value() != EACCES || error->path1() != dir_ / name) return error->what();
      if (error->code() != std::errc::permission_denied) return "not equal to permission_denied";
      if (error->code().message().find("permission to read") == std::string::npos)
        return error->what();
      if (!w.empty()) return "it is in the table";
    }
    return "";
  });
  fs::permissions(dir_ / "secret", fs::perms::owner_all);
}

TEST_F(WatcherErrors, AFailedAddLeavesWhatIsWatchedAsItIs) {
  const std::string f = file("f");
  const int wd = w_.add(f, IN_MODIFY);
  std::error_code ec;
  w_.add(f, IN_ATTRIB | IN_ONLYDIR, ec);
  EXPECT_EQ(ec.value(), ENOTDIR);
  fs::remove(f);
  w_.add(f, IN_ATTRIB, ec);
  EXPECT_EQ(ec.value(), ENOENT);
  ASSERT_TRUE(w_.wd(wd));
  EXPECT_EQ(w_.wd(wd)->mask, Mask{IN_MODIFY});
  EXPECT_EQ(w_.read(0ms).back().path, f) << "its IN_IGNORED";
  EXPECT_TRUE(w_.empty());
}

// ---- the other calls

TEST_F(WatcherErrors, RemovingAnUnknownWatchDescriptorIsAClearError) {
  for (const int wd : {-1, 0, 1, 12345}) {
    const auto error = thrown<std::system_error>([&] { w_.remove(wd); });
    ASSERT_TRUE(error) << wd;
    EXPECT_EQ(error->code().value(), EINVAL);
    EXPECT_THAT(error->what(), HasSubstr("watch descriptor"));
  }
}

TEST_F(WatcherErrors, RemovingAPathThatIsNotWatchedIsAClearError) {
  fs::create_directories(dir_ / "d/e");
  w_.add(dir_ / "d/e", IN_CREATE);
  for (const fs::path& path :
       {dir_.path(), dir_ / "d", dir_ / "d/e/f", fs::path("relative"), fs::path("")}) {
    const auto error = path_error([&] { w_.remove_path(path); });
    ASSERT_TRUE(error) << path;
    EXPECT_EQ(error->code().value(), ENOENT);
    EXPECT_EQ(error->path1(), path);
    EXPECT_THAT(error->what(), HasSubstr("not watched"));
  }
  EXPECT_EQ(w_.num_watches(), 1U);
}

TEST_F(WatcherErrors, TheFormsWithAnErrorCodeClearItOnSuccess) {
  const auto stale = inotify::make_error(EIO);
  std::error_code ec = stale;
  Watcher w(ec);
  EXPECT_FALSE(ec) << "Watcher";
  ec = stale;
  const int wd = w.add(dir_.path(), IN_CREATE, ec);
  EXPECT_FALSE(ec) << "add";
  file("f");
  ec = stale;
  EXPECT_THAT(w.read(ec), SizeIs(1));
  EXPECT_FALSE(ec) << "read";
  ec = stale;
  EXPECT_THAT(w.read(0ms, ec), IsEmpty());
  EXPECT_FALSE(ec) << "read(0ms), which found nothing";
  file("g");
  ec = stale;
  EXPECT_THAT(w.read(1h, ec), SizeIs(1));
  EXPECT_FALSE(ec) << "read(1h)";
  ec = stale;
  w.remove_path(dir_.path(), ec);
  EXPECT_FALSE(ec) << "remove_path";
  ec = stale;
  w.remove(wd, ec);
  EXPECT_FALSE(ec) << "remove";
}

TEST_F(WatcherErrors, TheFormsWithAnErrorCodeDoNotThrow) {
  std::error_code ec;
  EXPECT_EQ(w_.add(dir_ / "missing", IN_CREATE, ec), -1);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  w_.remove(99, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  w_.remove_path(dir_ / "missing", ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_THAT(w_.read(ec), IsEmpty());
  EXPECT_EQ(ec.value(), ENODATA);
}

TEST_F(WatcherErrors, AfterCloseEveryCallSaysEbadf) {
  const int wd = w_.add(dir_.path(), IN_CREATE);
  w_.close();
  const std::map<std::string, std::function<void()>> calls{
      {"add", [&] { w_.add(dir_.path(), IN_CREATE); }},
      {"add_all", [&] { w_.add_all(dir_.path(), IN_CREATE); }},
      {"add_iter", [&] { w_.add_iter(dir_.path(), IN_CREATE); }},
      {"remove", [&] { w_.remove(wd); }},
      {"remove_path", [&] { w_.remove_path(dir_.path()); }},
      {"read", [&] { w_.read(); }},
      {"read(0ms)", [&] { w_.read(0ms); }},
      {"read(1h)", [&] { w_.read(1h); }},
      {"readable", [&] { static_cast<void>(w_.readable()); }},
  };
  for (const auto& [name, call] : calls) {
    const auto error = thrown<std::system_error>(call);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->code().value(), EBADF) << name;
    EXPECT_EQ(error->code(), std::errc::bad_file_descriptor) << name;
    EXPECT_THAT(error->what(), HasSubstr("closed")) << name;
  }
  std::error_code ec;
  w_.add(dir_.path(), IN_CREATE, ec);
  EXPECT_EQ(ec.value(), EBADF);
  w_.remove(wd, ec);
  EXPECT_EQ(ec.value(), EBADF);
  w_.remove_path(dir_.path(), ec);
  EXPECT_EQ(ec.value(), EBADF);
  EXPECT_THAT(w_.read(ec), IsEmpty());
  EXPECT_EQ(ec.value(), EBADF);
  EXPECT_THAT(w_.read(0ms, ec), IsEmpty());
  EXPECT_EQ(ec.value(), EBADF);
  w_.interrupt();  // does nothing
  EXPECT_TRUE(w_.empty());
}

TEST_F(WatcherErrors, ABadMaskIsNamedThoughTheWatcherIsClosed) {
  w_.close();
  std::error_code ec;
  w_.add(dir_.path(), 0, ec);
  EXPECT_TRUE(ec);
}

// ---- limits

TEST_F(WatcherErrors, TheLimitOnWatchesExplainsItselfAndWhatIsWatchedStays) {
  expect_no_complaint([&]() -> std::string {
    constexpr int limit = 50;
    for (int i = 0; i < limit + 20; ++i) fs::create_directory(dir_ / std::to_string(i));
    if (auto why = limit_namespace("max_inotify_watches", limit); !why.empty()) return why;
    Watcher w;
    for (int i = 0; i < limit; ++i) w.add(dir_ / std::to_string(i), IN_CREATE);
    const auto error = path_error([&] { w.add(dir_ / std::to_string(limit), IN_CREATE); });
    if (!error) return "one more than the limit could be watched";
    const std::string what = error->what();
    if (error->code().value() != ENOSPC || error->path1() != dir_ / std::to_string(limit))
      return what;
    if (error->code() != std::errc::no_space_on_device) return "not equal to no_space_on_device";
    for (const char* said :
         {"user.max_inotify_watches", "50", "50 used", "sysctl -w user.max_inotify_watches=100"}) {
      if (what.find(said) == std::string::npos) return std::string(said) + " is not in: " + what;
    }
    if (what.find("No space left") != std::string::npos) return "it speaks of a disk: " + what;
    if (w.num_watches() != limit) return std::to_string(w.num_watches()) + " watches";
    // A watch that exists costs nothing more, and one that goes makes room.
    w.add(dir_ / "0", IN_CREATE | IN_DELETE);
    w.remove_path(dir_ / "1");
    w.add(dir_ / std::to_string(limit), IN_CREATE);
    write_file(dir_ / "0/f");
    int created = 0;
    for (const Event& e : w.read(0ms)) created += e.is_create();
    if (created != 1) return "what was watched no longer is";
    return test::audit(w);
  });
}

TEST_F(WatcherErrors, AWalkThatMeetsTheLimitKeepsWhatItCouldWatch) {
  expect_no_complaint([&]() -> std::string {
    constexpr int limit = 50;
    for (int i = 0; i < 99; ++i) fs::create_directory(dir_ / std::to_string(i));
    if (auto why = limit_namespace("max_inotify_watches", limit); !why.empty()) return why;
    Watcher w;
    const auto error = path_error([&] { w.add_all(dir_.path(), IN_CREATE); });
    if (!error) return "twice the limit could be watched";
    const std::string what = error->what();
    if (error->code().value() != ENOSPC) return what;
    if (what.find("50 directories") == std::string::npos)
      return "how many failed is not in: " + what;
    if (what.find("user.max_inotify_watches") == std::string::npos)
      return "no explanation: " + what;
    if (error->path1().parent_path() != dir_.path()) return "not the path of a failure: " + what;
    if (w.path(error->path1())) return "what failed is in the table: " + what;
    if (w.num_watches() != limit) return std::to_string(w.num_watches()) + " watches";
    return test::audit(w);
  });
}

TEST_F(WatcherErrors, TheLimitOnInstancesExplainsItself) {
  w_.close();
  expect_no_complaint([&]() -> std::string {
    if (auto why = limit_namespace("max_inotify_instances", 3); !why.empty()) return why;
    std::vector<Watcher> watchers(3);
    const auto error = thrown<std::system_error>([] { const Watcher fourth; });
    if (!error) return "one more than the limit could be made";
    if (error->code() != std::errc::too_many_files_open) return error->what();
    const std::string what = error->what();
    for (const char* said : {"user.max_inotify_instances", "3", "sysctl -w"}) {
      if (what.find(said) == std::string::npos) return std::string(said) + " is not in: " + what;
    }
    std::error_code ec;
    Watcher w(ec);
    if (ec.value() != EMFILE || w.is_open()) return "the form with an error code";
    w.add(dir_.path(), IN_CREATE, ec);
    return ec.value() == EBADF ? "" : "what could not be opened is not closed: " + ec.message();
  });
}

// A watcher takes two descriptors: the last one that is left, or none, may be what it fails for.
class WatcherDescriptors : public WatcherErrors, public ::testing::WithParamInterface<int> {};

TEST_P(WatcherDescriptors, ThatAreUsedUpAreNotTakenForTheLimitOnInstances) {
  expect_no_complaint([&]() -> std::string {
    // A sanitizer looks a type up once, and needs a descriptor for that: let it do so now.
    static_cast<void>(thrown<std::system_error>([&] { w_.remove(99); }));
    const auto limit = static_cast<rlim_t>(GetParam());
    const rlimit few{limit, limit};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) {
      return std::string(skip) + "setrlimit: " + std::strerror(errno);
    }
    std::vector<Watcher> watchers;
    const auto error = thrown<std::system_error>([&] {
      for (int i = 0; i < 20; ++i) watchers.emplace_back();
    });
    watchers.clear();
    if (!error) return "more descriptors than the limit could be opened";
    const std::string what = error->what();
    if (error->code() != std::errc::too_many_files_open) return what;
    for (const auto& said :
         {std::string("RLIMIT_NOFILE"), std::to_string(GetParam()), std::string("ulimit -n")}) {
      if (what.find(said) == std::string::npos) return said + " is not in: " + what;
    }
    return "";
  });
}

INSTANTIATE_TEST_SUITE_P(EvenAndOdd, WatcherDescriptors, ::testing::Values(16, 17));

// ---- overflow

class WatcherOverflow : public WatcherErrors {
 protected:
  void SetUp() override {
    const auto limit = inotify::max_queued_events();
    if (!limit || *limit > 100'000) GTEST_SKIP() << "no queue of a size that can be filled quickly";
    limit_ = static_cast<std::size_t>(*limit);
  }

  // Opens and closes one file until more is told than the queue takes. No event equals the one
  // before: none is merged [14].
  void overflow() {
    const std::string path = file("opened");
    for (std::size_t i = 0; i < limit_ / 2 + 100; ++i) {
      ::close(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    }
  }

  static constexpr Mask mask = IN_OPEN | IN_CLOSE_NOWRITE;
  std::size_t limit_ = 0;
};

TEST_F(WatcherOverflow, IsOneEventWithoutWatchAndPath) {  // [15]
  w_.add(dir_.path(), mask);
  overflow();
  std::size_t others = 0;
  std::size_t overflows = 0;
  for (auto events = w_.read(0ms); !events.empty(); events = w_.read(0ms)) {
    for (const Event& e : events) {
      if (!e.is_overflow()) {
        ++others;
        continue;
      }
      ++overflows;
      EXPECT_EQ(e.wd, -1);
      EXPECT_EQ(e.mask, Mask{IN_Q_OVERFLOW});
      EXPECT_EQ(e.path, "");
      EXPECT_EQ(e.name, "");
      EXPECT_EQ(e.fullpath, "");
      EXPECT_EQ(e.fullpath.data()[0], '\0');
      EXPECT_FALSE(e.error);
      EXPECT_EQ(inotify::to_string(e), "IN_Q_OVERFLOW");
    }
  }
  EXPECT_EQ(overflows, 1U);
  EXPECT_EQ(others, limit_);
}

TEST_F(WatcherOverflow, LeavesTheWatchesAtWork) {
  const int wd = w_.add(dir_.path(), mask | IN_CREATE);
  overflow();
  while (!w_.read(0ms).empty()) {
  }
  file("after");
  const auto events = w_.read(0ms);
  ASSERT_FALSE(events.empty());
  EXPECT_TRUE(events[0].is_create());
  EXPECT_EQ(events[0].wd, wd);
  EXPECT_EQ(events[0].name, "after");
  EXPECT_EQ(test::audit(w_), "");
}

TEST_F(WatcherOverflow, ThatSwallowedAnIgnoredDoesNotMakeItsEntryImmortal) {
  // "Removing what the kernel already dropped is no error": then it must be gone at last, or `while
  // (!w.empty())` never ends.
  w_.add(dir_.path(), mask);
  const std::string f = file("f");
  const int wd = w_.add(f, IN_DELETE_SELF);
  overflow();
  fs::remove(f);
  while (!w_.read(0ms).empty()) {
  }
  ASSERT_FALSE(test::kernel_table(w_.fileno()).contains(wd));
  std::error_code ec;
  w_.remove(wd, ec);
  while (!w_.read(0ms).empty()) {
  }
  EXPECT_FALSE(w_.wd(wd));
  EXPECT_FALSE(w_.path(f));
  EXPECT_EQ(test::audit(w_), "");
}

// ---- events of watches that the table does not know

TEST_F(WatcherErrors, AnEventOfAnUnknownWatchIsDeliveredWithoutAPath) {
  const std::string f = file("f");
  const int unknown = ::inotify_add_watch(w_.fileno(), dir_.str().c_str(), IN_ALL_EVENTS);
  ASSERT_GE(unknown, 1);
  const int known = w_.add(f, IN_ATTRIB);
  fs::permissions(f, fs::perms::owner_read);
  fs::rename(f, dir_ / "g");
  ASSERT_EQ(::inotify_rm_watch(w_.fileno(), unknown), 0);

  std::vector<std::string> seen;
  for (const Event& e : w_.read(0ms)) {
    seen.push_back(inotify::to_string(e.mask) + ' ' + std::string(e.name));
    if (e.wd == known) {
      EXPECT_EQ(e.path, f);
      continue;
    }
    EXPECT_EQ(e.wd, unknown);
    EXPECT_EQ(e.path, "");
    EXPECT_EQ(e.fullpath, e.name);
    EXPECT_EQ(e.moved_from, "");
    EXPECT_EQ(e.moved_to, "");
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("IN_ATTRIB f", "IN_ATTRIB ", "IN_MOVED_FROM f",
                                                    "IN_MOVED_TO g", "IN_IGNORED "));
  EXPECT_EQ(w_.num_watches(), 1U);
  EXPECT_FALSE(w_.wd(unknown));
}

}  // namespace
