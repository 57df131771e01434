// A17: whatever a system call answers, the outcome is right, or an error that names its cause with the
// object usable after it, or a hole told aloud that heals. Each call that a scripted run makes fails in
// turn, once and from then on for good, with each errno that it may well fail with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <inotify/inotify.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "support/close_later.hpp"
#include "support/faults.hpp"
#include "support/kernel_table.hpp"
#include "support/scene.hpp"
#include "support/temp_dir.hpp"

namespace {

using test::Call;
using test::Fault;
using test::Scene;
using test::Variant;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// What the kernel may well answer; not what would be a lie, such as ENOENT of what exists.
struct Failure {
  Call call;
  std::vector<int> errors;
};
const std::vector<Failure> all_failures = {
    {Call::init, {EMFILE, ENFILE, ENOMEM}},
    {Call::eventfd, {EMFILE, ENFILE, ENOMEM}},
    {Call::epoll_create, {EMFILE, ENFILE, ENOMEM}},
    {Call::epoll_ctl, {ENOMEM, ENOSPC}},
    {Call::add_watch, {ENOSPC, ENOMEM, EINTR, EACCES}},
    {Call::rm_watch, {EINVAL}},
    {Call::read, {EINTR, EIO, ENOMEM}},
    {Call::write, {EINTR}},
    {Call::poll, {EINTR, ENOMEM}},
    {Call::ioctl, {ENOTTY}},
    {Call::open, {EMFILE, ENFILE, ENOMEM}},
    {Call::openat, {EMFILE, ENFILE, ENOMEM, EINTR, EIO, EACCES}},
    {Call::getdents, {EIO, EINTR, ENOMEM}},
    {Call::lseek, {EIO}},
    {Call::fstat, {EIO, ENOMEM}},
    {Call::fstatat, {EIO, EINTR, ENOMEM}},
    {Call::fstatfs, {EIO, ENOSYS}},
    {Call::fcntl, {EMFILE}},
    {Call::readlinkat, {EIO, ENOMEM}},
    {Call::unshare, {EPERM, ENOMEM}},
    {Call::fchdir, {EACCES, EIO}},
    {Call::close, {EIO, EINTR}},
};

// One failure that is planned, and whether anything has told of it.
class Plan {
 public:
  Plan(Call call, int error, int nth, int times)
      : error_(error), fault_(std::in_place, call, error, nth, times) {}

  // Makes a call of the library; false if an error came out, which must name the cause.
  bool attempt(const std::function<void()>& call) {
    const Working working(*this);
    try {
      call();
      return true;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), error_) << error.what();
      is_told_ = true;
      return false;
    }
  }
  void lift() {
    hits_ = fault_->hits();
    fault_.reset();
  }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] bool is_told() const { return is_told_; }
  [[nodiscard]] int hits() const { return fault_ ? fault_->hits() : hits_; }

 private:
  // All but the library's work is done while the fault is suspended.
  class Working {
   public:
    explicit Working(Plan& plan) : plan_(plan) { plan_.suspended_.reset(); }
    ~Working() { plan_.suspended_.emplace(); }

   private:
    Plan& plan_;
  };

  int error_;
  std::optional<Fault> fault_;
  std::optional<Fault::Suspended> suspended_{std::in_place};
  bool is_told_ = false;
  int hits_ = 0;
};

