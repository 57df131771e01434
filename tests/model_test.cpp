// Random operations by one to three processes at full speed, against a watcher that reads all the
// while. Whatever happens, when the queue is empty the replayed stream equals the disk, every
// directory reports a new file at its path, and the table equals the kernel's.
//
// INOTIFY_MODEL_SEEDS (default 12) and INOTIFY_MODEL_OPERATIONS (default 2000) make it longer;
// INOTIFY_MODEL_SEED repeats one seed.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <string>

#include "support/churn.hpp"
#include "support/contract.hpp"

namespace {

using test::Churn;
using test::Contract;
using test::number;
using test::SecondProcess;

class Model {
 public:
  explicit Model(std::uint64_t seed) : seed_(seed) {
    Churn(contract_.in(), contract_.out(), seed).run(200);
    contract_.start();
  }

  void run(int writers, int operations) {
    std::list<SecondProcess> processes;
    for (int i = 0; i < writers; ++i) {
      const auto work = [&] {
        const std::uint64_t seed = seed_ * 31 + static_cast<unsigned>(i) + 1;
        Churn(contract_.in(), contract_.out(), seed).run(operations / writers);
      };
      processes.emplace_back(work, std::chrono::minutes(10));
    }
    while (!processes.empty()) {
      contract_.step();
      processes.remove_if([](SecondProcess& process) { return !process.is_running(); });
    }
    contract_.drain();
  }

  void check() { contract_.check(); }

 private:
  std::uint64_t seed_;
  Contract contract_;
};

class ModelTest : public testing::TestWithParam<int> {};

TEST_P(ModelTest, A1_A2_A3_A4_A14_TheReplayedStreamIsTheDisk) {
  const int only = number("INOTIFY_MODEL_SEED", 0);
  const int seeds = only != 0 ? 1 : number("INOTIFY_MODEL_SEEDS", 12);
  const int operations = number("INOTIFY_MODEL_OPERATIONS", 2000);
  for (int i = 1; i <= seeds && !HasFailure(); ++i) {
    const auto seed = static_cast<std::uint64_t>(only != 0 ? only : i);
    SCOPED_TRACE("INOTIFY_MODEL_SEED=" + std::to_string(seed));
    Model model(seed);
    model.run(GetParam(), operations);
    model.check();
  }
}

INSTANTIATE_TEST_SUITE_P(Writers, ModelTest, testing::Values(1, 2, 3));

}  // namespace
