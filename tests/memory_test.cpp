// A17: wherever memory runs out, std::bad_alloc comes out, nothing is leaked, and what follows goes on:
// nothing is lost, or it is told that it was. Each allocation of a run fails in turn, once and several
// times in a row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <inotify/detail/look_ahead.hpp>
#include <inotify/detail/watch_table.hpp>
#include <inotify/inotify.hpp>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/allocations.hpp"
#include "support/audit.hpp"
#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"

namespace {

using inotify::Event;
using inotify::Mask;
using inotify::OwnedEvent;
using inotify::detail::no_node;
using inotify::detail::NodeId;
using inotify::detail::WatchTable;
using test::attempt;
using test::Exposed;
using test::insist;
using test::Shortage;
using test::TempDir;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Calls `run()` again and again: the first time its first allocation fails, then its second, and so on
// until it needs no more; and the same with several failures in a row.
template <class Run>
void sweep(Run run) {
  for (const std::size_t times : {1U, 3U}) {
    std::size_t hits = 1;
    std::size_t nth = 1;
    for (; hits > 0; ++nth) {
      SCOPED_TRACE(std::to_string(times) + " from allocation " + std::to_string(nth) + " on");
      const Shortage shortage(nth, times);
      run();
      hits = Shortage::hits();
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(nth, 2U) << "nothing was allocated, so nothing was tested";
  }
}

// What a run without a failure yields, and each of the sweep should.
template <class Run>
void sweep_and_compare(Run run) {
  const auto expected = run();
  sweep([&] { EXPECT_EQ(run(), expected); });
}

// ---- the table

using Step = std::function<void(WatchTable&)>;

NodeId at(const WatchTable& table, std::string_view path) { return table.find(path); }

Step bind(std::string path, int wd) {
  return [=](WatchTable& table) { table.bind(table.ensure(path), wd, IN_CREATE); };
}
Step unbind(std::string path) {
  return [=](WatchTable& table) { table.unbind(at(table, path)); };
}
Step rename(std::string from, std::string parent, std::string name) {
  return [=](WatchTable& table) { table.rename(at(table, from), at(table, parent), name); };
}

// All that can be seen of a table.
std::string show(const WatchTable& table) {
  std::string text = std::to_string(table.size()) + " watches\n";
  table.for_each([&](NodeId id) {
    const bool is_named = table.find(table.path(id)) == id;
    text += table.path(id) + (is_named ? "" : " (superseded)") + ' ' +
            std::to_string(table.wd(id)) + ' ' + inotify::to_string(table.mask(id)) + '\n';
    if (table.wd(id) < 0) return;
    text += "  its names:";
    for (const NodeId name : table.names_of(table.wd(id))) text += ' ' + table.path(name);
    text += '\n';
  });
  return text;
}

// Each kind of change, and enough of them that every part of the table has to grow.
std::vector<Step> changes() {
  std::vector<Step> steps;
  for (int i = 0; i < 300; ++i) {
    const std::string name(1 + static_cast<std::size_t>(i % 40), static_cast<char>('a' + i % 26));
    steps.push_back(bind("/r/" + std::to_string(i) + name, i));
  }
  for (int wd = 0; wd < 20; ++wd) steps.push_back(bind("/second/" + std::to_string(wd), wd));
  steps.push_back(bind("/third/0", 0));
  steps.push_back(bind("w", 500));  // far from the others: found by the hash
  steps.push_back(bind("w/x/y", 900));
  steps.push_back(bind("w/x/z", 500));
  steps.push_back(rename("w/x", "/r", std::string(70, 'n')));
  steps.push_back(unbind("/r/0a"));  // the first of three names
  steps.push_back(unbind("/r/1bb"));
  steps.push_back([](WatchTable& table) { table.swap(at(table, "/r/2ccc"), at(table, "w")); });
  steps.push_back([](WatchTable& table) { table.supersede(at(table, "/r/3dddd")); });
  steps.push_back(bind("/r/3dddd", 901));
  steps.push_back([](WatchTable& table) { table.reinstate(table.by_wd(3)); });
  steps.push_back([](WatchTable& table) {  // what has no name gets one
    table.rename(table.by_wd(901), at(table, "/second"), std::string(300, 'm'));
  });
  steps.push_back([](WatchTable& table) { table.erase(at(table, "/r"), [](NodeId) {}); });
  return steps;
}

TEST(Memory, A17_AChangeOfTheTableThatFailsHasChangedNothing) {
  WatchTable table;
  for (const Step& step : changes()) {
    const std::string before = show(table);
    for (std::size_t nth = 1;; ++nth) {
      const Shortage shortage(nth);
      const bool is_done = attempt([&] { step(table); });
      if (is_done) break;
      ASSERT_EQ(show(table), before);
    }
  }
  WatchTable reference;
  for (const Step& step : changes()) step(reference);
  EXPECT_EQ(show(table), show(reference));
}

TEST(Memory, A17_WhatTakesFromTheTableNeedsNoMemory) {
  WatchTable table;
  for (int i = 0; i < 1000; ++i) {
    table.bind(table.ensure("/a/" + std::to_string(i)), i, IN_CREATE);
    table.bind(table.ensure("/b/" + std::to_string(i)), i, IN_CREATE);
  }
  const Shortage shortage(1, Shortage::for_ever);
  const Exposed exposed;
  for (int i = 0; i < 1000; ++i) table.unbind(table.by_wd(i));
  table.erase(table.parent(table.by_wd(1)), [](NodeId) {});
  EXPECT_EQ(table.size(), 0U);
}

// ---- moves, close() and destructors

template <class T>
constexpr bool moves =
    std::is_nothrow_move_constructible_v<T>&& std::is_nothrow_move_assignable_v<T>;
static_assert(moves<WatchTable> && moves<inotify::detail::LookAhead> &&
              moves<inotify::detail::EventBatch> && moves<inotify::Instance> &&
              moves<inotify::Watcher> && moves<inotify::FileWatch>);
static_assert(noexcept(std::declval<WatchTable&>().clear()));

template <class AnyWatcher>
void expect_to_end_without_memory() {
  const TempDir dir;
  for (const char* path : {"a/b/c", "d/e"}) fs::create_directories(dir / path);
  std::optional<AnyWatcher> watcher(std::in_place);
  watcher->add_all(dir.path(), IN_ALL_EVENTS);
  watcher->add(dir / "a", IN_ALL_EVENTS);
  for (const char* path : {"a/new", "new"}) fs::create_directories(dir / path);
  fs::rename(dir / "a", dir / "d/a");
  watcher->read(0ms);
  fs::rename(dir / "d/a", dir / "a");
  const Shortage shortage(1, Shortage::for_ever);
  const Exposed exposed;
  std::optional<AnyWatcher> second(std::move(*watcher));
  *watcher = std::move(*second);
  second = std::move(watcher);
  second->close();
  second.reset();
  watcher.reset();
  EXPECT_EQ(Shortage::hits(), 0U);
}

TEST(Memory, A17_AWatcherIsMovedClosedAndDestroyedWithoutMemory) {
  expect_to_end_without_memory<inotify::Watcher>();
}

// ---- Watcher

using Lines = std::vector<std::string>;

// "IN_MOVED_TO b/c <- a". That a MOVED_FROM knows where it goes depends on how much is read at once; and
// an unknown watch is one that could not be kept.
void add_lines(Lines& lines, std::span<const Event> events, const std::string& base) {
  const auto below = [&](std::string_view path) {
    return std::string(path.substr(std::min(path.size(), base.size())));
  };
  for (const Event& event : events) {
    if (event.path.empty() && event.is_ignored()) continue;
    std::string line = inotify::to_string(event.mask) + ' ' + below(event.fullpath);
    if (!event.moved_from.empty()) line += " <- " + below(event.moved_from);
    lines.push_back(line);
  }
}

// Reads until nothing comes, whatever fails meanwhile.
void drain(inotify::Watcher& watcher, Lines& lines, const std::string& base) {
  for (;;) {
    std::span<const Event> events;
    if (!attempt([&] { events = watcher.read(0ms); })) continue;
    if (events.empty()) return;
    add_lines(lines, events, base);
  }
}

Lines paths_below(const inotify::Watcher& watcher, const std::string& base) {
  Lines lines;
  for (const inotify::Watch& watch : watcher.watches()) {
    lines.push_back(watch.path.substr(base.size()) + ' ' + inotify::to_string(watch.mask));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(Memory, A17_AWatcherLosesNothing) {
  sweep_and_compare([] {
    const TempDir dir;
    const std::string base = dir.str();
    for (const char* path : {"a/s", "b", "t/u/v", "t/w"}) fs::create_directories(dir / path);
    test::write_file(dir / "file");
    fs::create_hard_link(dir / "file", dir / "b/link");
    constexpr Mask mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE;
    Lines lines;
    std::optional<inotify::Watcher> watcher;
    insist([&] { watcher.emplace(); });
    const auto add = [&](const fs::path& path, Mask bits) {
      insist([&] { watcher->add(path, bits); });
      EXPECT_EQ(test::audit(*watcher), "") << path;
    };
    add(dir.path(), mask);
    for (const char* path : {"a", "a/s", "b", "file"}) add(dir / path, mask);
    fs::rename(dir / "a", dir / "b/c");
    drain(*watcher, lines, base);
    add(dir / "b/link", IN_ATTRIB);  // a second name
    add(dir / "b/c", IN_ATTRIB);     // narrower
    insist([&] { watcher->add_all(dir / "t", mask); });
    EXPECT_EQ(test::audit_on_disk(*watcher), "");
    fs::rename(dir / "b/c", dir / "t/a-longer-name-than-fits-into-a-string");
    add(dir / "t/a-longer-name-than-fits-into-a-string", mask);
    fs::rename(dir / "t/u", dir / "t/w/u");
    for (const char* path : {"file", "t/w/u/v/file", "new"}) test::write_file(dir / path);
    fs::remove_all(dir / "t/w");
    drain(*watcher, lines, base);
    insist([&] { watcher->remove_path(dir / "b"); });
    insist([&] { watcher->remove_path(dir / "file"); });
    drain(*watcher, lines, base);
    EXPECT_EQ(test::audit_on_disk(*watcher), "");
    const Lines paths = paths_below(*watcher, base);
    lines.insert(lines.end(), paths.begin(), paths.end());
    return lines;
  });
}

// Nobody tries it again, so nothing meets again what was watched by then.
TEST(Memory, A17_AnAddThatFailsLeavesNoWatchThatNobodyKnows) {
  for (const bool adds_tree : {true, false}) {
    sweep([&] {
      const TempDir dir;
      for (const char* path : {"a/s", "b"}) fs::create_directories(dir / path);
      inotify::Watcher watcher;
      attempt([&] {
        if (adds_tree) {
          watcher.add_all(dir.path(), IN_CREATE);
        } else {
          watcher.add(dir.path(), IN_CREATE);
        }
      });
      EXPECT_EQ(test::audit(watcher), "");
    });
  }
}

// ---- the look-ahead

TEST(Memory, A17_ALookAheadAnswersRightAfterAQuestionThatFailed) {
  const auto put = [](inotify::detail::LookAhead& ahead, Mask mask, std::uint32_t cookie,
                      std::string_view name) {
    std::byte* to = ahead.room().data();
    const std::uint32_t size = 16;
    const inotify_event event{1, mask, cookie, size};
    std::memset(to, 0, sizeof event + size);
    std::memcpy(to, &event, sizeof event);
    std::memcpy(to + sizeof event, name.data(), name.size());
    ahead.append(inotify::RawEvents({to, sizeof event + size}));
  };
  sweep([&] {
    inotify::detail::LookAhead ahead;
    put(ahead, IN_CREATE, 0, "a");
    put(ahead, IN_MOVED_FROM, 7, "b");
    put(ahead, IN_MOVED_TO, 7, "c");
    put(ahead, IN_DELETE, 0, "d");
    ASSERT_NE(ahead.next(), nullptr);
    attempt([&] { static_cast<void>(ahead.touches(1, "d")); });
    EXPECT_EQ(ahead.current().raw.name, "a");
    EXPECT_TRUE(ahead.touches(1, "d"));
    EXPECT_TRUE(ahead.leaves(1, "b"));
    ASSERT_NE(ahead.arrival(7), nullptr);
    EXPECT_EQ(ahead.arrival(7)->raw.name, "c");
    ASSERT_NE(ahead.following(ahead.current(), 1), nullptr);
    EXPECT_EQ(ahead.following(ahead.current(), 1)->raw.name, "b");
  });
}

// ---- FileWatch

TEST(Memory, A17_AFileWatchIsNotBlindAfterwards) {
  sweep([] {
    const TempDir dir;
    const fs::path path = dir / "conf/app.conf";
    fs::create_directories(dir / "one");
    fs::create_directory_symlink(dir / "one", dir / "conf");
    std::optional<inotify::FileWatch> watch;
    insist([&] { watch.emplace(path); });
    const auto expect_told = [&](const char* what) {
      bool is_told = false;
      for (;;) {
        auto change = inotify::FileChange::none;
        if (!attempt([&] { change = watch->read(0ms); })) continue;
        if (change == inotify::FileChange::none) break;
        is_told = true;
      }
      EXPECT_TRUE(is_told) << what;
      EXPECT_EQ(watch->exists(), fs::exists(path)) << what;
    };
    test::write_file(path, "1");
    expect_told("made");
    test::write_file(dir / "one/new", "2");
    fs::rename(dir / "one/new", path);
    expect_told("replaced");
    fs::create_directories(dir / "two/with-a-name-that-is-longer-than-others");
    test::write_file(dir / "two/with-a-name-that-is-longer-than-others/app.conf", "3");
    fs::create_directory_symlink(dir / "two/with-a-name-that-is-longer-than-others", dir / "next");
    fs::rename(dir / "next", dir / "conf");
    expect_told("behind a symlink that was swapped");
    test::write_file(path, "4");
    expect_told("written");
    fs::remove(path);
    expect_told("removed");
    test::write_file(path, "5");
    expect_told("made again");
    const auto components =
        static_cast<std::size_t>(std::distance(dir.path().begin(), dir.path().end()));
    // Each directory above the link, the link's target, and the file; those on both ways once.
    EXPECT_LE(test::kernel_table(watch->fileno()).size(), components + 3);
  });
}

TEST(Memory, A17_AFileWatchOfManyLosesNoneOfThem) {
  sweep([] {
    const TempDir dir;
    const std::vector<fs::path> paths = {dir / "a/one", dir / "link/two", dir / "a/three"};
    fs::create_directories(dir / "a");
    fs::create_directory_symlink(dir / "a", dir / "link");
    std::optional<inotify::FileWatch> watch;
    insist([&] { watch.emplace(paths.front()); });
    for (const fs::path& path : {paths[1], paths[2]}) {
      insist([&] { watch->add(path); });
    }
    const auto expect_told = [&](std::size_t wanted, const char* what) {
      std::vector<fs::path> told;
      for (;;) {
        auto change = inotify::FileChange::none;
        if (!attempt([&] { change = watch->read(0ms); })) continue;
        if (change == inotify::FileChange::none) break;
        told.push_back(watch->path());
      }
      EXPECT_EQ(told.size(), wanted) << what;
      for (const fs::path& path : paths) EXPECT_EQ(watch->exists(path), fs::exists(path)) << what;
    };
    for (const fs::path& path : paths) test::write_file(path, "1");
    expect_told(3, "made");
    fs::create_directories(dir / "with-a-name-that-is-longer-than-others");
    test::write_file(dir / "with-a-name-that-is-longer-than-others/two", "2");
    fs::create_directory_symlink("with-a-name-that-is-longer-than-others", dir / "next");
    fs::rename(dir / "next", dir / "link");
    expect_told(1, "behind a symlink that was swapped");
    fs::remove(paths[0]);
    expect_told(1, "removed");
    const std::size_t before = test::kernel_table(watch->fileno()).size();
    watch->remove(paths[1]);
    EXPECT_EQ(test::kernel_table(watch->fileno()).size(), before - 2) << "the directory, the file";
  });
}

// ---- what hands events on: none is dropped

// A watcher, and its events in the order of the alphabet, one for each file.
struct Letters {
  Letters() { watcher.add(dir.path(), IN_CREATE); }
  void create(std::string_view names) const {
    for (const char name : names) test::write_file(dir / long_name(name));
  }
  // Too long to be kept without an allocation.
  static std::string long_name(char letter) { return letter + std::string(40, '-'); }

  // Made beforehand, for what notes an event shall not be what fails.
  void note(std::string_view name) {
    if (size < text.size()) text[size++] = name.empty() ? '?' : name.front();
  }
  [[nodiscard]] std::string noted() const { return text.substr(0, size); }

  TempDir dir;
  inotify::Watcher watcher;
  std::string text = std::string(64, ' ');
  std::size_t size = 0;
};

TEST(Memory, A17_AnEventQueueDropsNothing) {
  struct Handler : inotify::EventQueue::Handler {
    explicit Handler(Letters& letters) : letters_(letters) {}
    void on_file(const OwnedEvent& event) override { letters_.note(event.name); }
    void on_directory(const OwnedEvent&) override { letters_.note("D"); }
    void on_notice(const OwnedEvent&) override { letters_.note("N"); }
    Letters& letters_;
  };
  sweep([] {
    Letters letters;
    Handler handler(letters);
    std::optional<inotify::EventQueue> queue;
    insist([&] { queue.emplace(letters.watcher, 4); });
    letters.create("abcdefghi");
    for (bool goes_on = true; goes_on;) {
      const bool is_filled = attempt([&] { queue->fill(0ms); });
      goes_on = !is_filled || !queue->empty();
      attempt([&] { queue->handle_queued(handler); });
    }
    EXPECT_EQ(letters.noted(), "abcdefghi");
  });
}

TEST(Memory, A17_AnEventQueueBetweenThreadsLeavesTheRestToWhoGoesOn) {
  struct Handler : inotify::EventQueue::Handler {
    explicit Handler(Letters& letters) : letters_(letters) {}
    void on_file(const OwnedEvent& event) override { letters_.note(event.name); }
    void on_directory(const OwnedEvent&) override {}
    void on_notice(const OwnedEvent&) override {}
    Letters& letters_;
  };
  sweep([] {
    Letters letters;
    Handler handler(letters);
    letters.create("abcdef");
    for (bool is_first = true; letters.noted().size() < 6; is_first = false) {
      inotify::EventQueue queue(letters.watcher);
      std::thread reader([&] { attempt([&] { queue.read_events(); }); });
      if (!is_first || letters.noted().size() < 6) {
        while (letters.noted().size() < 6) {
          std::optional<OwnedEvent> event;
          attempt([&] { event = queue.pop(); });
          if (!event) break;
          handler.on_file(*event);
        }
      }
      queue.stop();
      reader.join();
    }
    EXPECT_EQ(letters.noted(), "abcdef");
  });
}

template <class Loop>
void expect_all_letters(Letters& letters, Loop loop) {
  letters.create("abcdefghi");
  for (int i = 0; i < 20 && letters.noted().size() < 9; ++i) loop();
  EXPECT_EQ(letters.noted(), "abcdefghi");
}

const auto fold = [](std::span<const Event> events) { return inotify::coalesce(events); };

TEST(Memory, A17_ANotifierDropsNothing) {
  for (const bool folds : {false, true}) {
    sweep([&] {
      Letters letters;
      bool throws = false;
      const auto handler = [&](const Event& event) {
        letters.note(event.name);
        throws = !throws;
        if (throws) throw std::runtime_error("x");  // so that the rest has to be kept
      };
      inotify::NotifierOptions options{.timeout = 0ms};
      if (folds) options.fold = fold;
      std::optional<inotify::Notifier> notifier;
      insist([&] { notifier.emplace(letters.watcher, handler, options); });
      const auto once = [](inotify::Notifier&) { return true; };
      expect_all_letters(letters, [&] {
        try {
          attempt([&] { notifier->loop(once); });
        } catch (const std::runtime_error&) {
        }
      });
    });
  }
}

TEST(Memory, A17_AThreadedNotifierTellsAndDropsNothing) {
  sweep([] {
    Letters letters;
    const auto handler = [&](const Event& event) { letters.note(event.name); };
    inotify::ThreadedNotifier notifier(letters.watcher, handler, {.timeout = 0ms});
    const auto once = [](inotify::Notifier&) { return true; };
    expect_all_letters(letters, [&] {
      const Exposed exposed;  // the thread, too
      if (attempt([&] { notifier.start(once); })) attempt([&] { notifier.join(); });
    });
  });
}

TEST(Memory, A17_ABatchReaderDropsNothing) {
  sweep([] {
    Letters letters;
    std::optional<inotify::BatchReader> reader;
    insist([&] { reader.emplace(letters.watcher, inotify::BatchReader::Options{}); });
    expect_all_letters(letters, [&] {
      std::span<const Event> events;
      attempt([&] { events = reader->read(0ms); });
      for (const Event& event : events) letters.note(event.name);
    });
  });
}

TEST(Memory, A17_AnEventGenDropsNothing) {
  sweep([] {
    Letters letters;
    const std::string wanted = Letters::long_name('e');
    std::optional<inotify::EventGen> gen;
    const auto begin = [&] {
      inotify::EventGenOptions options{.block_duration = 0ms, .timeout = 0ms, .yield_idle = false};
      options.filter_predicate = [&](const Event& event) {
        return !std::string(event.name).starts_with('e');  // may fail, too
      };
      gen.emplace(inotify::event_gen(letters.watcher, options));
    };
    expect_all_letters(letters, [&] {
      insist(begin);
      const Event* event = nullptr;
      bool is_over = false;
      while (!is_over) {
        attempt([&] {
          const auto it = gen->begin();
          is_over = it == gen->end();
          event = is_over ? nullptr : *it;
        });
        if (event != nullptr) letters.note(event->name);
        if (event != nullptr) ++gen->begin();
        event = nullptr;
      }
      if (gen->last_event()) letters.note(gen->last_event()->name);
    });
  });
}

TEST(Memory, A17_ATerminalEventIsThrownThoughItTakesMemory) {
  sweep([] {
    Letters letters;
    letters.create("ab");
    auto gen =
        inotify::event_gen(letters.watcher, {.block_duration = 0ms, .terminal_events = IN_CREATE});
    bool is_thrown = false;
    for (int i = 0; i < 20 && !is_thrown; ++i) {
      const Exposed exposed;
      try {
        *gen.begin();
      } catch (const std::bad_alloc&) {
      } catch (const inotify::TerminalEvent& terminal) {
        is_thrown = true;
        letters.note(terminal.event().name);
      }
    }
    EXPECT_EQ(letters.noted(), "a");
  });
}

// ---- what makes something of events

std::vector<Event> some_events() {
  std::vector<Event> events;
  for (int i = 0; i < 8; ++i) {
    Event event{};
    event.wd = i % 3;
    event.mask = i % 2 == 0 ? IN_MODIFY : IN_CREATE;
    event.path = i % 3 == 0 ? "/a/path/that/no/string/keeps/in/itself" : "/b";
    event.name = "f";
    event.fullpath = i % 3 == 0 ? "/a/path/that/no/string/keeps/in/itself/f" : "/b/f";
    events.push_back(event);
  }
  return events;
}

TEST(Memory, A17_CoalesceStatsAndExcludeFilterCanBeAskedAgain) {
  const std::vector<Event> events = some_events();
  sweep_and_compare([&] {
    Lines lines;
    std::vector<Event> folded;
    insist([&] { folded = inotify::coalesce(events); });
    add_lines(lines, folded, {});
    inotify::Stats stats;
    for (const Event& event : events) insist([&] { stats.add(event); });
    std::string table;
    insist([&] { table = stats.table({}); });
    lines.push_back(table);
    std::optional<inotify::ExcludeFilter> filter;
    const std::vector<std::string> regexes{"/a/.*f", "(x|y)+z{2,5}"};
    const std::vector<std::string> globs{"*.o", "/a/*/q[a-z]"};
    insist([&] { filter.emplace(regexes, globs); });
    for (const Event& event : events) {
      bool is_excluded = false;
      insist([&] { is_excluded = filter->excludes(event.fullpath); });
      lines.push_back(is_excluded ? "excluded" : "wanted");
    }
    return lines;
  });
}

}  // namespace
