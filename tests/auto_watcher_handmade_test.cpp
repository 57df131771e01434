// AutoWatcher, A1 to A7, on a stream that is cut and mixed by hand.
//
// What the kernel queued for real operations on a real tree reaches the watcher through a pipe: cut
// where the test wants, so that the halves of a rename arrive in different reads, and with other
// watches' events between any two [18]. No program can make the kernel do that at will. The watches
// stay the kernel's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <inotify/raw_event.hpp>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/churn.hpp"
#include "support/contract.hpp"
#include "support/hand_made.hpp"

namespace {

// While a watcher reads from a pipe, calls about its watches go to the inotify instance that was
// there before.
int fed_fd = -1;
int instance_fd = -1;

int redirected(int fd) { return fd == fed_fd ? instance_fd : fd; }

}  // namespace

// They take the place of the C library's; noexcept where those are.
extern "C" int inotify_add_watch(int fd, const char* path,
                                 std::uint32_t mask) noexcept(noexcept(::inotify_add_watch(0, "",
                                                                                           0))) {
  return static_cast<int>(::syscall(SYS_inotify_add_watch, redirected(fd), path, mask));
}

extern "C" int inotify_rm_watch(int fd, int wd) noexcept(noexcept(::inotify_rm_watch(0, 0))) {
  return static_cast<int>(::syscall(SYS_inotify_rm_watch, redirected(fd), wd));
}

namespace {

using test::Bytes;
using test::Contract;
using test::exchange;
using test::HandMade;
using test::make_dirs;
using test::move;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

using Lines = std::vector<std::string>;
using Stream = std::vector<Bytes>;  // an event each

// What a listing reports of a regular file.
std::string found(const std::string& path) { return "~CREATE|CLOSE_WRITE " + path; }

/// Stands between the kernel and the watcher of a contract, as long as it lives.
class Feed {
 public:
  explicit Feed(Contract& contract) : contract_(contract) {
    std::array<int, 2> ends{};
    instance_fd = ::fcntl(contract.watcher().inotify_fd(), F_DUPFD_CLOEXEC, 0);
    // O_DIRECT: a read(2) takes what one write(2) gave.
    if (instance_fd < 0 || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK | O_DIRECT) != 0)
      fail("pipe2");
    fed_fd = contract.watcher().inotify_fd();
    if (::dup2(ends[0], fed_fd) < 0) fail("dup2");
    ::close(ends[0]);
    write_end_ = ends[1];
    if (::fcntl(write_end_, F_SETPIPE_SZ, 1 << 20) < 0) fail("F_SETPIPE_SZ");
  }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed() {
    ::dup2(instance_fd, fed_fd);
    ::close(instance_fd);
    ::close(write_end_);
    fed_fd = instance_fd = -1;
  }

  /// What the kernel has queued.
  static Stream recorded() {
    Stream stream;
    Bytes buffer(std::size_t{1} << 20);
    for (;;) {
      const ssize_t size = ::read(instance_fd, buffer.data(), buffer.size());
      if (size <= 0) return stream;
      const std::span<const std::byte> bytes(buffer.data(), static_cast<std::size_t>(size));
      const inotify::RawEvents events(bytes);
      for (auto it = events.begin(); it != events.end();) {
        const auto rest = it.rest();
        ++it;
        const std::size_t left = it == events.end() ? 0 : it.rest().size();
        stream.emplace_back(rest.begin(), rest.end() - static_cast<std::ptrdiff_t>(left));
      }
    }
  }

  /// Makes a read(2) take these events, all of them and no more.
  void give(std::span<const Bytes> events) {
    Bytes all;
    for (const Bytes& event : events) all.insert(all.end(), event.begin(), event.end());
    if (all.empty()) return;
    if (::write(write_end_, all.data(), all.size()) != static_cast<ssize_t>(all.size()))
      fail("write");
  }

  /// Gives a stream in pieces of a size that `next_size` says.
  void give(const Stream& stream, const std::function<std::size_t()>& next_size) {
    for (std::span<const Bytes> rest = stream; !rest.empty();) {
      const std::size_t size = std::min({next_size(), rest.size(), most});
      give(rest.first(size));
      rest = rest.subspan(size);
    }
  }

