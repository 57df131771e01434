// add_all's first walk: what is plain is watched in bulk.
//
// To enter a directory with all the care that enter() takes costs three times what the kernel needs
// to watch it. A tree that is at rest can be had for less: its directories are watched and listed,
// some hundred at a time, and then what was queued meanwhile is compared with what was seen [31, 32].
// What no event touches is as it was seen. The rest (a name that is touched, a watch that is known
// already, an error) is forgotten again, and entered with care; of what is found there, the bulk is
// tried again.
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

#include <inotify/auto_watcher.hpp>
#include <inotify/detail/crew.hpp>
#include <inotify/detail/override.hpp>

namespace inotify::inline v0 {

using detail::Crew;
using detail::Directory;
using detail::no_node;
using detail::TreeScan;

namespace {

void pass_bad_alloc(const std::exception_ptr& thrown) {
  if (thrown == nullptr) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
  }
}

}  // namespace

// Watches what is wanted, and all below, as far as it may. The user's filter is not asked in a thread that
// is not his.
void AutoWatcher::walk() {
  if (todo_.empty()) return;
  Crew crew(options_.add_filter ? 0 : options_.threads);
  while (!todo_.empty() && may_go_on()) {
    for (std::size_t left = todo_.size(); left > 0 && may_go_on();) left -= scan(crew, left);
    // What is entered may be a root, that others want, and then all is.
    for (std::size_t left = todo_.size(); left > 0 && !todo_.empty() && may_go_on(); --left)
      enter_next();
  }
  opened_ = {};
  opened_wd_ = -1;
}

// Takes at most `most` directories off todo_, which are in one directory, and returns how many. Those
// that are to be entered with care are on todo_ afterwards.
std::size_t AutoWatcher::scan(Crew& crew, std::size_t most) {
  const NodeId first = todo_.front();
  const NodeId parent = table_.is_live(first) ? table_.parent(first) : no_node;
  const auto is_plain = [&](NodeId node) {
    const auto& bits = table_.bits(node);
    return table_.is_live(node) && table_.parent(node) == parent && bits.wanted != 0 &&
           bits.untold == 0 && bits.is_root == 0 && bits.hole == 0 && !is_watched(node);
  };
  std::error_code ec;
  const bool is_open = parent != no_node && is_plain(first) && is_watched(parent) &&
                       inherited(parent) != 0 && !leaves(parent) && open(parent, ec) != nullptr;
  if (!is_open) {
    todo_.pop_front();
    todo_.push_back(first);
    return 1;
  }
  std::vector<std::string> names;
  while (names.size() < most && is_plain(todo_.front())) {
    names.emplace_back(table_.name(todo_.front()));
    todo_.pop_front();
  }
  table_.path(parent, path_);
  walk_->mask = inherited(parent) | follow_bits;
  walk_->nodes.assign(1, parent);
  TreeScan::Options options;
  options.mask = walk_->mask | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD;
  options.is_full = announce_;
  options.one_file_system = options_.one_file_system;
  options.is_at_home = crew.is_at_home();
  options.scans = static_cast<TreeScan::Number>(crew.size());
  if (options_.add_filter) {
    options.accepts = [this](int wd, std::string_view path, std::string_view name) {
      return accepts(wd, path, name);
    };
  }
  std::vector<Scan> scans;
  for (; options.index < options.scans; ++options.index) scans.push_back({{instance_, options}});
  // It stays open here as well: what the scan leaves is not far below.
  Directory above = opened_.duplicate(ec);
  if (ec) above = std::exchange(opened_, {});
  scans.front().scan.begin(std::move(above), table_.wd(parent), path_, names);
  run(crew, scans);
  return names.size();
}

// Has the crew go through all that `scans` come to, as far as it may. What the user's functions throw is
// thrown when all that is known by then has been taken over; std::bad_alloc at once, for then the tree is
// walked anew.
void AutoWatcher::run(Crew& crew, std::vector<Scan>& scans) {
  const detail::Override scanning(is_scanning_, true);
  std::size_t running = 0;
  const auto start = [&](std::size_t i) {
    if (std::exchange(scans[i].is_doubtful, false)) scans[i].scan.doubt();
    scans[i].is_running = true;
    crew.start(i, [&one = scans[i]] { one.has_more = one.scan.fill(one.notes); });
    ++running;
  };
  // The scans must not end before the work at them, whatever is thrown.
  struct Rest {
    Crew& crew;
    std::size_t& running;
    ~Rest() {
      for (std::exception_ptr ignored; running > 0; --running) crew.wait(ignored);
    }
  } const rest{crew, running};
  std::exception_ptr error;
  const auto is_over = [&] { return error != nullptr || allowance_.is_used_up(); };
  start(0);
  while (running > 0) {
    std::exception_ptr thrown;
    Scan& one = scans[crew.wait(thrown)];
    --running;
    one.is_running = false;
    pass_bad_alloc(thrown);
    if (thrown != nullptr && error == nullptr) error = thrown;
    may_go_on(one.scan.found() - std::exchange(one.counted, one.scan.found()));
    try {
      if (is_over()) one.scan.abandon(one.notes);
      doubt_mounted(one, scans);
      adopt(one.notes);
      if (error == nullptr && options_.progress) options_.progress(walk_->directories);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      if (error == nullptr) error = std::current_exception();
      one.notes = {};
      one.scan.abandon(one.notes);
      adopt(one.notes);
    }
    if (is_over()) continue;
    for (Scan& idle : scans) {
      if (!idle.is_running && !idle.has_more && one.has_more)
        idle.has_more = idle.scan.take_half(one.scan);
    }
    for (std::size_t i = 0; i < scans.size(); ++i) {
      if (!scans[i].is_running && scans[i].has_more) start(i);
    }
  }
  for (const int wd : std::exchange(walk_->disowned, {})) refuse(wd, walk_->mask);
  if (error != nullptr) std::rethrow_exception(error);
}

