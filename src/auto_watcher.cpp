// AutoWatcher: roots, and reading. What the events mean is in auto_watcher_events.cpp and
// auto_watcher_renames.cpp, how a directory is entered in auto_watcher_enter.cpp.
#include <inotify/auto_watcher.hpp>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace inotify::inline v0 {

using detail::Directory;
using detail::no_node;

namespace {

// Both would leave holes: a one-shot watch dies of our own opendir [35], and IN_MASK_CREATE refuses
// what is watched already.
constexpr Mask refused_bits = IN_ONESHOT | IN_MASK_CREATE;

// A read() delivers no more than about so many events; the rest stays in the look-ahead.
constexpr std::size_t max_batch = 8192;

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
}

void AutoWatcher::close() noexcept {
  Watcher::close();
  epoll_.reset();
  ready_.reset();
  look_ahead_.clear();
  hand_.clear();
  todo_.clear();
  deferred_.clear();
}

// ---- roots

int AutoWatcher::add(const std::filesystem::path& path, Mask mask) {
  return Watcher::add(path, mask);
}

int AutoWatcher::add(const std::filesystem::path& path, Mask mask, std::error_code& ec) {
  if ((mask & refused_bits) != 0) {
    ec = make_error(EINVAL);
    return -1;
  }
  const NodeId before = table_.find(path.native());
  const bool is_followed = before != no_node && table_.bits(before).asked != 0;
  const int wd = watch(path, is_followed ? mask | IN_MASK_ADD : mask, ec);
  if (ec) return -1;
  table_.bits(table_.by_wd(wd)).is_hand = 1;
  const Mask old = (mask & IN_MASK_ADD) != 0 && hand_.contains(wd) ? hand_[wd] : 0;
  hand_[wd] = old | (mask & IN_ALL_EVENTS);
  return wd;
}