  /// Reads what was given, and the kernel's answers to what that led to.
  Lines drain() {
    Lines told = contract_.drain();
    // The kernel fills a read(2) as long as it has events; here each is as long as we made it.
    while (contract_.watcher().readable() > 0) {
      const Lines then = contract_.drain();
      told.insert(told.end(), then.begin(), then.end());
    }
    for (Stream more = recorded(); !more.empty(); more = recorded()) {
      give(more, [] { return std::size_t{1}; });
      const Lines then = contract_.drain();
      told.insert(told.end(), then.begin(), then.end());
    }
    return told;
  }

  // More would not fit into one packet of a pipe.
  static constexpr std::size_t most = 4096 / (sizeof(inotify_event) + 256);

 private:
  [[noreturn]] static void fail(const char* call) {
    throw std::system_error(errno, std::generic_category(), call);
  }

  Contract& contract_;
  int write_end_ = -1;
};

// ---- scenarios

struct Scenario {
  const char* name;
  std::function<void(const Contract&)> before;
  std::function<void(const Contract&)> act;
};

void make_tree(const Contract& c) {
  for (const char* path : {"p/x/of_x", "q/y/of_y", "d/sub", "v"}) make_dirs(c.in(path));
  for (const char* path : {"p/f", "q/g", "d/sub/h"}) write_file(c.in(path));
  make_dirs(c.out("o/of_o"));
  write_file(c.out("f"));
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"Rename", make_tree,
       [](const Contract& c) {
         move(c.in("d"), c.in("e"));
         write_file(c.in("e/sub/i"));
       }},
      {"RenameToAnotherDirectory", make_tree,
       [](const Contract& c) {
         move(c.in("d"), c.in("q/y/d"));
         write_file(c.in("q/y/d/sub/i"));
       }},
      {"Chain", make_tree,
       [](const Contract& c) {
         move(c.in("d"), c.in("e"));
         move(c.in("e"), c.in("p/e"));
         move(c.in("p"), c.in("q/p"));
         write_file(c.in("q/p/e/sub/i"));
       }},
      {"OverAnEmptyDirectory", make_tree, [](const Contract& c) { move(c.in("d"), c.in("v")); }},
      {"IntoANewDirectory", make_tree,
       [](const Contract& c) {
         make_dirs(c.in("E"));
         move(c.in("d"), c.in("E/d"));
         make_dirs(c.in("E/d/sub/new"));
       }},
      {"ExchangeOfDirectories", make_tree,
       [](const Contract& c) {
         exchange(c.in("p/x"), c.in("q/y"));
         make_dirs(c.in("p/x/of_y/new"));
       }},
      {"ExchangeInOneDirectory", make_tree,
       [](const Contract& c) { exchange(c.in("p"), c.in("d")); }},
      {"ExchangeWithAFile", make_tree, [](const Contract& c) { exchange(c.in("d"), c.in("p/f")); }},
      {"ExchangeOfFiles", make_tree, [](const Contract& c) { exchange(c.in("p/f"), c.in("q/g")); }},
      {"ThereAndBack", make_tree,
       [](const Contract& c) {
         move(c.in("p/x"), c.in("q/z"));
         move(c.in("q/z"), c.in("p/x"));
       }},
      {"ThereAndBackOverAnEmptyDirectory", make_tree,
       [](const Contract& c) {
         move(c.in("d"), c.in("v"));
         move(c.in("v"), c.in("d"));
       }},
      {"ExchangeTwiceAndOn", make_tree,
       [](const Contract& c) {
         exchange(c.in("p/x"), c.in("q/y"));
         exchange(c.in("q/y"), c.in("p/x"));
         move(c.in("q"), c.in("p/x/q"));
       }},
      {"NewAndRenamedAtOnce", make_tree,
       [](const Contract& c) {
         make_dirs(c.in("n/a"));
         move(c.in("n"), c.in("m"));
         make_dirs(c.in("n/b"));
       }},
      {"CreatedDeletedAndCreated", make_tree,
       [](const Contract& c) {
         for (int i = 0; i < 3; ++i) {
           fs::remove_all(c.in("d"));
           make_dirs(c.in("d/sub"));
           write_file(c.in("d/sub/i"));
         }
       }},
      {"Out", make_tree,
       [](const Contract& c) {
         make_dirs(c.in("d/sub/new"));
         move(c.in("d"), c.out("d"));
         make_dirs(c.out("d/sub/newer"));
       }},
      {"OutAndBackIn", make_tree,
       [](const Contract& c) {
         move(c.in("d"), c.out("d"));
         make_dirs(c.out("d/sub/newer"));
         move(c.out("d"), c.in("p/x/d"));
       }},
      {"In", make_tree, [](const Contract& c) { move(c.out("o"), c.in("o")); }},
      {"InAndRenamedAtOnce", make_tree,
       [](const Contract& c) {
         move(c.out("o"), c.in("o"));
         move(c.in("o"), c.in("p/x/o"));
       }},
      {"ExchangeAcrossTheBorder", make_tree,
       [](const Contract& c) { exchange(c.out("o"), c.in("d")); }},
      {"ExchangeOfFilesAcrossTheBorder", make_tree,
       [](const Contract& c) { exchange(c.out("f"), c.in("p/f")); }},
      {"StaleDeparture", make_tree,
       [](const Contract& c) {
         move(c.in("d"), c.out("d"));
         make_dirs(c.in("d/other"));
         move(c.in("d"), c.out("e"));
         make_dirs(c.in("d/last"));
       }},
  };
  return all;
}

