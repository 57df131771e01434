// Random operations by others on a tree with mounts: file systems and other names of directories (bind mounts) come and go, lazily and
// not, over what is watched, over holes and over one another, while directories are renamed, removed, shut and opened; the queue
// overflows, and the watcher reads now and then. When all is open again and the queue is empty, the replayed stream equals the disk,
// every directory is watched, and the table is the kernel's.
//
// INOTIFY_ROUNDS (default 2) makes it longer; INOTIFY_MODEL_SEED repeats one seed. A failure is followed by the shortest list of
// operations that fails.
#include <grp.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <inotify/auto_watcher.hpp>
#include <inotify/detail/mount_watch.hpp>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"
#include "support/churn.hpp"
#include "support/shrink.hpp"

namespace {

using test::Operation;
using test::Probe;
using test::Replay;
using test::Tree;
namespace fs = std::filesystem;

enum class Kind {
  churn,
  tmpfs,
  bind,
  unmount,
  detach,
  change_mode,
  overrun,
  read,
  drain,
  retry,
  move_watcher,
  start,
  fill,
  add_root,
  remove_root,
};

struct Step {
  Kind kind = Kind::churn;
  Operation operation{};  // its paths serve the others as well
  mode_t mode = 0;
};
using Steps = std::vector<Step>;

std::string to_string(const Steps& steps) {
  static constexpr std::array<const char*, 15> kinds = {
      "",        "mount tmpfs ", "bind ",       "unmount ", "unmount lazily ", "chmod ",
      "overrun", "read",         "drain",       "retry",    "move watcher",    "start",
      "fill ",   "add root ",    "remove root "};
  std::string text;
  for (const Step& step : steps) {
    text += "  ";
    text += kinds.at(static_cast<std::size_t>(step.kind));
    if (step.kind == Kind::churn) {
      text += test::to_string(step.operation);
    } else {
      text += step.operation.path + ' ' + step.operation.other;
      if (step.kind == Kind::change_mode) text += std::to_string(step.mode);
    }
    text += '\n';
  }
  return text;
}

struct Scenario {
  const char* name;
  bool has_mounts;
  bool is_nobody;
  bool reads;
  bool is_concurrent = false;  // the operations are another process's
  bool has_filter = false;     // refuses what is called c, and throws now and then
  bool has_roots = false;      // directories of the tree are made roots, and roots no more
};

// What the others may: nothing, list, go through, both.
constexpr std::array<mode_t, 6> modes = {0700, 0744, 0711, 0755, 0755, 0755};

Steps draw(std::uint64_t seed, const Scenario& scenario, int count) {
  std::mt19937_64 random(seed);
  Steps steps;
  const auto path = [&](bool inside) {
    std::string text = inside ? "in" : "out";
    for (std::uint64_t depth = 1 + random() % 3; depth > 0; --depth)
      text += '/' + std::string(1, "abc"[random() % 3]);
    return text;
  };
  bool has_start = false;
  const bool has_overrun = random() % 8 == 0;
  for (Operation& one : test::Churn("in", "out", seed).draw(count)) {
    if (steps.size() >= 20 && !has_start) {
      steps.push_back({Kind::start});
      has_start = true;
    }
    steps.push_back({Kind::churn, std::move(one)});
    if (scenario.has_mounts && random() % 4 == 0) {
      const auto what = random() % 8;
      if (what < 2) steps.push_back({Kind::tmpfs, {Operation::Kind::rename, path(true)}});
      if (what == 2 || what == 3)
        steps.push_back(
            {Kind::bind, {Operation::Kind::rename, path(random() % 3 != 0), path(true)}});
      if (what == 4 || what == 5)
        steps.push_back({Kind::unmount, {Operation::Kind::rename, path(true)}});
      if (what >= 6) steps.push_back({Kind::detach, {Operation::Kind::rename, path(true)}});
    }
    if (scenario.is_nobody && random() % 4 == 0)
      steps.push_back({Kind::change_mode,
                       {Operation::Kind::rename, path(true)},
                       modes[static_cast<std::size_t>(random() % modes.size())]});
    if (scenario.reads && random() % 6 == 0)
      steps.push_back({random() % 3 == 0 ? Kind::drain : Kind::read});
    if (random() % 24 == 0) steps.push_back({Kind::fill, {Operation::Kind::rename, path(true)}});
    if (scenario.has_roots && random() % 12 == 0)
      steps.push_back({random() % 3 == 0 ? Kind::remove_root : Kind::add_root,
                       {Operation::Kind::rename, path(true)},
                       mode_t(random() % 2)});
    if (scenario.reads && random() % 64 == 0) steps.push_back({Kind::retry});
    if (scenario.reads && random() % 128 == 0) steps.push_back({Kind::move_watcher});
    if (has_overrun && random() % 64 == 0) steps.push_back({Kind::overrun});
  }
  return steps;
}

class As {
 public:
  explicit As(bool is_nobody) : is_nobody_(is_nobody) {
    if (is_nobody_ && ::seteuid(65534) != 0) throw test::Forbidden("seteuid");
    if (is_nobody_) ::prctl(PR_SET_DUMPABLE, 1);
  }
  ~As() {
    if (is_nobody_ && ::seteuid(0) != 0) std::abort();
  }
  As(const As&) = delete;
  As& operator=(const As&) = delete;

