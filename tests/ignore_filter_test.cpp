// IgnoreFilter: its patterns, its files, its errors.
#include <inotify/ignore_filter.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/temp_dir.hpp"

namespace ignore_filter {
namespace {

using inotify::IgnoreFilter;
using testing::HasSubstr;
using Lines = std::vector<std::string>;
using Options = IgnoreFilter::Options;
namespace fs = std::filesystem;

bool excludes_file(const IgnoreFilter& filter, const fs::path& path) {
  return filter.excludes(path.native(), false);
}
bool excludes_directory(const IgnoreFilter& filter, const fs::path& path) {
  return filter.excludes(path.native(), true);
}

inotify::Event event_of(inotify::Mask mask, std::string_view fullpath) {
  inotify::Event event;
  event.mask = mask;
  event.fullpath = fullpath;
  event.path = fullpath.substr(0, fullpath.rfind('/'));
  event.name = fullpath.substr(fullpath.rfind('/') + 1);
  return event;
}

TEST(IgnoreFilter, WantsEverythingByDefault) {
  EXPECT_FALSE(excludes_file(IgnoreFilter(), "/any"));
  EXPECT_FALSE(excludes_file(IgnoreFilter("/r", Lines{}), "/r/any"));
  IgnoreFilter().reload();
}

TEST(IgnoreFilter, TheLastLineThatMatchesDecides) {
  const IgnoreFilter filter("/r", Lines{"*.o", "!keep.o", "# no.c", "no.*", "", "  "});
  EXPECT_TRUE(excludes_file(filter, "/r/deep/a.o"));
  EXPECT_FALSE(excludes_file(filter, "/r/deep/keep.o"));
  EXPECT_TRUE(excludes_file(filter, "/r/no.c"));
  EXPECT_FALSE(excludes_file(filter, "/r/a.c"));
}

TEST(IgnoreFilter, NothingIsSeenAgainBelowWhatIsIgnored) {
  const IgnoreFilter filter("/r", Lines{"build/", "!build/keep"});
  EXPECT_TRUE(excludes_directory(filter, "/r/build"));
  EXPECT_FALSE(excludes_file(filter, "/r/build"));
  EXPECT_TRUE(excludes_file(filter, "/r/a/build/keep"));
}

TEST(IgnoreFilter, ASlashAnchorsToTheRoot) {
  const IgnoreFilter filter("/r", Lines{"/top", "a/b", "**/deep/x", "all/**"});
  EXPECT_TRUE(excludes_file(filter, "/r/top"));
  EXPECT_FALSE(excludes_file(filter, "/r/sub/top"));
  EXPECT_TRUE(excludes_file(filter, "/r/a/b"));
  EXPECT_FALSE(excludes_file(filter, "/r/s/a/b"));
  EXPECT_TRUE(excludes_file(filter, "/r/s/t/deep/x"));
  EXPECT_TRUE(excludes_file(filter, "/r/deep/x"));
  EXPECT_FALSE(excludes_directory(filter, "/r/all"));
  EXPECT_TRUE(excludes_file(filter, "/r/all/x/y"));
}

TEST(IgnoreFilter, TheRootAndWhatIsElsewhereAreWanted) {
  const IgnoreFilter filter("/r/in", Lines{"*"});
  EXPECT_FALSE(excludes_directory(filter, "/r/in"));
  EXPECT_FALSE(excludes_directory(filter, "/r"));
  EXPECT_FALSE(excludes_file(filter, "/r/inside"));
  EXPECT_TRUE(excludes_file(filter, "/r/in/side"));
  EXPECT_FALSE(excludes_file(filter, ""));
}

TEST(IgnoreFilter, TheRootIsReadAsTheWatchersReadIt) {
  for (const char* root : {"/r", "//r/", "/./r/."}) {
    EXPECT_TRUE(excludes_file(IgnoreFilter(root, Lines{"/x"}), "/r/x")) << root;
  }
  EXPECT_TRUE(excludes_file(IgnoreFilter("/", Lines{"/x"}), "/x"));
  EXPECT_TRUE(excludes_file(IgnoreFilter("r", Lines{"/x"}), "r/x"));
  for (const char* root : {".", "./"}) {
    const IgnoreFilter filter(root, Lines{"/x"});
    EXPECT_TRUE(excludes_file(filter, "./x"));
    EXPECT_FALSE(excludes_file(filter, "."));
    EXPECT_FALSE(excludes_file(filter, "/x"));
  }
}

TEST(IgnoreFilter, APathMayBeWrittenInAnyWay) {
  const IgnoreFilter filter("/r", Lines{"/a/x"});
  for (const char* path :
       {"/r/a/x", "/r//a///x", "/r/a/x/", "/r/a/./x//", "/r/./a/x", "/r/a/./x", "/r/a/x/."}) {
    EXPECT_TRUE(excludes_file(filter, path)) << path;
  }
  for (const char* path : {"/r/", "/r//", "/r/.//"}) {
    EXPECT_FALSE(excludes_file(IgnoreFilter("/r", Lines{"*"}), path)) << path;
  }
}

TEST(IgnoreFilter, CaseIsIgnoredIfAskedFor) {
  Options options;
  options.ignore_case = true;
  const IgnoreFilter filter("/r", Lines{"Build/", "*.[OA]", "\\Q", "[!x]z"}, options);
  EXPECT_TRUE(excludes_directory(filter, "/r/BUILD"));
  EXPECT_TRUE(excludes_file(filter, "/r/a.o"));
  EXPECT_TRUE(excludes_file(filter, "/r/a.A"));
  EXPECT_TRUE(excludes_file(filter, "/r/q"));
  EXPECT_FALSE(excludes_file(filter, "/r/Xz"));
  EXPECT_FALSE(excludes_directory(IgnoreFilter("/r", Lines{"Build/"}), "/r/build"));
}

TEST(IgnoreFilter, IncludedFilesAloneAreWantedAndEveryDirectory) {
  Options options;
  options.include = {"*.c", "docs/", "!test.c"};
  const IgnoreFilter filter("/r", Lines{"build/"}, options);
  EXPECT_FALSE(excludes_file(filter, "/r/a/b/x.c"));
  EXPECT_TRUE(excludes_file(filter, "/r/a/b/x.h"));
  EXPECT_TRUE(excludes_file(filter, "/r/a/test.c"));
  EXPECT_FALSE(excludes_file(filter, "/r/a/docs/any"));
  EXPECT_FALSE(excludes_directory(filter, "/r/other"));
  EXPECT_TRUE(excludes_directory(filter, "/r/build"));
  EXPECT_TRUE(excludes_file(filter, "/r/build/x.c"));
}

TEST(IgnoreFilter, EventsThatAreAboutNoFileAreWantedUnlessIgnored) {
  Options options;
  options.include = {"*.c"};
  const IgnoreFilter filter("/r", Lines{"build"}, options);
  EXPECT_TRUE(filter(event_of(IN_Q_OVERFLOW, "/r")));
  EXPECT_TRUE(filter(event_of(IN_CREATE | IN_ISDIR, "/r/d")));
  EXPECT_FALSE(filter(event_of(IN_CREATE, "/r/d")));
  EXPECT_TRUE(filter(event_of(IN_CREATE, "/r/d/x.c")));
  inotify::Event hole = event_of(0, "/r/hole");
  hole.error = std::make_error_code(std::errc::permission_denied);
  EXPECT_TRUE(filter(hole));
  hole.fullpath = "/r/build";
  EXPECT_TRUE(filter.excludes(hole));
}

// ---- no pattern is an error, but one that is too large

TEST(IgnoreFilter, WhatCannotBeReadMatchesNothing) {
  const IgnoreFilter filter("/r", Lines{"[a", "a\\", "[[:none:]]", "/", "!", "//", "b"});
  EXPECT_FALSE(excludes_file(filter, "/r/[a"));
  EXPECT_FALSE(excludes_file(filter, "/r/a"));
  EXPECT_TRUE(excludes_file(filter, "/r/b"));
}

TEST(IgnoreFilter, APatternThatIsTooLargeIsAnError) {
  const std::string large(10'000, 'a');
  EXPECT_THROW(IgnoreFilter("/r", Lines{large}), std::invalid_argument);
  Options options;
  options.include = {large};
  EXPECT_THROW(IgnoreFilter("/r", Lines{}, options), std::invalid_argument);
}

// ---- files

TEST(IgnoreFilter, ReadsAFileFromAnywhere) {
  const test::TempDir dir;
  test::write_file(dir / "list", "\xef\xbb\xbf*.o\r\n#x\nb \n");
  IgnoreFilter filter = IgnoreFilter::from_file("/r", dir / "list");
  EXPECT_TRUE(excludes_file(filter, "/r/x.o"));
  EXPECT_TRUE(excludes_file(filter, "/r/b"));
  const IgnoreFilter copy = filter;
  test::write_file(dir / "list", "new\n");
  filter.reload();
  EXPECT_TRUE(excludes_file(copy, "/r/new"));
  EXPECT_FALSE(excludes_file(copy, "/r/b"));
  fs::remove(dir / "list");
  std::error_code ec;
  filter.reload(ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_TRUE(excludes_file(copy, "/r/new"));
}

template <class Call>
void expect_error(Call call, std::errc expected, const fs::path& path) {
  try {
    call();
    ADD_FAILURE();
  } catch (const fs::filesystem_error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    EXPECT_EQ(error.path1(), path);
    EXPECT_THAT(error.what(), HasSubstr("IgnoreFilter"));
  }
}

TEST(IgnoreFilter, AFileThatCannotBeReadIsAnErrorWithItsPath) {
  const test::TempDir dir;
  const fs::path missing = dir / "missing";
  expect_error([&] { IgnoreFilter::from_file("/r", missing); },
               std::errc::no_such_file_or_directory, missing);
  expect_error([&] { IgnoreFilter::from_file("/r", dir.path()); }, std::errc::is_a_directory,
               dir.path());
  test::write_file(dir / "large", std::string(10'000, 'a'));
  test::write_file(dir / "huge", std::string((std::size_t{1} << 20) + 1, '\n'));
  for (const char* name : {"large", "huge"}) {
    expect_error([&] { IgnoreFilter::from_file("/r", dir / name); }, std::errc::file_too_large,
                 dir / name);
  }
  std::error_code ec;
  const IgnoreFilter filter = IgnoreFilter::from_file("/r", missing, {}, ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_FALSE(excludes_file(filter, "/r/a"));
}

class GitignoreTest : public testing::Test {
 protected:
  GitignoreTest() { fs::create_directories(root_ / "a/b"); }
  void write(const std::string& name, std::string_view text) {
    fs::create_directories((root_ / name).parent_path());
    test::write_file(root_ / name, text);
  }

  test::TempDir dir_;
  fs::path root_ = dir_ / "root";
};

TEST_F(GitignoreTest, MissingFilesAreNoErrorButAMissingRootIs) {
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  EXPECT_FALSE(excludes_file(filter, root_ / "a/x"));
  EXPECT_TRUE(excludes_directory(filter, root_ / "a/.git"));
  EXPECT_TRUE(excludes_file(filter, root_ / ".git"));  // of a worktree
  const fs::path missing = dir_ / "missing";
  expect_error([&] { IgnoreFilter::from_gitignore(missing); }, std::errc::no_such_file_or_directory,
               missing);
  std::error_code ec;
  IgnoreFilter::from_gitignore(missing, {}, ec);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  IgnoreFilter::from_gitignore(root_, {}, ec);
  EXPECT_FALSE(ec);
}

TEST_F(GitignoreTest, DeeperFilesDecideFirst) {
  write(".git/info/exclude", "x\ny\n");
  write(".gitignore", "!y\n*.o\n");
  write("a/.gitignore", "!keep.o\n/only\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  EXPECT_TRUE(excludes_file(filter, root_ / "a/x"));
  EXPECT_FALSE(excludes_file(filter, root_ / "a/y"));
  EXPECT_TRUE(excludes_file(filter, root_ / "keep.o"));
  EXPECT_FALSE(excludes_file(filter, root_ / "a/b/keep.o"));
  EXPECT_TRUE(excludes_file(filter, root_ / "a/only"));
  EXPECT_FALSE(excludes_file(filter, root_ / "only"));
}

TEST_F(GitignoreTest, ADeeperFileKeepsWhatThoseAboveIgnore) {
  write(".gitignore", "x*\ny\n");
  write("a/.gitignore", "!x\n!xx/\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  EXPECT_FALSE(excludes_file(filter, root_ / "a/x/b/z"));
  EXPECT_TRUE(excludes_file(filter, root_ / "a/x/b/y"));
  EXPECT_TRUE(excludes_file(filter, root_ / "a/xx"));
  EXPECT_FALSE(excludes_file(filter, root_ / "a/xx/z"));
}

TEST_F(GitignoreTest, TheDirectoriesAboveCountUpToTheRepository) {
  write(".git/info/exclude", "x\n");
  write(".gitignore", "*.o\n/a\n/a/b/no\n");
  write("a/.gitignore", "!b.o\n");
  fs::create_directory(dir_ / "outside");
  test::write_file(dir_ / ".gitignore", "*\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_ / "a/b");
  EXPECT_TRUE(excludes_file(filter, root_ / "a/b/x"));
  EXPECT_TRUE(excludes_file(filter, root_ / "a/b/a.o"));
  EXPECT_FALSE(excludes_file(filter, root_ / "a/b/b.o"));
  EXPECT_TRUE(excludes_file(filter, root_ / "a/b/no"));
  EXPECT_FALSE(excludes_file(filter, root_ / "a/b/a"));  // the root itself is never ignored
}

TEST_F(GitignoreTest, AWorktreeSharesTheRepositorysPatterns) {
  write("main/.git/info/exclude", "shared\n");
  write("main/.git/worktrees/w/commondir", "../..\n");
  write("w/.git", "gitdir: ../main/.git/worktrees/w\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_ / "w");
  EXPECT_TRUE(excludes_file(filter, root_ / "w/shared"));
}

TEST_F(GitignoreTest, AnUnreadableFileOfTheRootIsAnErrorAndADeeperOneIsTold) {
  fs::create_directory(root_ / "a/.gitignore");
  fs::create_symlink("/dev/null", root_ / "a/b/.gitignore");
  std::vector<std::string> told;
  Options options;
  options.onerror = [&](const fs::filesystem_error& error) { told.push_back(error.path1()); };
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_, options);
  EXPECT_FALSE(excludes_file(filter, root_ / "a/b/x"));
  EXPECT_THAT(told, testing::ElementsAre(root_ / "a/.gitignore", root_ / "a/b/.gitignore"));
  EXPECT_FALSE(excludes_file(IgnoreFilter::from_gitignore(root_), root_ / "a/b/x"));
  expect_error([&] { IgnoreFilter::from_gitignore(root_ / "a"); }, std::errc::is_a_directory,
               root_ / "a/.gitignore");
}

TEST_F(GitignoreTest, IsNotHeldByAFifo) {
  ASSERT_EQ(::mkfifo((root_ / "a/.gitignore").c_str(), 0600), 0);
  EXPECT_FALSE(excludes_file(IgnoreFilter::from_gitignore(root_), root_ / "a/x"));
}

TEST_F(GitignoreTest, AFileIsReadAgainOnceItsEventHasBeenAskedAbout) {
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  for (const std::string in : {"", "a/", "a/b/"}) {
    const std::string rules = root_ / (in + ".gitignore");
    const std::string path = root_ / (in + "x");
    EXPECT_FALSE(excludes_file(filter, root_ / "a/b/x"));
    write(in + ".gitignore", "x\n");
    EXPECT_FALSE(excludes_file(filter, path)) << path;
    EXPECT_TRUE(filter(event_of(IN_CLOSE_WRITE, rules)));
    EXPECT_TRUE(excludes_file(filter, path)) << path;
    EXPECT_TRUE(excludes_file(filter, root_ / "a/b/x")) << path;
    fs::remove(rules);
    EXPECT_TRUE(filter(event_of(IN_DELETE, rules)));
    EXPECT_FALSE(excludes_file(filter, path)) << path;
  }
}

TEST_F(GitignoreTest, ADirectoryThatIsAnotherIsReadAgain) {
  write("a/b/.gitignore", "x\n");
  write("c/b/.gitignore", "y\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  EXPECT_TRUE(excludes_file(filter, root_ / "a/b/x"));
  fs::remove_all(root_ / "a");
  fs::rename(root_ / "c", root_ / "a");
  EXPECT_TRUE(filter(event_of(IN_MOVED_TO | IN_ISDIR, (root_ / "a").native())));
  EXPECT_FALSE(excludes_file(filter, root_ / "a/b/x"));
  EXPECT_TRUE(excludes_file(filter, root_ / "a/b/y"));
}

TEST_F(GitignoreTest, ReadsAllAnewAfterAnOverflowOrOnDemand) {
  IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  EXPECT_FALSE(excludes_file(filter, root_ / "x"));
  write(".gitignore", "x\n");
  EXPECT_TRUE(filter(event_of(IN_Q_OVERFLOW, root_.native())));
  EXPECT_TRUE(excludes_file(filter, root_ / "x"));
  write(".gitignore", "y\n");
  write(".git/info/exclude", "z\n");
  filter.reload();
  EXPECT_FALSE(excludes_file(filter, root_ / "x"));
  EXPECT_TRUE(excludes_file(filter, root_ / "y"));
  EXPECT_TRUE(excludes_file(filter, root_ / "z"));
}

TEST_F(GitignoreTest, MayBeAskedInSeveralThreads) {
  write("a/.gitignore", "x\n");
  write("a/b/.gitignore", "!x\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(root_);
  const auto ask = [&, filter] {
    for (int i = 0; i < 300; ++i) {
      EXPECT_TRUE(excludes_file(filter, root_ / "a/x"));
      EXPECT_FALSE(excludes_file(filter, root_ / "a/b/x"));
      EXPECT_FALSE(excludes_file(filter, root_ / "c/x"));
    }
  };
  std::thread other(ask);
  IgnoreFilter again = filter;
  for (int i = 0; i < 100; ++i) again.reload();
  ask();
  other.join();
}

}  // namespace
}  // namespace ignore_filter