class Handmade : public testing::TestWithParam<std::size_t> {
 protected:
  Handmade() : scenario_(scenarios().at(GetParam())) {}
  void SetUp() override { contract_.start(); }

  // Runs the scenario on a tree of its own; `give(feed, stream)` decides how the watcher gets to
  // know of it.
  template <class Give>
  Lines told_of(Give give) {
    contract_.clear();
    make_dirs(contract_.in("other"));
    scenario_.before(contract_);
    contract_.drain();
    Lines told;
    {
      Feed feed(contract_);
      scenario_.act(contract_);
      give(feed, Feed::recorded());
      told = feed.drain();
    }
    contract_.check();
    return told;
  }

  Lines told_at_once() {
    return told_of(
        [](Feed& feed, const Stream& stream) { feed.give(stream, [] { return Feed::most; }); });
  }

  const Scenario& scenario_;
  Contract contract_;
};

INSTANTIATE_TEST_SUITE_P(All, Handmade, testing::Range<std::size_t>(0, scenarios().size()),
                         [](const auto& test) {
                           return std::string(scenarios().at(test.param).name);
                         });

TEST_P(Handmade, A1_A7_EachEventInAReadOfItsOwn) {
  const Lines expected = told_at_once();
  EXPECT_FALSE(expected.empty());
  const Lines told = told_of(
      [](Feed& feed, const Stream& stream) { feed.give(stream, [] { return std::size_t{1}; }); });
  EXPECT_EQ(told, expected);
}

TEST_P(Handmade, A1_A7_CutAnywhere) {
  const Lines expected = told_at_once();
  bool is_over = false;
  for (std::size_t cut = 1; !is_over && !HasFailure(); ++cut) {
    SCOPED_TRACE("after event " + std::to_string(cut));
    const Lines told = told_of([&](Feed& feed, const Stream& stream) {
      is_over = cut + 1 >= stream.size();
      std::size_t piece = 0;
      feed.give(stream, [&] { return ++piece == 1 ? cut : Feed::most; });
    });
    EXPECT_EQ(told, expected);
  }
}

