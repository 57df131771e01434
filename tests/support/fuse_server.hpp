// A file system of a test's own making, served by a process of its own through FUSE: it knows names
// under any spelling of upper and lower case, and takes them as long as the kernel does.
#pragma once

#ifdef INOTIFY_TEST_FUSE
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#endif

#include "support/auto_watcher_checks.hpp"

namespace test {

#ifndef INOTIFY_TEST_FUSE

/// Without libfuse3 there is none.
class FuseServer {
 public:
  FuseServer() {
    errno = ENOENT;
    throw Forbidden("libfuse3");
  }
  [[nodiscard]] std::string path() const { return {}; }
  static constexpr const char* slow = "slow";
  void await_slow() {}
};

#else

/// What is in the file system: directories, and files without content. An object is one inode under
/// whatever spelling it is found, as on a vfat, cifs or casefold file system.
class FuseTree {
 public:
  Signal slow{};  // given when a slow mkdir has begun
  struct Object {
    fuse_ino_t number;
    mode_t mode;
    std::map<std::string, std::pair<std::string, Object*>> entries{};  // by the name in lower case
  };

  FuseTree() { add(S_IFDIR | 0755); }

  Object& add(mode_t mode) { return objects_.emplace_back(Object{objects_.size() + 1, mode}); }
  /// Numbers begin with 1, the root.
  Object& at(fuse_ino_t number) { return objects_[static_cast<std::size_t>(number - 1)]; }
  static std::string key(std::string name) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name;
  }
  Object* find(fuse_ino_t parent, const char* name) {
    const auto it = at(parent).entries.find(key(name));
    return it == at(parent).entries.end() ? nullptr : it->second.second;
  }
  void link(fuse_ino_t parent, const char* name, Object& object) {
    at(parent).entries[key(name)] = {name, &object};
  }
  /// 0 or an errno.
  int unlink(fuse_ino_t parent, const char* name) {
    const Object* object = find(parent, name);
    if (object == nullptr) return ENOENT;
    if (!object->entries.empty()) return ENOTEMPTY;
    at(parent).entries.erase(key(name));
    return 0;
  }
  int rename(fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
             unsigned flags) {
    Object* object = find(parent, name);
    if (flags != 0) return EINVAL;
    if (object == nullptr) return ENOENT;
    if (Object* there = find(new_parent, new_name); there != nullptr && there != object) {
      if (const int error = unlink(new_parent, new_name); error != 0) return error;
    }
    at(parent).entries.erase(key(name));
    link(new_parent, new_name, *object);
    return 0;
  }

 private:
  std::deque<Object> objects_;  // none is ever given up
};

/// To be made in a child (see in_child()): mounts the file system in a mount namespace of its own.
/// TempDir, and what uses it, makes its directories there from then on. Throws Forbidden if this
/// process may not, or if there is no libfuse3.
class FuseServer {
 public:
  FuseServer() {
    enter_mount_namespace();
    Signal mounted;
    pid_ = ::fork();
    if (pid_ == 0) serve(tree_, mounted);
    try {
      mounted.take();
    } catch (const std::exception&) {
      stop();
      throw;
    }
    if (!is_mounted()) {
      stop();
      errno = EPERM;
      throw Forbidden("mounting a FUSE file system");
    }
    ::setenv("INOTIFY_TEST_DIR", path().c_str(), 1);
  }
  FuseServer(const FuseServer&) = delete;
  FuseServer& operator=(const FuseServer&) = delete;
  ~FuseServer() {
    ::unsetenv("INOTIFY_TEST_DIR");
    ::umount2(path().c_str(), MNT_DETACH);
    stop();
  }

  [[nodiscard]] std::string path() const { return dir_.str(); }

  /// It takes a while to make a directory of that name. Returns once that has begun.
  static constexpr std::string_view slow = "slow";
  void await_slow() { tree_.slow.take(); }

 private:
  // What is asked of the server.
  struct Answers {
    static FuseTree& tree(fuse_req_t request) {
      return *static_cast<FuseTree*>(fuse_req_userdata(request));
    }
    static struct stat status(const FuseTree::Object& object) {
      struct stat status {};
      status.st_ino = object.number;
      status.st_mode = object.mode;
      status.st_nlink = 1;
      return status;
    }
    static fuse_entry_param entry(const FuseTree::Object& object) {
      fuse_entry_param entry{};
      entry.ino = object.number;
      entry.attr = status(object);
      entry.attr_timeout = entry.entry_timeout = 1.0;
      return entry;
    }
    static void make(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
                     fuse_file_info* file) {
      FuseTree& tree = Answers::tree(request);
      if (tree.find(parent, name) != nullptr) {
        fuse_reply_err(request, EEXIST);
        return;
      }
      FuseTree::Object& object = tree.add(mode);
      tree.link(parent, name, object);
      const fuse_entry_param made = entry(object);
      file != nullptr ? fuse_reply_create(request, &made, file) : fuse_reply_entry(request, &made);
    }

