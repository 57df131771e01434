// What the tests of single promises of AutoWatcher share: to take all events, to write them down briefly, to compare the kernel's
// table with the disk, and to do in another process what cannot be undone in this one.
#pragma once

#include <sys/inotify.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/audit.hpp"
#include "support/contract.hpp"
#include "support/kernel_table.hpp"
#include "support/replay.hpp"
#include "support/temp_dir.hpp"

namespace test {

using Events = std::vector<inotify::OwnedEvent>;
using Lines = std::vector<std::string>;

inline constexpr std::chrono::milliseconds at_once{0};
inline constexpr inotify::Mask names = IN_CREATE | IN_DELETE | IN_MOVE;

// ---- events

/// Reads until nothing is left.
Events drain(inotify::Watcher& watcher);

void apply(Replay& replay, const Events& events);

/// A path relative to the root, which is ".".
std::string below(std::string_view root, std::string_view path);

/// "IN_CREATE|IN_ISDIR a/b", with "synthetic " before what was found by listing, "hole a/b" for what could not be watched, and
/// " from a" or " to c" behind a rename whose other half is known.
std::string line(const inotify::OwnedEvent& event, std::string_view root);

Lines lines(const Events& events, std::string_view root);

std::string show(const Events& events);

/// The events that have one of `bits`.
Events with(const Events& events, inotify::Mask bits);

/// The paths of the holes, relative to `root`.
std::set<std::string> holes(const Events& events, std::string_view root);

// ---- coverage

/// The kernel's mask for the inode at `path`; 0 if it is not watched.
inotify::Mask kernel_mask(const Probe& watcher, const std::string& path);

bool is_watched(const Probe& watcher, const std::string& path);

/// `root` and the directories below it that `wanted` accepts; what it refuses is not looked into.
Lines directories(const std::string& root,
                  const std::function<bool(const std::string&)>& wanted = {});

/// Exactly these directories are watched, each under its path, with what following needs in its mask.
void expect_watched(const Probe& watcher, const Lines& paths);

/// A file created in each directory is told, once, under its path. Needs IN_CREATE in the mask.
void expect_heard(inotify::Watcher& watcher, const Lines& paths);

/// More than the queue holds happens in `directory`, two events for each rename; what is done afterwards is lost. False if the queue
/// is too long for that.
bool overrun(const std::string& directory);

// ---- processes

/// Thrown in a child: what the test needs is forbidden here.
struct Forbidden : std::runtime_error {
  explicit Forbidden(const std::string& what)
      : std::runtime_error(what + ": " + std::strerror(errno)) {}
};

/// Two processes in step: one waits until the other says so.
class Signal {
 public:
  Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal();
  void give();
  /// Throws if it does not come within a minute.
  void take();

 private:
  int ends_[2] = {-1, -1};
};

/// Runs `body` in a process of its own, its failed expectations being failures of this test; skips the test if it throws Forbidden.
/// To be the last statement of a test.
void in_child(const std::function<void()>& body);

void write_proc(const std::string& path, const std::string& text);

/// In a child: a user namespace of its own, in which this process is root.
void enter_user_namespace(int more_flags = 0);

/// Whether this process could have one is found out by another.
void need_user_namespace();

/// In a child: somebody to whom nothing is shut that belongs to this user.
void become_root_of_ones_own();

/// In such a child: how many watches it may have.
void limit_watches(int most);

/// In a child: a mount namespace of its own.
void enter_mount_namespace();

void mount_tmpfs(const std::string& path);

void drop_capabilities();

/// In a child: somebody who may not read everything, to whom `path` belongs with all below.
void become_nobody(const std::string& path);

}  // namespace test
