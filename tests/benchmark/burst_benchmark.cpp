// mkdir -p at full speed: a directory is made before its parent can be watched.
#include <benchmark/benchmark.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <atomic>
#include <inotify/inotify.hpp>
#include <string>
#include <thread>
#include <vector>

#include "benchmark/meter.hpp"
#include "benchmark/twins.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;

constexpr int chains = 4'000;
constexpr int depth = 5;
constexpr std::size_t directories = chains * depth;

// mkdir -p 0/d/d/d/d 1/d/d/d/d ... below `root`.
void make_chains(const std::string& root) {
  for (int i = 0; i < chains; ++i) {
    std::string path = root + '/' + std::to_string(i);
    for (int level = 0; level < depth; ++level, path += "/d") ::mkdir(path.c_str(), 0755);
  }
}

struct Cost {
  double cpu = 0;   // seconds of the reading thread,
  double user = 0;  // and the user part of it
  std::size_t found = 0;
  std::size_t events = 0;
  bool overflowed = false;
};

// `read(cost)` takes what is there, or waits a moment; until the writer is done and nothing is left.
template <class Read>
Cost follow(const std::string& root, Read read) {
  Cost cost;
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    make_chains(root);
    done = true;
  });
  const double cpu = bench::cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  const double user = bench::user_seconds();
  for (bool was_done = false; read(cost) || !was_done;) was_done = done;
  cost.cpu = bench::cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
  cost.user = bench::user_seconds() - user;
  return cost;
}

Cost library() {
  const test::TempDir temp;
  inotify::AutoWatcher watcher;
  watcher.add_all(temp.path(), IN_CREATE | IN_DELETE | IN_MOVE);
  Cost cost = follow(temp.str(), [&](Cost& sum) {
    const auto events = watcher.read(1ms);
    for (const inotify::Event& event : events) {
      sum.overflowed = sum.overflowed || event.is_overflow();
      sum.found += event.is_create();
    }
    sum.events += events.size();
    return !events.empty();
  });
  if (watcher.num_watches() != directories + 1) cost.found = watcher.num_watches();
  return cost;
}

// The least follower there can be: adds and lists what appears, knows a directory again by its watch
// descriptor, and is right only as long as nothing but mkdir(2) happens.
class Follower {
 public:
  explicit Follower(const std::string& root)
      : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), buffer_(64 * 1024) {
    enter(root);
  }

  bool read(Cost& cost) {
    pollfd ready{fd_.get(), POLLIN, 0};
    ssize_t size = ::read(fd_.get(), buffer_.data(), buffer_.size());
    if (size <= 0 && ::poll(&ready, 1, 1) > 0)
      size = ::read(fd_.get(), buffer_.data(), buffer_.size());
    for (const inotify::RawEvent& event : inotify::RawEvents(std::as_bytes(
             std::span(buffer_.data(), size > 0 ? static_cast<std::size_t>(size) : 0)))) {
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        cost.overflowed = true;
      } else {
        enter(paths_[static_cast<std::size_t>(event.wd)] + '/' + std::string(event.name));
      }
    }
    cost.found = found_ - 1;
    cost.events = found_ - 1;
    return size > 0;
  }

 private:
  void enter(const std::string& path) {
    const int wd = ::inotify_add_watch(fd_.get(), path.c_str(), IN_CREATE | IN_ONLYDIR);
    if (wd < 0) return;
    const auto index = static_cast<std::size_t>(wd);
    if (index >= paths_.size()) paths_.resize(2 * index);
    if (!paths_[index].empty()) return;
    paths_[index] = path;
    ++found_;
    std::vector<std::string> names;
    const inotify::detail::UniqueFd directory(
        ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (ssize_t size = 0;
         (size = ::getdents64(directory.get(), list_.data(), list_.size())) > 0;) {
      const dirent64* entry = nullptr;
      for (ssize_t at = 0; at < size; at += entry->d_reclen) {
        entry = reinterpret_cast<const dirent64*>(list_.data() + at);
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
      }
    }
    for (const std::string& name : names) enter(path + '/' + name);
  }

  inotify::detail::UniqueFd fd_;
  std::vector<char> buffer_;
  std::vector<char> list_ = std::vector<char>(64 * 1024);
  std::vector<std::string> paths_;
  std::size_t found_ = 0;
};

Cost raw() {
  const test::TempDir temp;
  Follower follower(temp.str());
  return follow(temp.str(), [&](Cost& sum) { return follower.read(sum); });
}

void burst(benchmark::State& state) {
  std::vector<double> library_cpu, library_user, raw_cpu, raw_user;
  int missed = 0;
  int overflowed = 0;
  for ([[maybe_unused]] auto _ : state) {
    const Cost ours = library();
    const Cost theirs = raw();
    missed += ours.found != directories;
    overflowed += ours.overflowed;
    library_cpu.push_back(ours.cpu);
    library_user.push_back(ours.user);
    raw_cpu.push_back(theirs.cpu);
    raw_user.push_back(theirs.user);
    state.SetIterationTime(ours.cpu);
  }
  const auto us = [](const std::vector<double>& seconds) {
    return bench::median(seconds) * 1e6 / static_cast<double>(directories);
  };
  state.counters["runs_with_a_miss"] = missed;
  state.counters["runs_with_overflow"] = overflowed;
  state.counters["library_us"] = us(library_cpu);
  state.counters["library_user_us"] = us(library_user);
  state.counters["raw_us"] = us(raw_cpu);
  state.counters["raw_user_us"] = us(raw_user);
}

BENCHMARK(burst)
    ->Name("burst/mkdir_p")
    ->Iterations(30)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
