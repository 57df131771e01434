// Watcher::add_iter, a walk in steps, between which anything may happen.
//
// A path is no identity: another user may have swapped a symlink in for any directory of it [32].
// So nothing below the root is reached by its path alone. The root is opened again, and from it what
// is below, through no symlink; it must be the directory that was watched; and a name in it is
// watched by its descriptor.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <inotify/detail/given_path.hpp>
#include <inotify/detail/path_error.hpp>
#include <inotify/detail/uninterrupted.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

using detail::DescriptorPath;
using detail::Directory;
using detail::no_node;
using detail::NodeId;

namespace {

// Watches what a descriptor leads to, and says which inode that is. ENOSYS: there is no /proc, for
// what is open is never missing.
int watch_open(Instance& instance, int fd, Mask mask, std::optional<detail::Identity>& id,
               std::error_code& ec) {
  id = detail::identity_of(fd, ec);
  if (ec) return -1;
  const DescriptorPath path(fd);
  const int wd = instance.add_watch(path.c_str(), mask & ~Mask{IN_DONT_FOLLOW}, ec);
  if (ec == std::errc::no_such_file_or_directory && ::access(path.c_str(), F_OK) != 0)
    ec = make_error(ENOSYS);
  return wd;
}

}  // namespace

WalkRange Watcher::add_iter(const std::filesystem::path& path, Mask mask, OnError onerror) {
  return {*this, path.native(), mask, std::move(onerror)};
}

// What has been watched already is only gone through.
WalkRange::WalkRange(const std::vector<int>& watched) : watched_(watched.rbegin(), watched.rend()) {
  advance();
}

// The root alone may be reached through a symlink, and may be no directory.
WalkRange::WalkRange(Watcher& watcher, std::string root, Mask mask, OnError onerror)
    : watcher_(&watcher),
      root_(std::move(root)),
      mask_(mask),
      onerror_(std::move(onerror)),
      follows_root_((mask & IN_DONT_FOLLOW) == 0) {
  const auto set = [&](Mask flags, std::error_code& ec) {
    const int how = O_PATH | O_CLOEXEC | (follows_root_ ? 0 : O_NOFOLLOW);
    const detail::UniqueFd fd(detail::uninterrupted([&] { return ::open(root_.c_str(), how); }));
    if (!fd) {
      ec = make_error(errno);
      return -1;
    }
    const int wd = watch_open(watcher_->instance_, fd.get(), flags, root_id_, ec);
    if (ec != std::errc::function_not_supported) return wd;
    return watcher_->instance_.add_watch(root_.c_str(), flags, ec);
  };
  std::error_code ec;
  wd_ = watcher_->add_by(set, root_, mask_, ec);
  if (ec) {
    Watcher::fail_root(root_, mask_, ec, onerror_);
    done_ = true;
    return;
  }
  current_ = {{}, wd_, root_id_};
}

void WalkRange::advance() {
  if (watcher_ == nullptr) {
    done_ = watched_.empty();
    if (done_) return;
    wd_ = watched_.back();
    return watched_.pop_back();
  }
  struct End {
    WalkRange& walk;
    ~End() {
      if (walk.keeps_open_) return;
      walk.reached_.close();
      walk.reached_wd_ = -1;
    }
  } const end{*this};
  if (current_) list_current();
  // What a listing called a directory may be a file or a symlink when its turn comes [3].
  mask_ |= IN_ONLYDIR;
  while (!todo_.empty()) {
    Listed& listed = todo_.back();
    if (listed.names.empty()) {
      todo_.pop_back();
      continue;
    }
    const std::string name = std::move(listed.names.back());
    listed.names.pop_back();
    std::error_code ec;
    if (!accepts(listed.above, name)) continue;
    reach(listed.above, ec);
    if (!ec) wd_ = watch(listed.above, name, ec);
    if (!ec) return;
    fail(full(listed.above.path.empty() ? name : listed.above.path + '/' + name), ec);
  }
  done_ = true;
  if (failures_ == 0) return;
  const std::string call = "add_all: " + std::to_string(failures_) +
                           (failures_ == 1 ? " directory" : " directories") +
                           " could not be watched, the rest is; the first failure";
  detail::throw_error(call.c_str(), failed_path_, failed_);
}

bool WalkRange::accepts(const Place& above, std::string_view name) const {
  const auto& filter = watcher_->add_filter;
  return !filter || filter(detail::event_of_found(above.wd, known_path(above), name).view());
}

// Watches a name in the directory that has just been reached.
int WalkRange::watch(const Place& above, const std::string& name, std::error_code& ec) {
  const auto path_in = [&](std::string directory) {
    if (!directory.ends_with('/')) directory += '/';
    return directory + name;
  };
  const std::string path = path_in(known_path(above));
  std::optional<detail::Identity> id;
  const auto set = [&](Mask mask, std::error_code& error) {
    const Directory directory(reached_.fd(), name.c_str(), Directory::Use::name_only, false, error);
    // What add_by() has read by now may have moved the directory above to elsewhere.
    if (!error && path_in(known_path(above)) != path) error = make_error(ENOENT);
    if (error) return -1;
    return watch_open(watcher_->instance_, directory.fd(), mask, id, error);
  };
  const int wd = watcher_->add_by(set, path, mask_, ec);
  if (!ec) current_ = {above.path.empty() ? name : above.path + '/' + name, wd, id};
  return wd;
}

