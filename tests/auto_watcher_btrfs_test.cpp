// A17 on btrfs, where a listing shows what was in the directory when it was opened [38].
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"
#include "support/loop_mount.hpp"

namespace {

using test::Contract;

// 114 directories and 144 files.
void make_source(const std::string& top) {
  int directories = 0;
  int files = 0;
  const std::function<void(const std::string&, int)> fill = [&](const std::string& path,
                                                                int depth) {
    test::fs::create_directory(path);
    ++directories;
    for (int i = 0; i < 2 && files < 144; ++i, ++files) {
      test::write_file(path + "/f" + std::to_string(i), "some text");
    }
    for (int i = 0; depth < 4 && i < 4 && directories < 114; ++i) {
      fill(path + "/d" + std::to_string(i), depth + 1);
    }
  };
  fill(top, 0);
  for (; files < 144; ++files) test::write_file(top + "/more" + std::to_string(files));
  ASSERT_EQ(directories, 114);
}

void run(const std::vector<std::string>& words) {
  if (test::run_program(words) != 0) throw std::runtime_error(words.front() + " failed");
}

// Copies a tree into a watched directory, `count` times; after each the stream equals the disk, and
// every directory is heard.
void expect_copies_told(const std::function<void(const Contract&, const std::string& to)>& copy) {
  test::in_child([&] {
    const test::LoopMount mount({"btrfs", {"-q"}});
    Contract contract;
    make_source(contract.out("source"));
    run({"tar", "cf", contract.out("source.tar"), "-C", contract.out(), "source"});
    contract.start();
    const int count = test::rounds(10);
    for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("copy " + std::to_string(i));
      test::race(contract, [&] { copy(contract, contract.in("copy")); });
      EXPECT_EQ(contract.replay().tree().size(), 114U + 144U);
      contract.check();
      test::fs::remove_all(contract.in("copy"));
      contract.drain();
    }
  });
}

TEST(AutoWatcherBtrfs, A17_CpTellsAllThatItMakes) {
  expect_copies_told([](const Contract& contract, const std::string& to) {
    run({"cp", "-r", contract.out("source"), to});
  });
}

TEST(AutoWatcherBtrfs, A17_TarTellsAllThatItMakes) {
  expect_copies_told([](const Contract& contract, const std::string& to) {
    run({"tar", "xf", contract.out("source.tar"), "-C", contract.in(), "--transform",
         "s/^source/" + to.substr(to.rfind('/') + 1) + '/'});
  });
}

TEST(AutoWatcherBtrfs, A17_FilesystemCopyTellsAllThatItMakes) {
  expect_copies_told([](const Contract& contract, const std::string& to) {
    test::fs::copy(contract.out("source"), to, test::fs::copy_options::recursive);
  });
}

// The copy is under way while add_all opens the root, watches it and lists it.
TEST(AutoWatcherBtrfs, A17_AddAllDuringACopyMissesNothing) {
  test::in_child([] {
    const test::LoopMount mount({"btrfs", {"-q"}});
    const int count = test::rounds(10);
    for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("copy " + std::to_string(i));
      Contract contract({.announce = true});
      make_source(contract.out("source"));
      test::SecondProcess copy([&] {
        test::fs::copy(contract.out("source"), contract.in(), test::fs::copy_options::recursive);
      });
      contract.start_knowing_nothing();
      while (copy.is_running()) contract.step();
      contract.drain();
      contract.check();
    }
  });
}

}  // namespace
