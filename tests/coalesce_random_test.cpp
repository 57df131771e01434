// coalesce(): whoever replays what is left has what he would have had from the original.
#include <gtest/gtest.h>
#include <algorithm>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <inotify/coalesce.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/churn.hpp"
#include "support/contract.hpp"
#include "support/replay.hpp"
#include "support/stream.hpp"
#include "support/temp_dir.hpp"

namespace {

using inotify::CoalesceOptions;
using inotify::Event;
using inotify::Mask;
using test::Replay;
using test::Stream;
using test::Tree;
using Events = std::vector<Event>;

constexpr Mask name_bits = IN_CREATE | IN_DELETE | IN_MOVE;
constexpr Mask content_bits = IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_CLOSE | IN_OPEN;

std::string text_of(const Events& events) {
  std::string text;
  for (const Event& event : events) text += "  " + inotify::to_string(event) + '\n';
  return text;
}

// The stream without content: what coalesce() must neither change nor move.
std::string names_of(const Events& events) {
  std::string text;
  for (Event event : events) {
    if ((event.mask & content_bits) != 0 && (event.mask & ~(content_bits | IN_ISDIR)) == 0 &&
        !event.error && !event.path.empty())
      continue;
    if ((event.mask & name_bits) != 0) event.mask &= ~content_bits;
    text += inotify::to_string(event) + '\n';
  }
  return text;
}

// What a consumer who cares for content knows in the end: everything that was ever told of a path,
// and which files were changed since they were last closed.
struct Content {
  std::map<std::pair<std::string, int>, Mask> told;
  std::set<std::pair<std::string, int>> unclosed;

  explicit Content(const Events& events) {
    for (const Event& event : events) {
      const std::pair key(std::string(event.fullpath), event.wd);
      told[key] |= event.mask;
      if ((event.mask & name_bits) != 0) unclosed.erase(key);
      if (event.is_close_write()) {
        unclosed.erase(key);
      } else if (event.is_modify()) {
        unclosed.insert(key);
      }
    }
  }
};

// `known`: what the consumer knew before.
void check(const Events& events, const CoalesceOptions& options, const Tree& known) {
  const Events folded = inotify::coalesce(events, options);
  const auto show = [&] { return "original:\n" + text_of(events) + "folded:\n" + text_of(folded); };
  Replay original(known);
  original.apply(events);
  Replay replayed(known);
  replayed.apply(folded);
  ASSERT_EQ(test::difference(replayed.tree(), original.tree()), "") << show();
  ASSERT_EQ(text_of(inotify::coalesce(folded, options)), text_of(folded)) << show();
  ASSERT_LE(folded.size(), events.size());
  if (options.renames || options.drop_short_lived) return;
  ASSERT_EQ(names_of(folded), names_of(events)) << show();
  ASSERT_EQ(Content(folded).told, Content(events).told) << show();
  ASSERT_EQ(Content(folded).unclosed, Content(events).unclosed) << show();
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  unsigned operator()(unsigned count) { return static_cast<unsigned>(random_() % count); }

  template <class T>
  T of(std::initializer_list<T> choice) {
    return *(choice.begin() + (*this)(static_cast<unsigned>(choice.size())));
  }

  Mask content() {
    Mask mask = 0;
    do {
      mask |= of<Mask>({IN_ACCESS, IN_MODIFY, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_CLOSE_WRITE,
                        IN_CLOSE_NOWRITE, IN_OPEN});
    } while ((*this)(8) == 0);
    return mask;
  }

  std::string path() {
    std::string text = "/r";
    for (unsigned depth = 1 + (*this)(3); depth > 0; --depth)
      text += of<const char*>({"/a", "/b", "/b."});
    return text;
  }

 private:
  std::mt19937_64 random_;
};

bool add_barrier(Random& random, Stream& stream) {
  switch (random(60)) {
    case 0:
      stream.add_self(IN_Q_OVERFLOW, "/r", -1);
      return true;
    case 1:
      stream.add_self(random.of<Mask>({IN_IGNORED, IN_UNMOUNT}), random.path(), 3);
      return true;
    case 2:
      stream.hole(random.path());
      return true;
    default:
      return false;
  }
}

// Whatever comes, whether or not it can be.
void add_anything(Random& random, Stream& stream) {
  if (add_barrier(random, stream)) return;
  const Mask dir = random(3) == 0 ? IN_ISDIR : 0;
  const std::string path = random.path();
  switch (random(12)) {
    case 0:
      stream.add(IN_CREATE | dir, path);
      break;
    case 1:
      stream.add(IN_CREATE | IN_CLOSE_WRITE, path).synthetic = true;
      break;
    case 2:
      stream.add(IN_DELETE | dir, path);
      break;
    case 3:
      stream.rename(path, random.path(), dir);
      break;
    case 4:
      stream.add(random.of<Mask>({IN_MOVED_FROM, IN_MOVED_TO}) | dir, path).cookie = 1U << 30U;
      break;
    case 5:
      stream.add_self(random.of<Mask>({IN_DELETE_SELF, IN_MOVE_SELF}), path);
      break;
    case 6:
      stream.add_self(random.content() | dir, path);
      break;
    default:
      stream.add(random.content() | (random(8) == 0 ? IN_ISDIR : 0), path);
      break;
  }
}

// What can be: a file system in which names come and go.
class Possible {
 public:
  explicit Possible(Tree start) : replay_(std::move(start)) {}

