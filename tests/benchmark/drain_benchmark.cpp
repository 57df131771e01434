// Reading a queue that is full: CPU time per event, full paths delivered.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <inotify/inotify.hpp>
#include <random>

#include "benchmark/raw.hpp"
#include "benchmark/sysctl.hpp"
#include "benchmark/tree.hpp"
#include "benchmark/twins.hpp"

namespace {

using namespace std::chrono_literals;

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

// Fills the queue, measures `drain`, and takes the files away again when nobody watches any more.
template <class Any, class Drain>
bench::Work round(Any watcher, const std::vector<std::string>& files, bench::Meter& meter,
                  Drain drain) {
  bench::Work work;
  for (const std::string& file : files) bench::touch(file);
  meter.measure([&] { drain(watcher, work); });
  { const Any closed = std::move(watcher); }
  for (const std::string& file : files) ::unlink(file.c_str());
  return work;
}

// In a timed round the least that shows that the path is there; in the check all of it.
auto consumer(const bench::Meter& meter, bench::Work& work) {
  return [is_check = meter.is_check(), &work](inotify::Mask bits, std::string_view fullpath) {
    if (is_check) return work.add_event(bits, fullpath);
    ++work.events;
    work.checksum += fullpath.size() + static_cast<unsigned char>(fullpath.back());
  };
}

template <class Any>
bench::Contender library(const bench::Tree& tree, const std::vector<std::string>& files) {
  return {"library", [&](bench::Meter& meter) {
            Any watcher;
            watcher.add_all(tree.root(), mask);
            return round(std::move(watcher), files, meter, [&](Any& any, bench::Work& work) {
              const auto consume = consumer(meter, work);
              for (auto events = any.read(0ms); !events.empty(); events = any.read(0ms)) {
                for (const inotify::Event& event : events) consume(event.mask, event.fullpath);
              }
            });
          }};
}

bench::Contender raw(const bench::Tree& tree, const std::vector<std::string>& files) {
  return {"raw", [&](bench::Meter& meter) {
            bench::Raw twin;
            twin.add_all(tree.root(), mask, bench::Raw::Names::relative, bench::Raw::Keep::paths);
            return round(std::move(twin), files, meter, [&](bench::Raw& any, bench::Work& work) {
              const auto consume = consumer(meter, work);
              while (any.read(consume) > 0) {
              }
            });
          }};
}

template <class Any>
void drain(benchmark::State& state) {
  const bench::Sysctl queue("max_queued_events", 400'000);
  const auto most = static_cast<std::size_t>(queue.value()) / events_per_file;
  const bench::Tree tree(static_cast<std::size_t>(state.range(0)), 0);
  const auto files = files_of(tree, std::min<std::size_t>(100'000, most));
  bench::compare(state, static_cast<double>(files.size() * events_per_file),
                 {library<Any>(tree, files), raw(tree, files)});
}

void rounds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Iterations(15)->UseManualTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(drain<inotify::AutoWatcher>)->Name("drain/AutoWatcher")->Arg(1'000)->Apply(rounds);
BENCHMARK(drain<inotify::AutoWatcher>)->Name("drain/AutoWatcher")->Arg(100'000)->Apply(rounds);
BENCHMARK(drain<inotify::Watcher>)->Name("drain/Watcher")->Arg(1'000)->Apply(rounds);
BENCHMARK(drain<inotify::Watcher>)->Name("drain/Watcher")->Arg(100'000)->Apply(rounds);

}  // namespace
