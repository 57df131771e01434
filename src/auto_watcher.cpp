// AutoWatcher: roots, and reading. What the events mean is in auto_watcher_events.cpp and
// auto_watcher_renames.cpp, how a directory is entered in auto_watcher_enter.cpp.
#include <inotify/auto_watcher.hpp>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include <inotify/detail/given_path.hpp>
#include <inotify/detail/override.hpp>

namespace inotify::inline v0 {

using detail::Directory;
using detail::no_node;

namespace {

// Both would leave holes: a one-shot watch dies of our own opendir [35], and IN_MASK_CREATE refuses
// what is watched already.
constexpr Mask refused_bits = IN_ONESHOT | IN_MASK_CREATE;

// What barriers pull is no longer bounded by the kernel. If others are faster than the reader for so
// long that the look-ahead holds this much, that is an overflow like the kernel's own.
constexpr std::size_t max_pulled = std::size_t{64} << 20;

// Somebody who renames what is being added may be faster than this.
constexpr int most_tries = 16;

// "b" of "/a/b" and "/a/b/".
std::string_view last_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

AutoWatcher::AutoWatcher() : AutoWatcher(Options{}) {}

AutoWatcher::AutoWatcher(Options options) : options_(std::move(options)) {
  std::error_code ec;
  open_epoll(ec);
  if (ec) detail::throw_error("AutoWatcher", ec);
}

AutoWatcher::AutoWatcher(std::error_code& ec) : AutoWatcher(Options{}, ec) {}

AutoWatcher::AutoWatcher(Options options, std::error_code& ec)
    : Watcher(ec), options_(std::move(options)) {
  if (!ec) open_epoll(ec);
  if (ec) close();
}

// Events may wait in the look-ahead when the kernel's queue is empty, so a poller needs a
// descriptor that knows both.
void AutoWatcher::open_epoll(std::error_code& ec) {
  epoll_ = detail::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  ready_ = detail::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ec = epoll_ && ready_ ? std::error_code{} : make_error(errno);
  for (const int fd : {instance_.fileno(), ready_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (!ec && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) ec = make_error(errno);
  }
  if (!ec) mounts_.open(epoll_.get(), ec);
}

void AutoWatcher::close() noexcept {
  Watcher::close();
  epoll_.reset();
  ready_.reset();
  mounts_.close();
  mounts_below_.clear();
  entered_.clear();
  mounts_due_ = false;
  look_ahead_.give_back();
  old_.clear();
  is_damaged_ = false;
  hand_.clear();
  todo_.clear();
  deferred_.clear();
  is_retry_ = owes_overflow_ = false;
  found_.give_back();
  unreported_.give_back();
}

// ---- roots

int AutoWatcher::add(const std::filesystem::path& path, Mask mask) {
  return Watcher::add(path, mask);
}

int AutoWatcher::add(const std::filesystem::path& path, Mask mask, std::error_code& ec) {
  if (refuses(path)) {
    ec.clear();
    return -1;
  }
  return Watcher::add(path, mask, ec);
}

int AutoWatcher::add_by(const Setter& by, const std::filesystem::path& path, Mask mask,
                        std::error_code& ec) try {
  if ((mask & refused_bits) != 0) {
    ec = make_error(EINVAL);
    return -1;
  }
  const Ending ending(*this);
  allowance_.begin_counted();
  bool is_current = false;
  const auto set = [&] { return set_watch(by, path, mask, ec); };
  int wd = watch_current(path, mask, set, is_current, ec);
  if (!ec && is_current) {
    wd = keep_watch(by, path, wd, is_followed(wd) ? mask | IN_MASK_ADD : mask, ec);
  }
  end_call(!batch_.empty());
  if (ec) return -1;
  Mask& asked = hand_[wd];  // first, for it may throw
  asked = ((mask & IN_MASK_ADD) != 0 ? asked : 0) | (mask & IN_ALL_EVENTS);
  table_.bits(table_.by_wd(wd)).is_hand = 1;
  return wd;
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

// Watches `path` by `set`, which returns the wd, until the table knows all that has happened to the
// names on the way there: otherwise it would take the watch for somebody else's. Not `is_current`: a
// directory of the tree, which is known by its wd, whatever it is called by now.
int AutoWatcher::watch_current(const std::filesystem::path& path, Mask mask,
                               const std::function<int()>& set, bool& is_current,
                               std::error_code& ec) {
  for (int i = 0; i < most_tries; ++i) {
    catch_up(ec);
    const int wd = ec ? -1 : set();
    if (ec) return -1;
    is_current = !is_outdated(path.native());
    if (is_current) return wd;
    refuse(wd, mask);
    if (is_followed(wd)) return wd;
  }
  ec = make_error(EAGAIN);
  return -1;
}

// Whether the filter, where it is to be asked about that, does not want what the user has given.
bool AutoWatcher::refuses(const std::filesystem::path& given) const {
  return options_.filter_roots && options_.add_filter &&
         !options_.add_filter(detail::event_of_given(given).view());
}

// What a path means is what the disk says now, so the table must not be older: it takes note of what
// has happened until now.
void AutoWatcher::catch_up(std::error_code& ec) {
  repair(ec);
  if (!ec) pull_queued(ec);
  if (!ec) interpret_pulled(false);
}

// Whether something that the table does not know yet has happened to a name on the way to `path`:
// then its watch may be somebody else's than the table would take it for. Once the locks have been
// taken, all that had begun before is in the look-ahead [18].
bool AutoWatcher::is_outdated(std::string_view path) {
  std::vector<std::pair<int, std::string_view>> names;
  for (; !path.empty() && path != "/"; path.remove_suffix(last_name(path).size())) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const NodeId above = table_.find_above(path);
    if (!is_watched(above) || !is_followed(table_.wd(above))) continue;
    names.emplace_back(table_.wd(above), last_name(path));
    barrier(above);
  }
  return std::ranges::any_of(
      names, [&](const auto& name) { return look_ahead_.touches(name.first, name.second); });
}

std::vector<int> AutoWatcher::add_all(const std::filesystem::path& path, Mask mask,
                                      const OnError& onerror) try {
  const Ending ending(*this);
  allowance_.begin_counted();
  std::error_code ec = (mask & refused_bits) != 0 ? make_error(EINVAL) : check(path, mask);
  if (!ec && !is_open()) ec = make_error(EBADF);
  if (ec) {
    fail_root(path, mask, ec, onerror);
    return {};
  }
  if (refuses(path)) return {};

  ask_mounts();
  if (mounts_due_) follow_mounts();
  const Mask asked = mask & IN_ALL_EVENTS;
  const Mask kept = asked | follow_bits | root_bits | IN_ATTRIB | (mask & IN_EXCL_UNLINK);
  Directory directory;
  bool is_current = false;
  const int wd = open_root(path, kept | (mask & IN_DONT_FOLLOW), directory, is_current, ec);
  if (ec == std::errc::not_a_directory && (mask & IN_ONLYDIR) == 0) {
    const int file_wd = Watcher::add(path, mask | root_bits, ec);
    if (!ec) return {file_wd};
  }
  if (ec) {
    end_call(!batch_.empty());
    fail_root(path, mask, ec, onerror);
    return {};
  }

  const int fresh_wd = is_followed(wd) ? -1 : wd;
  const NodeId root = is_current ? root_node(path.native(), wd) : table_.by_wd(wd);
  table_.set_mask(root, table_.mask(root) | kept);
  const bool is_refused = inherited(table_.parent(root)) != 0 && !accepts(root);  // may throw
  root_masks_[wd] = asked;  // first, for it may throw
  table_.bits(root).is_root = 1;
  table_.bits(root).asked = wish(root, is_refused) & IN_ALL_EVENTS;

  const bool is_outermost = inherited(table_.parent(root)) == 0;
  if (is_outermost) note_mounts(root);
  Walk walk{root, {wd}};
  try {
    const detail::Override<Walk*> walking(walk_, &walk);
    {
      const bool was_hole = table_.bits(root).hole != 0;
      const bool owes_more = !todo_.empty() || !deferred_.empty();  // others, which may be met now
      const detail::Override announcing(announce_, options_.announce || was_hole || owes_more);
      enter_root(root, std::move(directory), fresh_wd, ec);
      ask_mounts();
      if (mounts_due_) follow_mounts();
      if (is_outermost) find_nodes_of_mounts();
      retry_deferred();
    }
    for (const NodeId hole : walk.holes_left) {
      if (table_.is_live(hole) && table_.bits(hole).hole != 0) retry(hole);
    }
    retry_deferred();
    restore_forgotten();
  } catch (...) {
    for (const auto& [hole, cause] : walk.holes) report_hole(hole, cause);
    throw;
  }
  if (!onerror) {
    for (const auto& [hole, cause] : walk.holes) report_hole(hole, cause);
  }
  end_call(!batch_.empty());
  if (onerror) {
    for (const auto& [hole, cause] : walk.holes) onerror({"inotify: add_all", hole, cause});
  }
  std::erase_if(walk.wds, [&](int one) { return table_.by_wd(one) == no_node; });
  return std::move(walk.wds);
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

WalkRange AutoWatcher::add_iter(const std::filesystem::path& path, Mask mask, OnError onerror) {
  return WalkRange(add_all(path, mask, onerror));
}

// Watches a root, and leaves it open to be listed.
int AutoWatcher::open_root(const std::filesystem::path& path, Mask mask, Directory& directory,
                           bool& is_current, std::error_code& ec) {
  const bool follow = (mask & IN_DONT_FOLLOW) == 0;
  mask &= ~Mask{IN_DONT_FOLLOW};
  const detail::Override<Quiet> quiet(quiet_, {});
  const auto set = [&] {
    directory = Directory(AT_FDCWD, path.c_str(), Directory::Use::list, follow, ec);
    const int wd = ec ? -1 : watch_open(directory, mask, ec);
    const NodeId above = table_.find_above(path.native());
    quiet_ = {wd, is_watched(above) ? table_.wd(above) : -1, last_name(path.native())};
    return wd;
  };
  return watch_current(path, mask, set, is_current, ec);
}

// The node of a root that has just been watched. A known wd under another path is an alias: it is
// followed, and reported, under its first name.
AutoWatcher::NodeId AutoWatcher::root_node(std::string_view path, int wd) {
  const NodeId known = table_.by_wd(wd);
  NodeId node = table_.find(path);
  if (node != no_node && table_.wd(node) == wd) return known;
  if (is_watched(node)) detach(node);  // another inode bears the name by now
  node = table_.ensure(path);
  table_.bind(node, wd, known == no_node ? 0 : table_.mask(known));
  return known == no_node ? node : known;
}

void AutoWatcher::remove(int wd, std::error_code& ec) try {
  repair(ec);
  const NodeId node = table_.by_wd(wd);
  if (ec) return;
  if (!is_open() || node == no_node) return Watcher::remove(wd, ec);
  auto& bits = table_.bits(node);
  const auto before = bits;
  if (bits.is_hand != 0 && bits.asked != 0) {  // the tree still wants it
    bits.is_hand = 0;
    hand_.erase(wd);
    return;
  }
  const bool is_inside = bits.is_root != 0 && inherited(table_.parent(node)) != 0 && accepts(node);
  const std::vector<NodeId> strangers = is_inside ? names_in_no_tree(wd) : std::vector<NodeId>();
  if (!is_inside) hand_[wd] |= before.asked | (before.is_root != 0 ? root_bits : 0U);
  try {
    bits.is_root = 0;
    if (is_inside) {  // of a larger tree, which still wants it
      update_wishes(node, false);
    } else {
      bits.asked = 0;
      update_wishes_below(node);
      bits.is_hand = 1;  // by the user's wish, so what is queued, and its IN_IGNORED, is still told
    }
  } catch (...) {
    bits.is_root = before.is_root;
    bits.asked = before.asked;
    if (before.is_hand == 0) hand_.erase(wd);
    throw;
  }
  root_masks_.erase(wd);
  for (const NodeId name : strangers) unbind(name);  // by which it was made a root
  if (!is_inside) {
    bits.hole = 0;
    Watcher::remove(wd, ec);
  }
  end_call(!batch_.empty());
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

// What is below a name of several is found anew under the next of them.
void AutoWatcher::remove_path(const std::filesystem::path& path, std::error_code& ec) try {
  repair(ec);
  if (ec) return;
  const NodeId node = table_.find(path.native());
  const bool is_shared = is_open() && is_watched(node) && table_.has_alias(table_.wd(node));
  if (!is_shared || table_.bits(node).asked == 0) return Watcher::remove_path(path, ec);
  ec.clear();
  detach(node);
  end_call(!batch_.empty());
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

// ---- reading

std::size_t AutoWatcher::readable() const {
  const std::size_t found = batch_.size() + unreported_.size() + todo_.size();
  return look_ahead_.bytes() + found * sizeof(inotify_event) + instance_.readable();
}

// What was queued before the read() was called is always taken, so that who reads until nothing
// comes has it all; what others do meanwhile can go on for ever, and is left if time is up. So is what
// has no end by itself, as a tree in which others make directories: then it is not all.
Watcher::Left AutoWatcher::collect(bool is_first, std::error_code& ec) try {
  const Ending ending(*this);
  if (is_first) allowance_.begin_timed();
  if (is_damaged_) repair(ec);
  if (ec) return Left::nothing;
  const std::size_t room = look_ahead_.room().size();
  const std::size_t pulled = pull(1, ec);
  if (ec) return Left::nothing;
  if (look_ahead_.bytes() > max_pulled) on_overflow();
  const bool is_done = interpret_pulled(true);
  const bool is_all = pulled + Instance::max_event_size <= room;
  if (!batch_.empty()) {
    owed_ = 0;  // older than the next read(), however much it is
  } else if (is_first) {
    // Only who goes on must know how much was there: to ask makes the kernel walk the queue, and
    // to hold its lock for as long, at each read().
    owed_ = is_all ? 0 : instance_.readable(ec);
  }
  look_at_mounts(is_done && is_all && look_ahead_.empty());
  end_call(false);  // the batch is delivered by who called
  if (batch_.empty() && allowance_.is_used_up()) return Left::newer;
  if (!is_done || !unreported_.empty() || owed_ > 0 || (!is_all && !batch_.empty()))
    return Left::older;
  return has_more() ? Left::newer : Left::nothing;
} catch (const std::bad_alloc&) {
  damage();
  throw;
}

// Interprets what is in the look-ahead by now, until the batch is full if it is bounded, and as far as it
// may go. Returns whether that was all.
//
// While the batch is not full nothing is left unreported; so who is bounded interprets nothing before
// all that was found is in a batch.
bool AutoWatcher::interpret_pulled(bool is_bounded) {
  const std::uint64_t mark = look_ahead_.received();
  if (!unreported_.empty()) tell_unreported(is_bounded || look_ahead_.empty());
  const auto is_full = [&] { return is_bounded && batch_.is_full(); };
  if ((!todo_.empty() || owes_overflow_) && !is_full()) resume();
  while (look_ahead_.passed() < mark && !allowance_.is_used_up()) {
    if (batch_.is_full()) {
      if (is_bounded) break;
      tell_unreported(false);
    }
    const RawEvent* raw = look_ahead_.next();
    if (raw == nullptr) break;
    interpret(*raw);
  }
  if (look_ahead_.empty() && !is_full() && !allowance_.is_used_up()) {
    if (!deferred_.empty()) ask_mounts();  // which may be why it was not found
    if (mounts_due_ && !deferred_.empty()) follow_mounts();
    retry_deferred();
    if (look_ahead_.empty() && todo_.empty()) restore_old(true);
  }
  return look_ahead_.passed() >= mark || look_ahead_.empty();
}

void AutoWatcher::end_call(bool has_batch) noexcept {
  opened_ = {};  // no descriptor outlives the call [7]
  opened_wd_ = -1;
  const bool ready = has_batch || has_more();
  is_behind_ = is_behind_ || ready;
  if (ready == is_ready_) return;
  std::uint64_t count = 1;
  const ssize_t n = ready ? ::write(ready_.get(), &count, sizeof count)
                          : ::read(ready_.get(), &count, sizeof count);
  if (n > 0) is_ready_ = ready;
}

// Pulls at least `bytes` into the look-ahead, if so many are queued; returns how many it pulled.
// What our own listing of `quiet_` made is left out [26].
std::size_t AutoWatcher::pull(std::size_t bytes, std::error_code& ec) {
  constexpr Mask listing_bits = IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE;
  const auto is_noise = [&](const RawEvent& raw) {
    if ((raw.mask & IN_IGNORED) != 0) return released_.erase(raw.wd) != 0;
    if (!raw.is_dir() || (raw.mask & ~(listing_bits | IN_ISDIR)) != 0) return false;
    if (is_scanning_) {
      const NodeId node = table_.by_wd(raw.wd);
      return node == no_node || table_.is_below(node, walk_->root) || walk_->met.contains(raw.wd);
    }
    return raw.name.empty() ? raw.wd == quiet_.wd
                            : raw.wd == quiet_.parent_wd && raw.name == quiet_.name;
  };
  const bool may_be_noise =
      !released_.empty() || is_scanning_ || quiet_.wd >= 0 || quiet_.parent_wd >= 0;
  std::size_t pulled = 0;
  while (pulled < bytes) {
    const RawEvents events = instance_.read(look_ahead_.room(), ec);
    if (events.bytes().empty()) break;
    pulled += events.bytes().size();
    owed_ -= std::min(owed_, events.bytes().size());
    look_ahead_.append(events);
    prefetch(events);
    if (may_be_noise) look_ahead_.drop(events, is_noise);
  }
  return pulled;
}

// Pulls what is queued at this moment: after it, the look-ahead holds all that happened before.
std::size_t AutoWatcher::pull_queued(std::error_code& ec) {
  std::size_t queued = instance_.readable(ec);
  if (ec && is_open()) queued = max_pulled;  // who cannot be told how much takes all
  return pull(queued, ec);
}

// What is not told then is missed by whoever asks the look-ahead.
std::size_t AutoWatcher::pull_queued() {
  std::error_code ec;
  const std::size_t pulled = pull_queued(ec);
  if (ec) is_damaged_ = true;
  return pulled;
}

}  // namespace inotify::inline v0
