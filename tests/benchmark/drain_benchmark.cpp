// Reading a queue that is full: CPU time per event, full paths delivered.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <inotify/inotify.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/drain.hpp"
#include "benchmark/raw.hpp"
#include "benchmark/sysctl.hpp"
#include "benchmark/tree.hpp"
#include "benchmark/twins.hpp"

namespace {

constexpr inotify::Mask mask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE;
constexpr std::size_t events_per_file = 3;

// Files to be made, in directories drawn at random.
std::vector<std::string> files_of(const bench::Tree& tree, std::size_t count) {
  std::mt19937_64 random(2);
  std::vector<std::string> files;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& directories = tree.directories();
    files.push_back(directories[random() % directories.size()] + "/made-" + std::to_string(i));
  }
  return files;
}

// In a timed round the least that shows that the path is there; in the check all of it.
auto consumer(const bench::Meter& meter, bench::Work& work) {
  return [is_check = meter.is_check(), &work](inotify::Mask bits, std::string_view fullpath) {
    if (is_check) return work.add_event(bits, fullpath);
    ++work.events;
    work.checksum += fullpath.size() + static_cast<unsigned char>(fullpath.back());
  };
}

// Both watch the same tree, so what fills one queue fills the other, too.
template <class Any>
void drain(benchmark::State& state) {
  const bench::Sysctl queue("max_queued_events", 400'000);
  const bench::Sysctl watches("max_user_watches", 400'000);  // for two
  const auto most = static_cast<std::size_t>(queue.value()) / events_per_file;
  const bench::Tree tree(static_cast<std::size_t>(state.range(0)), 0);
  const auto files = files_of(tree, std::min<std::size_t>(100'000, most));
  Any library;
  library.add_all(tree.root(), mask);
  bench::Raw raw;
  raw.add_all(tree.root(), mask, bench::Raw::Keep::paths);

  const auto fill = [&] {
    const auto nothing = [](inotify::Mask, std::string_view) {};
    for (const std::string& file : files) ::unlink(file.c_str());
    bench::drain(library, nothing);
    bench::drain(raw, nothing);
    for (const std::string& file : files) bench::touch(file);
  };
  std::size_t filled = 0;
  const auto contender = [&](const char* name, auto& any) {
    return bench::Contender{name, [&, round = std::size_t{0}](bench::Meter& meter) mutable {
                              if (++round > filled) {
                                fill();
                                filled = round;
                              }
                              bench::Work work;
                              const auto consume = consumer(meter, work);
                              meter.measure([&] { bench::drain(any, consume); });
                              return work;
                            }};
  };
  bench::compare(state, static_cast<double>(files.size() * events_per_file),
                 {contender("library", library), contender("raw", raw)});
}

void rounds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Iterations(41)->UseManualTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(drain<inotify::AutoWatcher>)->Name("drain/AutoWatcher")->Arg(1'000)->Apply(rounds);
BENCHMARK(drain<inotify::AutoWatcher>)->Name("drain/AutoWatcher")->Arg(100'000)->Apply(rounds);
BENCHMARK(drain<inotify::Watcher>)->Name("drain/Watcher")->Arg(1'000)->Apply(rounds);
BENCHMARK(drain<inotify::Watcher>)->Name("drain/Watcher")->Arg(100'000)->Apply(rounds);

}  // namespace
