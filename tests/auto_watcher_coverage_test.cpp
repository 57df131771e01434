// AutoWatcher, A1 to A3: every directory is watched, what was there before is reported, and nothing
// twice.
//
// What is queued before a read() is an exact race: the library then sees events that are older than
// the disk. The filter is called just before a directory is entered, and so is the place where a
// test can change the disk at the worst moment. What remains is left to a second process at full
// speed. Numbers in [brackets] are facts about the kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/contract.hpp"

namespace coverage {
namespace {

using test::Contract;
using test::make_dirs;
using test::nothing_before;
using test::nothing_more;
using test::race_in_rounds;
using test::rounds;
using test::write_file;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

namespace fs = std::filesystem;

class Coverage : public test::ContractTest {};

// What a listing reports of a regular file.
std::string found(const std::string& path) { return "~CREATE|CLOSE_WRITE " + path; }

// ---- A1: chains, copies, archives

TEST_F(Coverage, A1_MkdirChainsAreWatchedWhole) {
  start();
  make_dirs(in("a/b/c/d"));
  write_file(in("a/b/c/d/f"));
  EXPECT_THAT(drain(), ElementsAre("CREATE a/", "~CREATE a/b/", "~CREATE a/b/c/",
                                   "~CREATE a/b/c/d/", found("a/b/c/d/f")));
  check();
}

TEST_F(Coverage, A1_AChainWithoutEndIsWatchedWhole) {
  start();
  std::string path = "0";
  std::vector<std::string> expected{"CREATE 0/"};
  for (int i = 1; i <= 200; ++i) {
    path += '/' + std::to_string(i);
    expected.push_back("~CREATE " + path + '/');
  }
  make_dirs(in(path));
  EXPECT_THAT(drain(), ElementsAreArray(expected));
  check();
}

TEST_F(Coverage, A1_WhatIsThereAtAddAllIsWatchedAndNotReported) {
  make_dirs(in("a/b"));
  make_dirs(in("c"));
  write_file(in("a/f"));
  start();
  EXPECT_THAT(drain(), IsEmpty());
  check();
}

TEST_F(Coverage, A1_ACopiedTreeIsWatchedWhole) {
  make_dirs(out("t/a/b"));
  make_dirs(out("t/c"));
  for (const char* file : {"t/f", "t/a/f", "t/a/b/f", "t/c/f", "t/c/g"})
    write_file(out(file), "text");
  start();
  fs::copy(out("t"), in("t"), fs::copy_options::recursive);
  EXPECT_THAT(drain(), UnorderedElementsAre("CREATE t/", found("t/f"), "~CREATE t/a/",
                                            found("t/a/f"), "~CREATE t/a/b/", found("t/a/b/f"),
                                            "~CREATE t/c/", found("t/c/f"), found("t/c/g")));
  check();
}

TEST_F(Coverage, A1_AWideTreeIsWatchedWhole) {
  start();
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    const std::string path = "d" + std::to_string(i);
    make_dirs(in(path + "/x/y"));
    write_file(in(path + "/x/f"));
    expected.insert(expected.end(), {"CREATE " + path + '/', "~CREATE " + path + "/x/",
                                     "~CREATE " + path + "/x/y/", found(path + "/x/f")});
  }
  EXPECT_THAT(drain(), UnorderedElementsAreArray(expected));
  check();
}

TEST_F(Coverage, A1_NamesAreBytes) {
  start();
  const std::string longest(255, 'n');
  for (const std::string name :
       {"\xff\xfe", " ", "new\nline", "\"quoted\\", "...", longest.c_str()}) {
    make_dirs(in(name + '/' + name));
    EXPECT_THAT(drain(), ElementsAre("CREATE " + name + '/', "~CREATE " + name + '/' + name + '/'));
  }
  check();
}

// ---- A1: the disk is newer than the queue [31]

TEST_F(Coverage, A1_CreatedDeletedAndCreatedAgain) {
  start();
  make_dirs(in("x"));
  fs::remove(in("x"));
  make_dirs(in("x"));
  write_file(in("x/f"));
  // What the first CREATE could list is the last x: reported then, the stale DELETE would take it
  // away again.
  EXPECT_THAT(drain(), ElementsAre("CREATE x/", "DELETE x/", "CREATE x/", found("x/f")));
  check();
}

TEST_F(Coverage, A1_CreatedDeletedAndCreatedAgainWithFilesInIt) {
  start();
  for (int i = 0; i < 5; ++i) {
    make_dirs(in("x/sub"));
    write_file(in("x/f"));
    write_file(in("x/sub/f" + std::to_string(i)));
    if (i < 4) fs::remove_all(in("x"));
  }
  std::vector<std::string> expected;
  for (int i = 0; i < 4; ++i) expected.insert(expected.end(), {"CREATE x/", "DELETE x/"});
  expected.emplace_back("CREATE x/");
  const auto told = drain();
  ASSERT_EQ(told.size(), 12U) << testing::PrintToString(told);
  EXPECT_THAT(std::vector(told.begin(), told.begin() + 9), ElementsAreArray(expected));
  EXPECT_THAT(std::vector(told.begin() + 9, told.end()),
              UnorderedElementsAre(found("x/f"), "~CREATE x/sub/", found("x/sub/f4")));
  check();
}

TEST_F(Coverage, A1_ADirectoryThatBecomesAFile) {
  start();
  make_dirs(in("x"));
  fs::remove(in("x"));
  write_file(in("x"));
  EXPECT_THAT(drain(), ElementsAre("CREATE x/", "DELETE x/", "CREATE x", "CLOSE_WRITE x"));
  check();
}

TEST_F(Coverage, A1_AFileThatBecomesADirectory) {
  start();
  write_file(in("x"));
  fs::remove(in("x"));
  make_dirs(in("x/y"));
  EXPECT_THAT(drain(),
              ElementsAre("CREATE x", "CLOSE_WRITE x", "DELETE x", "CREATE x/", "~CREATE x/y/"));
  check();
}

TEST_F(Coverage, A1_AWatchedDirectoryDeletedAndCreatedAgain) {
  make_dirs(in("x/y"));
  start();
  fs::remove_all(in("x"));
  make_dirs(in("x/y/z"));
  EXPECT_THAT(drain(), ElementsAre("DELETE x/y/", "DELETE x/", "CREATE x/", "~CREATE x/y/",
                                   "~CREATE x/y/z/"));
  check();
}

TEST_F(Coverage, A1_CreatedAndGoneBeforeAnybodyLooked) {
  start();
  make_dirs(in("x/y"));
  fs::remove_all(in("x"));
  EXPECT_THAT(drain(), ElementsAre("CREATE x/", "DELETE x/"));
  check();
}

TEST_F(Coverage, A1_AnInodeNumberIsNoIdentity) {
  // ext4 gives the number of the deleted directory to the next one.
  start();
  for (int i = 0; i < 50; ++i) {
    make_dirs(in("x" + std::to_string(i)));
    if (i % 3 == 0) drain();
    fs::remove(in("x" + std::to_string(i)));
    if (i % 2 == 0) drain();
  }
  make_dirs(in("x/y"));
  drain();
  check();
}

// ---- A1, A3: the same, one level deeper, while the name is being listed

// A watcher that does something to the disk just before it enters a directory, once for each path.
class Meanwhile {
 public:
  Meanwhile()
      : contract_({.add_filter = [this](const inotify::Event& event) { return look(event); }}) {}

