// A watched tree, a place outside of it, and a consumer who replays the stream: what the promises
// of AutoWatcher are proved with.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/queue_limit.hpp"
#include "support/replay.hpp"
#include "support/temp_dir.hpp"

namespace test {

/// What the promises about the stream need, and the end of writing.
constexpr inotify::Mask contract_mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE;

/// How long anything may take at most.
inline constexpr std::chrono::seconds deadline{INOTIFY_TEST_DEADLINE};

/// The number in an environment variable.
int number(const char* variable, int otherwise);

/// How often a race is run: $INOTIFY_ROUNDS, else a number that is quick.
int rounds(int otherwise);

// ---- the disk; whatever fails throws, so that a test does what it says

void make_dirs(const fs::path& path);

void move(const fs::path& from, const fs::path& to);

void exchange(const fs::path& one, const fs::path& other);

/// "~MOVED_TO|... b/ <- a/ [error]": ~ for synthetic, / for directories, paths relative to `base`.
std::string brief(const inotify::Event& event, const std::string& base);

/// What two trees do not have in common, a line for each path, and the number of those beyond the
/// first few.
std::string difference(const Tree& ours, const Tree& disk);

/// The two halves of a rename that know of each other stand back to back: FROM x, TO y; of an
/// exchange FROM x, FROM y, TO y, TO x.
class Halves {
 public:
  /// What is wrong with the next event, or nothing.
  std::string next(const inotify::Event& event);

  [[nodiscard]] bool is_open() const { return !open_.empty(); }

 private:
  struct Half {
    std::uint32_t cookie;
    std::string from;
    std::string to;
  };
  std::vector<Half> open_;
  bool is_closing_ = false;
};

/// Gives the inotify descriptor away, for comparison with what the kernel knows of it.
class Probe : public inotify::AutoWatcher {
 public:
  using AutoWatcher::AutoWatcher;
  [[nodiscard]] int inotify_fd() const { return instance_.fileno(); }
};

/// The directories `in`, which is watched, and `out`, which is not; the watcher, and its consumer.
class Contract {
 public:
  explicit Contract(inotify::AutoWatcher::Options options = {}, inotify::Mask mask = contract_mask);

  [[nodiscard]] std::string in(std::string_view path = {}) const { return below("in", path); }
  [[nodiscard]] std::string out(std::string_view path = {}) const { return below("out", path); }
  [[nodiscard]] Probe& watcher() { return *watcher_; }
  [[nodiscard]] const Replay& replay() const { return replay_; }

  /// Watches what is in `in` by now; the consumer knows it.
  void start() { start_at(in()); }
  /// The same, and the consumer is told what there is, if the watcher's options say so.
  void start_knowing_nothing();
  /// The same for a further root, which must not lie in another.
  void start_at(const std::string& root);

  /// One read() of what is there; whether there was anything.
  bool step();

  /// Reads until nothing is left, and returns what was told since the last drain().
  std::vector<std::string> drain();

  /// With the queue empty: the replayed stream equals the disk, nothing was created twice, the
  /// table equals the kernel's, and every directory reports a new file at its path.
  void check();

  /// The same without the stream: the table equals the kernel's, and every directory reports.
  void check_watches();

  /// Empties both directories, with all that was told so far.
  void clear();

  /// With the queue empty: whatever is done in `directory` and below, not even the kernel has
  /// anything to tell.
  void check_silent(const fs::path& directory);

  /// The number of times that was told.
  [[nodiscard]] std::size_t count_told(std::string_view line) const;

  /// What was told of a path and of the directories it lies in; of the last events, if they are
  /// few, all.
  [[nodiscard]] std::string log_of(const std::string& path) const;

 private:
  [[nodiscard]] std::string below(const char* top, std::string_view path) const;

  // Whether what failed is to be looked for in the queue.
  [[nodiscard]] std::string queue() const;

  [[nodiscard]] bool is_inside(std::string_view path) const;

  [[nodiscard]] Tree disk() const;

  static std::string path_in(const std::string& wrong);

  bool speaks_of_above(const std::string& line, const std::string& path) const;

  // Every directory is watched, once, under its own path, and nothing else is.
  void check_table(const Tree& now);

  void check_coverage(const Tree& now);

  TempDir dir_;
  inotify::Mask mask_;
  QueueLimit queue_limit_;  // before the watcher
  std::unique_ptr<Probe> watcher_;
  std::size_t overflows_ = 0;
  std::vector<std::string> roots_;
  Replay replay_;
  Halves halves_;
  std::vector<std::string> told_;
};

/// A second process that does its work at full speed. What it throws is a failure; so is taking too
/// long.
class SecondProcess {
 public:
  explicit SecondProcess(const std::function<void()>& work, std::chrono::seconds limit = deadline);
  SecondProcess(const SecondProcess&) = delete;
  SecondProcess& operator=(const SecondProcess&) = delete;
  ~SecondProcess() {
    if (pid_ > 0) end();
  }

  /// Asks, and does not wait.
  [[nodiscard]] bool is_running();

 private:
  void end();

  pid_t pid_;
  std::chrono::steady_clock::time_point deadline_;
};

/// Reads while a second process does `work`, and then what is left; returns what was told.
std::vector<std::string> race(Contract& contract, const std::function<void()>& work);

/// A race, `count` times with one watcher: `prepare(contract)` what is there before,
/// `work(contract, round)` in a second process while we read, `expect(contract, told)` something of
/// what was told.
void race_in_rounds(int count, const std::function<void(Contract&)>& prepare,
                    const std::function<void(Contract&, int)>& work,
                    const std::function<void(Contract&, const std::vector<std::string>&)>& expect);

/// For race_in_rounds.
constexpr auto nothing_before = [](const Contract&) {};
constexpr auto nothing_more = [](const Contract&, const std::vector<std::string>&) {};

/// The promises are tested on a tree that is empty, unless a test fills it before it calls start().
class ContractTest : public testing::Test {
 protected:
  [[nodiscard]] std::string in(std::string_view path = {}) const { return contract_.in(path); }
  [[nodiscard]] std::string out(std::string_view path = {}) const { return contract_.out(path); }
  void start() { contract_.start(); }
  std::vector<std::string> drain() { return contract_.drain(); }
  void check() { contract_.check(); }

  Contract contract_;
};

}  // namespace test
