// Settle: whatever a program does to save a file, one event says so.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <inotify/auto_watcher.hpp>
#include <inotify/settle.hpp>
#include <string>
#include <vector>

#include "support/contract.hpp"
#include "support/temp_dir.hpp"

namespace settle_programs {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

class SettleProgram : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string_view name) const { return (dir / name).string(); }

  void start() {
    watcher.add_all(dir / "in", IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE);
  }

  // False if there is no such program.
  static bool has(const std::string& program) {
    return std::system(("command -v " + program + " > /dev/null 2>&1").c_str()) == 0;
  }

  static void run(const std::string& command) {
    ASSERT_EQ(std::system((command + " > /dev/null 2>&1 < /dev/null").c_str()), 0) << command;
  }

  // What is told until nothing is in motion any more.
  std::vector<std::string> settled() {
    inotify::Settle settle(watcher, {.quiet = 20ms, .at_most = 1h});
    std::vector<std::string> lines;
    do {
      for (const inotify::Event& event : settle.read(test::deadline))
        lines.push_back(test::brief(event, (dir / "in").string()));
    } while (!settle.empty());
    return lines;
  }

  void SetUp() override { test::make_dirs(dir / "in"); }

  test::TempDir dir;
  inotify::AutoWatcher watcher;
};

#define NEEDS(program) \
  if (!has(program)) GTEST_SKIP() << "there is no " << program

TEST_F(SettleProgram, DdThatWritesInPieces) {
  NEEDS("dd");
  start();
  run("dd if=/dev/zero bs=4k count=256 of=" + path("in/file"));
  EXPECT_THAT(settled(), ElementsAre("CREATE|MODIFY|CLOSE_WRITE file"));
}

TEST_F(SettleProgram, DdThatOverwrites) {
  NEEDS("dd");
  test::write_file(dir / "in/file", "old");
  start();
  run("dd if=/dev/zero bs=4k count=256 of=" + path("in/file"));
  EXPECT_THAT(settled(), ElementsAre("MODIFY|CLOSE_WRITE file"));
}

TEST_F(SettleProgram, RsyncOfANewFile) {
  NEEDS("rsync");
  test::write_file(dir / "source", std::string(1'000'000, 'x'));
  start();
  run("rsync " + path("source") + ' ' + path("in/file"));
  EXPECT_THAT(settled(), ElementsAre("MODIFY|CLOSE_WRITE|MOVED_TO file"));
}

TEST_F(SettleProgram, RsyncThatReplaces) {
  NEEDS("rsync");
  test::write_file(dir / "source", std::string(1'000'000, 'x'));
  test::write_file(dir / "in/file", "old");
  start();
  run("rsync " + path("source") + ' ' + path("in/file"));
  EXPECT_THAT(settled(), ElementsAre("MODIFY|CLOSE_WRITE|MOVED_TO file"));
}

TEST_F(SettleProgram, RsyncInPlace) {
  NEEDS("rsync");
  test::write_file(dir / "source", std::string(1'000'000, 'x'));
  test::write_file(dir / "in/file", "old");
  start();
  run("rsync --inplace " + path("source") + ' ' + path("in/file"));
  EXPECT_THAT(settled(), ElementsAre("MODIFY|CLOSE_WRITE file"));
}

// 32 MiB; 1 GiB with INOTIFY_ROUNDS=1024.
TEST_F(SettleProgram, CpOfALargeFile) {
  NEEDS("cp");
  test::write_file(dir / "source");
  std::filesystem::resize_file(dir / "source",
                               static_cast<std::uintmax_t>(test::rounds(32)) * 1024 * 1024);
  start();
  run("cp --sparse=never --reflink=never " + path("source") + ' ' + path("in/file"));
  EXPECT_THAT(settled(), ElementsAre("CREATE|MODIFY|CLOSE_WRITE file"));
}

// In place, or as a new file while the old one is a backup. A file may have been under the backup's name
// before, so its end is told.
TEST_F(SettleProgram, Vim) {
  NEEDS("vim");
  const auto save = [&](const std::string& backupcopy) {
    run("vim -u NONE -N -es -c 'set backupcopy=" + backupcopy + "' -c 's/$/new/' -c wq " +
        path("in/file"));
    return settled();
  };
  test::write_file(dir / "in/file", "old\n");
  start();
  EXPECT_THAT(save("yes"), ElementsAre("MODIFY|CLOSE_WRITE file"));
  // In place where a new file could not have the old one's owner or mode.
  EXPECT_THAT(save("no"),
              testing::AnyOf(ElementsAre("CREATE|MODIFY|CLOSE_WRITE file", "DELETE file~"),
                             ElementsAre("MODIFY|CLOSE_WRITE file")));
}

// A lock file as long as the document is open, a new file beside it, and a rename.
TEST_F(SettleProgram, LibreOfficesSave) {
  test::write_file(dir / "in/text.odt", "old");
  start();
  test::write_file(dir / "in/.~lock.text.odt#", "me");
  test::write_file(dir / "in/lu1234.tmp", "new");
  test::move(dir / "in/lu1234.tmp", dir / "in/text.odt");
  std::filesystem::remove(dir / "in/.~lock.text.odt#");
  EXPECT_THAT(settled(), ElementsAre("MODIFY|CLOSE_WRITE|MOVED_TO text.odt"));
}

TEST_F(SettleProgram, ThatWritesAndWritesAndCloses) {
  start();
  const int fd = ::open(path("in/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_GE(fd, 0);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(::write(fd, "text", 4), 4);
  ::close(fd);
  EXPECT_THAT(settled(), ElementsAre("CREATE|MODIFY|CLOSE_WRITE file"));
}

}  // namespace
}  // namespace settle_programs
