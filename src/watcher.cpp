#include <inotify/watcher.hpp>

#include <algorithm>
#include <utility>

#include <inotify/detail/deadline.hpp>
#include <inotify/detail/kernel_watches.hpp>
#include <inotify/detail/path_error.hpp>

namespace inotify::inline v0 {

using detail::no_node;
using detail::NodeId;
using detail::require;

Watcher::Watcher() = default;

Watcher::Watcher(std::error_code& ec) : instance_(ec) {}

void Watcher::close() noexcept {
  instance_.close();
  table_.clear();
  rest_ = {};
  halves_.clear();
  begin_of_.clear();
  batch_ = {};
  delivered_ = {};
  kept_ = 0;
  is_behind_ = false;
}

// ---- what is watched

std::error_code Watcher::check(const std::filesystem::path& path, Mask mask) noexcept {
  // The kernel takes flags alone, and sets a nearly mute watch [2].
  const bool valid = (mask & IN_ALL_EVENTS) != 0 && (mask & ~known_bits) == 0;
  const bool whole = path.native().find('\0') == std::string::npos;
  return valid && whole ? std::error_code{} : make_error(EINVAL);
}

void Watcher::throw_add_error(std::string call, const std::filesystem::path& path, Mask mask,
                              std::error_code ec) {
  if ((mask & ~known_bits) != 0) {
    call += ": the mask " + to_string(mask) + " has a bit that inotify does not know";
  } else if ((mask & IN_ALL_EVENTS) == 0) {
    call += ": the mask " + to_string(mask) + " asks for no event; add some of IN_ALL_EVENTS";
  }
  detail::throw_error(call.c_str(), path.native(), ec);
}

void Watcher::fail_root(const std::filesystem::path& path, Mask mask, std::error_code ec,
                        const OnError& onerror) {
  if (!onerror) throw_add_error("add_all", path, mask, ec);
  onerror(detail::PathError("inotify: add_all", path, ec));
}

int Watcher::add(const std::filesystem::path& path, Mask mask) {
  std::error_code ec;
  const int wd = add(path, mask, ec);
  if (ec) throw_add_error("add", path, mask, ec);
  return wd;
}

int Watcher::add(const std::filesystem::path& path, Mask mask, std::error_code& ec) {
  return add_by(setter(path), path, mask, ec);
}

int Watcher::add_by(const Setter& set, const std::filesystem::path& path, Mask mask,
                    std::error_code& ec) {
  const NodeId above = table_.find_above(path.native());
  const std::uint64_t begin = mark(above == no_node ? 0 : table_.mask(above));
  const std::size_t before = num_watches();
  int wd = set_watch(set, path, mask, ec);
  if (!ec) wd = keep_watch(set, path, wd, mask, ec);
  if (!ec && begin > position() && num_watches() > before) begin_at(wd, begin);
  return wd;
}

// Where a new watch begins; without that it is taken back.
void Watcher::begin_at(int wd, std::uint64_t begin) {
  try {
    begin_of_[wd] = begin;
  } catch (...) {
    table_.unbind(table_.by_wd(wd));
    std::error_code gone;
    instance_.rm_watch(wd, gone);
    throw;
  }
}

int Watcher::set_watch(const Setter& set, const std::filesystem::path& path, Mask mask,
                       std::error_code& ec) {
  ec = check(path, mask);
  if (ec) return -1;
  // Never without IN_MASK_ADD on what might be watched: replacing a live watch loses events [33].
  const bool create = (mask & IN_MASK_CREATE) != 0;
  return set(create ? mask : mask | IN_MASK_ADD, ec);
}

int Watcher::keep_watch(const Setter& set, const std::filesystem::path& path, int wd, Mask mask,
                        std::error_code& ec) {
  const NodeId node = table_.find(path.native());
  if (node != no_node && table_.wd(node) == wd) {
    table_.set_mask(node, table_.mask(node) | (mask & kept_bits));
    const bool narrower = table_.mask(node) != (mask & kept_bits);
    const bool keeps = (mask & IN_MASK_ADD) != 0 || table_.has_alias(wd);
    return narrower && !keeps ? replace_mask(set, node, path, mask, ec) : wd;
  }
  return bind(path.native(), wd, mask & kept_bits);
}

// The user's explicit wish to narrow the mask of one path: the only replacement there is.
int Watcher::replace_mask(const Setter& set, NodeId node, const std::filesystem::path& path,
                          Mask mask, std::error_code& ec) {
  const int wd = set(mask, ec);
  if (ec) return -1;
  if (wd != table_.wd(node))
    return bind(path.native(), wd, mask & kept_bits);  // another inode by now
  table_.set_mask(node, mask & kept_bits);
  return wd;
}

// `path` is now a name of `wd`.
int Watcher::bind(std::string_view path, int wd, Mask mask) {
  NodeId node = table_.find(path);
  if (node != no_node && table_.wd(node) >= 0) {
    table_.supersede(
        node);  // what was watched there lives on elsewhere, or its IN_IGNORED is queued
    node = no_node;
  }
  const NodeId first = table_.by_wd(wd);
  if (first != no_node) mask |= table_.mask(first);
  try {
    if (node == no_node) node = table_.ensure(path);
    table_.bind(node, wd, mask);
  } catch (...) {  // the kernel has what the table cannot keep
    std::error_code gone;
    if (first == no_node) {
      instance_.rm_watch(wd, gone);
    } else {
      table_.set_mask(first, mask);
    }
    throw;
  }
  return wd;
}

// The place in the stream before which nothing can concern a watch that is about to begin in a
// directory with that mask. Only one that reports renames can tell of one.
std::uint64_t Watcher::mark(Mask mask) const noexcept {
  if ((mask & name_bits) == 0) return position();
  std::error_code ec;
  return read_ + instance_.readable(ec);
}

void Watcher::remove(int wd) {
  std::error_code ec;
  remove(wd, ec);
  require(ec, ec == std::errc::invalid_argument ? "remove: no such watch descriptor" : "remove");
}

void Watcher::remove(int wd, std::error_code& ec) {
  ec.clear();
  if (!is_open()) {
    ec = make_error(EBADF);
  } else if (table_.by_wd(wd) == no_node) {
    ec = make_error(EINVAL);
  } else {
    instance_.rm_watch(wd, ec);
    if (ec == std::errc::invalid_argument)
      ec.clear();  // dropped already: its IN_IGNORED is queued [5]
  }
}

void Watcher::remove_path(const std::filesystem::path& path) {
  std::error_code ec;
  remove_path(path, ec);
  if (ec) detail::throw_error("remove_path: not watched", path.native(), ec);
}

void Watcher::remove_path(const std::filesystem::path& path, std::error_code& ec) {
  ec.clear();
  const NodeId node = table_.find(path.native());
  if (!is_open()) {
    ec = make_error(EBADF);
  } else if (node == no_node || table_.wd(node) < 0) {
    ec = make_error(ENOENT);
  } else if (table_.has_alias(table_.wd(node))) {
    table_.unbind(node);
  } else {
    remove(table_.wd(node), ec);
  }
}

// ---- what is known

std::optional<WdMask> Watcher::path(const std::filesystem::path& path) const {
  const NodeId node = table_.find(path.native());
  if (node == no_node || table_.wd(node) < 0) return std::nullopt;
  return WdMask{table_.wd(node), table_.mask(node)};
}

std::optional<PathMask> Watcher::wd(int wd) const {
  const NodeId node = table_.by_wd(wd);
  if (node == no_node) return std::nullopt;
  return PathMask{table_.path(node), table_.mask(node)};
}

std::vector<std::string> Watcher::paths(int wd) const {
  std::vector<std::string> paths;
  for (const NodeId node : table_.names_of(wd)) paths.push_back(table_.path(node));
  return paths;
}

std::vector<Watch> Watcher::watches() const {
  std::vector<Watch> watches;
  watches.reserve(num_watches());
  table_.for_each([&](NodeId node) {
    if (table_.wd(node) >= 0)
      watches.push_back({table_.path(node), table_.wd(node), table_.mask(node)});
  });
  return watches;
}

// ---- reading

std::span<const Event> Watcher::read() { return read(Instance::forever); }

std::span<const Event> Watcher::read(std::error_code& ec) { return read(Instance::forever, ec); }

std::span<const Event> Watcher::read(milliseconds timeout) {
  std::error_code ec;
  const auto events = read(timeout, ec);
  require(ec, "read");
  return events;
}

std::span<const Event> Watcher::read(milliseconds timeout, std::error_code& ec) {
  ec.clear();
  interrupted_ = false;
  const std::size_t kept = num_kept();
  kept_ = 0;
  if (kept > 0) return delivered_.events().last(kept);
  if (!is_behind_ && batch_.empty()) give_back();
  const detail::Deadline deadline(timeout);
  // Nobody knows of anything to be read, so it waits first: to read first took a system call more
  // for each event of a slow stream.
  if (!is_behind_ && timeout > milliseconds::zero() && !empty()) {
    const Instance::Wake wake = wait_for_reason(timeout, ec);
    if (wake == Instance::Wake::timeout) return {};
    // It is for a read() that has nothing to return.
    if (wake == Instance::Wake::interrupt) instance_.interrupt();
  }
  for (bool is_first = true;; is_first = false) {
    is_behind_ = true;  // should it throw
    const Left left = collect(is_first, ec);
    if (ec) return {};
    is_behind_ = left != Left::nothing;
    if (!batch_.empty()) break;
    if (left == Left::older) continue;
    give_back();
    if (deadline.left() == milliseconds::zero()) return {};
    if (left == Left::newer) {
      const Instance::Wake wake = wait_for_reason(milliseconds::zero(), ec);
      if (wake != Instance::Wake::interrupt) continue;
      interrupted_ = take_interrupt();
      return {};
    }
    if (deadline.is_endless() && empty()) {
      ec = make_error(ENODATA);
      return {};
    }
    const Instance::Wake wake = wait_for_reason(deadline.left(), ec);
    if (wake == Instance::Wake::interrupt) interrupted_ = take_interrupt();
    if (wake != Instance::Wake::events) return {};
  }
  std::swap(batch_, delivered_);
  batch_.clear();
  ++batches_;
  return delivered_.events();
}

bool Watcher::clear_interrupt() noexcept {
  std::error_code ignored;  // of a closed watcher: there is none
  instance_.wait(milliseconds::zero(), ignored);
  return take_interrupt();
}

// wait(), on and on if what has woken it has been answered before.
Instance::Wake Watcher::wait_for_reason(milliseconds timeout, std::error_code& ec) {
  const detail::Deadline deadline(timeout);
  Instance::Wake wake = wait(timeout, ec);
  while (wake == Instance::Wake::interrupt && reasons_.empty()) wake = wait(deadline.left(), ec);
  return wake;
}

const Event* Watcher::next(milliseconds timeout) {
  std::error_code ec;
  const Event* event = next(timeout, ec);
  require(ec, "next");
  return event;
}

const Event* Watcher::next(milliseconds timeout, std::error_code& ec) {
  if (num_kept() == 0) {
    const Instance::Wake wake = wait_for_reason(milliseconds::zero(), ec);
    interrupted_ = wake == Instance::Wake::interrupt && take_interrupt();
    if (ec || wake == Instance::Wake::interrupt) return nullptr;
    is_behind_ = is_behind_ || wake == Instance::Wake::events;
  }
  const auto events = read(timeout, ec);
  if (events.empty()) return nullptr;
  kept_ = events.size() - 1;
  return events.data();
}

std::size_t Watcher::readable() const { return rest_.size() + instance_.readable(); }

Watcher::Left Watcher::collect(bool /*is_first*/, std::error_code& ec) {
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(buffer_size);
    rest_ = {};  // of a buffer that was moved away
  }
  const bool is_rest = !rest_.empty();
  if (!is_rest) {
    rest_ = instance_.read({buffer_.get(), buffer_size}, ec).bytes();
    read_ += rest_.size();
  }
  const RawEvents events(rest_);
  if (!ec && events.bytes().empty() && (overflowed_ || owes_list_)) end_dead_watches();
  apply(events);
  const bool is_all =
      !is_rest && rest_.empty() && events.bytes().size() + Instance::max_event_size <= buffer_size;
  return is_all && !overflowed_ ? Left::nothing : Left::older;
}

