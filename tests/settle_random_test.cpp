// Replaying what Settle tells gives the disk, whatever was done to it.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <inotify/auto_watcher.hpp>
#include <inotify/detail/motion.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/churn.hpp"
#include "support/contract.hpp"
#include "support/replay.hpp"
#include "support/stream.hpp"
#include "support/temp_dir.hpp"

namespace settle_random {
namespace {

using inotify::detail::Motion;
using namespace std::chrono_literals;

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE;

/// A tree, its watcher, and a consumer who is told by a Motion; the clock is the test's.
class Model {
 public:
  explicit Model(bool ends_when_finished)
      : motion_({.quiet = 10s, .at_most = 30s, .ends_when_finished = ends_when_finished}) {
    test::make_dirs(dir_ / "in");
    test::make_dirs(dir_ / "out");
    watcher_.add_all(dir_ / "in", mask);
  }

  [[nodiscard]] test::Churn churn(std::uint64_t seed) const {
    return {dir_ / "in", dir_ / "out", seed};
  }

  void pass(std::chrono::seconds time) { now_ += time; }

  void read() {
    while (true) {
      const auto events = watcher_.read(0ms);
      if (events.empty()) break;
      for (const inotify::Event& event : events) read_.push_back(test::brief(event, dir_.str()));
      motion_.take(events, now_);
      read_.push_back("-- taken");
      motion_.tell_due(now_);
      replay();
    }
    motion_.tell_due(now_);
    replay();
  }

  void finish() {
    read();
    motion_.tell_all();
    replay();
    EXPECT_EQ(motion_.size(), 0U);
    check();
  }

 private:
  void check() const {
    const auto wrong = test::difference(replay_.tree(), test::tree_on_disk(dir_ / "in"));
    if (wrong.empty()) return;
    std::string lines;
    for (const std::string& line : read_) lines += "\n  " + line;
    lines += "\nand told:";
    for (const std::string& line : told_) lines += "\n  " + line;
    ADD_FAILURE() << wrong << "read:" << lines;
  }

  void replay() {
    for (const inotify::OwnedEvent& event : motion_.told()) {
      replay_.apply(event.view());
      told_.push_back(test::brief(event.view(), dir_.str()));
    }
    if (!motion_.told().empty()) read_.push_back("-- told " + std::to_string(told_.size()));
    motion_.clear_told();
  }

  test::TempDir dir_;
  inotify::AutoWatcher watcher_;
  Motion motion_;
  Motion::Time now_{};
  test::Replay replay_;
  std::vector<std::string> read_;
  std::vector<std::string> told_;
};

// Events in no sense and order, as a queue that has overflowed may hold them.
void run_nonsense(std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto pick = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  const auto path = [&] {
    std::string text = pick(8) == 0 ? "" : "/r";
    for (unsigned depth = 1 + pick(4); depth > 0; --depth) text += "/" + std::to_string(pick(3));
    return text;
  };
  Motion motion({.quiet = 3s, .at_most = 9s, .ends_when_finished = pick(2) == 0});
  Motion::Time now{};
  for (unsigned round = 0; round < 60; ++round) {
    test::Stream stream;
    for (unsigned i = pick(12); i > 0; --i) {
      const inotify::Mask flags = pick(2) == 0 ? inotify::Mask{IN_ISDIR} : 0U;
      inotify::OwnedEvent& event = stream.add((1U << pick(12)) | flags, path());
      if (pick(2) == 0) event.mask |= 1U << pick(12);
      event.cookie = pick(3);
      if (pick(2) == 0) event.moved_to = path();
      if (pick(2) == 0) event.moved_from = path();
      if (pick(30) == 0) event.path.clear();
      if (pick(60) == 0) stream.hole(path());
    }
    motion.take(stream.events(), now);
    if (pick(2) == 0) motion.tell_due(now);
    now += std::chrono::seconds(pick(3));
    motion.clear_told();
  }
  motion.tell_all();
  EXPECT_EQ(motion.size(), 0U);
  EXPECT_FALSE(motion.next_due());
}

// Some operations, then some time, again and again; by then much has settled and much has not.
void run(std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto pick = [&](unsigned count) { return static_cast<int>(random() % count); };
  Model model(pick(3) == 0);
  test::Churn churn = model.churn(random());
  for (int round = 4 + pick(12); round > 0; --round) {
    churn.run(1 + pick(12));
    model.read();
    model.pass(std::chrono::seconds(pick(12)));
    if (pick(2) == 0) model.read();
    if (pick(6) == 0) model.finish();
  }
  model.finish();
}

TEST(SettleRandom, ReplayingWhatIsToldGivesTheDisk) {
  for (int seed = 1; seed <= test::rounds(150) && !testing::Test::HasFailure(); ++seed)
    run(static_cast<std::uint64_t>(seed));
}

TEST(SettleRandom, NonsenseHarmsNobody) {
  for (int seed = 1; seed <= test::rounds(150) && !testing::Test::HasFailure(); ++seed)
    run_nonsense(static_cast<std::uint64_t>(seed));
}

}  // namespace
}  // namespace settle_random
