// Heap per watch, and whether churn leaves it as it was.
#include <benchmark/benchmark.h>
#include <sys/stat.h>
#include <unistd.h>

#include <inotify/inotify.hpp>
#include <string>
#include <unordered_map>

#include "benchmark/meter.hpp"
#include "benchmark/tree.hpp"

namespace {

using namespace std::chrono_literals;

constexpr inotify::Mask mask = IN_CREATE | IN_DELETE | IN_MOVE;

// The twin: the least that a reader without a table of names writes down.
double heap_of_plain_map(const bench::Tree& tree) {
  const std::size_t before = bench::heap_in_use();
  std::unordered_map<int, std::string> paths;
  for (const std::string& path : tree.directories()) {
    paths.emplace(static_cast<int>(paths.size()), path);
  }
  return static_cast<double>(bench::heap_in_use() - before);
}

template <class Any>
void heap(benchmark::State& state) {
  const auto directories = static_cast<std::size_t>(state.range(0));
  const bench::Tree tree(directories, 0);
  double bytes = 0;
  double names = 0;
  for (const std::string& path : tree.directories())
    names += static_cast<double>(path.size() - path.rfind('/') - 1);
  for ([[maybe_unused]] auto _ : state) {
    const std::size_t before = bench::heap_in_use();
    Any watcher;
    watcher.add_all(tree.root(), mask);
    bytes = static_cast<double>(bench::heap_in_use() - before);
    if (watcher.num_watches() != directories) state.SkipWithError("not all are watched");
  }
  const auto units = static_cast<double>(directories);
  state.counters["bytes_per_watch"] = bytes / units;
  state.counters["name_bytes"] = names / units;
  state.counters["plain_map_bytes"] = heap_of_plain_map(tree) / units;
}

// Makes and removes directories, always new ones, while they are followed: watch descriptors grow
// for ever [4], memory must not.
void churn(benchmark::State& state) {
  constexpr int rounds = 20;
  constexpr int directories = 5'000;
  const test::TempDir temp;
  inotify::AutoWatcher watcher;
  watcher.add_all(temp.path(), mask);
  const auto turn = [&](int round) {
    const auto path = [&](int i) {
      return temp.str() + "/" + std::to_string(round * directories + i);
    };
    const auto drain = [&] {
      while (!watcher.read(0ms).empty()) {
      }
    };
    for (int i = 0; i < directories; ++i) ::mkdir(path(i).c_str(), 0755);
    drain();
    if (watcher.num_watches() != directories + 1) state.SkipWithError("not all are watched");
    for (int i = 0; i < directories; ++i) ::rmdir(path(i).c_str());
    drain();
  };
  for ([[maybe_unused]] auto _ : state) {
    turn(0);
    const std::size_t before = bench::heap_in_use();
    for (int round = 1; round < rounds; ++round) turn(round);
    const std::size_t after = bench::heap_in_use();
    state.counters["heap_after_first"] = static_cast<double>(before);
    state.counters["heap_after_last"] = static_cast<double>(after);
    state.counters["watches_made"] = rounds * directories;
  }
}

BENCHMARK(heap<inotify::AutoWatcher>)
    ->Name("heap/AutoWatcher")
    ->Arg(100'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(heap<inotify::Watcher>)
    ->Name("heap/Watcher")
    ->Arg(100'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(churn)->Name("heap/churn")->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