// Calls `run(plan)` for each failure that it can meet, but those that would be a lie of `but`.
template <class Run>
void sweep(Run run, const std::function<bool(Call, int)>& but = {}) {
  for (const Failure& failure : all_failures) {
    for (const int error : failure.errors) {
      for (const int times : {1, test::for_ever}) {
        // No signal comes for ever; and for good one errno of a call is as good as another.
        if (times != 1 && (error == EINTR || error != failure.errors.front())) continue;
        if (but && but(failure.call, error)) continue;
        int hits = 1;
        for (int nth = 1; hits > 0; ++nth) {
          SCOPED_TRACE(std::string(test::name_of(failure.call)) + " number " + std::to_string(nth) +
                       (times == 1 ? "" : " and all that follow") + ": " +
                       std::generic_category().message(error));
          Plan plan(failure.call, error, nth, times);
          run(plan);
          hits = plan.hits();
          if (testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

constexpr int most_failures = 3;  // of one call in a row: then it fails for good

// ---- AutoWatcher

using Act = std::function<void(Scene&)>;

void play(const Variant& variant, const Act& act) {
  sweep([&](Plan& plan) {
    Scene scene(
        variant, [&](const auto& call) { return plan.attempt(call); }, most_failures);
    const bool is_made = scene.make();
    if (is_made) {
      scene.add_root(scene.in());
      scene.drain();
      act(scene);
      scene.drain();
      for (const int cause : scene.holes()) EXPECT_EQ(cause, plan.error());
      // What is not told must be right.
      if (!plan.is_told() && scene.holes().empty()) scene.check();
    }
    plan.lift();
    if (!is_made) scene.make();
    if (scene.roots().empty()) scene.add_root(scene.in());
    scene.insist([&] { scene.watcher().retry_holes(); });
    scene.drain();
    scene.check();
  });
}

constexpr Variant announcing{.announce = true};
constexpr Variant reporting{.announce = false, .has_filter = true};

TEST(FaultSweep, A17_AddAll) {
  for (const std::size_t threads : {0U, 1U})
    play({.announce = true, .threads = threads}, [](Scene&) {});
  play({.announce = false, .threads = 1}, [](Scene&) {});
}

TEST(FaultSweep, A17_WhatIsMadeIsFollowed) {
  play(announcing, [](Scene& scene) {
    fs::create_directories(scene.in("m/n/o"));
    test::write_file(scene.in("m/n/f"));
  });
}

TEST(FaultSweep, A17_RenamesAreFollowed) {
  play(announcing, [](Scene& scene) {
    test::move(scene.in("a/b"), scene.in("x/b"));
    fs::create_directory(scene.in("E"));
    test::move(scene.in("d"), scene.in("E/d"));
    test::exchange(scene.in("a"), scene.in("x"));
  });
}

TEST(FaultSweep, A17_WhatMovesInOrOutIsFollowed) {
  play(reporting, [](Scene& scene) {
    fs::create_directories(scene.out("q/r"));
    test::write_file(scene.out("q/r/f"));
    test::move(scene.in("a"), scene.out("a"));
    test::move(scene.out("q"), scene.in("a"));
  });
}

TEST(FaultSweep, A17_AnOverflowIsRepaired) {
  play(announcing, [](Scene& scene) {
    fs::create_directories(scene.in("m/n"));
    test::move(scene.in("a/b"), scene.in("d/b"));
    fs::remove_all(scene.in("x"));
    Fault::lose_what_is_queued();
    scene.drain();
    Fault::loses() = false;
  });
}

// ---- Watcher

using Lines = std::vector<std::string>;

struct Watched {
  Watched() {
    for (const char* path : {"a/s", "b", "t/u/v", "t/w"}) fs::create_directories(dir / path);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() {
    if (watcher) test::close_later(watcher->fileno());
  }
  bool insist(Plan& plan, const std::function<void()>& call) const {
    for (int i = 0; i < most_failures; ++i) {
      if (plan.attempt(call)) return true;
    }
    return false;
  }
  void make(Plan& plan) {
    insist(plan, [&] { watcher.emplace(); });
  }
  void add(Plan& plan, const char* path) {
    insist(plan, [&] { watcher->add(dir / path, mask); });
  }
  void add_tree(Plan& plan, const char* path) {
    insist(plan, [&] { watcher->add_all(dir / path, mask); });
  }
  void drain(Plan& plan) {
    for (int failures = 0; failures < most_failures;) {
      std::span<const inotify::Event> events;
      if (!plan.attempt([&] { events = watcher->read(0ms); })) {
        ++failures;
        continue;
      }
      if (events.empty()) return;
      for (const inotify::Event& event : events) {
        std::string line = inotify::to_string(event.mask) + ' ' + relative(event.fullpath);
        if (!event.moved_from.empty()) line += " <- " + relative(event.moved_from);
        lines.push_back(line);
      }
    }
  }
  [[nodiscard]] std::string relative(std::string_view path) const {
    return std::string(path.substr(std::min(path.size(), dir.str().size())));
  }
  // With all that could not be added added: every directory reports under its path.
  void check(Plan& plan) {
    for (const char* path : {"a/s", "a"}) {  // if not both halves of its rename could be seen
      if (watcher->path(dir / path)) insist(plan, [&] { watcher->remove_path(dir / path); });
    }
    drain(plan);
    for (const char* path : {".", "b", "b/c", "b/c/s"}) add(plan, path);
    add_tree(plan, "t");
    drain(plan);
    EXPECT_EQ(test::audit_on_disk(*watcher), "");
    std::set<std::string> expected;
    for (const char* path :
         {"probe", "b/probe", "b/c/probe", "b/c/s/probe", "t/probe", "t/w/probe"}) {
      test::write_file(dir / path);
      expected.insert(std::string("IN_CREATE /") + path);
    }
    lines.clear();
    drain(plan);
    EXPECT_EQ(std::set(lines.begin(), lines.end()), expected);
  }

  static constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE;
  test::TempDir dir;
  std::optional<inotify::Watcher> watcher;
  Lines lines;
};

// Runs the script, and returns what was told.
Lines watch(Watched& scene, Plan& plan) {
  scene.make(plan);
  if (!scene.watcher) return {};
  for (const char* path : {".", "a", "a/s", "b"}) scene.add(plan, path);
  scene.add_tree(plan, "t");
  fs::rename(scene.dir / "a", scene.dir / "b/c");
  scene.drain(plan);
  fs::rename(scene.dir / "t/u", scene.dir / "t/w/u");
  test::write_file(scene.dir / "t/w/u/v/f");
  fs::remove_all(scene.dir / "t/w/u");
  scene.drain(plan);
  return scene.lines;
}

TEST(FaultSweep, A17_AWatcherLosesNothing) {
  Lines expected;
  {
    Watched scene;
    Plan nothing(Call::init, EMFILE, test::for_ever, 1);
    expected = watch(scene, nothing);
    ASSERT_FALSE(expected.empty());
  }
  sweep([&](Plan& plan) {
    Watched scene;
    const Lines lines = watch(scene, plan);
    if (!plan.is_told()) {
      EXPECT_EQ(lines, expected);
    }
    plan.lift();
    if (!scene.watcher) {
      scene.make(plan);
      fs::remove_all(scene.dir / "a");
      fs::create_directories(scene.dir / "b/c/s");
    }
    scene.check(plan);
  });
}

// ---- FileWatch

// What must not be read is none to a reader, and so no error of a FileWatch.
bool is_no_reader(Call call, int error) {
  return (call == Call::add_watch || call == Call::openat) && error == EACCES;
}

TEST(FaultSweep, A17_AFileWatchIsNotBlindAfterwards) {
  sweep(
      [](Plan& plan) {
        const test::TempDir dir;
        const fs::path path = dir / "conf/app.conf";
        fs::create_directories(dir / "one");
        fs::create_directories(dir / "two");
        fs::create_directory_symlink(dir / "one", dir / "conf");
        std::optional<inotify::FileWatch> watch;
        const auto make = [&] {
          for (int i = 0; !watch && i < most_failures; ++i)
            plan.attempt([&] { watch.emplace(path); });
        };
        const auto is_told = [&] {
          bool was_told = false;
          for (int failures = 0; failures < most_failures;) {
            auto change = inotify::FileChange::none;
            if (!plan.attempt([&] { change = watch->read(0ms); })) {
              ++failures;
              continue;
            }
            if (change == inotify::FileChange::none) break;
            was_told = true;
          }
          return was_told;
        };
        const auto expect = [&](const char* what) {
          const bool is_new = watch && is_told();
          if (plan.is_told()) return;  // of the error
          EXPECT_TRUE(is_new) << what;
          EXPECT_EQ(watch->exists(), fs::exists(path)) << what;
        };
        make();
        test::write_file(path, "1");
        expect("made");
        test::write_file(dir / "two/app.conf", "2");
        fs::create_directory_symlink(dir / "two", dir / "next");
        fs::rename(dir / "next", dir / "conf");
        expect("behind a symlink that was swapped");
        fs::remove(path);
        expect("removed");
        plan.lift();
        make();
        is_told();
        EXPECT_EQ(watch->exists(), fs::exists(path));
        for (const char* content : {"3", "4"}) {
          test::write_file(path, content);
          EXPECT_TRUE(is_told());
          EXPECT_TRUE(watch->exists());
        }
        test::close_later(watch->fileno());
      },
      is_no_reader);
}

// ---- what hands events on

struct Letters {
  Letters() { watcher.add(dir.path(), IN_CREATE); }
  Letters(const Letters&) = delete;
  Letters& operator=(const Letters&) = delete;
  ~Letters() { test::close_later(watcher.fileno()); }
  void create(std::string_view names) const {
    for (const char name : names) test::write_file(dir / std::string(1, name));
  }
  test::TempDir dir;
  inotify::Watcher watcher;
  std::string noted;
};

TEST(FaultSweep, A17_AnEventQueueDropsNothing) {
  struct Handler : inotify::EventQueue::Handler {
    explicit Handler(std::string& noted) : noted_(noted) {}
    void on_file(const inotify::OwnedEvent& event) override { noted_ += event.name; }
    void on_directory(const inotify::OwnedEvent&) override { noted_ += '?'; }
    void on_notice(const inotify::OwnedEvent&) override { noted_ += '?'; }
    std::string& noted_;
  };
  sweep([](Plan& plan) {
    Letters letters;
    letters.create("abcdef");
    inotify::EventQueue queue(letters.watcher, 2);
    Handler handler(letters.noted);
    const auto run = [&] {
      for (int i = 0; i < 8; ++i) {
        plan.attempt([&] { queue.fill(0ms); });
        plan.attempt([&] { queue.handle_queued(handler); });
      }
    };
    run();
    if (!plan.is_told()) {
      EXPECT_EQ(letters.noted, "abcdef");
    }
    plan.lift();
    run();
    EXPECT_EQ(letters.noted, "abcdef");
  });
}

TEST(FaultSweep, A17_AThreadedNotifierTellsAndDropsNothing) {
  sweep([](Plan& plan) {
    Letters letters;
    letters.create("abcdef");
    const auto handler = [&](const inotify::Event& event) { letters.noted += event.name; };
    std::optional<inotify::ThreadedNotifier> notifier;
    const auto run = [&] {
      for (int i = 0; i < most_failures; ++i) {
        plan.attempt([&] {
          if (!notifier)
            notifier.emplace(letters.watcher, handler, inotify::NotifierOptions{.timeout = 0ms});
          notifier->start([](inotify::Notifier&) { return true; });
          notifier->join();
        });
      }
    };
    run();
    if (!plan.is_told()) {
      EXPECT_EQ(letters.noted, "abcdef");
    }
    plan.lift();
    run();
    EXPECT_EQ(letters.noted, "abcdef");
  });
}

}  // namespace
