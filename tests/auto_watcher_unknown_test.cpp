// A17: what the disk does not tell is not told. A name that cannot be opened is not known to be a
// directory, and a call that a signal has interrupted is made again.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include "support/auto_watcher_checks.hpp"
#include "support/faults.hpp"

namespace {

using inotify::Mask;
using test::Call;
using test::Events;
using test::Fault;

constexpr std::array errors{EMFILE, ENFILE, ENOMEM, EINTR, EIO};
constexpr std::array calls{Call::openat, Call::fstatat, Call::add_watch, Call::getdents};

class Unknown : public testing::Test {
 protected:
  void SetUp() override {
    test::fs::create_directory(in());
    test::fs::create_directory(out());
    watcher_.add_all(in(), test::contract_mask);
  }
  [[nodiscard]] std::string in(std::string_view name = {}) const { return below("in", name); }
  [[nodiscard]] std::string out(std::string_view name = {}) const { return below("out", name); }

  // Does `work` with one call after the other failing once, or from then on, until none is left
  // that fails.
  void sweep(const std::function<void()>& work,
             const std::function<void(const Events& told, int error)>& expect) {
    for (const Call call : calls) {
      for (const int error : errors) {
        for (const int times : {1, test::for_ever}) {
          if (error == EINTR && times != 1) continue;  // that is tried again forever
          for (int first = 1; first < 1000; ++first) {
            SCOPED_TRACE("call " + std::to_string(static_cast<int>(call)) + ", number " +
                         std::to_string(first) + (times == 1 ? ": " : " and later: ") +
                         std::strerror(error));
            if (!step(work, expect, call, error, first, times) || HasFailure()) break;
          }
        }
      }
    }
  }

 private:
  [[nodiscard]] std::string below(const char* top, std::string_view name) const {
    const std::string all = dir_ / top;
    return name.empty() ? all : all + '/' + std::string(name);
  }

  // Returns whether any call has failed.
  bool step(const std::function<void()>& work,
            const std::function<void(const Events& told, int error)>& expect, Call call, int error,
            int first, int times) {
    for (const std::string& top : {in(), out()}) {
      for (const auto& entry : test::fs::directory_iterator(top))
        test::fs::remove_all(entry.path());
    }
    test::drain(watcher_);
    work();
    Events told;
    int hits = 0;
    {
      const Fault fault(call, error, first, error == EINTR ? 3 : times);
      told = test::drain(watcher_);
      hits = fault.hits();
    }
    expect(told, hits == 0 ? 0 : error);
    watcher_.retry_holes();
    const Events healed = test::drain(watcher_);
    EXPECT_TRUE(test::holes(healed, in()).empty());
    told.insert(told.end(), healed.begin(), healed.end());
    test::Replay replay;
    test::apply(replay, told);
    EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(in())), "") << test::show(told);
    test::expect_heard(watcher_, test::directories(in()));
    return hits > 0;
  }

  test::TempDir dir_;
  test::Probe watcher_;
};

bool tells_directory(const Events& told, std::string_view path) {
  return std::ranges::any_of(told, [&](const auto& event) {
    return event.fullpath == path && (event.mask & IN_ISDIR) != 0;
  });
}

// That it has gone again is in doubt until the disk has been asked (an exchange may have been merged
// with another event).
TEST_F(Unknown, A17_AFileThatCannotBeOpenedIsNoDirectory) {
  sweep(
      [&] {
        test::write_file(out("x"));
        test::move(out("x"), in("x"));
        test::move(in("x"), out("x"));
      },
      [&](const Events& told, int) {
        EXPECT_FALSE(tells_directory(told, in("x"))) << test::show(told);
      });
}

TEST_F(Unknown, A17_TwoFilesThatAreExchangedAreNoDirectories) {
  sweep(
      [&] {
        test::write_file(in("x"));
        test::write_file(in("y"));
        test::exchange(in("x"), in("y"));
      },
      [&](const Events& told, int) {
        for (const char* name : {"x", "y"}) {
          EXPECT_FALSE(tells_directory(told, in(name))) << test::show(told);
        }
      });
}

TEST_F(Unknown, A17_WhatIsInterruptedIsTriedAgain) {
  sweep(
      [&] {
        test::make_dirs(in("a/b"));
        test::write_file(in("a/b/file"));
      },
      [&](const Events& told, int error) {
        if (error == EINTR) {
          EXPECT_TRUE(test::holes(told, in()).empty()) << test::show(told);
        }
      });
}

TEST_F(Unknown, A17_ADirectoryThatCannotBeOpenedIsTold) {
  sweep(
      [&] {
        test::make_dirs(out("x/y"));
        test::move(out("x"), in("x"));
        test::move(in("x"), out("x"));
        test::move(out("x"), in("x"));
      },
      [&](const Events& told, int) {
        EXPECT_TRUE(tells_directory(told, in("x"))) << test::show(told);
      });
}

}  // namespace
