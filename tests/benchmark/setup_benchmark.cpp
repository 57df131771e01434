// Watching a tree that exists: CPU time and system calls per directory.
#include <benchmark/benchmark.h>

#include <array>
#include <ctime>
#include <inotify/inotify.hpp>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/raw.hpp"
#include "benchmark/tree.hpp"
#include "benchmark/twins.hpp"

namespace {

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE;

template <class Any>
bench::Contender library(const bench::Tree& tree) {
  return {"library", [&tree](bench::Meter& meter) {
            Any watcher;
            meter.measure([&] { watcher.add_all(tree.root(), mask); });
            bench::Work work{.watches = watcher.num_watches()};
            if (meter.is_check()) {
              for (const auto& watch : watcher.watches()) work.add_path(watch.path);
            }
            return work;
          }};
}

bench::Contender raw(const bench::Tree& tree) {
  return {"raw", [&tree](bench::Meter& meter) {
            using Keep = bench::Raw::Keep;
            bench::Raw twin;
            const Keep keep = meter.is_check() ? Keep::paths : Keep::nothing;
            meter.measure([&] { twin.add_all(tree.root(), mask, keep); });
            bench::Work work{.watches = twin.num_watches()};
            for (const std::string& path : twin.paths()) {
              if (!path.empty()) work.add_path(path);
            }
            return work;
          }};
}

template <class Any>
void set_up(benchmark::State& state) {
  const auto directories = static_cast<std::size_t>(state.range(0));
  const bench::Tree tree(directories, static_cast<std::size_t>(state.range(1)));
  bench::compare(state, static_cast<double>(directories), {library<Any>(tree), raw(tree)});
}

// What AutoWatcher::Options::threads buys: the time that passes, too, for CPU time only grows.
void threads(benchmark::State& state) {
  const auto directories = static_cast<std::size_t>(state.range(0));
  const bench::Tree tree(directories, static_cast<std::size_t>(state.range(1)));
  constexpr std::size_t most = 2;
  std::array<std::vector<double>, most + 1> passed;
  std::array<std::vector<double>, most + 1> cpu;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t count = 0; count <= most; ++count) {
      inotify::AutoWatcher::Options options;
      options.threads = count;
      inotify::AutoWatcher watcher(std::move(options));
      const double cpu_begin = bench::cpu_seconds();
      const double begin = bench::cpu_seconds(CLOCK_MONOTONIC);
      watcher.add_all(tree.root(), mask);
      passed[count].push_back(bench::cpu_seconds(CLOCK_MONOTONIC) - begin);
      cpu[count].push_back(bench::cpu_seconds() - cpu_begin);
    }
    state.SetIterationTime(passed[1].back());
  }
  const double each = 1e6 / static_cast<double>(directories);
  for (std::size_t count = 0; count <= most; ++count) {
    const std::string name = "threads_" + std::to_string(count);
    state.counters[name + "_us"] = bench::median(passed[count]) * each;
    state.counters[name + "_cpu_us"] = bench::median(cpu[count]) * each;
  }
}

void small(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({10'000, 50'000})->Iterations(61)->UseManualTime()->Unit(benchmark::kMillisecond);
}

void large(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({100'000, 300'000})
      ->Iterations(31)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

BENCHMARK(threads)->Name("threads/small")->Apply(small);
BENCHMARK(threads)->Name("threads/large")->Apply(large);
BENCHMARK(set_up<inotify::AutoWatcher>)->Name("set_up/AutoWatcher/small")->Apply(small);
BENCHMARK(set_up<inotify::AutoWatcher>)->Name("set_up/AutoWatcher/large")->Apply(large);
BENCHMARK(set_up<inotify::Watcher>)->Name("set_up/Watcher/small")->Apply(small);
BENCHMARK(set_up<inotify::Watcher>)->Name("set_up/Watcher/large")->Apply(large);

}  // namespace
