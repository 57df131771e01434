// Random operations by others on a tree that the watcher may not read everywhere, nor at all times: directories are shut and opened
// again while things are made, moved and removed in them and above them. When all is open again, nothing is a hole any more, without
// anybody having asked; the replayed stream equals the disk, and the table the kernel's.
//
// INOTIFY_ROUNDS (default 10) makes it longer; INOTIFY_MODEL_SEED repeats one seed.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <list>
#include <random>
#include <string>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"

namespace {

using test::Events;
using test::Operation;
using test::Probe;
using test::Replay;
namespace fs = std::filesystem;

// In a user namespace one is root by name only.
bool is_root() {
  static const bool is_so = ::geteuid() == 0;
  return is_so;
}

// What others than root may: nothing, list, go through, both. Where there is no root, what the owner may,
// who is root in a user namespace as well, and there nothing is shut to him.
constexpr std::array<mode_t, 5> modes_of_others = {0700, 0704, 0701, 0755, 0755};
constexpr std::array<mode_t, 5> modes_of_owner = {0000, 0400, 0100, 0755, 0755};

// Does what is drawn, as somebody for whom nothing is shut; and changes, now and then, what the watcher may.
void churn(const std::string& in, const std::string& out, std::uint64_t seed, int operations) {
  const auto& modes = is_root() ? modes_of_others : modes_of_owner;
  std::mt19937_64 random(seed);
  for (const Operation& one : test::Churn(in, out, seed).draw(operations)) {
    test::perform(one);
    if (random() % 4 != 0) continue;
    fs::path path = one.path;
    if (random() % 2 == 0) path = path.parent_path();
    if (path != in && !path.string().starts_with(in + '/')) continue;
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    ::chmod(path.c_str(), modes[static_cast<std::size_t>(random() % modes.size())]);
  }
}

void open_all(const fs::path& top) {
  ::chmod(top.c_str(), 0777);
  for (const auto& entry : fs::directory_iterator(top)) {
    if (!entry.is_symlink() && entry.is_directory()) open_all(entry.path());
  }
}

struct Scenario {
  int writers;
  inotify::Mask mask;
};

// Returns how many holes were named.
std::size_t run(const std::string& base, std::uint64_t seed, const Scenario& scenario) {
  const std::string in = base + "/in";
  const std::string out = base + "/out";
  test::Signal go;
  churn(in, out, seed, 100);
  ::chmod(in.c_str(), 0755);
  test::SecondProcess others([&] {
    test::become_root_of_ones_own();
    std::list<test::SecondProcess> writers;
    go.take();
    for (int i = 1; i <= scenario.writers; ++i) {
      writers.emplace_back([&, i] { churn(in, out, seed * 31 + static_cast<unsigned>(i), 300); });
    }
    while (!writers.empty()) {
      siginfo_t ended;
      ::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT);
      writers.remove_if([](test::SecondProcess& writer) { return !writer.is_running(); });
    }
    open_all(in);
    open_all(out);
  });
  if (is_root() && (::setegid(65534) != 0 || ::seteuid(65534) != 0))
    throw test::Forbidden("seteuid");
  ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self/fd would still be root's
  std::size_t holes = 0;
  {
    Probe watcher({.announce = true, .overflow = inotify::OverflowPolicy::announce});
    Replay replay;
    const auto read = [&] {
      const auto events = watcher.read(std::chrono::milliseconds(1));
      for (const auto& event : events) holes += event.error ? 1U : 0U;
      replay.apply(events);
    };
    watcher.add_all(in, scenario.mask);
    go.give();
    while (others.is_running()) read();
    test::apply(replay, test::drain(watcher));
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(in)), "");
    test::expect_watched(watcher, test::directories(in));
    test::expect_heard(watcher, test::directories(in));
    EXPECT_EQ(watcher.retry_holes(), 0U);
    EXPECT_EQ(test::show(test::drain(watcher)), test::show({}));
    if (testing::Test::HasFailure()) {
      for (const std::string& line : replay.log()) std::fprintf(stderr, "%s\n", line.c_str());
    }
  }
  if (is_root() && (::seteuid(0) != 0 || ::setegid(0) != 0)) throw test::Forbidden("seteuid");
  for (const std::string& top : {in, out}) {
    for (const auto& entry : fs::directory_iterator(top)) fs::remove_all(entry.path());
  }
  return holes;
}

class ModelHolesTest : public testing::TestWithParam<Scenario> {};

TEST_P(ModelHolesTest, A2_A8_A17_TheReplayedStreamIsTheDiskWhenHolesHaveHealed) {
  const int only = test::number("INOTIFY_MODEL_SEED", 0);
  const int rounds = only != 0 ? only : test::rounds(10);
  const test::TempDir dir;
  ::chmod(dir.str().c_str(), 0755);
  for (const char* name : {"in", "out"}) fs::create_directory(dir / name);
  test::in_child([&] {
    if (!is_root()) {
      test::need_user_namespace();
    } else if (::setgroups(0, nullptr) != 0) {
      throw test::Forbidden("setgroups");
    }
    std::size_t holes = 0;
    // Few rounds may be over before a directory is closed: some more then, until one was.
    const auto is_enough = [&](int seed) {
      return seed > rounds && (holes > 0 || only != 0 || seed > rounds + 100);
    };
    for (int seed = only != 0 ? only : 1; !is_enough(seed) && !testing::Test::HasFailure();
         ++seed) {
      SCOPED_TRACE("INOTIFY_MODEL_SEED=" + std::to_string(seed));
      holes += run(dir.str(), static_cast<std::uint64_t>(seed), GetParam());
    }
    EXPECT_GT(holes, 0U);
  });
}

INSTANTIATE_TEST_SUITE_P(Model, ModelHolesTest,
                         testing::Values(Scenario{1, test::names | IN_CLOSE_WRITE},
                                         Scenario{2, test::names},
                                         Scenario{2, test::names | IN_ATTRIB}),
                         [](const auto& scenario) {
                           return std::to_string(scenario.param.writers) + "Writers" +
                                  ((scenario.param.mask & IN_ATTRIB) != 0 ? "Attrib" : "") +
                                  ((scenario.param.mask & IN_CLOSE_WRITE) != 0 ? "CloseWrite" : "");
                         });

}  // namespace