  Contract& contract() { return contract_; }
  [[nodiscard]] std::string in(std::string_view path) const { return contract_.in(path); }
  void before_entering(const std::string& path, std::function<void()> act) {
    acts_[in(path)] = std::move(act);
  }
  [[nodiscard]] bool is_done() const { return acts_.empty(); }

 private:
  bool look(const inotify::Event& event) {
    if (auto act = acts_.extract(std::string(event.fullpath)); !act.empty()) act.mapped()();
    return true;
  }

  std::map<std::string, std::function<void()>> acts_;
  Contract contract_;
};

TEST(CoverageMeanwhile, A1_AListedNameIsDeletedAndCreatedAgain) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("d/x/old"));
  meanwhile.before_entering("d/x", [&] {
    fs::remove_all(meanwhile.in("d/x"));
    make_dirs(meanwhile.in("d/x"));
    write_file(meanwhile.in("d/x/f"));
  });
  EXPECT_THAT(contract.drain(), ElementsAre("CREATE d/", "~CREATE d/x/", "DELETE d/x/",
                                            "CREATE d/x/", found("d/x/f")));
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

TEST(CoverageMeanwhile, A1_ANewDirectoryIsFilledBeforeItIsEntered) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("d"));
  meanwhile.before_entering("d", [&] {
    make_dirs(meanwhile.in("d/x/y"));
    write_file(meanwhile.in("d/x/y/f"));
  });
  EXPECT_THAT(contract.drain(),
              ElementsAre("CREATE d/", "~CREATE d/x/", "~CREATE d/x/y/", found("d/x/y/f")));
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