std::vector<int> AutoWatcher::add_all(const std::filesystem::path& path, Mask mask,
                                      const OnError& onerror) {
  std::error_code ec = (mask & refused_bits) != 0 ? make_error(EINVAL) : check(path, mask);
  if (!ec && !is_open()) ec = make_error(EBADF);
  if (ec) throw_add_error(path, mask, ec);
  begin_batch();

  Directory directory(AT_FDCWD, path.c_str(), Directory::Use::list, (mask & IN_DONT_FOLLOW) == 0,
                      ec);
  if (ec == std::errc::not_a_directory && (mask & IN_ONLYDIR) == 0) return {add(path, mask)};
  const Mask asked = mask & IN_ALL_EVENTS;
  const Mask kept = asked | follow_bits | (mask & IN_EXCL_UNLINK);
  const int wd = ec ? -1 : watch_open(directory, kept, ec);
  if (ec) throw_add_error(path, mask, ec);

  const int fresh_wd = is_followed(wd) ? -1 : wd;
  const NodeId root = root_node(path.native(), wd);
  table_.set_mask(root, table_.mask(root) | kept);
  table_.bits(root).is_root = 1;
  root_masks_[wd] = asked;
  const bool is_refused = inherited(table_.parent(root)) != 0 && !accepts(root);
  table_.bits(root).asked = wish(root, is_refused) & IN_ALL_EVENTS;

  Walk walk{{wd}, {}};
  walk_ = &walk;
  announce_ = options_.announce;
  enter_root(root, std::move(directory), fresh_wd, ec);
  retry_deferred();
  announce_ = true;
  walk_ = nullptr;
  if (!onerror) {
    for (const auto& [hole, cause] : walk.holes) report_hole(hole, cause);
  }
  update_readiness(!batch_.empty());
  if (onerror) {
    for (const auto& [hole, cause] : walk.holes) onerror({"inotify: add_all", hole, cause});
  }
  return std::move(walk.wds);
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

void AutoWatcher::remove(int wd, std::error_code& ec) {
  ec.clear();
  const NodeId node = table_.by_wd(wd);
  if (!is_open() || node == no_node) return Watcher::remove(wd, ec);
  auto& bits = table_.bits(node);
  const bool is_followed = bits.asked != 0;
  const bool was_hand = bits.is_hand != 0;
  const bool is_root = bits.is_root != 0;
  bits.is_hand = 0;
  hand_.erase(wd);
  if (was_hand && is_followed) return;  // the tree still wants it
  const Mask asked = bits.asked;
  bits.is_root = 0;
  root_masks_.erase(wd);
  const bool is_inside = inherited(table_.parent(node)) != 0 && accepts(node);
  if (is_root && is_inside)
    return update_wishes(node, false);  // of a larger tree, which still wants it
  bits.asked = 0;
  update_wishes_below(node);
  bits.is_hand = 1;  // by the user's wish, so what is queued, and its IN_IGNORED, is still told
  hand_[wd] = asked;
  Watcher::remove(wd, ec);
}

std::size_t AutoWatcher::retry_holes() {
  begin_batch();
  table_.for_each([&](NodeId node) {
    if (table_.bits(node).hole != 0) todo_.push_back(node);
  });
  for (const NodeId node : todo_) table_.bits(node).wanted = 1;
  enter_wanted();
  retry_deferred();
  update_readiness(!batch_.empty());
  std::unordered_map<NodeId, int> causes;
  table_.for_each([&](NodeId node) {
    if (table_.bits(node).hole != 0) causes[node] = causes_[node];
  });
  causes_ = std::move(causes);
  return causes_.size();
}

// ---- reading

std::size_t AutoWatcher::readable() const {
  const std::size_t found = is_delivered_ ? 0 : batch_.size() * sizeof(inotify_event);
  return look_ahead_.bytes() + found + instance_.readable();
}

bool AutoWatcher::collect(std::error_code& ec) {
  const bool has_pulled = pull(1, {}, ec) > 0;
  if (ec) return false;
  for (RawEvent raw; batch_.size() < max_batch && look_ahead_.next(raw);) interpret(raw);
  if (look_ahead_.empty()) retry_deferred();
  update_readiness(false);  // the batch is delivered by who called
  opened_ = {};             // no descriptor outlives the call [7]
  opened_wd_ = -1;
  return has_pulled || !look_ahead_.empty();
}

void AutoWatcher::update_readiness(bool has_found) noexcept {
  const bool ready = has_found || !look_ahead_.empty();
  if (ready == is_ready_) return;
  is_ready_ = ready;
  std::uint64_t count = 1;
  [[maybe_unused]] const ssize_t n = ready ? ::write(ready_.get(), &count, sizeof count)
                                           : ::read(ready_.get(), &count, sizeof count);
}

// Pulls at least `bytes` into the look-ahead, if so many are queued; returns how many it pulled.
// What our own listing of `quiet` made is left out [26].
std::size_t AutoWatcher::pull(std::size_t bytes, const Quiet& quiet, std::error_code& ec) {
  constexpr Mask listing_bits = IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE;
  const auto is_noise = [&](const RawEvent& raw) {
    if ((raw.mask & IN_IGNORED) != 0) return released_.erase(raw.wd) != 0;
    if (!raw.is_dir() || (raw.mask & ~(listing_bits | IN_ISDIR)) != 0) return false;
    return raw.name.empty() ? raw.wd == quiet.wd
                            : raw.wd == quiet.parent_wd && raw.name == quiet.name;
  };
  std::size_t pulled = 0;
  while (pulled < bytes) {
    const RawEvents events = instance_.read(look_ahead_.room(), ec);
    if (events.bytes().empty()) break;
    pulled += events.bytes().size();
    look_ahead_.append(events, is_noise);
  }
  return pulled;
}

// Pulls what is queued at this moment: after it, the look-ahead holds all that happened before.
std::size_t AutoWatcher::pull_queued(const Quiet& quiet) {
  std::error_code ec;
  return pull(instance_.readable(ec), quiet, ec);
}

}  // namespace inotify::inline v0