// Between any two events stands one of another directory: of each kind, renames included.
TEST_P(Handmade, A4_A7_OtherWatchesBetweenAnyTwo) {
  const Lines expected = told_at_once();
  const auto is_other = [](const std::string& line) {
    return line.find(" other/") != std::string::npos;
  };
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, Feed::most}) {
    SCOPED_TRACE("in pieces of " + std::to_string(size));
    Lines others;
    Lines told = told_of([&](Feed& feed, const Stream& stream) {
      const std::string other = contract_.in("other");
      Stream mixed;
      std::deque<Bytes> between;
      for (int i = 0; mixed.size() < 2 * stream.size(); ++i) {
        if (between.empty()) {
          const std::string name = other + '/' + std::to_string(i);
          write_file(name);
          make_dirs(name + "d/a");
          move(name, name + "r");
          move(name + "d", name + "e");
          fs::remove(name + "r");
          for (Bytes& event : Feed::recorded()) between.push_back(std::move(event));
        }
        if (mixed.size() % 2 == 0) {
          mixed.push_back(stream[mixed.size() / 2]);
        } else {
          mixed.push_back(std::move(between.front()));
          between.pop_front();
        }
      }
      mixed.insert(mixed.end(), between.begin(), between.end());
      feed.give(mixed, [&] { return size; });
    });
    std::erase_if(told, is_other);
    EXPECT_EQ(told, expected);
  }
}

// ---- independent streams, mixed and cut at random

TEST(HandmadeMix, A1_A7_IndependentStreamsMixedAtRandom) {
  const int seeds = test::rounds(30);
  const int first = test::number("INOTIFY_SEED", 1);
  for (int seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
    Contract contract;
    std::vector<test::Churn> churns;
    for (const char* name : {"a", "b", "c"}) {
      make_dirs(contract.in(name));
      make_dirs(contract.out(name));
      churns.emplace_back(contract.in(name), contract.out(name), random());
      churns.back().run(40);
    }
    contract.start();
    for (int phase = 0; phase < 6 && !testing::Test::HasFailure(); ++phase) {
      Feed feed(contract);
      std::vector<std::deque<Bytes>> streams;
      for (test::Churn& churn : churns) {
        churn.run(static_cast<int>(pick(12)));
        auto& stream = streams.emplace_back();
        for (Bytes& event : Feed::recorded()) stream.push_back(std::move(event));
      }
      Stream mixed;
      while (!streams.empty()) {
        const std::size_t i = pick(streams.size());
        if (streams[i].empty()) {
          streams.erase(streams.begin() + static_cast<std::ptrdiff_t>(i));
          continue;
        }
        mixed.push_back(std::move(streams[i].front()));
        streams[i].pop_front();
      }
      // All of it before the first read: what has happened is in the kernel's queue, too. A pipe
      // holds 256 packets.
      const std::size_t least = 1 + mixed.size() / 250;
      ASSERT_LE(least, Feed::most);
      const std::size_t largest = least + pick(Feed::most);
      feed.give(mixed, [&] { return least + pick(largest - least + 1); });
      feed.drain();
    }
    contract.check();
  }
}

// ---- what no kernel would tell

TEST(HandmadeFiction, A4_AHalfThatComesTooLateIsADepartureAndAnArrival) {
  Contract contract;
  make_tree(contract);
  contract.start();
  {
    Feed feed(contract);
    move(contract.in("d"), contract.in("e"));
    const Stream stream = Feed::recorded();
    ASSERT_EQ(stream.size(), 3U);
    feed.give(std::span(stream).first(1));
    EXPECT_THAT(contract.drain(), ElementsAre("MOVED_FROM d/"));
    feed.give(std::span(stream).subspan(1));
    EXPECT_THAT(feed.drain(), ElementsAre("MOVED_TO e/", "~CREATE e/sub/", found("e/sub/h")));
  }
  contract.check();
}