TEST(CoverageMeanwhile, A1_AListedDirectoryGivesWayToAFile) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("d/x"));
  meanwhile.before_entering("d/x", [&] {
    fs::remove_all(meanwhile.in("d/x"));
    write_file(meanwhile.in("d/x"));
  });
  EXPECT_THAT(contract.drain(), ElementsAre("CREATE d/", "~CREATE d/x/", "DELETE d/x/",
                                            "CREATE d/x", "CLOSE_WRITE d/x"));
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

TEST(CoverageMeanwhile, A1_ADirectoryAboveIsRenamedWhileAListedOneIsEntered) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("p/d/x/y"));
  meanwhile.before_entering("p/d/x", [&] { test::move(meanwhile.in("p"), meanwhile.in("q")); });
  contract.drain();
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

TEST(CoverageMeanwhile, A1_ADirectoryAboveMovesAwayAndBackWhileAListedOneIsEntered) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("p/d/x/y"));
  meanwhile.before_entering("p/d/x", [&] {
    test::move(meanwhile.in("p"), contract.out("p"));
    write_file(contract.out("p/d/f"));
    test::move(contract.out("p"), meanwhile.in("p"));
  });
  contract.drain();
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

TEST(CoverageMeanwhile, A1_TheDirectoryAboveIsReplacedWhileAListedOneIsEntered) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("p/d/x"));
  make_dirs(meanwhile.in("r/d/x/z"));
  meanwhile.before_entering("p/d/x", [&] {
    fs::remove_all(meanwhile.in("p"));
    test::move(meanwhile.in("r"), meanwhile.in("p"));
  });
  contract.drain();
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

TEST(CoverageMeanwhile, A3_WhatIsCreatedWhileItsDirectoryIsEnteredIsToldOnce) {
  Meanwhile meanwhile;
  Contract& contract = meanwhile.contract();
  contract.start();
  make_dirs(meanwhile.in("d/x"));
  // d is watched and listed by now: y and g come with events, x's content by listing.
  meanwhile.before_entering("d/x", [&] {
    make_dirs(meanwhile.in("d/y/z"));
    write_file(meanwhile.in("d/g"));
    write_file(meanwhile.in("d/x/f"));
  });
  EXPECT_THAT(contract.drain(),
              ElementsAre("CREATE d/", "~CREATE d/x/", found("d/x/f"), "CREATE d/y/",
                          "~CREATE d/y/z/", "CREATE d/g", "CLOSE_WRITE d/g"));
  EXPECT_TRUE(meanwhile.is_done());
  contract.check();
}

// ---- A2: what a listing reports

