#include "support/auto_watcher_checks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <inotify/limits.hpp>
#include <utility>

namespace test {

Events drain(inotify::Watcher& watcher) {
  Events all;
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    const auto events = watcher.read(at_once);
    if (events.empty() && !watcher.is_behind()) return all;
    for (const inotify::Event& event : events) all.emplace_back(event);
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "still events to read after a minute: " << all.size();
      return all;
    }
  }
}

void apply(Replay& replay, const Events& events) {
  for (const auto& event : events) replay.apply(event.view());
}

std::string below(std::string_view root, std::string_view path) {
  if (path == root) return ".";
  if (path.starts_with(root) && path.substr(root.size()).starts_with('/')) {
    path.remove_prefix(root.size() + 1);
  }
  return std::string(path);
}

std::string line(const inotify::OwnedEvent& event, std::string_view root) {
  std::string text = event.error ? "hole" : inotify::to_string(event.mask);
  if (event.synthetic) text = "synthetic " + text;
  text += ' ' + below(root, event.fullpath);
  if (!event.moved_from.empty()) text += " from " + below(root, event.moved_from);
  if (!event.moved_to.empty()) text += " to " + below(root, event.moved_to);
  return text;
}

Lines lines(const Events& events, std::string_view root) {
  Lines all;
  for (const auto& event : events) all.push_back(line(event, root));
  return all;
}

std::string show(const Events& events) {
  std::string text = "all that was told:\n";
  for (const auto& event : events) text += "  " + inotify::to_string(event.view()) + '\n';
  return text;
}

Events with(const Events& events, inotify::Mask bits) {
  Events some;
  for (const auto& event : events) {
    if ((event.mask & bits) != 0) some.push_back(event);
  }
  return some;
}

std::set<std::string> holes(const Events& events, std::string_view root) {
  std::set<std::string> paths;
  for (const auto& event : events) {
    if (event.error) paths.insert(below(root, event.fullpath));
  }
  return paths;
}

inotify::Mask kernel_mask(const Probe& watcher, const std::string& path) {
  for (const auto& [wd, watch] : kernel_table(watcher.inotify_fd())) {
    if (std::pair(watch.device, watch.inode) == identity(path)) return watch.mask;
  }
  return 0;
}

bool is_watched(const Probe& watcher, const std::string& path) {
  return kernel_mask(watcher, path) != 0;
}

Lines directories(const std::string& root, const std::function<bool(const std::string&)>& wanted) {
  Lines all{root};
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    if (it->is_symlink() || !it->is_directory()) continue;
    if (!wanted || wanted(it->path().string())) {
      all.push_back(it->path().string());
    } else {
      it.disable_recursion_pending();
    }
  }
  return all;
}

void expect_watched(const Probe& watcher, const Lines& paths) {
  EXPECT_EQ(audit_on_disk(watcher), "");
  EXPECT_EQ(watcher.num_watches(), paths.size());
  for (const std::string& path : paths) {
    const auto known = watcher.path(path);
    if (!known) {
      ADD_FAILURE() << "not watched: " << path;
    } else {
      EXPECT_EQ(known->mask & names, names) << path;
    }
  }
}

void expect_heard(inotify::Watcher& watcher, const Lines& paths) {
  std::set<std::string> expected;
  for (const std::string& path : paths) expected.insert(path + "/probe");
  for (const std::string& path : expected) write_file(path);
  const Events events = drain(watcher);
  for (const auto& event : with(events, IN_CREATE)) {
    EXPECT_EQ(expected.erase(event.fullpath), 1U) << "told, but not done: " << event;
  }
  EXPECT_TRUE(expected.empty()) << "deaf: " << *expected.begin() << '\n' << show(events);
  for (const std::string& path : paths) fs::remove(path + "/probe");
  drain(watcher);
}

