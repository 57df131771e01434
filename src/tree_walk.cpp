// Watcher::add_iter: a plain walk over paths.
#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include <inotify/detail/directory.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

WalkRange::WalkRange(Watcher& watcher, std::string root, Mask mask, OnError onerror)
    : watcher_(&watcher), mask_(mask), onerror_(std::move(onerror)), current_(std::move(root)) {
  wd_ = watcher_->add(current_, mask_);
}

void WalkRange::advance() {
  list(current_);
  is_root_ = false;
  // What a listing called a directory may be a file or a symlink when its turn comes [3].
  mask_ |= IN_ONLYDIR | IN_DONT_FOLLOW;
  while (!todo_.empty()) {
    current_ = std::move(todo_.back());
    todo_.pop_back();
    std::error_code ec;
    wd_ = watcher_->add(current_, mask_, ec);
    if (!ec) return;
    fail(current_, ec);
  }
  done_ = true;
  if (failures_ == 0) return;
  const std::string call = "add_all: " + std::to_string(failures_) +
                           (failures_ == 1 ? " directory" : " directories") +
                           " could not be watched, the rest is; the first failure";
  detail::throw_error(call.c_str(), failed_path_, failed_);
}

// The root alone may be reached through a symlink, and may be no directory.
void WalkRange::list(const std::string& path) {
  std::error_code ec;
  const bool follow = is_root_ && (mask_ & IN_DONT_FOLLOW) == 0;
  const detail::Directory directory(AT_FDCWD, path.c_str(), detail::Directory::Use::list, follow,
                                    ec);
  if (is_root_ && ec == std::errc::not_a_directory) return;
  if (!ec) {
    const std::string prefix = path.ends_with('/') ? path : path + '/';
    directory.list(
        [&](std::string_view name, unsigned char type) {
          if (type == DT_DIR) todo_.push_back(prefix + std::string(name));
        },
        ec);
  }
  if (ec) fail(path, ec);
}

void WalkRange::fail(const std::string& path, std::error_code ec) {
  if (std::ranges::find(watcher_->ignored_errors, ec.value()) != watcher_->ignored_errors.end())
    return;
  if (onerror_) {
    onerror_(std::filesystem::filesystem_error("inotify: add_all", path, ec));
    return;
  }
  if (failures_++ > 0) return;
  failed_path_ = path;
  failed_ = ec;
}

}  // namespace inotify::inline v0