 private:
  bool is_nobody_;
};

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_symlink(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) != 0 || S_ISLNK(status.st_mode);
}

void open_all(const fs::path& top) {
  ::chmod(top.c_str(), 0777);
  for (const auto& entry : fs::directory_iterator(top)) {
    if (!entry.is_symlink() && entry.is_directory()) open_all(entry.path());
  }
}

struct Refusal {};

// The first name of each watched directory.
using Identities = std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>;

class Round {
 public:
  Round(const Scenario& scenario, std::string base) : scenario_(scenario), base_(std::move(base)) {
    fs::create_directories(in());
    fs::create_directories(base_ + "/out");
    ::chmod(in().c_str(), 0755);
  }
  std::string in() const { return base_ + "/in"; }

  void run(const Steps& steps) {
    std::size_t i = 0;
    while (i < steps.size() && !(scenario_.is_concurrent && watcher_ != nullptr))
      perform(steps[i++]);
    if (watcher_ == nullptr) start();
    test::SecondProcess others([&] {
      for (; i < steps.size(); ++i) {
        if (steps[i].kind < Kind::read || steps[i].kind == Kind::fill) perform(steps[i]);
      }
    });
    while (others.is_running()) read();
    open_all(in());
    check("with what is mounted");
    for (int most = 100; most > 0 && unmount_last(); --most) {
    }
    open_all(in());
    check("with nothing mounted");
  }

 private:
  void start() {
    const As as(scenario_.is_nobody);
    inotify::AutoWatcher::Options options{.announce = true,
                                          .overflow = inotify::OverflowPolicy::announce};
    if (scenario_.has_filter) {
      options.add_filter = [asked =
                                std::map<std::string, int>()](const inotify::Event& event) mutable {
        if (asked[std::string(event.fullpath)]++ % 2 == 0) throw Refusal();
        return event.name != "c";
      };
    }
    watcher_ = std::make_unique<Probe>(std::move(options));
    try {
      watcher_->add_all(in(), test::contract_mask);
    } catch (const Refusal&) {  // the rest is watched by read()
    }
  }

