// FileWatch: what a reader of the path would see, however the file is changed, and nothing is lost.
#include <inotify/file_watch.hpp>

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <inotify/limits.hpp>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "support/auto_watcher_checks.hpp"
#include "support/contract.hpp"
#include "support/faults.hpp"
#include "support/temp_dir.hpp"

namespace {

using inotify::FileChange;
using inotify::FileWatch;
using test::write_file;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Readable failures.
[[maybe_unused]] void PrintTo(FileChange change, std::ostream* out) { *out << to_string(change); }

std::optional<std::string> content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// A reader that reads the path at first and at each report, and at no other time.
class Reader {
 public:
  explicit Reader(const fs::path& path) : file_(path), seen_(content(path)) {}

  FileChange read(std::chrono::milliseconds timeout = 0ms) {
    const FileChange change = file_.read(timeout);
    if (change == FileChange::none) return change;
    EXPECT_EQ(file_.exists(), change != FileChange::disappeared);
    seen_ = content(file_.path());
    ++reports_;
    return change;
  }

  // With nobody writing: what was seen last is what there is.
  void expect_up_to_date() {
    while (read() != FileChange::none) {
    }
    EXPECT_EQ(seen_, content(file_.path())) << "after " << reports_ << " reports";
    EXPECT_EQ(file_.exists(), seen_.has_value());
  }

  [[nodiscard]] const std::optional<std::string>& seen() const { return seen_; }
  [[nodiscard]] int reports() const { return reports_; }
  FileWatch& file() { return file_; }

 private:
  FileWatch file_;
  std::optional<std::string> seen_;
  int reports_ = 0;
};

class FileWatchTest : public testing::Test {
 protected:
  fs::path in(const std::string& name) const { return dir_ / name; }
  void replace(const fs::path& path, const std::string& text) const {
    write_file(in("temporary"), text);
    test::move(in("temporary"), path);
  }
  void link_anew(const fs::path& target, const fs::path& link) const {
    fs::create_symlink(target, in("link"));
    test::move(in("link"), link);
  }