// After an overflow an IN_IGNORED may be lost. Without /proc nobody knows; what else has failed is
// tried again.
void Watcher::end_dead_watches() {
  std::error_code ec;
  for (const int wd : dead_watches(ec)) {
    if (table_.by_wd(wd) != no_node) apply({wd, IN_IGNORED, 0, {}});
  }
  overflowed_ = false;
  owes_list_ = ec && ec != std::errc::no_such_file_or_directory;
}

// What cannot be told is kept for the next time, in `rest_`, should something be thrown; so is what is
// too much for one batch, where paths are very long.
void Watcher::apply(const RawEvents& events) {
  prefetch(events);
  auto it = events.begin();
  for (; it != events.end() && !batch_.has_enough_text(); ++it) {
    rest_ = it.rest();
    apply(*it);
    while (it.follow(alike)) {
      rest_ = it.rest();
      report_again(*it);
    }
  }
  rest_ = it.rest();
  if (it == events.end()) rest_ = {};  // with what is no whole event, and never will be
  if (!begin_of_.empty())
    std::erase_if(begin_of_, [&](const auto& entry) { return entry.second <= position(); });
}

void Watcher::prefetch(const RawEvents& events) {
  constexpr std::size_t many = 2048;  // bytes, of some 64 events
  if (!table_.is_large() || events.bytes().size() < many) return;
  wds_.clear();
  events.for_each_wd([&](int wd) { wds_.push_back(wd); });
  table_.prefetch(wds_);
}

