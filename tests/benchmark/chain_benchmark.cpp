// A chain of directories: what it costs to follow, beside what it costs to write its paths once.
//
// The text of the paths is quadratic in the depth: nothing else may be. So `cpu` over `text`, which is
// given as `ratio`, must not grow with the depth.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <inotify/inotify.hpp>
#include <memory>
#include <string>
#include <utility>

#include "benchmark/meter.hpp"
#include "support/chain.hpp"

namespace {

using namespace std::chrono_literals;

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE;

std::size_t take(inotify::Watcher& watcher) {
  std::size_t events = 0;
  for (auto batch = watcher.read(0ms); !batch.empty(); batch = watcher.read(0ms))
    events += batch.size();
  return events;
}

// The twin: each path is written once, into a few megabytes that are used again and again.
double text_seconds(const std::string& root, std::size_t levels, const std::string& name) {
  constexpr std::size_t room = std::size_t{8} << 20;
  const auto ring = std::make_unique<char[]>(room);
  std::memset(ring.get(), 1, room);
  std::string path = root;
  std::size_t at = 0;
  const double begin = bench::cpu_seconds();
  for (std::size_t i = 0; i < levels; ++i) {
    path.append("/").append(name);
    if (room - at <= path.size()) at = 0;
    std::memcpy(ring.get() + at, path.c_str(), path.size() + 1);
    at += path.size() + 1;
    benchmark::ClobberMemory();
  }
  return bench::cpu_seconds() - begin;
}

template <class Follow>
void run(benchmark::State& state, Follow follow) {
  const auto levels = static_cast<std::size_t>(state.range(0));
  const auto name_size = static_cast<std::size_t>(state.range(1));
  double text = 0;
  double cpu = 0;
  std::size_t watches = 0;
  for ([[maybe_unused]] auto _ : state) {
    const test::TempDir temp;
    text += text_seconds(temp.str(), levels, std::string(name_size, 'd'));
    const auto [seconds, number] = follow(temp, levels, name_size);
    cpu += seconds;
    watches = number;
    state.SetIterationTime(seconds);
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["text_ms"] = text / rounds * 1e3;
  state.counters["cpu_ms"] = cpu / rounds * 1e3;
  state.counters["ratio"] = cpu / text;
  state.counters["us_per_level"] = cpu / rounds * 1e6 / static_cast<double>(levels);
  state.counters["watches"] = static_cast<double>(watches);
}

using Result = std::pair<double, std::size_t>;

// Made below a watched root, and read then.
Result live(const test::TempDir& temp, std::size_t levels, std::size_t name_size) {
  inotify::AutoWatcher watcher;
  watcher.add_all(temp.path(), mask);
  const test::Chain chain(temp.path(), levels, name_size);
  const double begin = bench::cpu_seconds();
  take(watcher);
  return {bench::cpu_seconds() - begin, watcher.num_watches()};
}

Result announced(const test::TempDir& temp, std::size_t levels, std::size_t name_size) {
  const test::Chain chain(temp.path(), levels, name_size);
  inotify::AutoWatcher::Options options;
  options.announce = true;
  inotify::AutoWatcher watcher(std::move(options));
  const double begin = bench::cpu_seconds();
  watcher.add_all(temp.path(), mask);
  take(watcher);
  return {bench::cpu_seconds() - begin, watcher.num_watches()};
}

template <class Any>
Result plain(const test::TempDir& temp, std::size_t levels, std::size_t name_size) {
  const test::Chain chain(temp.path(), levels, name_size);
  Any watcher;
  const double begin = bench::cpu_seconds();
  watcher.add_all(temp.path(), mask, [](const std::filesystem::filesystem_error& /*error*/) {});
  return {bench::cpu_seconds() - begin, watcher.num_watches()};
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"levels", "name"})
      ->ArgsProduct({{2'000, 4'000, 8'000}, {1, 250}})
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(1);
}

BENCHMARK_CAPTURE(run, live, live)->Name("chain/live")->Apply(sizes);
BENCHMARK_CAPTURE(run, announced, announced)->Name("chain/announced")->Apply(sizes);
BENCHMARK_CAPTURE(run, plain_auto, plain<inotify::AutoWatcher>)
    ->Name("chain/add_all/AutoWatcher")
    ->Apply(sizes);
BENCHMARK_CAPTURE(run, plain, plain<inotify::Watcher>)->Name("chain/add_all/Watcher")->Apply(sizes);

}  // namespace