TEST_F(Coverage, A2_ParentsComeBeforeChildrenRightAfterTheRevealingEvent) {
  start();
  make_dirs(in("a/b"));
  write_file(in("f"));
  make_dirs(in("c/d/e"));
  write_file(in("g"));
  EXPECT_THAT(drain(),
              ElementsAre("CREATE a/", "~CREATE a/b/", "CREATE f", "CLOSE_WRITE f", "CREATE c/",
                          "~CREATE c/d/", "~CREATE c/d/e/", "CREATE g", "CLOSE_WRITE g"));
  check();
}

TEST_F(Coverage, A2_ABranchingTreeComesParentsFirst) {
  start();
  for (const char* path : {"t/a/a/a", "t/a/b/a", "t/b/a/a", "t/b/b/b"}) make_dirs(in(path));
  std::vector<std::string> known{"."};
  const auto told = drain();
  EXPECT_EQ(told.size(), 1U + 2 + 4 + 4) << testing::PrintToString(told);
  for (const std::string& line : told) {
    const std::string path = line.substr(line.find(' ') + 1, line.size() - line.find(' ') - 2);
    const auto slash = path.rfind('/');
    EXPECT_THAT(known, Contains(slash == std::string::npos ? "." : path.substr(0, slash))) << line;
    known.push_back(path);
  }
  check();
}

void make_socket(const std::string& path) {
  // The name of a socket must be short, so it is made in its directory.
  const fs::path before = fs::current_path();
  fs::current_path(fs::path(path).parent_path());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, fs::path(path).filename().c_str(), sizeof address.sun_path - 1);
  const int failed = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  fs::current_path(before);
  ASSERT_EQ(failed, 0) << path;
}

TEST_F(Coverage, A2_OnlyRegularFilesCarryCloseWrite) {
  make_dirs(out("t/dir"));
  write_file(out("t/file"), "text");
  fs::create_hard_link(out("t/file"), out("t/link"));
  fs::create_symlink("file", out("t/to_file"));
  fs::create_symlink("dir", out("t/to_dir"));
  fs::create_symlink("nowhere", out("t/to_nothing"));
  ASSERT_EQ(::mkfifo(out("t/fifo").c_str(), 0600), 0);
  make_socket(out("t/socket"));
  start();
  make_dirs(in("t"));
  for (const auto& entry : fs::directory_iterator(out("t"))) {
    test::move(entry.path(), in("t/" + entry.path().filename().string()));
  }
  const auto told = drain();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "CREATE t/");
  EXPECT_THAT(std::vector(told.begin() + 1, told.end()),
              UnorderedElementsAre("~CREATE t/dir/", found("t/file"), found("t/link"),
                                   "~CREATE t/to_file", "~CREATE t/to_dir", "~CREATE t/to_nothing",
                                   "~CREATE t/fifo", "~CREATE t/socket"));
  check();
}

TEST(CoverageWithMask, A2_CloseWriteOnlyIfItWasAskedFor) {
  Contract contract({}, IN_CREATE | IN_DELETE | IN_MOVE);
  contract.start();
  make_dirs(contract.in("d"));
  write_file(contract.in("d/f"));
  EXPECT_THAT(contract.drain(), ElementsAre("CREATE d/", "~CREATE d/f"));
  contract.check();
}

TEST(CoverageWithMask, A1_EveryDirectoryIsWatchedWhateverIsAskedFor) {
  Contract contract({}, IN_CLOSE_WRITE);
  contract.start();
  make_dirs(contract.in("a/b"));
  write_file(contract.in("a/b/f"));
  EXPECT_THAT(contract.drain(), ElementsAre("~CLOSE_WRITE a/b/f"));
  test::move(contract.in("a"), contract.in("z"));
  make_dirs(contract.in("z/b/c"));
  EXPECT_THAT(contract.drain(), IsEmpty());
  for (const char* path : {"z/f", "z/b/g", "z/b/c/h"}) write_file(contract.in(path));
  EXPECT_THAT(contract.drain(),
              ElementsAre("CLOSE_WRITE z/f", "CLOSE_WRITE z/b/g", "CLOSE_WRITE z/b/c/h"));
}

