// A stream of events as they happen: how soon one is read, and what 20,000 a second cost.
#include <benchmark/benchmark.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <inotify/inotify.hpp>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

#include "benchmark/meter.hpp"
#include "benchmark/raw.hpp"
#include "benchmark/sysctl.hpp"
#include "benchmark/twins.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr inotify::Mask mask = IN_ATTRIB;

// Two files, changed by turns, so that no event merges with the one before [14].
class Files {
 public:
  Files() {
    for (const std::string& path : paths_) test::write_file(path);
  }
  [[nodiscard]] std::string directory() const { return temp_.str(); }
  void change() { ::chmod(paths_[++count_ % 2].c_str(), 0644); }

 private:
  test::TempDir temp_;
  std::array<std::string, 2> paths_{temp_.str() + "/a", temp_.str() + "/b"};
  std::size_t count_ = 0;
};

// A blocking read(2), and the paths.
struct Blocking {
  explicit Blocking(const std::string& directory) {
    raw.add_all(directory, mask, bench::Raw::Keep::paths);
  }
  std::size_t read() {
    return raw.read([](inotify::Mask, std::string_view) {});
  }
  bench::Raw raw{0};
};

template <class Any>
struct Plain {
  explicit Plain(const std::string& directory) { watcher.add_all(directory, mask); }
  std::size_t read() { return watcher.read().size(); }
  Any watcher;
};

// ---- latency

template <class Reader>
double median_latency(int rounds) {
  Files files;
  Reader reader(files.directory());
  std::binary_semaphore go(0);
  std::atomic<Clock::time_point> begin{};
  std::jthread writer([&] {
    for (int i = 0; i < rounds; ++i) {
      go.acquire();
      std::this_thread::sleep_for(100us);  // by then the reader waits
      begin = Clock::now();
      files.change();
    }
  });
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    go.release();
    reader.read();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin.load()).count());
  }
  return bench::median(seconds);
}

void latency(benchmark::State& state) {
  constexpr int events = 1'000;
  std::array<std::vector<double>, 3> p50;
  for ([[maybe_unused]] auto _ : state) {
    p50[0].push_back(median_latency<Plain<inotify::AutoWatcher>>(events));
    p50[1].push_back(median_latency<Plain<inotify::Watcher>>(events));
    p50[2].push_back(median_latency<Blocking>(events));
    state.SetIterationTime(p50[0].back());
  }
  state.counters["AutoWatcher_us"] = bench::median(p50[0]) * 1e6;
  state.counters["Watcher_us"] = bench::median(p50[1]) * 1e6;
  state.counters["raw_us"] = bench::median(p50[2]) * 1e6;
}

// ---- 20,000 events a second

constexpr std::size_t stream_events = 40'000;
constexpr long pause_ns = 50'000;

// One event each 50 us; what a late wake-up missed is made up for.
void write_stream(Files& files, const std::atomic<bool>& go) {
  ::prctl(PR_SET_TIMERSLACK, 1);
  while (!go) std::this_thread::yield();
  timespec next{};
  ::clock_gettime(CLOCK_MONOTONIC, &next);
  for (std::size_t i = 0; i < stream_events; ++i) {
    files.change();
    next.tv_nsec += pause_ns;
    if (next.tv_nsec >= 1'000'000'000) {
      next.tv_nsec -= 1'000'000'000;
      ++next.tv_sec;
    }
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
  }
}

// Calls `read` until all events have come; returns the CPU seconds or the number of system calls of
// this thread.
template <class Read>
double follow(Files& files, bench::Meter::What what, Read read) {
  std::atomic<bool> go = false;
  std::jthread writer([&] { write_stream(files, go); });
  const auto all = [&] {
    go = true;
    for (std::size_t count = 0, last = 1; count < stream_events; count += last) {
      last = read();
      if (last == 0) throw std::runtime_error("not all events were read");
    }
  };
  if (what == bench::Meter::What::syscalls) {
    const bench::Syscalls syscalls;
    all();
    return static_cast<double>(syscalls.count().value_or(0));
  }
  const double begin = bench::cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  all();
  return bench::cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
}

template <class Reader>
double plain(bench::Meter::What what) {
  Files files;
  Reader reader(files.directory());
  return follow(files, what, [&] { return reader.read(); });
}

template <class Make>
void stream(benchmark::State& state, Make make) {
  using What = bench::Meter::What;
  constexpr double per_100k = 1e5 / static_cast<double>(stream_events);
  std::vector<double> seconds;
  for ([[maybe_unused]] auto _ : state) {
    seconds.push_back(make(What::time));
    state.SetIterationTime(seconds.back());
  }
  state.counters["cpu_ms_per_100k"] = bench::median(seconds) * 1e3 * per_100k;
  if (const double calls = make(What::syscalls); calls > 0)
    state.counters["syscalls_per_100k"] = calls * per_100k;
}

template <class Any>
void batched(benchmark::State& state) {
  const bench::Sysctl queue("max_queued_events", stream_events);  // a second holds 20,000
  stream(state, [&](bench::Meter::What what) {
    Files files;
    Any watcher;
    watcher.add_all(files.directory(), mask);
    const auto enough = static_cast<std::size_t>(state.range(0));
    const std::chrono::milliseconds wait(state.range(1));
    const std::chrono::milliseconds look(state.range(2));
    inotify::BatchReader reader(watcher,
                                {.threshold = enough == 0 ? inotify::BatchReader::never : enough,
                                 .max_delay = wait,
                                 .poll_interval = look});
    return follow(files, what, [&] { return reader.read(5s).size(); });
  });
}

void rounds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Iterations(3)->UseManualTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(latency)
    ->Name("latency/p50")
    ->Iterations(5)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(stream, raw, plain<Blocking>)->Name("stream/raw")->Apply(rounds);
BENCHMARK_CAPTURE(stream, Watcher, plain<Plain<inotify::Watcher>>)
    ->Name("stream/Watcher")
    ->Apply(rounds);
BENCHMARK_CAPTURE(stream, AutoWatcher, plain<Plain<inotify::AutoWatcher>>)
    ->Name("stream/AutoWatcher")
    ->Apply(rounds);
BENCHMARK(batched<inotify::AutoWatcher>)
    ->Name("stream/BatchReader")
    ->ArgNames({"enough", "wait_ms", "look_ms"})
    ->Args({0, 5, 5})
    ->Args({0, 20, 20})
    ->Args({0, 100, 100})
    ->Args({512, 1000, 1000})
    ->Args({4096, 100, 1})
    ->Args({16384, 100, 5})
    ->Args({65536, 1000, 5})
    ->Args({262144, 1000, 5})
    ->Apply(rounds);

}  // namespace