    static void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
      const FuseTree::Object* object = tree(request).find(parent, name);
      // A negative answer may be kept, too: then it is given without asking, and without a lock.
      fuse_entry_param found{};
      found.entry_timeout = 1.0;
      if (object != nullptr) found = entry(*object);
      fuse_reply_entry(request, &found);
    }
    static void getattr(fuse_req_t request, fuse_ino_t number, fuse_file_info* /*file*/) {
      const struct stat answer = status(tree(request).at(number));
      fuse_reply_attr(request, &answer, 1.0);
    }
    static void setattr(fuse_req_t request, fuse_ino_t number, struct stat* attributes, int which,
                        fuse_file_info* file) {
      constexpr mode_t bits = 07777;
      FuseTree::Object& object = tree(request).at(number);
      if ((which & FUSE_SET_ATTR_MODE) != 0)
        object.mode = (object.mode & ~bits) | (attributes->st_mode & bits);
      getattr(request, number, file);
    }
    static void mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
                      dev_t /*device*/) {
      make(request, parent, name, mode, nullptr);
    }
    static void mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
      if (name == slow) {
        tree(request).slow.give();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      make(request, parent, name, mode | S_IFDIR, nullptr);
    }
    static void create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
                       fuse_file_info* file) {
      make(request, parent, name, mode, file);
    }
    static void remove(fuse_req_t request, fuse_ino_t parent, const char* name) {
      fuse_reply_err(request, tree(request).unlink(parent, name));
    }
    static void rename(fuse_req_t request, fuse_ino_t parent, const char* name,
                       fuse_ino_t new_parent, const char* new_name, unsigned flags) {
      fuse_reply_err(request, tree(request).rename(parent, name, new_parent, new_name, flags));
    }
    static void open(fuse_req_t request, fuse_ino_t /*number*/, fuse_file_info* file) {
      fuse_reply_open(request, file);
    }
    static void write(fuse_req_t request, fuse_ino_t /*number*/, const char* /*data*/, size_t size,
                      off_t /*offset*/, fuse_file_info* /*file*/) {
      fuse_reply_write(request, size);
    }
    static void readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                        fuse_file_info* /*file*/) {
      std::vector<char> buffer(size);
      std::size_t used = 0;
      off_t next = 0;
      for (const auto& [key, named] : tree(request).at(number).entries) {
        if (++next <= offset) continue;
        const struct stat attributes = status(*named.second);
        const std::size_t needed = fuse_add_direntry(request, buffer.data() + used, size - used,
                                                     named.first.c_str(), &attributes, next);
        if (needed > size - used) break;
        used += needed;
      }
      fuse_reply_buf(request, buffer.data(), used);
    }
  };

  [[noreturn]] void serve(FuseTree& tree, Signal& mounted) {
    fuse_lowlevel_ops answers{};
    answers.lookup = Answers::lookup;
    answers.getattr = Answers::getattr;
    answers.setattr = Answers::setattr;
    answers.mknod = Answers::mknod;
    answers.mkdir = Answers::mkdir;
    answers.create = Answers::create;
    answers.unlink = Answers::remove;
    answers.rmdir = Answers::remove;
    answers.rename = Answers::rename;
    answers.open = Answers::open;
    answers.write = Answers::write;
    answers.readdir = Answers::readdir;
    std::string program = "inotify-test";
    std::array<char*, 1> arguments{program.data()};
    fuse_args args{1, arguments.data(), 0};
    fuse_session* session = fuse_session_new(&args, &answers, sizeof answers, &tree);
    const bool good = session != nullptr && fuse_session_mount(session, path().c_str()) == 0;
    mounted.give();
    if (good) fuse_session_loop(session);
    ::_exit(0);
  }

  [[nodiscard]] bool is_mounted() const {
    struct stat here {};
    struct stat above {};
    return ::stat(path().c_str(), &here) == 0 &&
           ::stat(dir_.path().parent_path().c_str(), &above) == 0 && here.st_dev != above.st_dev;
  }

  void stop() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  TempDir dir_;
  FuseTree tree_;  // the server's, but for its signal
  pid_t pid_ = -1;
};

#endif

}  // namespace test