TEST(CoverageWithMask, A2_AnnounceReportsTheTreeAsItIs) {
  Contract contract({.announce = true});
  make_dirs(contract.in("a/b"));
  write_file(contract.in("a/f"));
  contract.watcher().add_all(contract.in(), test::contract_mask);
  test::Replay replay;
  std::vector<std::string> told;
  for (auto events = contract.watcher().read(std::chrono::milliseconds(0)); !events.empty();
       events = contract.watcher().read(std::chrono::milliseconds(0))) {
    for (const auto& event : events) told.push_back(test::brief(event, contract.in()));
    replay.apply(events);
  }
  ASSERT_EQ(told.size(), 3U) << testing::PrintToString(told);
  EXPECT_EQ(told.front(), "~CREATE a/");
  EXPECT_THAT(told, UnorderedElementsAre("~CREATE a/", "~CREATE a/b/", found("a/f")));
  EXPECT_EQ(test::difference(replay.tree(), test::tree_on_disk(contract.in())), "");
}

TEST_F(Coverage, A2_SymlinksAreReportedAndNotFollowed) {
  make_dirs(out("t/deep"));
  start();
  fs::create_directory_symlink(out("t"), in("s"));
  make_dirs(in("d"));
  fs::create_directory_symlink(out("t"), in("d/s"));
  EXPECT_THAT(drain(), ElementsAre("CREATE s", "CREATE d/", "~CREATE d/s"));
  check();
  contract_.check_silent(out("t"));
}

// ---- A3

TEST_F(Coverage, A3_AddingTheRootAgainReportsNothingTwice) {
  start();
  make_dirs(in("a/b"));
  write_file(in("a/f"));
  contract_.watcher().add_all(in(), test::contract_mask);
  drain();
  for (const char* line :
       {"CREATE|IN_ISDIR \"%s/a\"", "CREATE|IN_ISDIR \"%s/a/b\"", "\"%s/a/f\""}) {
    std::string pattern = line;
    pattern.replace(pattern.find("%s"), 2, in());
    EXPECT_EQ(contract_.count_told(pattern), 1U) << pattern << '\n' << contract_.log_of(in("a"));
  }
  check();
}

TEST_F(Coverage, A3_AFileIsToldOnceWhenItsDirectoryIsNewAndWhenItIsKnown) {
  start();
  make_dirs(in("d"));
  write_file(in("d/before"));
  EXPECT_THAT(drain(), ElementsAre("CREATE d/", found("d/before")));
  write_file(in("d/after"));
  EXPECT_THAT(drain(), ElementsAre("CREATE d/after", "CLOSE_WRITE d/after"));
  check();
}

// ---- the same against a second process

// How often each path was told as created or moved in.
std::map<std::string, int> arrivals(const std::vector<std::string>& told) {
  std::map<std::string, int> count;
  for (const std::string& line : told) {
    const auto space = line.find(' ');
    if (line.substr(0, space).find("CREATE") != std::string::npos) ++count[line.substr(space + 1)];
  }
  return count;
}

// Everything on disk was told exactly once, as nothing was ever deleted.
constexpr auto each_once = [](const Contract& contract, const std::vector<std::string>& told) {
  const auto count = arrivals(told);
  for (const auto& [path, is_dir] : test::tree_on_disk(contract.in())) {
    const std::string relative = path.substr(contract.in().size() + 1) + (is_dir ? "/" : "");
    const auto it = count.find(relative);
    EXPECT_EQ(it == count.end() ? 0 : it->second, 1) << relative << '\n' << contract.log_of(path);
  }
};

