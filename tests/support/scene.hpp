// A tree that AutoWatcher follows while something fails, and a consumer who knows only what he is told.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <inotify/auto_watcher.hpp>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "support/audit.hpp"
#include "support/close_later.hpp"
#include "support/contract.hpp"
#include "support/replay.hpp"
#include "support/temp_dir.hpp"

namespace test {

/// What a Scene is played with.
struct Variant {
  bool announce =
      true;  ///< add_all and overflows announce; else the consumer lists after an overflow.
  std::size_t threads = 0;
  bool has_filter = false;  ///< That refuses what is called "refused".
};

inline std::string to_string(const Variant& variant) {
  return std::string(variant.announce ? "announcing" : "reporting") +
         (variant.has_filter ? ", filtering, " : ", ") + std::to_string(variant.threads) +
         " threads";
}

/// The directories `in`, with something in it, and `out`.
class Scene {
 public:
  /// Makes a call of the library, which may fail; returns whether it has not.
  using Trial = std::function<bool(const std::function<void()>&)>;

  /// `most_failures`: of one call in a row, before that is left.
  Scene(const Variant& variant, Trial trial, int most_failures)
      : variant_(variant), trial_(std::move(trial)), most_failures_(most_failures) {
    for (const char* path : {"a/b/c", "a/e", "d/refused/g", "x/y"})
      fs::create_directories(in(path));
    for (const char* path : {"f", "a/f", "a/b/c/f", "d/f"}) write_file(in(path));
    fs::create_directory(out());
  }

  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    if (watcher_) close_later(watcher_->inotify_fd());
  }

  [[nodiscard]] std::string in(const std::string& path = {}) const { return below("in", path); }
  [[nodiscard]] std::string out(const std::string& path = {}) const { return below("out", path); }
  [[nodiscard]] Probe& watcher() { return *watcher_; }
  [[nodiscard]] const std::set<std::string>& roots() const { return roots_; }
  /// Whether an event has told of a hole.
  [[nodiscard]] const std::set<int>& holes() const { return holes_; }

  /// Makes the call until it succeeds, or has failed too often; returns whether it has succeeded.
  bool insist(const std::function<void()>& call) {
    for (int i = 0; i < most_failures_; ++i) {
      if (trial_(call)) return true;
    }
    return false;
  }

  bool make() {
    inotify::AutoWatcher::Options options;
    options.announce = variant_.announce;
    options.overflow =
        variant_.announce ? inotify::OverflowPolicy::announce : inotify::OverflowPolicy::report;
    options.threads = variant_.threads;
    if (variant_.has_filter) {
      options.add_filter = [](const inotify::Event& event) { return event.name != "refused"; };
    }
    return insist([&] { watcher_.emplace(options); });
  }

  bool add_root(const std::string& root) {
    if (!insist([&] { watcher_->add_all(root, contract_mask); })) return false;
    roots_.insert(root);
    if (!variant_.announce) list(root);
    return true;
  }

  bool remove_root(const std::string& root) {
    const auto known = watcher_->path(root);
    if (!known || !insist([&] { watcher_->remove(known->wd); })) return false;
    drain();
    roots_.erase(root);
    replay_.apply(note(IN_Q_OVERFLOW, root));
    return true;
  }

  /// Reads until nothing comes.
  void drain() {
    for (int failures = 0; failures < most_failures_;) {
      std::span<const inotify::Event> events;
      if (!trial_([&] { events = watcher_->read(std::chrono::milliseconds(0)); })) {
        ++failures;
        continue;
      }
      if (events.empty()) return;
      failures = 0;
      for (const inotify::Event& event : events) take(event);
    }
  }

  /// With the queue empty: what was told is what is on disk, all of it is watched, and the table is
  /// the kernel's.
  void check() {
    EXPECT_EQ(audit_on_disk(*watcher_), "");
    Tree disk;
    std::set<std::string> wanted = roots_;
    for (const std::string& root : roots_) {
      for (const auto& [path, is_dir] : tree_on_disk(root)) {
        if (is_hidden(path)) continue;
        disk[path] = is_dir;
        if (is_dir && !is_hidden(path + '/')) wanted.insert(path);
      }
    }
    Tree told;
    for (const auto& [path, is_dir] : replay_.tree()) {
      if (!is_hidden(path)) told[path] = is_dir;
    }
    EXPECT_EQ(difference(told, disk), "") << log();
    std::set<std::string> watched;
    for (const auto& watch : watcher_->watches()) watched.insert(watch.path);
    EXPECT_EQ(watched, wanted) << log();
  }

 private:
  [[nodiscard]] std::string below(const char* top, const std::string& path) const {
    return (dir_ / top).string() + (path.empty() ? "" : "/" + path);
  }
  // Below what the filter refuses, where nobody looks.
  [[nodiscard]] bool is_hidden(const std::string& path) const {
    return variant_.has_filter && path.find("/refused/") != std::string::npos;
  }
  static inotify::Event note(inotify::Mask mask, const std::string& path) {
    inotify::Event event{};
    event.mask = mask;
    event.fullpath = event.path = path;
    return event;
  }
  void take(const inotify::Event& event) {
    if (event.error) holes_.insert(event.error.value());
    replay_.apply(event);
    if (!event.is_overflow() || variant_.announce) return;
    if (!event.fullpath.empty()) return list(std::string(event.fullpath));
    for (const std::string& root : roots_) list(root);
  }
  void list(const std::string& root) {
    replay_.apply(note(IN_Q_OVERFLOW, root));
    if (!fs::is_directory(root)) return;
    for (const auto& [path, is_dir] : tree_on_disk(root)) {
      replay_.apply(note(IN_CREATE | (is_dir ? IN_ISDIR : 0U), path));
    }
  }
  [[nodiscard]] std::string log() const {
    std::string text;
    for (const std::string& line : replay_.log()) text += line + '\n';
    return text;
  }

  Variant variant_;
  Trial trial_;
  int most_failures_;
  TempDir dir_;
  std::optional<Probe> watcher_;
  std::set<std::string> roots_;
  std::set<int> holes_;
  Replay replay_;
};

}  // namespace test