TEST(HandmadeFiction, A4_OtherWdsAndCookiesMeanNothing) {
  Contract contract;
  make_tree(contract);
  contract.start();
  const auto p = contract.watcher().path(contract.in("p"));
  ASSERT_TRUE(p);
  {
    Feed feed(contract);
    HandMade made;
    made.append(12345, IN_CREATE | IN_ISDIR, 0, "x")
        .append(12345, IN_MOVED_FROM, 7, "x")
        .append(12345, IN_MOVED_TO | IN_ISDIR, 8, "x")
        .append(12345, IN_MOVE_SELF)
        .append(12345, IN_DELETE_SELF)
        .append(12345, IN_IGNORED)
        .append(-5, IN_MODIFY, 0, "x")
        .append(0, IN_DELETE, 0, "x");
    feed.give(Stream{made.bytes()});
    EXPECT_THAT(feed.drain(), IsEmpty());

    // A rename from or to a watch that is not ours is a departure or an arrival.
    feed.give(Stream{HandMade()
                         .append(p->wd, IN_MOVED_FROM, 9, "gone")
                         .append(12345, IN_MOVED_TO, 9, "gone")
                         .bytes()});
    EXPECT_THAT(feed.drain(), ElementsAre("MOVED_FROM p/gone"));
    feed.give(Stream{HandMade()
                         .append(12345, IN_MOVED_FROM, 9, "f")
                         .append(p->wd, IN_MOVED_TO, 9, "f")
                         .bytes()});
    EXPECT_THAT(feed.drain(), ElementsAre("MOVED_TO p/f"));
  }
  contract.check();
}

TEST(HandmadeFiction, A4_NamesThatTheDiskDoesNotHaveDoNoHarm) {
  Contract contract;
  make_tree(contract);
  contract.start();
  const auto p = contract.watcher().path(contract.in("p"));
  ASSERT_TRUE(p);
  {
    Feed feed(contract);
    HandMade made;
    made.append(p->wd, IN_CREATE | IN_ISDIR, 0, "none")
        .append(p->wd, IN_MOVED_FROM | IN_ISDIR, 1, "none")
        .append(p->wd, IN_MOVED_TO | IN_ISDIR, 1, "none too")
        .append(p->wd, IN_MOVED_FROM | IN_ISDIR, 2, "none too")
        .append(p->wd, IN_MOVED_TO | IN_ISDIR, 2, "none")
        .append(p->wd, IN_DELETE | IN_ISDIR, 0, "none")
        .append(p->wd, IN_MOVE_SELF)
        .append(p->wd, IN_DELETE, 0, std::string(255, 'n'));
    feed.give(Stream{made.bytes()});
    const Lines told = feed.drain();
    EXPECT_EQ(told.size(), 7U) << testing::PrintToString(told);
  }
  contract.check();
}

// ---- the same with nothing between: the kernel's queue cut by the size of a read(2)

TEST(HandmadeNot, A4_A7_ARenameAcrossTheEndOfTheBuffer) {
  Contract contract;
  for (const char* path : {"p/x/of_x", "q/y/of_y"}) make_dirs(contract.in(path));
  for (const char* path : {"1", "2"}) write_file(contract.in(path));
  contract.start();
  constexpr int of_a_buffer = 64 * 1024 / 32;  // each event takes 32 bytes
  for (int before = of_a_buffer - 8; before <= of_a_buffer + 1 && !testing::Test::HasFailure();
       ++before) {
    SCOPED_TRACE(std::to_string(before) + " events before");
    for (int i = 0; i < before; ++i)
      ::close(::open(contract.in(i % 2 == 0 ? "1" : "2").c_str(), O_WRONLY | O_CLOEXEC));
    exchange(contract.in("p/x"), contract.in("q/y"));
    move(contract.in("p/x"), contract.in("x"));
    move(contract.in("x"), contract.in("p/x"));
    Lines told = contract.drain();
    EXPECT_EQ(std::erase_if(told, [](const auto& line) { return line.starts_with("CLOSE_WRITE"); }),
              static_cast<std::size_t>(before));
    EXPECT_THAT(
        told, ElementsAre("MOVED_FROM p/x/ -> q/y/", "MOVED_FROM q/y/ -> p/x/",
                          "MOVED_TO q/y/ <- p/x/", "MOVED_TO p/x/ <- q/y/", "MOVED_FROM p/x/ -> x/",
                          "MOVED_TO x/ <- p/x/", "MOVED_FROM x/ -> p/x/", "MOVED_TO p/x/ <- x/"));
    contract.check();
  }
}

}  // namespace