TEST(CoverageRace, A1_A3_MkdirChains) {
  race_in_rounds(
      rounds(20), nothing_before,
      [](const Contract& contract, int) {
        for (int i = 0; i < 12; ++i) {
          const std::string top = contract.in(std::to_string(i));
          make_dirs(top + "/a/b/c/d");
          write_file(top + "/a/b/c/d/f");
          write_file(top + "/a/b/g");
        }
      },
      each_once);
}

TEST(CoverageRace, A1_A3_CopiedTrees) {
  test::TempDir source;
  for (const char* path : {"t/a/b/c", "t/a/d", "t/e/f", "t/g"}) {
    make_dirs(source / path);
    write_file(source / path / "one", "text");
    write_file(source / path / "two");
  }
  race_in_rounds(
      rounds(20), nothing_before,
      [&](const Contract& contract, int) {
        for (int i = 0; i < 4; ++i) {
          fs::copy(source / "t", contract.in(std::to_string(i)), fs::copy_options::recursive);
        }
      },
      each_once);
}

void run(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error("cannot run " + words[0]);
}

TEST(CoverageRace, A1_UnpackedArchives) {
  if (std::system("tar --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "there is no tar";
  test::TempDir source;
  for (int i = 0; i < 20; ++i) {
    const std::string path = "t/" + std::to_string(i % 4) + "/" + std::to_string(i);
    make_dirs(source / path / "x" / "y");
    write_file(source / path / "one", "text");
    write_file(source / path / "x" / "two", "text");
    fs::create_symlink("one", source / path / "three");
  }
  const std::string archive = source / "t.tar";
  run({"tar", "-C", source.str(), "-cf", archive, "t"});
  race_in_rounds(
      std::max(1, rounds(20) / 4), nothing_before,
      [&](const Contract& contract, int) {
        run({"tar", "-C", contract.in(), "-xf", archive});
        run({"tar", "-C", contract.in(), "-xf",
             archive});  // over what is there: every file is replaced
      },
      nothing_more);
}

TEST(CoverageRace, A1_A2_DeletedAndCreatedAgain) {
  race_in_rounds(
      rounds(20), nothing_before,
      [](const Contract& contract, int) {
        for (int i = 0; i < 20; ++i) {
          make_dirs(contract.in("x/y/z"));
          write_file(contract.in("x/y/f" + std::to_string(i)));
          if (i < 19) fs::remove_all(contract.in("x"));
        }
      },
      nothing_more);
}

TEST(CoverageRace, A1_A2_CreateDeleteCreateOfOneName) {
  race_in_rounds(
      rounds(20), nothing_before,
      [](const Contract& contract, int round) {
        const std::string x = contract.in("d/x");
        make_dirs(contract.in("d"));
        for (int i = 0; i < 60; ++i) {
          ::mkdir(x.c_str(), 0755);
          if (i % 3 == 0) write_file(x + "/f");
          if (i % 3 == 0) ::unlink((x + "/f").c_str());
          ::rmdir(x.c_str());
        }
        if (round % 2 == 0) make_dirs(x);
        if (round % 2 == 0) write_file(x + "/f");
      },
      nothing_more);
}

TEST(CoverageRace, A1_A3_TwoWritersFillTheSameNewDirectories) {
  for (int i = 0; i < rounds(20) && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("round " + std::to_string(i));
    Contract contract;
    contract.start();
    const auto fill = [&](const std::string& file) {
      for (int k = 0; k < 15; ++k) {
        const std::string path = contract.in(std::to_string(k) + "/a/b");
        make_dirs(path);
        write_file(path + '/' + file);
      }
    };
    test::SecondProcess one([&] { fill("one"); });
    test::SecondProcess two([&] { fill("two"); });
    bool are_running = true;
    while (are_running) {
      const bool first = one.is_running();
      are_running = two.is_running() || first;
      contract.step();
    }
    each_once(contract, contract.drain());
    contract.check();
  }
}

}  // namespace
}  // namespace coverage