void Watcher::apply(const RawEvent& raw) {
  if ((raw.mask & IN_Q_OVERFLOW) != 0) {  // before any look-up: its wd is -1 [15]
    report(no_node, raw);
    halves_.clear();
    overflowed_ = true;
    return;
  }
  const NodeId node = table_.by_wd(raw.wd);
  report(node, raw);
  if (node == no_node || (raw.mask & (name_bits | IN_IGNORED)) == 0) return;
  // Most names mean nothing to the table: a file's, where no rename is open.
  if ((raw.mask & (IN_MOVE | IN_IGNORED)) == 0 && halves_.empty() && !table_.has_children(node))
    return;
  const std::size_t index = batch_.size() - 1;
  try {
    act(node, raw, index);
  } catch (...) {
    batch_.truncate(index);  // it is told, and all is done, the next time
    throw;
  }
}

// Ends the watches that the table does not know: a walk has run out of memory before it could tell.
void Watcher::end_unknown_watches(std::error_code& ec) {
  const auto end = [&](detail::KernelWatch watch) {
    std::error_code gone;
    if (table_.by_wd(watch.wd) == no_node) instance_.rm_watch(watch.wd, gone);
  };
  detail::for_each_kernel_watch(instance_.fileno(), end, ec);
}

// What the event number `index` means to the table. May be done again if it throws.
void Watcher::act(NodeId node, const RawEvent& raw, std::size_t index) {
  if ((raw.mask & IN_MOVED_FROM) != 0) {
    moved_from(raw, index);
  } else if ((raw.mask & IN_MOVED_TO) != 0) {
    moved_to(raw, index);
  } else {
    if (!halves_.empty()) halves_.drop(raw.wd);
    if (!raw.name.empty() && table_.has_children(node)) lose_name(node, raw.name);
  }
  if ((raw.mask & IN_IGNORED) != 0) {
    begin_of_.erase(raw.wd);
    while (!table_.unbind(table_.by_wd(raw.wd))) {
    }
  }
}

