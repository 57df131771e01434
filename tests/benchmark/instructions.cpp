// The work whose user instructions are counted, per directory and per event, by a tool that sees
// every one of them:
//
//     valgrind --tool=callgrind --toggle-collect=measured inotify_instructions drain AutoWatcher
//
// prints how many directories or events that were; the tool, how many instructions in measured(). It
// counts for each thread by itself: how those of a set-up's own thread are added, `run` shows.
// `settle` reads what happens to files in motion through a Settle, and `read` the same without one.
#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <inotify/inotify.hpp>

#include "benchmark/drain.hpp"
#include "benchmark/raw.hpp"
#include "benchmark/tree.hpp"

namespace {

constexpr inotify::Mask mask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE;
constexpr std::size_t directories = 2'000;

void add_all(inotify::Watcher& watcher, const std::string& root) { watcher.add_all(root, mask); }

void add_all(bench::Raw& raw, const std::string& root) {
  raw.add_all(root, mask, bench::Raw::Keep::paths);
}

template <class Any>
Any make(const bench::Tree&) {
  return Any();
}

// AutoWatchers with a filter that refuses nothing: a function, and the lines of a usual project.
struct AnyFilter : inotify::AutoWatcher {
  using AutoWatcher::AutoWatcher;
};
struct IgnoreFilter : inotify::AutoWatcher {
  using AutoWatcher::AutoWatcher;
};

template <>
AnyFilter make(const bench::Tree&) {
  AnyFilter::Options options;
  options.add_filter = [](const inotify::Event&) { return true; };
  return AnyFilter(std::move(options));
}

template <>
IgnoreFilter make(const bench::Tree& tree) {
  std::ofstream(tree.root() + "/.gitignore")
      << "# what is built\n/build/\n*.o\n*.so\n*.a\n*.swp\n__pycache__/\nnode_modules/\n"
         ".cache/\n/dist\ndocs/_build/\n!keep.o\n";
  IgnoreFilter::Options options;
  options.add_filter = inotify::IgnoreFilter::from_gitignore(tree.root());
  return IgnoreFilter(std::move(options));
}

// Files in many directories, as many as the default queue holds.
void make_files(const bench::Tree& tree) {
  for (std::size_t i = 0; i < 5'000; ++i) {
    bench::touch(tree.directories()[i * 7 % directories] + "/made-" + std::to_string(i));
  }
}

}  // namespace

// What the tool counts.
extern "C" __attribute__((noinline)) void measured(void (*work)(void*), void* context) {
  work(context);
}

namespace {

template <class Do>
void measure(Do what_to_do) {
  // The compiler shall not make copies of it, of which the tool does not know.
  void (*volatile tool_counts)(void (*)(void*), void*) = measured;
  tool_counts([](void* context) { (*static_cast<Do*>(context))(); }, &what_to_do);
}

// 300,000 events of 1,000 files all over the tree: each is opened, written and closed 100 times.
std::size_t run_rounds(inotify::Watcher& watcher, inotify::Watcher& twin, bool settles) {
  using namespace std::chrono_literals;
  constexpr inotify::Mask content = IN_OPEN | IN_MODIFY | IN_CLOSE_WRITE;
  const bench::Tree tree(directories, 3 * directories);
  watcher.add_all(tree.root(), content);
  twin.add_all(tree.root(), content);  // which counts
  inotify::Settle settle(watcher, {.quiet = 1h, .at_most = 1h});
  const auto read = [&] {
    do {
      settles ? settle.read(0ms) : watcher.read(0ms);
    } while (watcher.is_behind());
  };
  std::size_t count = 0;
  for (int round = -2; round < 100; ++round) {
    for (std::size_t i = 0; i < 1'000; ++i) bench::touch(tree.directories()[i] + "/again");
    const std::size_t events = bench::drain(twin, [](inotify::Mask, std::string_view) {});
    if (round < 0) {  // sets them in motion, and allocates what the steady state has
      read();
    } else {
      measure(read);
      count += events;
    }
  }
  return count;
}

template <class Any>
std::size_t run(std::string_view work) {
  if constexpr (std::is_base_of_v<inotify::Watcher, Any>) {
    Any watcher;
    Any twin;
    if (work == "settle" || work == "read") return run_rounds(watcher, twin, work == "settle");
  }
  const bench::Tree tree(directories, 3 * directories);
  Any any = make<Any>(tree);
  if (work == "set_up") {
    measure([&] { add_all(any, tree.root()); });
    return any.num_watches();
  }
  add_all(any, tree.root());
  std::size_t count = 0;
  std::size_t bytes = 0;
  const auto drain = [&] {
    const auto consume = [&](inotify::Mask, std::string_view fullpath) {
      bytes += fullpath.size() + static_cast<unsigned char>(fullpath.back());
    };
    count = bench::drain(any, consume);
  };
  make_files(tree);
  drain();  // allocates what the steady state has
  count = 0;
  for (const std::string& directory : tree.directories()) bench::touch(directory + "/again");
  measure(drain);
  if (bytes == 0) throw std::runtime_error("no paths");
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view work = argc == 3 ? argv[1] : "";
  const std::string_view who = argc == 3 ? argv[2] : "";
  constexpr std::array<std::string_view, 4> works = {"set_up", "drain", "settle", "read"};
  if (std::find(works.begin(), works.end(), work) == works.end()) return 2;
  std::cout << (who == "AutoWatcher"    ? run<inotify::AutoWatcher>(work)
                : who == "Watcher"      ? run<inotify::Watcher>(work)
                : who == "IgnoreFilter" ? run<IgnoreFilter>(work)
                : who == "AnyFilter"    ? run<AnyFilter>(work)
                                        : run<bench::Raw>(work))
            << '\n';
}