  test::TempDir dir_;
};

TEST_F(FileWatchTest, TellsNothingWhileNothingHappens) {
  write_file(in("file"), "1");
  FileWatch file(in("file"));
  EXPECT_TRUE(file.exists());
  EXPECT_EQ(file.read(0ms), FileChange::none);
  write_file(in("other"), "1");
  fs::create_directory(in("directory"));
  EXPECT_EQ(file.read(0ms), FileChange::none);
  EXPECT_EQ(content(in("file")), "1");  // reading is no change
  EXPECT_EQ(file.read(0ms), FileChange::none);
}

TEST_F(FileWatchTest, TellsOfAFileThatComesAndGoes) {
  FileWatch file(in("file"));
  EXPECT_FALSE(file.exists());
  write_file(in("file"), "1");
  EXPECT_EQ(file.read(), FileChange::appeared);
  EXPECT_TRUE(file.exists());
  fs::remove(in("file"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  EXPECT_FALSE(file.exists());
  write_file(in("file"), "2");
  fs::remove(in("file"));
  EXPECT_EQ(file.read(), FileChange::disappeared) << "it may have been read in between";
  EXPECT_EQ(file.read(0ms), FileChange::none);
}

TEST_F(FileWatchTest, TellsOfWritingInPlaceAndOfAttributes) {
  write_file(in("file"), "1");
  FileWatch file(in("file"));
  std::ofstream writer(in("file"), std::ios::app);
  writer << "2" << std::flush;
  EXPECT_EQ(file.read(), FileChange::modified);
  writer.close();
  EXPECT_EQ(file.read(), FileChange::modified) << "the writer has closed it";
  fs::permissions(in("file"), fs::perms::owner_all);
  EXPECT_EQ(file.read(), FileChange::attributes);
  fs::permissions(in("file"), fs::perms::owner_read | fs::perms::owner_write);
  write_file(in("file"), "3");
  EXPECT_EQ(file.read(), FileChange::modified);
  fs::resize_file(in("file"), 0);
  EXPECT_EQ(file.read(), FileChange::modified);
  EXPECT_EQ(file.read(0ms), FileChange::none);
}

TEST_F(FileWatchTest, IsBoundToEachNewInode) {
  write_file(in("file"), "1");
  FileWatch file(in("file"));
  for (int round = 0; round < 3; ++round) {
    replace(in("file"), "2");
    EXPECT_EQ(file.read(), FileChange::replaced);
    write_file(in("file"), "3");
    EXPECT_EQ(file.read(), FileChange::modified);
    fs::remove(in("file"));
    write_file(in("file"), "4");  // maybe with the same inode number
    EXPECT_EQ(file.read(), FileChange::replaced);
    write_file(in("file"), "5");
    EXPECT_EQ(file.read(), FileChange::modified);
  }
  EXPECT_EQ(file.read(0ms), FileChange::none);
}

TEST_F(FileWatchTest, TellsOfAFileThatWasAwayForAWhile) {
  write_file(in("file"), "1");
  FileWatch file(in("file"));
  test::move(in("file"), in("away"));
  test::move(in("away"), in("file"));
  EXPECT_EQ(file.read(), FileChange::modified) << "something else may have been read in between";
  EXPECT_EQ(file.read(0ms), FileChange::none);
  test::move(in("file"), in("away"));
  write_file(in("away"), "2");
  test::move(in("away"), in("file"));
  EXPECT_EQ(file.read(), FileChange::modified);
  test::move(in("file"), in("away"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  write_file(in("away"), "3");
  EXPECT_EQ(file.read(0ms), FileChange::none);
  test::move(in("away"), in("file"));
  EXPECT_EQ(file.read(), FileChange::appeared);
}

TEST_F(FileWatchTest, DirectoriesAboveMayBeMissingRenamedAndReplaced) {
  FileWatch file(in("a/b/c/file"));
  EXPECT_FALSE(file.exists());
  fs::create_directories(in("a/b"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  fs::create_directories(in("a/b/c"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  EXPECT_EQ(file.read(0ms), FileChange::none);
  write_file(in("a/b/c/file"), "1");
  EXPECT_EQ(file.read(), FileChange::appeared);
  test::move(in("a"), in("x"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  fs::create_directories(in("a/b/c"));
  write_file(in("a/b/c/file"), "2");
  EXPECT_EQ(file.read(), FileChange::appeared);
  test::exchange(in("a/b"), in("x/b"));
  EXPECT_EQ(file.read(), FileChange::replaced);
  write_file(in("x/b/c/file"), "the other one");
  EXPECT_EQ(file.read(0ms), FileChange::none);
  fs::remove_all(in("a"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  write_file(in("a"), "no directory");
  EXPECT_EQ(file.read(), FileChange::disappeared);
  fs::remove(in("a"));
  EXPECT_EQ(file.read(0ms), FileChange::none);
  test::move(in("x"), in("a"));
  EXPECT_EQ(file.read(), FileChange::appeared);
}

// A Kubernetes ConfigMap: file -> ..data/file, ..data -> a directory that is never changed.
TEST_F(FileWatchTest, FollowsSymlinksThatAreSwapped) {
  fs::create_directories(in("map/..1"));
  write_file(in("map/..1/file"), "1");
  fs::create_symlink("..1", in("map/..data"));
  fs::create_symlink("..data/file", in("map/file"));
  Reader reader(in("map/file"));
  EXPECT_EQ(reader.seen(), "1");
  fs::create_directories(in("map/..2"));
  write_file(in("map/..2/file"), "2");
  EXPECT_EQ(reader.read(), FileChange::none);
  link_anew("..2", in("map/..data"));
  EXPECT_EQ(reader.read(), FileChange::replaced);
  EXPECT_EQ(reader.seen(), "2");
  fs::remove_all(in("map/..1"));
  EXPECT_EQ(reader.read(), FileChange::none);
  write_file(in("map/..2/file"), "3");
  EXPECT_EQ(reader.read(), FileChange::modified);
}

TEST_F(FileWatchTest, FollowsDanglingAbsoluteAndCircularSymlinks) {
  fs::create_symlink(in("deep/er/file"), in("file"));
  FileWatch file(in("file"));
  EXPECT_FALSE(file.exists());
  fs::create_directories(in("deep/er"));
  write_file(in("deep/er/file"), "1");
  EXPECT_EQ(file.read(), FileChange::appeared);
  link_anew("file", in("file"));
  EXPECT_EQ(file.read(), FileChange::disappeared);
  link_anew("deep/../deep/./er//file", in("file"));
  EXPECT_EQ(file.read(), FileChange::appeared);
  link_anew("/", in("file"));
  EXPECT_EQ(file.read(), FileChange::replaced);
}

TEST_F(FileWatchTest, ASlashAtTheEndLeadsToDirectoriesAlone) {
  write_file(in("file"), "1");
  fs::create_symlink("file/", in("link"));
  for (const char* const name : {"file/", "link"}) {
    FileWatch file(dir_ / name);
    EXPECT_FALSE(file.exists()) << name;
    fs::remove(in("file"));
    EXPECT_EQ(file.read(0ms), FileChange::none) << name;
    fs::create_directory(in("file"));
    EXPECT_EQ(file.read(0ms), FileChange::appeared) << name;
    fs::remove(in("file"));
    write_file(in("file"), "1");
    EXPECT_EQ(file.read(0ms), FileChange::disappeared) << name;
  }
  EXPECT_TRUE(FileWatch("/").exists());
}

TEST_F(FileWatchTest, APathWithANulIsInvalid) {
  write_file(in("file"), "1");
  std::error_code ec;
  const FileWatch file(in("file").native() + std::string("\0x", 2), ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_FALSE(file.exists());
}

TEST_F(FileWatchTest, ARelativePathBeginsInTheWorkingDirectoryOfThen) {
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  FileWatch file("a/../file");
  fs::current_path(before);
  fs::create_directory(in("a"));
  write_file(in("file"), "1");
  EXPECT_EQ(file.read(), FileChange::appeared);
}

TEST_F(FileWatchTest, KeepsNoWatchesItDoesNotNeed) {
  write_file(in("file"), "0");
  FileWatch file(in("file"));
  const auto count = [&] { return inotify::watches_in_use(); };
  const std::size_t before = count();
  for (int i = 0; i < 100; ++i) {
    replace(in("file"), "1");
    EXPECT_EQ(file.read(), FileChange::replaced);
  }
  EXPECT_EQ(count(), before);
}

TEST_F(FileWatchTest, AnUnreadableFileIsNone) {
  write_file(in("file"), "1");
  test::in_child([&] {
    test::become_nobody(dir_.str());
    FileWatch file(in("file"));
    const auto expect = [&](bool ok, const char* what) {
      if (!ok) throw std::runtime_error(what);
    };
    expect(file.exists(), "exists");
    fs::permissions(in("file"), fs::perms::none);
    expect(file.read(10s) == FileChange::disappeared, "disappeared");
    fs::permissions(in("file"), fs::perms::owner_read);
    expect(file.read(10s) == FileChange::appeared, "appeared");
    fs::create_directory(in("closed"));
    fs::permissions(in("closed"), fs::perms::owner_exec | fs::perms::owner_write);
    std::error_code ec;
    const FileWatch blind(in("closed/file"), ec);
    expect(ec == std::errc::permission_denied, "a directory that cannot be watched");
    fs::permissions(in("closed"), fs::perms::none);
    FileWatch behind(in("closed/file"));
    fs::permissions(in("closed"), fs::perms::owner_all);
    write_file(in("closed/file"), "1");
    expect(behind.read(10s) == FileChange::appeared, "behind a directory that was closed");
  });
}

TEST_F(FileWatchTest, SaysWhatIsWrongAndTriesAgain) {
  write_file(in("file"), "1");
  FileWatch file(in("file"));
  for (int call = 1; call <= 3; ++call) {
    replace(in("file"), "2");
    test::Fault fault(test::Call::add_watch, ENOSPC, call);
    try {
      file.read(0ms);
      ADD_FAILURE() << "no error at call " << call;
    } catch (const fs::filesystem_error& error) {
      EXPECT_EQ(error.path1(), in("file"));
      EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    }
    std::error_code ec = std::make_error_code(std::errc::io_error);
    EXPECT_EQ(file.read(0ms, ec), FileChange::replaced);
    EXPECT_FALSE(ec);
  }
  EXPECT_THROW(FileWatch(""), fs::filesystem_error);
  std::error_code ec;
  EXPECT_FALSE(FileWatch("", ec).exists());
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

TEST_F(FileWatchTest, CanBePolledAndClosedAndMoved) {
  FileWatch first(in("file"));
  FileWatch file(std::move(first));
  pollfd ready{file.fileno(), POLLIN, 0};
  write_file(in("file"), "1");
  EXPECT_EQ(::poll(&ready, 1, 0), 1);
  EXPECT_EQ(file.read(0ms), FileChange::appeared);
  file.close();
  file.close();
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(file.fileno(), -1);
  std::error_code ec;
  EXPECT_EQ(file.read(0ms, ec), FileChange::none);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TEST_F(FileWatchTest, InterruptEndsAWait) {
  FileWatch file(in("file"));
  file.interrupt();
  EXPECT_EQ(file.read(0ms), FileChange::none);  // does not wait, so it takes no interrupt
  EXPECT_EQ(file.read(), FileChange::none);
  std::thread other([&] { file.interrupt(); });
  EXPECT_EQ(file.read(), FileChange::none);
  other.join();
}

TEST_F(FileWatchTest, AnOverflowMayHaveHiddenAnything) {
  const long limit = inotify::max_queued_events().value_or(16384);
  for (const bool is_replaced : {false, true}) {
    write_file(in("file"), "1");
    Reader reader(in("file"));
    for (long i = 0; i <= limit / 2 + 1; ++i) {
      write_file(in("noise"), "");
      fs::remove(in("noise"));
    }
    is_replaced ? replace(in("file"), "2") : write_file(in("file"), "2");
    reader.expect_up_to_date();
    EXPECT_EQ(reader.seen(), "2");
    write_file(in("file"), "3");
    EXPECT_EQ(reader.read(), FileChange::modified) << "bound to what there is now";
  }
}

// ---- races with a second process at full speed

template <class Work>
void race(const fs::path& path, Work work) {
  Reader reader(path);
  test::SecondProcess writer(work);
  while (writer.is_running()) reader.read(10ms);
  reader.expect_up_to_date();
  EXPECT_GT(reader.reports(), 0);
}

TEST_F(FileWatchTest, MissesNoAtomicSave) {
  const int rounds = test::rounds(5000);
  race(in("file"), [&] {
    for (int i = 0; i <= rounds; ++i) replace(in("file"), std::to_string(i));
  });
  EXPECT_EQ(content(in("file")), std::to_string(rounds));
}

TEST_F(FileWatchTest, MissesNoDeleteAndCreate) {
  const int rounds = test::rounds(5000);
  race(in("file"), [&] {
    for (int i = 0; i <= rounds; ++i) {
      fs::remove(in("file"));
      write_file(in("file"), std::to_string(i));
    }
  });
  EXPECT_EQ(content(in("file")), std::to_string(rounds));
}

TEST_F(FileWatchTest, MissesNoSwappedSymlink) {
  const int rounds = test::rounds(2000);
  fs::create_symlink("..data/file", in("file"));
  race(in("file"), [&] {
    for (int i = 0; i <= rounds; ++i) {
      const fs::path next = ".." + std::to_string(i);
      fs::create_directory(dir_.path() / next);
      write_file(dir_.path() / next / "file", std::to_string(i));
      link_anew(next, in("..data"));
      if (i > 0) fs::remove_all(in(".." + std::to_string(i - 1)));
    }
  });
  EXPECT_EQ(content(in("file")), std::to_string(rounds));
}

// Whatever is done to the file and to what is above it, in any order.
TEST_F(FileWatchTest, EndsUpToDateAfterAnything) {
  const unsigned first = static_cast<unsigned>(test::number("INOTIFY_SEED", 1));
  for (unsigned seed = first; seed < first + 20 && !HasFailure(); ++seed) {
    SCOPED_TRACE("INOTIFY_SEED=" + std::to_string(seed));
    const auto anything = [&] {
      std::mt19937 random(seed);
      std::error_code ignored;
      for (int i = 0; i < test::rounds(400); ++i) {
        const fs::path file = in(random() % 2 == 0 ? "a/b/file" : "x/b/file");
        switch (random() % 9) {
          case 0:
          case 1:
            std::ofstream(file) << i;
            break;
          case 2:
            std::ofstream(in("new")) << i;
            fs::rename(in("new"), file, ignored);
            break;
          case 3:
            fs::remove(file, ignored);
            break;
          case 4:
            fs::create_directories(file.parent_path(), ignored);
            break;
          case 5:
            fs::rename(in("a"), in("x"), ignored);
            break;
          case 6:
            fs::rename(in("x"), in("a"), ignored);
            break;
          case 7:
            fs::create_symlink("x", in("a"), ignored);
            break;
          default:
            fs::remove_all(in(random() % 2 == 0 ? "a" : "x/b"), ignored);
        }
      }
    };
    Reader reader(in("a/b/file"));
    test::SecondProcess writer(anything);
    while (writer.is_running()) reader.read(10ms);
    reader.expect_up_to_date();
    fs::remove_all(in("a"));
    fs::remove_all(in("x"));
  }
}

}  // namespace