void Watcher::moved_from(const RawEvent& raw, std::size_t index) {
  halves_.put(raw.cookie, {raw.wd, std::string(raw.name), std::string(batch_[index].fullpath),
                           position(), batches_, index});
}

void Watcher::moved_to(const RawEvent& raw, std::size_t index) {
  const NodeId parent = table_.by_wd(raw.wd);
  const detail::RenameHalf* half = halves_.find(raw.cookie);
  if (half == nullptr) {
    halves_.drop(raw.wd);
    lose_name(parent, raw.name);
    return;
  }
  batch_[index].moved_from = batch_.keep(half->from);
  if (half->batch == batches_) batch_[half->index].moved_to = batch_[index].fullpath;
  follow(*half, parent, raw.name);
  halves_.drop(half->wd);
}

// What is watched at or below the old name goes along to the new one. If the old name has a younger
// bearer by now, it is the one before that.
void Watcher::follow(const detail::RenameHalf& half, NodeId parent, std::string_view name) {
  const NodeId from = table_.by_wd(half.wd);
  NodeId moved = from == no_node ? no_node : table_.child(from, half.name);
  if (moved != no_node && is_younger(moved, half.position)) {
    moved = table_.superseded(from, half.name);
  }
  // Nothing moves below itself: what we know of the way there is out of date.
  if (moved == no_node || table_.is_below(parent, moved)) return lose_name(parent, name);
  const NodeId victim = table_.child(parent, name);
  const bool is_same = victim != no_node && table_.wd(victim) >= 0 &&
                       table_.wd(victim) == table_.wd(moved);  // added again under its new name
  const bool keeps_name = !is_same && victim != no_node && is_younger(victim, position());
  table_.rename(moved, parent, name);
  if (is_same && victim != moved) table_.unbind(victim);
  if (keeps_name) table_.reinstate(victim);
}

// Whether a watch began after that place in the stream.
bool Watcher::is_younger(NodeId node, std::uint64_t position) const {
  const auto begin = begin_of_.find(table_.wd(node));
  return begin != begin_of_.end() && position < begin->second;
}

// What was watched under a name that now stands for something else, or for nothing, keeps its last
// path but is found by its wd alone.
void Watcher::lose_name(NodeId parent, std::string_view name) {
  const NodeId node = table_.child(parent, name);
  if (node != no_node && table_.wd(node) >= 0 && !is_younger(node, position()))
    table_.supersede(node);
}

// Once the queue is empty, a watch that the kernel does not have is one whose end was not told.
std::vector<int> Watcher::dead_watches(std::error_code& ec) const {
  const std::vector<int> alive = instance_.watch_descriptors(ec);
  std::vector<int> dead;
  table_.for_each([&](NodeId node) {
    const int wd = table_.wd(node);
    if (!ec && wd >= 0 && !std::ranges::binary_search(alive, wd)) dead.push_back(wd);
  });
  return dead;
}

}  // namespace inotify::inline v0