bool overrun(const std::string& directory) {
  const long queue = inotify::max_queued_events().value_or(0);
  if (queue <= 0 || queue > 1 << 17) return false;
  const std::string one = directory + "/overrun1";
  const std::string two = directory + "/overrun2";
  write_file(one);
  for (long i = 0; i <= queue / 4; ++i) {
    move(one, two);
    move(two, one);
  }
  return true;
}

Signal::Signal() {
  if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
}

Signal::~Signal() {
  ::close(ends_[0]);
  ::close(ends_[1]);
}

void Signal::give() {
  if (::write(ends_[1], "", 1) != 1) throw std::runtime_error("write to a pipe");
}

void Signal::take() {
  pollfd wait{ends_[0], POLLIN, 0};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline);
  char byte = 0;
  if (::poll(&wait, 1, static_cast<int>(left.count())) != 1 || ::read(ends_[0], &byte, 1) != 1) {
    throw std::runtime_error("the other process says nothing");
  }
}

void in_child(const std::function<void()>& body) {
  int reason[2] = {-1, -1};
  ASSERT_EQ(::pipe2(reason, O_CLOEXEC), 0);
  std::fflush(nullptr);
  SecondProcess child([&] {
    try {
      body();
    } catch (const Forbidden& forbidden) {
      const std::string_view what = forbidden.what();
      if (::write(reason[1], what.data(), what.size()) < 0) throw;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "threw: " << error.what();
    }
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  });
  ::close(reason[1]);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline);
  pollfd end{reason[0], POLLIN, 0};  // that end of the pipe is closed with the child
  ::poll(&end, 1, static_cast<int>(left.count()));
  while (child.is_running()) {
  }
  char what[256];
  const ssize_t size = ::read(reason[0], what, sizeof what);
  ::close(reason[0]);
  if (size > 0) GTEST_SKIP() << std::string_view(what, static_cast<std::size_t>(size));
}

void write_proc(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool good = fd >= 0 && ::write(fd, text.data(), text.size()) >= 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  errno = error;
  if (!good) throw Forbidden("cannot write " + path);
}

void enter_user_namespace(int more_flags) {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | more_flags) != 0) throw Forbidden("user namespaces");
  write_proc("/proc/self/setgroups", "deny");
  write_proc("/proc/self/uid_map", "0 " + uid + " 1");
  write_proc("/proc/self/gid_map", "0 " + gid + " 1");
}

void need_user_namespace() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    try {
      enter_user_namespace();
      errno = 0;
    } catch (const Forbidden&) {
    }
    ::_exit(errno);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  errno = WEXITSTATUS(status);
  if (status != 0) throw Forbidden("user namespaces");
}

void become_root_of_ones_own() {
  if (::geteuid() != 0) enter_user_namespace();
}

void limit_watches(int most) {
  write_proc("/proc/sys/user/max_inotify_watches", std::to_string(most));
}

void enter_mount_namespace() {
  if (::geteuid() != 0) {
    enter_user_namespace(CLONE_NEWNS);
  } else if (::unshare(CLONE_NEWNS) != 0) {
    throw Forbidden("mount namespaces");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    throw Forbidden("private mounts");
  }
}

void mount_tmpfs(const std::string& path) {
  if (::mount("tmpfs", path.c_str(), "tmpfs", 0, nullptr) != 0) throw Forbidden("mounting a tmpfs");
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capset, &header, none) != 0) throw Forbidden("capset");
}

void become_nobody(const std::string& path) {
  constexpr unsigned nobody = 65534;
  if (::geteuid() != 0) return;
  // In a user namespace of one user there is nobody else, and all belongs to him.
  if (::lchown(path.c_str(), nobody, nobody) != 0 && errno == EINVAL) return drop_capabilities();
  const auto give = [&](const fs::path& p) {
    if (::lchown(p.c_str(), nobody, nobody) != 0) throw Forbidden("chown");
  };
  give(path);
  for (const auto& entry : fs::recursive_directory_iterator(path)) give(entry.path());
  if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) throw Forbidden("setuid");
  ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self/fdinfo would still be root's
}

}  // namespace test