// A mount that has come or gone while a scan was at work may have had it watch one directory and list
// another: what it has noted is not believed, and what it has watched and not listed yet it compares.
void AutoWatcher::doubt_mounted(Scan& scan, std::vector<Scan>& scans) {
  if (mounts_.has_changed()) {
    mounts_due_ = true;
    note_mounts(no_node);
    for (Scan& one : scans) one.is_doubtful = true;
  }
  if (!std::exchange(scan.is_doubtful, false)) return;
  scan.scan.doubt();
  for (TreeScan::Note& note : scan.notes.list) {
    const bool is_believed = note.size != 0 && note.wd < 0;  // a file, or refused by the filter
    if (note.error == 0 && !is_believed) note.error = ESTALE;
  }
}

// Takes over what is plain of what a scan has noted.
void AutoWatcher::adopt(const TreeScan::Notes& notes) {
  for (const TreeScan::Note& note : notes.list) {
    const NodeId known = table_.by_wd(note.wd);
    if (known != no_node && !table_.is_below(known, walk_->root)) walk_->met.insert(note.wd);
  }
  pull_queued();
  auto& nodes = walk_->nodes;
  for (const TreeScan::Note& note : notes.list) {
    if (nodes.size() <= note.number) nodes.resize(note.number + nodes.size(), no_node);
    const NodeId directory = nodes[note.directory];
    const std::string_view name = notes.name(note);
    if (name.empty()) {
      disown(note.wd);
      if (directory != no_node && (note.error != 0 || is_unsettled(directory))) {
        enter_anew(directory);
        nodes[note.directory] = no_node;
      }
    } else if (directory != no_node && !look_ahead_.touches(table_.wd(directory), name)) {
      if (announce_ && note.directory != 0) tell_found(directory, name, note.type);
      if (note.type == DT_DIR) nodes[note.number] = adopt(directory, name, note);
    } else {
      disown(note.wd);
      const NodeId node = note.directory == 0 ? table_.child(directory, name) : no_node;
      if (node != no_node) drop(node);
    }
  }
}

AutoWatcher::NodeId AutoWatcher::adopt(NodeId parent, std::string_view name,
                                       const TreeScan::Note& note) {
  const bool is_refused = note.wd < 0 && note.error == 0;
  const NodeId node = table_.ensure_child(parent, name);
  const bool is_plain = note.wd >= 0 && note.error == 0 && table_.by_wd(note.wd) == no_node &&
                        !old_.contains(note.wd) && !is_watched(node) &&
                        table_.bits(node).is_root == 0;
  if (!is_plain) disown(note.wd);
  if (is_refused) {
    drop(node);
  } else if (!is_plain) {
    want(parent, name, true);
  }
  if (!is_plain) return no_node;
  auto& bits = table_.bits(node);
  table_.bind(node, note.wd, walk_->mask);
  bits.asked = table_.bits(parent).asked;
  bits.wanted = 0;
  bits.hole = 0;
  walk_->wds.push_back(note.wd);
  ++walk_->directories;
  return node;
}

// Whether a directory that has just been watched has another place by now, so that under its name
// another one may have been listed. What has changed in it since is touched itself.
bool AutoWatcher::is_unsettled(NodeId node) {
  return look_ahead_.touches(table_.wd(table_.parent(node)), table_.name(node));
}

void AutoWatcher::enter_anew(NodeId node) {
  const NodeId parent = table_.parent(node);
  const std::string name(table_.name(node));
  disown(table_.wd(node));
  --walk_->directories;
  table_.unbind(node);
  want(parent, name, true);
}

// A watch that was set under a name that is not believed. It ends with the scan, not now: the scan
// may have met it under another name as well, which is believed.
void AutoWatcher::disown(int wd) {
  if (wd >= 0) walk_->disowned.push_back(wd);
}

}  // namespace inotify::inline v0