  void add(Random& random, Stream& stream) {
    const std::size_t before = stream.size();
    if (!add_barrier(random, stream)) draw(random, stream);
    for (const Event& event : stream.events(before)) {
      if (!event.is_overflow()) replay_.apply(event);  // the names outlive it
    }
  }

 private:
  void draw(Random& random, Stream& stream) {
    const std::string path = random.path();
    const bool is_there = tree().contains(path);
    const Mask flag = is_there && tree().at(path) ? IN_ISDIR : 0;
    switch (random(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (!is_there && is_dir(parent(path))) {
          stream.add(IN_CREATE | random.of<Mask>({0, IN_ISDIR}), path).synthetic = random(2) == 0;
        } else if (is_there && !has_below(path)) {
          if (random(3) == 0) stream.add_self(IN_DELETE_SELF, path);
          stream.add(IN_DELETE | flag, path);
        }
        break;
      case 4:
        if (const std::string to = random.path(); is_there && can_move(path, to))
          stream.rename(path, to, flag);
        break;
      case 5:  // to elsewhere, or from there
        if (is_there) {
          stream.add(IN_MOVED_FROM | flag, path).cookie = 1U << 30U;
        } else if (is_dir(parent(path))) {
          stream.add(IN_MOVED_TO | random.of<Mask>({0, IN_ISDIR}), path).cookie = 1U << 30U;
        }
        break;
      case 6:
        if (is_there) stream.add_self(random.content() | flag, path);
        break;
      default:
        if (is_there || random(4) == 0) stream.add(random.content() | flag, path);
        break;
    }
  }

  [[nodiscard]] const Tree& tree() const { return replay_.tree(); }
  static std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }
  [[nodiscard]] bool is_dir(const std::string& path) const {
    return path == "/r" || (tree().contains(path) && tree().at(path));
  }
  [[nodiscard]] bool has_below(const std::string& path) const {
    const auto it = tree().lower_bound(path + '/');
    return it != tree().end() && it->first.starts_with(path + '/');
  }
  [[nodiscard]] bool can_move(const std::string& from, const std::string& to) const {
    if (from == to || to.starts_with(from + '/') || !is_dir(parent(to)) || has_below(to))
      return false;
    return !tree().contains(to) || tree().at(to) == tree().at(from);
  }