  void perform(const Step& step) {
    const std::string& path = step.operation.path;
    switch (step.kind) {
      case Kind::churn:
        return test::perform(step.operation);
      case Kind::tmpfs:
        if (is_directory(path) &&
            ::mount("tmpfs", path.c_str(), "tmpfs", 0, "mode=0755,size=1m") == 0) {
          ::mkdir((path + "/a").c_str(), 0755);
          ::mkdir((path + "/a/b").c_str(), 0755);
          test::write_file(path + "/f");
        }
        return;
      case Kind::bind:
        if (!is_symlink(path) && !is_symlink(step.operation.other))
          ::mount(path.c_str(), step.operation.other.c_str(), nullptr, MS_BIND, nullptr);
        return;
      case Kind::unmount:
        ::umount2(path.c_str(), UMOUNT_NOFOLLOW);
        return;
      case Kind::detach:
        ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
        return;
      case Kind::change_mode:
        if (is_directory(path)) ::chmod(path.c_str(), step.mode);
        return;
      case Kind::overrun:
        test::overrun(base_ + "/in");
        std::remove((base_ + "/in/overrun1").c_str());
        return;
      case Kind::read:
        if (watcher_ != nullptr) read();
        return;
      case Kind::drain:
        if (watcher_ != nullptr) drain();
        return;
      case Kind::retry:
        if (watcher_ != nullptr) {
          retry();
        }
        return;
      case Kind::fill:
        fill(path);
        return;
      case Kind::add_root:
        if (watcher_ != nullptr)
          add_root(path, step.mode != 0 ? inotify::Mask{IN_ATTRIB | IN_MODIFY}
                                        : inotify::Mask{IN_MODIFY});
        return;
      case Kind::remove_root:
        if (watcher_ != nullptr) remove_root(path);
        return;
      case Kind::start:
        if (watcher_ == nullptr) start();
        return;
      case Kind::move_watcher:
        if (watcher_ != nullptr) watcher_ = std::make_unique<Probe>(std::move(*watcher_));
        return;
    }
  }

  // Something large is moved in.
  void fill(const std::string& path) const {
    fs::remove_all(base_ + "/large");
    fs::create_directories(base_ + "/large/d/e");
    for (int i = 0; i < 2500; ++i) {
      std::string name = base_ + "/large/" + (i % 2 == 0 ? "" : "d/") + std::to_string(i);
      if (i % 500 == 0) {
        ::mkdir(name.c_str(), 0755);
      } else {
        ::mknod(name.c_str(), S_IFREG | 0644, 0);
      }
    }
    std::rename((base_ + "/large").c_str(), (base_ + '/' + path).c_str());
  }
  void add_root(const std::string& path, inotify::Mask more) {
    const std::string root = base_ + '/' + path;
    std::error_code ec;
    if (!is_directory(path) || fs::canonical(path, ec) != root || ec) return;
    const As as(scenario_.is_nobody);
    try {
      watcher_->add_all(root, test::contract_mask | more);
      roots_.insert(watcher_->path(root).value().wd);
    } catch (const fs::filesystem_error&) {  // shut
    }
  }
  void remove_root(const std::string& path) {
    const auto known = watcher_->path(base_ + '/' + path);
    if (!known || roots_.erase(known->wd) == 0) return;
    // Of one that lies in no tree, what is queued is told first, and then it ends.
    const auto is_in_tree = [&] { return !is_below_second_name(watcher_->wd(known->wd)->path); };
    if (!is_in_tree()) drain();
    const auto root = watcher_->wd(known->wd);
    if (!root) return;
    const bool ends = !is_in_tree();
    {
      const As as(scenario_.is_nobody);
      std::error_code ec;
      watcher_->remove(known->wd, ec);
    }
    if (ends) replay_.apply(ended(root->path));
  }
  static inotify::Event ended(const std::string& root) {
    inotify::Event event;
    event.mask = IN_Q_OVERFLOW;
    event.path = event.fullpath = root;
    return event;
  }

  // Below the second name of a directory nothing is told but what has been made a root by that name, and has no
  // other; it lies in no tree, and keeps that name wherever it is renamed to.
  bool is_below_second_name(const std::string& path) const {
    for (fs::path above = fs::path(path).parent_path(); above.string().starts_with(in());
         above = above.parent_path()) {
      const auto known = watcher_->path(above);
      if (known && watcher_->wd(known->wd).value().path != above) return true;
    }
    return false;
  }

  std::size_t retry() {
    const As as(scenario_.is_nobody);
    try {
      return watcher_->retry_holes();
    } catch (const Refusal&) {
      return 0;
    }
  }
  bool read() {
    const As as(scenario_.is_nobody);
    try {
      const auto events = watcher_->read(test::at_once);
      replay_.apply(events);
      return !events.empty();
    } catch (const Refusal&) {
      return true;
    }
  }
  void drain() {
    const auto end = std::chrono::steady_clock::now() + test::deadline;
    while (read() || watcher_->is_behind()) {
      if (std::chrono::steady_clock::now() > end) {
        ADD_FAILURE() << "reads for ever";
        return;
      }
    }
  }

