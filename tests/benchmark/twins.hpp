// The library and its twins in raw system calls, measured by turns.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "benchmark/meter.hpp"

namespace bench {

/// What a contender has done: the same for all, or the comparison means nothing.
struct Work {
  std::size_t watches = 0;
  std::size_t events = 0;
  std::uint64_t checksum = 0;  // of paths, and of masks where there are events

  bool operator==(const Work&) const = default;

  void add_path(std::string_view path) { checksum += std::hash<std::string_view>{}(path); }
  /// In any order: who looks at /proc/PID/fd holds what is open there for a moment, and so an
  /// IN_CLOSE_WRITE may come after an event or two of the next file.
  void add_event(std::uint32_t mask, std::string_view path) {
    ++events;
    checksum += (std::hash<std::string_view>{}(path) ^ mask) * 0x9E3779B97F4A7C15;
  }
};

/// Measures one round of one contender.
class Meter {
 public:
  enum class What { time, syscalls };

  explicit Meter(What what) : what_(what) {}

  /// Whether this round is for checking: then all paths are looked at, and nothing is timed.
  [[nodiscard]] bool is_check() const noexcept { return what_ == What::syscalls; }

  /// Does what is to be measured.
  template <class Do>
  void measure(Do what_to_do) {
    if (is_check()) {
      const Syscalls syscalls;
      what_to_do();
      syscalls_ = syscalls.count();
    } else {
      const double begin = cpu_seconds();
      what_to_do();
      seconds_ += cpu_seconds() - begin;
    }
  }

  [[nodiscard]] double seconds() const noexcept { return seconds_; }
  [[nodiscard]] std::optional<std::uint64_t> syscalls() const noexcept { return syscalls_; }

 private:
  What what_;
  double seconds_ = 0;
  std::optional<std::uint64_t> syscalls_;
};

struct Contender {
  std::string name;
  std::function<Work(Meter&)> run;  // prepares, measures, cleans up
};

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Runs all contenders in each iteration, one after the other, forwards and backwards by turns, and
/// reports for each the median of its CPU time and its system calls per unit, and for those after the
/// first the median of the ratios of the first's time to its own: those of one iteration have met the
/// same neighbours on the machine. An iteration's time is that of the first.
inline void compare(benchmark::State& state, double units,
                    const std::vector<Contender>& contenders) {
  std::optional<Work> first;
  for (const auto& [name, run] : contenders) {
    Meter meter(Meter::What::syscalls);
    const Work work = run(meter);
    if (first && work != *first) {
      state.SkipWithError(
          (contenders.front().name + " and " + name + " did not do the same").c_str());
      return;
    }
    first = work;
    if (meter.syscalls())
      state.counters[name + "_syscalls"] = static_cast<double>(*meter.syscalls()) / units;
  }

  std::vector<std::vector<double>> seconds(contenders.size());
  for ([[maybe_unused]] auto _ : state) {
    const bool is_forwards = seconds[0].size() % 2 == 0;
    for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
      const std::size_t i = is_forwards ? turn : contenders.size() - 1 - turn;
      Meter meter(Meter::What::time);
      contenders[i].run(meter);
      seconds[i].push_back(meter.seconds());
    }
    state.SetIterationTime(seconds[0].back());
  }
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    const std::string& name = contenders[i].name;
    state.counters[name + "_us"] = median(seconds[i]) * 1e6 / units;
    if (i == 0) continue;
    std::vector<double> ratios;
    for (std::size_t round = 0; round < seconds[0].size(); ++round)
      ratios.push_back(seconds[0][round] / seconds[i][round]);
    state.counters["ratio_to_" + name] = median(ratios);
  }
}

}  // namespace bench