  Replay replay_;
};

constexpr int seeds = 2000;

TEST(CoalesceRandom, AnyStreamEndsInTheSameState) {
  for (int seed = 0; seed < test::rounds(seeds) && !testing::Test::HasFatalFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(static_cast<std::uint64_t>(seed));
    Stream stream;
    for (unsigned count = random(60); count > 0; --count) add_anything(random, stream);
    check(stream.events(), {}, {{"/r/a", true}, {"/r/a/a", false}, {"/r/b", false}});
    if (HasFatalFailure()) return;
    check(stream.events(), {.renames = true}, {{"/r/a", true}, {"/r/a/a", false}});
  }
}

TEST(CoalesceRandom, AnyPossibleStreamEndsInTheSameStateWithoutTheShortLived) {
  std::size_t dropped = 0;
  // Not fewer, or it would not say much that nothing went wrong.
  for (int seed = 0; seed < std::max(seeds, test::rounds(seeds)); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(static_cast<std::uint64_t>(seed));
    Tree start;
    if (random(2) == 0) start = {{"/r/a", true}, {"/r/a/a", false}, {"/r/b", false}};
    Possible possible(start);
    Stream stream;
    for (unsigned count = random(60); count > 0; --count) possible.add(random, stream);
    const Events events = stream.events();
    for (const bool renames : {false, true}) {
      check(events, {.renames = renames, .drop_short_lived = true}, start);
      if (HasFatalFailure()) return;
    }
    dropped += inotify::coalesce(events).size() -
               inotify::coalesce(events, {.drop_short_lived = true}).size();
  }
  EXPECT_GT(dropped, 100U);  // otherwise nothing was tried
}

// One watcher for all seeds, of a tree that is empty at the start of each.
class CoalesceRecorded : public testing::Test {
 protected:
  CoalesceRecorded() {
    for (const char* top : {"in", "out"}) test::fs::create_directory(dir_ / top);
    watcher_.add_all(dir_ / "in", IN_ALL_EVENTS);
  }

  // Folds what is told batch by batch, and then all of it at once.
  void check_seed(int seed) {
    Random random(static_cast<std::uint64_t>(seed));
    test::Churn churn(dir_ / "in", dir_ / "out", static_cast<std::uint64_t>(seed));
    const CoalesceOptions options{.renames = random(2) == 0, .drop_short_lived = random(2) == 0};
    Stream all;
    Replay original;
    Replay folded;
    for (unsigned batches = 1 + random(5); batches > 0; --batches) {
      churn.run(static_cast<int>(1 + random(30)));
      for (;;) {
        const auto events = watcher_.read(std::chrono::milliseconds(0));
        if (events.empty()) break;
        for (const Event& event : events) all.keep(event);
        original.apply(events);
        const Events fewer = inotify::coalesce(events, options);
        folded.apply(fewer);
        told_ += events.size();
        left_ += fewer.size();
      }
    }
    EXPECT_EQ(test::difference(folded.tree(), original.tree()), "") << text_of(all.events());
    EXPECT_EQ(test::difference(folded.tree(), test::tree_on_disk(dir_ / "in")), "");
    check(all.events(), options, {});
    if (!HasFatalFailure()) check(all.events(), {}, {});
  }

  void clear() {
    for (const char* top : {"in", "out"}) {
      for (const auto& entry : test::fs::directory_iterator(dir_ / top))
        test::fs::remove_all(entry.path());
    }
    while (!watcher_.read(std::chrono::milliseconds(0)).empty()) {
    }
  }

  test::TempDir dir_;
  inotify::AutoWatcher watcher_;
  std::size_t told_ = 0;
  std::size_t left_ = 0;
};

TEST_F(CoalesceRecorded, WhatAnAutoWatcherTellsEndsInTheSameState) {
  for (int seed = 0; seed < test::rounds(200) && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_seed(seed);
    clear();
  }
  EXPECT_LT(left_, told_);
}

}  // namespace
