// Events made by hand, as a watcher would deliver them.
#pragma once

#include <cstddef>
#include <deque>
#include <inotify/event.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace test {

/// Owns its events; the views of events() live as long as it does.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// An event about the entry `path`, told by the watch of the directory it lies in.
  inotify::OwnedEvent& add(inotify::Mask mask, std::string_view path, int wd = 1) {
    const auto slash = path.rfind('/');
    inotify::OwnedEvent& event = owned_.emplace_back();
    event.wd = wd;
    event.mask = mask;
    event.fullpath = path;
    event.path = path.substr(0, slash);
    event.name = path.substr(slash + 1);
    return event;
  }

  /// An event about `path`, told by its own watch.
  inotify::OwnedEvent& add_self(inotify::Mask mask, std::string_view path, int wd = 2) {
    inotify::OwnedEvent& event = add(mask, path, wd);
    event.path = path;
    event.name.clear();
    return event;
  }

  void rename(std::string_view from, std::string_view to, inotify::Mask flags = 0) {
    inotify::OwnedEvent& first = add(IN_MOVED_FROM | flags, from);
    first.moved_to = to;
    first.cookie = ++cookie_;
    inotify::OwnedEvent& second = add(IN_MOVED_TO | flags, to);
    second.moved_from = from;
    second.cookie = cookie_;
  }

  /// A directory that could not be watched.
  void hole(std::string_view path) {
    add_self(IN_ISDIR, path, -1).error = std::make_error_code(std::errc::permission_denied);
  }

  void keep(const inotify::Event& event) { owned_.emplace_back(event); }

  [[nodiscard]] std::size_t size() const { return owned_.size(); }

  /// All but the first `skipped`.
  [[nodiscard]] std::vector<inotify::Event> events(std::size_t skipped = 0) const {
    std::vector<inotify::Event> views;
    for (std::size_t i = skipped; i < owned_.size(); ++i) views.push_back(owned_[i].view());
    return views;
  }

 private:
  std::deque<inotify::OwnedEvent> owned_;
  std::uint32_t cookie_ = 0;
};

}  // namespace test
