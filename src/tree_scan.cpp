#include <inotify/detail/tree_scan.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <inotify/error.hpp>

namespace inotify::inline v0::detail {
namespace {

// More levels than this are not kept open; what is deeper is noted as EMFILE.
constexpr std::size_t most_levels = 100;
// Notes of one fill(): some 2 ms of a walk, so that the queue is read often enough, and a thousandth
// of that for the hand-over.
constexpr std::size_t enough = 512;

// ext4, XFS and tmpfs.
bool is_known(int fd) {
  struct statfs system {};
  if (::fstatfs(fd, &system) != 0) return false;
  return system.f_type == EXT4_SUPER_MAGIC || system.f_type == TMPFS_MAGIC ||
         system.f_type == XFS_SUPER_MAGIC;
}

}  // namespace

TreeScan::TreeScan(Instance& instance, Options options)
    : instance_(&instance), options_(std::move(options)), next_(1 + options_.index) {}

void TreeScan::begin(Directory above, int wd, std::string path,
                     const std::vector<std::string>& names) {
  if (!path.ends_with('/')) path += '/';
  path_ = std::move(path);
  push(std::move(above), 0, wd, false);
  for (const std::string& name : names)
    unwatched_.insert(unwatched_.end(), name.c_str(), name.c_str() + name.size() + 1);
}

bool TreeScan::fill(Notes& notes) {
  notes.list.clear();
  notes.text.clear();
  if (watched_ < unwatched_.size()) go_there();
  while (!levels_.empty() && notes.list.size() < enough) {
    if (watched_ < unwatched_.size()) {
      watch(notes);
    } else if (pending_.size() > levels_.back().pending) {
      enter(notes);
    } else {
      levels_.back().directory.fence();
      levels_.pop_back();
    }
  }
  fence();
  return !levels_.empty();
}

void TreeScan::fence() const {
  for (const Level& level : levels_) level.directory.fence();
}

void TreeScan::push(Directory directory, Number number, int wd, bool is_same_device) {
  Level level{std::move(directory), number, wd, path_.size(), pending_.size()};
  const int fd = level.directory.fd();
  const bool is_needed = !options_.is_full || options_.one_file_system;
  if (is_needed && is_same_device && !levels_.empty()) {
    level.device = levels_.back().device;
    level.is_known = levels_.back().is_known;
  } else if (is_needed) {
    level.device = level.directory.device();
    level.is_known = !options_.is_full && is_known(fd);
  }
  levels_.push_back(std::move(level));
}

// The thread that does the work goes to the last level, to watch what is in it.
void TreeScan::go_there() {
  const int fd = levels_.back().directory.fd();
  prefix_.clear();
  if (!options_.is_at_home || ::fchdir(fd) != 0) prefix_.append(DescriptorPath(fd).c_str()) += '/';
}

// Watches the next of the names of the last level.
void TreeScan::watch(Notes& notes) {
  const Level& level = levels_.back();
  const char* name = unwatched_.data() + watched_;
  const std::string_view text = name;
  const bool is_refused =
      options_.accepts &&
      !options_.accepts(level.wd, {path_.data(), std::max<std::size_t>(level.path_size, 2) - 1},
                        text);
  watched_ += text.size() + 1;
  Note note{level.number, std::exchange(next_, next_ + options_.scans), -1, 0, 0, 0, DT_DIR};
  if (is_refused) return add(notes, note, text);
  if (options_.one_file_system && level.directory.is_border(name, level.device)) {
    note.error = EXDEV;
    return add(notes, note, text);
  }
  std::error_code ec;
  if (prefix_.empty()) {
    note.wd = instance_->add_watch(name, options_.mask, ec);
  } else {
    const std::size_t size = prefix_.size();
    note.wd = instance_->add_watch(prefix_.append(text).c_str(), options_.mask, ec);
    prefix_.resize(size);
  }
  note.error = ec.value();
  if (!ec) {
    const Status status = status_of(name);
    if (!status.is_same_device && options_.one_file_system) {
      note.error = EXDEV;
    } else if (!status.is_leaf) {
      pending_.push_back({note.number, note.wd, status.is_same_device, names_.size()});
      names_.insert(names_.end(), name, name + text.size() + 1);
    }
  }
  add(notes, note, text);
}

// A directory of these file systems has a link for its name, one for its ".", and one for the ".." of
// each directory in it: with two, read when its watch is set, there is none to be found. Three in
// five directories of a source tree need not be opened then.
TreeScan::Status TreeScan::status_of(const char* name) const {
  const Level& level = levels_.back();
  struct stat status {};
  if (!level.is_known && !options_.one_file_system) return {};
  if (::fstatat(level.directory.fd(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
  const bool is_same_device = status.st_dev == level.device;
  return {is_same_device, is_same_device && level.is_known && status.st_nlink == 2};
}

// Lists the next of the directories that are watched.
void TreeScan::enter(Notes& notes) {
  const Pending pending = pending_.back();
  const Level& level = levels_.back();
  const char* name = names_.data() + pending.name;
  std::error_code ec;
  Directory directory;
  if (levels_.size() < most_levels) {
    directory = Directory(level.directory.fd(), name, Directory::Use::list, false, ec);
  } else {
    ec = make_error(EMFILE);
  }
  if (options_.accepts) {
    path_.resize(level.path_size);
    path_.append(name) += '/';
  }
  pending_.pop_back();
  names_.resize(pending.name);
  int wd = -1;
  if (!ec && is_doubtful_) {
    const Mask mask = options_.mask & ~Mask{IN_DONT_FOLLOW};
    wd = instance_->add_watch(DescriptorPath(directory.fd()).c_str(), mask, ec);
    if (wd == pending.wd) wd = -1;
    if (wd >= 0) ec = make_error(ESTALE);
  }
  add(notes, {pending.number, 0, wd, ec.value(), 0, 0, DT_DIR}, {});
  if (ec) return;
  list(notes, directory, level.is_known && pending.is_same_device, ec);
  if (unwatched_.empty())
    return;  // its listing has fenced it, and no name has been looked up in it
  push(std::move(directory), pending.number, pending.wd, pending.is_same_device);
  go_there();
}

void TreeScan::list(Notes& notes, Directory& directory, bool is_known, std::error_code& ec) {
  const std::size_t head = notes.list.size() - 1;
  const Number number = notes.list[head].directory;
  unwatched_.clear();
  watched_ = 0;
  int unknown = 0;
  const auto look_again = [&](const char* name) {
    std::error_code failed;
    const unsigned char type = directory.type_of(name, failed);
    if (failed) unknown = failed.value();
    return type;
  };
  directory.list(
      [&](const char* name, unsigned char type) {
        if (type != DT_DIR) {
          if (type == DT_UNKNOWN) type = look_again(name);
          if (type != DT_DIR && options_.is_full) add(notes, {number, 0, -1, 0, 0, 0, type}, name);
          if (type != DT_DIR) return;
        }
        unwatched_.insert(unwatched_.end(), name, name + std::strlen(name) + 1);
      },
      ec, is_known);
  if (unknown != 0 && !ec) ec = make_error(unknown);
  if (!ec) return;
  unwatched_.clear();
  notes.list.resize(head + 1);
  notes.list[head].error = ec.value();
}

void TreeScan::add(Notes& notes, Note note, std::string_view name) {
  note.begin = static_cast<std::uint32_t>(notes.text.size());
  note.size = static_cast<std::uint16_t>(name.size());
  notes.text.insert(notes.text.end(), name.begin(), name.end());
  notes.list.push_back(note);
}

void TreeScan::abandon(Notes& notes) {
  Note note{0, 0, -1, ECANCELED, 0, 0, DT_DIR};
  for (; watched_ < unwatched_.size(); watched_ += std::strlen(unwatched_.data() + watched_) + 1) {
    note.directory = levels_.back().number;
    note.number = std::exchange(next_, next_ + options_.scans);
    add(notes, note, unwatched_.data() + watched_);
  }
  for (const Pending& pending : pending_) {
    note.directory = pending.number;
    add(notes, note, {});
  }
  fence();
  pending_.clear();
  names_.clear();
  levels_.clear();
}

// From the level nearest to the top: what is there is likely to have the most below it.
bool TreeScan::take_half(TreeScan& other) {
  is_doubtful_ = is_doubtful_ || other.is_doubtful_;
  auto& theirs = other.pending_;
  for (std::size_t i = 0; i < other.levels_.size(); ++i) {
    const Level& level = other.levels_[i];
    const bool is_last = i + 1 == other.levels_.size();
    const std::size_t end = is_last ? theirs.size() : other.levels_[i + 1].pending;
    const std::size_t half = (end - level.pending + (is_last ? 0 : 1)) / 2;
    if (half == 0) continue;
    std::error_code ec;
    Directory directory = level.directory.duplicate(ec);
    if (ec) return false;
    path_.assign(other.path_, 0, level.path_size);
    levels_.push_back({std::move(directory), level.number, level.wd, level.path_size, 0,
                       level.device, level.is_known});
    const auto first = theirs.begin() + static_cast<std::ptrdiff_t>(level.pending);
    const auto last = first + static_cast<std::ptrdiff_t>(half);
    for (auto it = first; it != last; ++it) {
      const char* name = other.names_.data() + it->name;
      pending_.push_back({it->number, it->wd, it->is_same_device, names_.size()});
      names_.insert(names_.end(), name, name + std::strlen(name) + 1);
    }
    theirs.erase(first, last);
    for (++i; i < other.levels_.size(); ++i) other.levels_[i].pending -= half;
    return true;
  }
  return false;
}

}  // namespace inotify::inline v0::detail