  bool unmount_last() {
    std::ifstream list("/proc/self/mountinfo");
    std::vector<std::string> points;
    for (std::string line; std::getline(list, line);) {
      std::string point;
      inotify::detail::MountWatch::Mount mount{};
      if (!inotify::detail::MountWatch::parse(line, mount, point)) continue;
      if (point.starts_with(base_ + '/')) points.push_back(point);
    }
    for (auto it = points.rbegin(); it != points.rend(); ++it) {
      if (::umount2(it->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return true;
    }
    return false;
  }

  // What is to be known: what is below a directory with several names, under the first of them. Below the
  // others no more than the roots there: see is_below_second_name().
  void expect(const std::string& path, const Identities& first, Tree& tree,
              std::vector<std::string>& deaf) const {
    for (const auto& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().string();
      const bool is_dir = !entry.is_symlink() && entry.is_directory();
      tree[name] = is_dir;
      if (!is_dir || (scenario_.has_filter && name.ends_with("/c"))) continue;
      const auto it = first.find(test::identity(name));
      if (it == first.end()) {
        deaf.push_back(name);
      } else if (it->second == name) {
        expect(name, first, tree, deaf);
      } else {
        expect_roots(name, first, tree, deaf);
      }
    }
  }
  void expect_roots(const std::string& second, const Identities& first, Tree& tree,
                    std::vector<std::string>& deaf) const {
    for (const auto& [root, is_in_place] : roots_in_no_tree(first)) {
      const auto it = first.find(test::identity(root));
      const bool is_told = is_in_place && it->second == root;
      if (is_told && root.starts_with(second + '/')) expect(root, first, tree, deaf);
    }
  }

  // The names of roots below the second name of a directory, and whether they are in their place: of that
  // nothing is told.
  std::map<std::string, bool> roots_in_no_tree(const Identities& first) const {
    std::map<std::string, bool> roots;
    for (const auto& watch : watcher_->watches()) {
      if (!roots_.contains(watch.wd) || !is_below_second_name(watch.path)) continue;
      const auto it =
          is_directory(watch.path) ? first.find(test::identity(watch.path)) : first.end();
      roots[watch.path] = it != first.end() && it->second == watcher_->wd(watch.wd).value().path;
    }
    return roots;
  }

  void check(const char* when) {
    drain();
    const As as(scenario_.is_nobody);
    SCOPED_TRACE(when);
    Identities first;
    for (const auto& [wd, watch] : test::kernel_table(watcher_->inotify_fd())) {
      const auto known = watcher_->wd(wd);
      if (known) first[{watch.device, watch.inode}] = known->path;
    }
    Tree disk;
    std::vector<std::string> deaf;
    expect(in(), first, disk, deaf);
    for (const std::string& one : deaf) ADD_FAILURE() << "deaf: " << one;
    const auto roots = roots_in_no_tree(first);
    for (const auto& [root, is_in_place] : roots) {
      if (!is_in_place) replay_.apply(ended(root));
    }
    EXPECT_EQ(test::difference(replay_.tree(), disk), "");
    EXPECT_EQ(test::audit(*watcher_), "");
    std::set<std::string> names;
    for (const auto& watch : watcher_->watches()) {
      const bool is_displaced = std::ranges::any_of(roots, [&](const auto& root) {
        return !root.second && watch.path.starts_with(root.first + '/');
      });
      const bool is_right =
          watch.path == in() || disk.contains(watch.path) || roots.contains(watch.path);
      if (!is_right && !is_displaced) ADD_FAILURE() << "is watched: " << watch.path;
      names.insert(watch.path);
    }
    for (const auto& [path, is_dir] : disk) {
      if (scenario_.has_filter && path.ends_with("/c")) {
        if (names.contains(path)) ADD_FAILURE() << "refused: " << path;
      } else if (is_dir && !names.contains(path))
        ADD_FAILURE() << "not in the table: " << path;
    }
    EXPECT_EQ(retry(), 0U);
    if (testing::Test::HasFailure()) {
      std::string text;
      const std::size_t most = 60;
      const auto& log = replay_.log();
      for (std::size_t i = log.size() > most ? log.size() - most : 0; i < log.size(); ++i)
        text += log[i] + '\n';
      ADD_FAILURE() << text;
    }
  }

  Scenario scenario_;
  std::string base_;
  std::unique_ptr<Probe> watcher_;
  std::set<int> roots_;  // in the root
  Replay replay_;
};

// Each on a file system of its own, so that nothing is left of it.
std::string outcome(const std::string& base, const Steps& steps, const Scenario& scenario) {
  if (::mount("tmpfs", base.c_str(), "tmpfs", 0, "mode=0755") != 0)
    throw test::Forbidden("mounting a tmpfs");
  std::string text;
  testing::TestPartResultArray results;
  {
    using testing::ScopedFakeTestPartResultReporter;
    ScopedFakeTestPartResultReporter reporter(
        ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
    fs::current_path(base);
    try {
      Round(scenario, base).run(steps);
    } catch (const test::Forbidden&) {
      throw;
    } catch (const std::exception& error) {
      text = std::string("threw: ") + error.what() + '\n';
    }
    fs::current_path("/");
  }
  ::umount2(base.c_str(), MNT_DETACH);
  for (int i = 0; i < results.size(); ++i) {
    if (results.GetTestPartResult(i).failed())
      text += results.GetTestPartResult(i).message() + std::string("\n");
  }
  return text;
}

class ModelMountsTest : public testing::TestWithParam<Scenario> {
 protected:
  test::TempDir dir_;
};

TEST_P(ModelMountsTest, A2_A8_A10_A16_TheReplayedStreamIsTheDisk) {
  const int only = test::number("INOTIFY_MODEL_SEED", 0);
  const int first = test::number("INOTIFY_SEED", 1);
  const int rounds = test::rounds(1);
  const int operations = test::number("INOTIFY_MODEL_OPERATIONS", 120);
  test::in_child([&] {
    if (::geteuid() != 0) throw test::Forbidden("not root");
    test::enter_mount_namespace();
    if (GetParam().is_nobody && (::setgroups(0, nullptr) != 0 || ::setegid(65534) != 0))
      throw test::Forbidden("setgroups");
    for (int seed = only != 0 ? only : first; seed < first + rounds || seed == only; ++seed) {
      const Steps steps = draw(static_cast<std::uint64_t>(seed), GetParam(), operations);
      const std::string wrong = outcome(dir_.str(), steps, GetParam());
      if (!wrong.empty()) {
        const auto fails = [&](const Steps& some) {
          return !outcome(dir_.str(), some, GetParam()).empty();
        };
        const std::chrono::seconds limit(test::number("INOTIFY_MODEL_SHRINK", 30));
        const Steps few = test::shrink(steps, fails, std::chrono::steady_clock::now() + limit);
        ADD_FAILURE() << "INOTIFY_MODEL_SEED=" << seed << '\n'
                      << wrong << "\nthe shortest that was found:\n"
                      << to_string(few) << outcome(dir_.str(), few, GetParam());
        break;
      }
      if (only != 0) break;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    Model, ModelMountsTest,
    testing::Values(Scenario{"ByRoot", true, false, true}, Scenario{"ByNobody", true, true, true},
                    Scenario{"ByNobodyReadAfterwards", true, true, false},
                    Scenario{"ByRootReadMeanwhile", true, false, true, true},
                    Scenario{"ByNobodyReadMeanwhile", true, true, true, true},
                    Scenario{"ByRootFiltered", true, false, true, false, true},
                    Scenario{"ByNobodyFiltered", true, true, true, false, true},
                    Scenario{"ByNobodyFilteredMeanwhile", true, true, true, true, true},
                    Scenario{"ByRootOfSeveral", true, false, true, false, false, true},
                    Scenario{"ByNobodyOfSeveral", true, true, true, false, false, true}),
    [](const auto& scenario) { return std::string(scenario.param.name); });

}  // namespace
