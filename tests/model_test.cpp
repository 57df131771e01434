// Random operations by one to three processes at full speed, against a watcher that reads all the
// while, or when all is over (and more has happened, at times, than the queue holds). Whatever
// happens, when the queue is empty the replayed stream equals the disk, every directory reports a
// new file at its path, the table equals the kernel's, and of the place outside nothing is told.
//
// INOTIFY_MODEL_SEEDS (default 4) and INOTIFY_MODEL_OPERATIONS (default 2000) make it longer;
// INOTIFY_MODEL_SEED repeats one seed. A failure is followed by the shortest list of operations that
// fails, as far as INOTIFY_MODEL_SHRINK seconds (default 60) are enough to find it.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/churn.hpp"
#include "support/contract.hpp"
#include "support/shrink.hpp"

namespace model_of_a_tree {
namespace {

using test::Churn;
using test::Contract;
using test::number;
using test::Operation;
using test::SecondProcess;

// An operation, and which process does it; number 0 has ended before the watcher starts.
struct Step {
  int writer;
  Operation operation;
};
using Steps = std::vector<Step>;

enum class Reading { meanwhile, afterwards };

struct Scenario {
  int writers = 1;
  Reading reading = Reading::meanwhile;
  inotify::DirectoryFilter filter{};
};

// Paths are relative to the directory that holds `in` and `out`.
Steps draw(std::uint64_t seed, int writers, int operations) {
  Steps steps;
  const auto add = [&](int writer, std::uint64_t its_seed, int count) {
    for (Operation& one : Churn("in", "out", its_seed).draw(count)) {
      steps.push_back({writer, std::move(one)});
    }
  };
  add(0, seed, 200);
  for (int i = 1; i <= writers; ++i) {
    add(i, seed * 31 + static_cast<unsigned>(i), operations / writers);
  }
  return steps;
}

std::string to_string(const Steps& steps) {
  std::string text;
  for (const Step& step : steps) {
    const std::string who =
        step.writer == 0 ? "before: " : "process " + std::to_string(step.writer) + ": ";
    text += "  " + who + test::to_string(step.operation) + '\n';
  }
  return text;
}

// What a process has to do.
auto work_of(int writer, const Steps& steps, const Contract& contract) {
  return [&, writer] {
    std::filesystem::current_path(std::filesystem::path(contract.in()).parent_path());
    for (const Step& step : steps) {
      if (step.writer == writer) test::perform(step.operation);
    }
  };
}

void run(const Steps& steps, const Scenario& scenario) {
  Contract contract({.add_filter = scenario.filter, .overflow = inotify::OverflowPolicy::announce});
  for (SecondProcess before(work_of(0, steps, contract)); before.is_running();) {
  }
  contract.start();
  std::list<SecondProcess> processes;
  for (int i = 1; i <= scenario.writers; ++i) {
    processes.emplace_back(work_of(i, steps, contract), std::chrono::minutes(10));
  }
  while (!processes.empty()) {
    if (scenario.reading == Reading::meanwhile) contract.step();
    processes.remove_if([](SecondProcess& process) { return !process.is_running(); });
  }
  contract.drain();
  contract.check_silent(contract.out());
  contract.check();
}

// What is wrong when that is done; nothing if all is well.
std::string outcome(const Steps& steps, const Scenario& scenario) {
  testing::TestPartResultArray results;
  std::string text;
  try {
    using testing::ScopedFakeTestPartResultReporter;
    ScopedFakeTestPartResultReporter reporter(
        ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
    run(steps, scenario);
  } catch (const std::exception& error) {
    text = std::string("threw: ") + error.what() + '\n';
  }
  for (int i = 0; i < results.size(); ++i) {
    if (results.GetTestPartResult(i).failed()) text += results.GetTestPartResult(i).message();
  }
  return text;
}

// The shortest steps to be found that fail at least once in a few runs: some failures are races.
Steps shortest(const Steps& steps, const Scenario& scenario) {
  constexpr int runs = 8;
  const std::chrono::seconds limit(number("INOTIFY_MODEL_SHRINK", 60));
  const auto fails = [&](const Steps& some) {
    for (int i = 0; i < runs; ++i) {
      if (!outcome(some, scenario).empty()) return true;
    }
    return false;
  };
  return test::shrink(steps, fails, std::chrono::steady_clock::now() + limit);
}

class ModelTest : public testing::TestWithParam<std::tuple<int, Reading>> {};

TEST_P(ModelTest, A1_A2_A3_A4_A7_A10_A14_TheReplayedStreamIsTheDisk) {
  const int only = number("INOTIFY_MODEL_SEED", 0);
  const int seeds = only != 0 ? 1 : number("INOTIFY_MODEL_SEEDS", 4);
  const int operations = number("INOTIFY_MODEL_OPERATIONS", 2000);
  const Scenario scenario{std::get<int>(GetParam()), std::get<Reading>(GetParam())};
  for (int i = 1; i <= seeds && !HasFailure(); ++i) {
    const auto seed = static_cast<std::uint64_t>(only != 0 ? only : i);
    const Steps steps = draw(seed, scenario.writers, operations);
    const std::string wrong = outcome(steps, scenario);
    if (wrong.empty()) continue;
    const Steps few = shortest(steps, scenario);
    ADD_FAILURE() << "INOTIFY_MODEL_SEED=" << seed << '\n'
                  << wrong << "\nthe shortest of " << steps.size()
                  << " operations that was found:\n"
                  << to_string(few) << outcome(few, scenario);
  }
}

INSTANTIATE_TEST_SUITE_P(Model, ModelTest,
                         testing::Combine(testing::Values(1, 2, 3),
                                          testing::Values(Reading::meanwhile, Reading::afterwards)),
                         [](const auto& scenario) {
                           const bool meanwhile =
                               std::get<Reading>(scenario.param) == Reading::meanwhile;
                           return std::to_string(std::get<int>(scenario.param)) + "Writers" +
                                  (meanwhile ? "ReadMeanwhile" : "ReadAfterwards");
                         });

// A model that cannot fail proves nothing: a watcher that does not look into directories named c is
// found out, and the shortest proof is one operation.
TEST(Model, FindsTheShortestListThatFails) {
  const Scenario blind{1, Reading::meanwhile, [](const inotify::Event& event) {
                         return !event.fullpath.ends_with("/in/c");
                       }};
  Steps steps = draw(1, 1, 60);
  steps.push_back({1, {Operation::Kind::remove_all, "in/c"}});
  steps.push_back({1, {Operation::Kind::make_directory, "in/c"}});
  ASSERT_NE(outcome(steps, blind), "");
  const Steps few = shortest(steps, blind);
  ASSERT_EQ(few.size(), 1U) << to_string(few);
  const auto& paths = few[0].operation;
  EXPECT_TRUE(paths.path == "in/c" || paths.other == "in/c") << to_string(few);
  EXPECT_EQ(outcome(few, {}), "") << "with open eyes";
}

TEST(Shrink, LeavesWhatIsNeeded) {
  std::vector<int> list(1000);
  for (int i = 0; i < 1000; ++i) list[static_cast<std::size_t>(i)] = i;
  const auto fails = [](const std::vector<int>& some) {
    const auto has = [&](int one) {
      return std::find(some.begin(), some.end(), one) != some.end();
    };
    return has(3) && has(500) && has(501) && has(999);
  };
  const auto never = std::chrono::steady_clock::time_point::max();
  EXPECT_EQ(test::shrink(list, fails, never), (std::vector{3, 500, 501, 999}));
  EXPECT_EQ(test::shrink(list, fails, {}), list) << "no time";
  EXPECT_EQ(test::shrink(
                list, [](const auto&) { return true; }, never),
            std::vector<int>{});
}

}  // namespace
}  // namespace model_of_a_tree
