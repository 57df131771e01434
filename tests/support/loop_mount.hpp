// A file system of its own for a test: made anew in an image, and mounted where nobody else sees it.
#pragma once

#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <inotify/detail/unique_fd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/auto_watcher_checks.hpp"

namespace test {

/// Runs a program, found by PATH, and returns its exit status; 127 if there is none.
inline int run_program(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t silent;
  ::posix_spawn_file_actions_init(&silent);
  ::posix_spawn_file_actions_addopen(&silent, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&silent, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, arguments.front(), &silent, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&silent);
  int status = 0;
  if (error != 0 || ::waitpid(pid, &status, 0) != pid) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

struct FileSystem {
  std::string type;                         ///< As in /proc/filesystems: ext4, xfs, btrfs, vfat ...
  std::vector<std::string> mkfs_options{};  ///< {"-O", "^filetype"}
  std::string mount_options{};              ///< "casefold,..."
};

/// To be made in a child (see in_child()): enters a mount namespace of its own and mounts a new file
/// system there. TempDir, and what uses it, makes its directories on it from then on. "tmpfs" and
/// "overlay" (over two directories of a tmpfs) need no image. The image lies on a tmpfs of the same
/// namespace: whatever happens, nothing is left once the child and those it has started have ended.
///
/// Throws Forbidden if this process may not do that, if there is no mkfs of that type, or if the
/// kernel does not know it.
class LoopMount {
 public:
  explicit LoopMount(const FileSystem& system) {
    enter_mount_namespace();
    mount_tmpfs(base_.str());
    fs::create_directory(path());
    if (system.type == "tmpfs") {
      mount_tmpfs(path());
    } else if (system.type == "overlay") {
      mount_overlay();
    } else {
      mount_image(system);
    }
    ::setenv("INOTIFY_TEST_DIR", path().c_str(), 1);
  }
  LoopMount(const LoopMount&) = delete;
  LoopMount& operator=(const LoopMount&) = delete;
  ~LoopMount() {
    ::unsetenv("INOTIFY_TEST_DIR");
    ::umount2(path().c_str(), MNT_DETACH);
    ::umount2(base_.str().c_str(), MNT_DETACH);
  }

  [[nodiscard]] std::string path() const { return base_ / "mounted"; }

 private:
  void mount_overlay() {
    std::string options;
    for (const std::string name : {"lower", "upper", "work"}) {
      fs::create_directory(base_ / name);
      options += (options.empty() ? "" : ",") + name + "dir=" + (base_ / name).string();
    }
    if (::mount("overlay", path().c_str(), "overlay", 0, options.c_str()) != 0)
      throw Forbidden("mounting an overlay");
  }

  void mount_image(const FileSystem& system) {
    if (::geteuid() != 0) throw Forbidden("loop devices");
    const std::string image = base_ / "image";
    std::ofstream(image).close();
    fs::resize_file(image, std::uintmax_t{512} << 20);  // sparse; XFS takes no less than 300
    std::vector<std::string> mkfs{"mkfs." + system.type};
    if (system.type.starts_with("ext")) mkfs.emplace_back("-q");
    mkfs.insert(mkfs.end(), system.mkfs_options.begin(), system.mkfs_options.end());
    mkfs.push_back(image);
    errno = 0;
    if (const int status = run_program(mkfs); status != 0) {
      errno = status == 127 ? ENOENT : EINVAL;
      throw Forbidden(mkfs.front());
    }
    std::string device;
    const inotify::detail::UniqueFd loop = attach(image, device);
    if (::mount(device.c_str(), path().c_str(), system.type.c_str(), 0,
                system.mount_options.c_str()) != 0)
      throw Forbidden("mounting " + system.type);
  }

  // The device is free again with its last user, which is the mount.
  inotify::detail::UniqueFd attach(const std::string& image, std::string& device) {
    const inotify::detail::UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    const inotify::detail::UniqueFd file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
    device = base_ / "device";
    for (int tries = 0; control && file && tries < 100; ++tries) {
      const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
      if (number < 0) break;
      ::unlink(device.c_str());
      constexpr unsigned loop_major = 7;
      if (::mknod(device.c_str(), S_IFBLK | 0600,
                  makedev(loop_major, static_cast<unsigned>(number))) != 0)
        break;
      inotify::detail::UniqueFd loop(::open(device.c_str(), O_RDWR | O_CLOEXEC));
      loop_config config{};
      config.fd = static_cast<__u32>(file.get());
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
      if (loop && ::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
      if (errno != EBUSY) break;  // somebody else was faster
    }
    throw Forbidden("loop devices");
  }

  TempDir base_;
};

}  // namespace test