void WalkRange::list_current() {
  Place here = std::move(*current_);
  current_.reset();
  std::error_code ec;
  if (here.path.empty()) {
    Directory root = open_root(Directory::Use::list, ec);
    if (!ec) return list(std::move(root), std::move(here));
    if (ec == std::errc::not_a_directory) return;
    return fail(root_, ec);
  }
  const std::string name = here.path.substr(here.path.rfind('/') + 1);
  Directory directory;
  reach(todo_.back().above, ec);
  if (!ec) directory = Directory(reached_.fd(), name.c_str(), Directory::Use::list, false, ec);
  if (!ec) recognize(directory, here, ec);
  if (todo_.back().names.empty()) todo_.pop_back();
  if (ec) return fail(full(here.path), ec);
  list(std::move(directory), std::move(here));
}

void WalkRange::list(Directory directory, Place place) {
  std::error_code ec;
  Listed listed{std::move(place)};
  directory.list(
      [&](const char* name, unsigned char type) {
        if (type == DT_DIR || type == DT_UNKNOWN) listed.names.emplace_back(name);
      },
      ec);
  const std::string path = ec ? full(listed.above.path) : std::string();
  if (!listed.names.empty()) {
    reached_ = std::move(directory);
    reached_wd_ = listed.above.wd;
    todo_.push_back(std::move(listed));
  }
  if (ec) fail(path, ec);
}

// ---- places

Directory WalkRange::open_root(Directory::Use use, std::error_code& ec) const {
  Directory root(AT_FDCWD, root_.c_str(), use, follows_root_, ec);
  if (!ec && detail::identity_of(root.fd(), ec) != root_id_ && !ec) ec = make_error(ENOENT);
  return root;
}

// Opens the directory at a place, to look up names in it. What is there by now may be another one:
// then the names that were listed are not to be had any more, ENOENT.
void WalkRange::reach(Place& place, std::error_code& ec) {
  ec.clear();
  if (reached_.is_open() && reached_wd_ == place.wd) return;
  reached_ = open_root(Directory::Use::name_only, ec);
  if (!ec && !place.path.empty()) reached_ = detail::open_beneath(reached_, place.path, ec);
  if (!ec) recognize(reached_, place, ec);
  if (ec) reached_.close();
  reached_wd_ = place.wd;
}

// By its identity; or, if that is not known yet, by the watch descriptor it yields [1].
void WalkRange::recognize(const Directory& directory, Place& place, std::error_code& ec) const {
  const detail::Identity id = detail::identity_of(directory.fd(), ec);
  if (!ec && !place.id && is_watched_as(directory, place.wd, ec)) place.id = id;
  if (!ec && place.id != id) ec = make_error(ENOENT);
}

bool WalkRange::is_watched_as(const Directory& directory, int wd, std::error_code& ec) const {
  auto& table = watcher_->table_;
  const NodeId node = table.by_wd(wd);
  if (node == no_node) return false;
  const Mask mask = table.mask(node);
  const DescriptorPath path(directory.fd());
  const int found =
      watcher_->instance_.add_watch(path.c_str(), mask | IN_ONLYDIR | IN_MASK_ADD, ec);
  if (ec || found == wd) return !ec;
  std::error_code ignored;
  const NodeId other = table.by_wd(found);
  if (other == no_node) {
    watcher_->instance_.rm_watch(found, ignored);
  } else {
    table.set_mask(other, table.mask(other) | mask);
  }
  return false;
}

// ---- what a scan has left

// A name that is to be watched in a directory that is.
void WalkRange::put_off(Place above, std::string_view name) {
  if (todo_.empty() || todo_.back().above.wd != above.wd) todo_.push_back({std::move(above)});
  todo_.back().names.emplace_back(name);
}

// What a scan has failed at. The root has been listed.
void WalkRange::take_over(const std::vector<std::pair<std::string, std::error_code>>& failed) {
  current_.reset();
  for (const auto& [path, ec] : failed) fail(path, ec);
}

void WalkRange::fail(const std::string& path, std::error_code ec) {
  if (std::ranges::find(watcher_->ignored_errors, ec.value()) != watcher_->ignored_errors.end())
    return;
  if (onerror_) {
    onerror_(detail::PathError("inotify: add_all", path, ec));
    return;
  }
  if (failures_++ > 0) return;
  failed_path_ = path;
  failed_ = ec;
}

// ---- paths

std::string WalkRange::full(std::string_view path) const {
  std::string text = root_;
  if (path.empty()) return text;
  if (!text.ends_with('/')) text += '/';
  return text.append(path);
}

// The path under which the table has the directory at a place.
std::string WalkRange::known_path(const Place& place) const {
  const auto& table = watcher_->table_;
  std::string path = full(place.path);
  const NodeId node = table.find(path);
  const NodeId known = table.by_wd(place.wd);
  if ((node != no_node && table.wd(node) == place.wd) || known == no_node) return path;
  return table.path(known);
}

}  // namespace inotify::inline v0
