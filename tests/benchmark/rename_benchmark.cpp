// Renaming a directory: it must cost the same however much lies below.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <inotify/detail/watch_table.hpp>
#include <inotify/inotify.hpp>
#include <string>
#include <tuple>

#include "benchmark/raw.hpp"
#include "benchmark/tree.hpp"
#include "benchmark/twins.hpp"

namespace {

using namespace std::chrono_literals;

// The table alone.
void table_rename(benchmark::State& state) {
  const auto below = static_cast<std::size_t>(state.range(0));
  inotify::detail::WatchTable table;
  const auto top = table.ensure("/top");
  const auto moved = table.ensure("/top/there");
  table.bind(top, 1, IN_CREATE);
  table.bind(moved, 2, IN_CREATE);
  for (std::size_t i = 0; i < below; ++i) {
    const std::string path = "/top/there/" + std::to_string(i % 100) + '/' + std::to_string(i);
    table.bind(table.ensure(path), static_cast<int>(i) + 3, IN_CREATE);
  }
  bool is_there = true;
  for ([[maybe_unused]] auto _ : state) {
    is_there = !is_there;
    table.rename(moved, top, is_there ? "there" : "back");
  }
}

constexpr int renames = 4'000;

// Many directories, each renamed once.
void rename_each(const std::string& root, bool forth) {
  for (int i = 0; i < renames; ++i) {
    const std::string old_name = root + '/' + std::to_string(i);
    const std::string new_name = old_name + "-new";
    const auto& [from, to] = forth ? std::tie(old_name, new_name) : std::tie(new_name, old_name);
    std::rename(from.c_str(), to.c_str());
  }
}

// One directory, there and back: the hardest case, for each pair could be an exchange [19].
void rename_one(const std::string& root, bool /*forth*/) {
  const std::string one = root + "/0";
  const std::string other = root + "/0-new";
  for (int i = 0; i < renames / 2; ++i) {
    std::rename(one.c_str(), other.c_str());
    std::rename(other.c_str(), one.c_str());
  }
}

// Reading them: both halves with full paths, and the MOVE_SELF of the watch. The twin reads the same
// records without understanding them: its paths are wrong from then on.
void read_renames(benchmark::State& state, void (*rename)(const std::string&, bool)) {
  const test::TempDir temp;
  for (int i = 0; i < renames; ++i) {
    for (const char* below : {"/a", "/b", "/c"})
      std::filesystem::create_directories(temp.str() + '/' + std::to_string(i) + below);
  }
  bool forth = false;
  const auto measure = [&](bench::Meter& meter, auto read) {
    forth = !forth;
    rename(temp.str(), forth);
    bench::Work work;
    meter.measure([&] {
      for (std::size_t count = 1; count != 0; work.events += count) count = read();
    });
    return work;
  };
  const auto library = [&](bench::Meter& meter) {
    inotify::AutoWatcher watcher;
    watcher.add_all(temp.path(), IN_MOVE | IN_MOVE_SELF);
    return measure(meter, [&] { return watcher.read(0ms).size(); });
  };
  const auto raw = [&](bench::Meter& meter) {
    bench::Raw twin;
    twin.add_all(temp.str(), IN_MOVE | IN_MOVE_SELF, bench::Raw::Keep::paths);
    return measure(meter, [&] { return twin.read([](inotify::Mask, std::string_view) {}); });
  };
  bench::compare(state, renames, {{"library", library}, {"raw", raw}});
}

void rounds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Iterations(9)->UseManualTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(table_rename)->Name("rename/table")->Arg(10)->Arg(10'000);
BENCHMARK_CAPTURE(read_renames, each, rename_each)->Name("rename/read/each_once")->Apply(rounds);
BENCHMARK_CAPTURE(read_renames, one, rename_one)->Name("rename/read/there_and_back")->Apply(rounds);

}  // namespace
