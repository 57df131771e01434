// Watch whole trees, and follow them as they change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <inotify/detail/allowance.hpp>
#include <inotify/detail/directory.hpp>
#include <inotify/detail/fifo.hpp>
#include <inotify/detail/found_queue.hpp>
#include <inotify/detail/look_ahead.hpp>
#include <inotify/detail/mount_watch.hpp>
#include <inotify/detail/tree_scan.hpp>
#include <inotify/detail/unique_fd.hpp>
#include <inotify/watcher.hpp>

namespace inotify::inline v0 {

namespace detail {
class Crew;
}

/// What an AutoWatcher does after an overflow, besides saying so and watching all anew.
enum class OverflowPolicy {
  /// One IN_Q_OVERFLOW per root, with the root as its path: what you believe below is old; list it.
  /// (Your listing is younger than what the next events tell: see examples/README.md, "Replaying the stream".)
  /// Another one if it took more than one read() to watch all anew: list it again.
  report,
  /// The same, and then everything that exists below, as synthetic creates: forget what you believe.
  announce,
};

/// A Watcher that watches trees: every directory below a root, now and later.
///
///     inotify::AutoWatcher w;
///     w.add_all("/srv/data", IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE);
///     for (;;) for (const inotify::Event& e : w.read()) std::cout << e << '\n';
///
/// What it promises, once read() has emptied the queue:
///   - Coverage: every directory below a root is watched, or an event with `error` has named it.
///   - Existence: what was created in a directory before it could be watched is reported as a
///     `synthetic` IN_CREATE (of a regular file also IN_CLOSE_WRITE, if the mask asks for it),
///     parents first, right after the event that revealed it; and nothing is reported twice.
///     Whoever replays IN_CREATE, IN_DELETE and IN_MOVE has what is on disk.
///   - Paths: after a directory's rename, everything below is reported under the new name, whatever
///     the size of the subtree. Paths begin with the name given to add_all.
///   - A directory that is moved away is unwatched with all below; one that is moved in is watched
///     and its content reported.
///   - Only what was asked for is delivered; the library's own listing is not. But IN_MOVE_SELF,
///     IN_DELETE_SELF and IN_UNMOUNT of a root always are, for the paths below may be true no more.
///   - Mounts: what is mounted on a directory or file below a root, and what an unmount uncovers (also
///     of a bind mount, also a lazy one), takes its place in the stream when it has been noticed: a
///     `synthetic` IN_DELETE, a `synthetic` IN_CREATE, and for a directory all that it holds, watched from
///     then on. With `one_file_system` it ends at the name. A directory with two names, by a bind mount,
///     is reported under one of them, and under the other once that is gone.
///
/// To follow a tree it asks the kernel for IN_CREATE, IN_DELETE, IN_MOVE and IN_MOVE_SELF as well,
/// so the mask of a watch may be wider than what was asked for. OPEN, ACCESS and CLOSE_NOWRITE of a
/// directory while it is being listed, and of any below a root that add_all walks, are dropped, other
/// processes' included. Symlinks below a root are not followed; a root may be one. A root that is
/// renamed says IN_MOVE_SELF and keeps its old name: the kernel does not tell the new one (it does
/// if the root is moved within another root). A renamed ancestor of a root is not told at all. A
/// relative root is looked up in the working directory, which must stay the same.
///
/// A directory that could not be watched is a hole: an event with `error` names it, once for each
/// cause, and says as well that nothing is known any more of what is below it. Of a root that has
/// become one, while it was renamed and the queue overflowed, nothing but its IN_MOVE_SELF,
/// IN_DELETE_SELF and IN_UNMOUNT is reported either. For want of permission a hole heals by itself:
/// when its permissions change, or those of a directory above it, or that is moved; a root heals when
/// it is back in its place. All that it holds is reported then. To hear of that, the root and some
/// directories have IN_ATTRIB in their kernel mask, too. Where the kernel does not tell (a limit has
/// been raised, descriptors have been closed, a directory above the root may be searched), call
/// retry_holes().
///
/// Mounts are noticed by /proc/self/mountinfo, in the namespace of the thread that made the watcher: while
/// read() waits, and otherwise by one poll(2) in each read() that leaves nothing to be read, and in one
/// of 16 of the others. Without that file (no /proc, a chroot) a mount is noticed only when what it
/// touches is listed again, by an overflow or add_all. Not followed: a mount over a root itself or above
/// it, which hides the root as a rename of it does; and what there is below the second name of a
/// directory that has two but not below the first (something is mounted on either), unless it is made a
/// root, which then lies in no other. A mount wakes a poller of fileno() once, even one elsewhere, of
/// which read() then says nothing.
///
/// add(), add_all() and retry_holes() first take note of what has happened so far; the next read()
/// tells it.
///
/// When memory runs out, std::bad_alloc comes out, and the next call goes on as after an overflow: what
/// could not be kept is told as one of each root, and all is looked at anew. What add() and add_all()
/// were asked for is kept, once they have returned. Nothing is leaked, and no watch is left that nobody
/// knows. close(), moves and destructors never fail.
///
/// Others cannot hold a call, however fast they are: it takes some dozen system calls for each event
/// that was queued when it was called and for each directory that it comes to, and waits for at most
/// 64 renames beyond those. A read() comes to 256 directories, and to as many more as take it some 100 ms
/// beyond its timeout; while it has nothing to return yet, one second. Any other call comes to at most
/// twice as many directories as the user may have watches (or 4,096). What it could not reach by then is
/// left to the next read(), which goes on there before it looks at a younger event, or told as a hole. So
/// a large tree that is moved in is told by several read()s; and if one of more than a second has nothing
/// to tell, read() returns nothing though there is more: has_pending() says so.
///
/// fileno() is readable as long as anything is to be delivered. It is not the inotify descriptor;
/// do not read from it. Needs a mounted /proc. Errors, thread safety: as for Watcher. Source:
/// python-inotify, AutoWatcher.
class INOTIFY_API AutoWatcher : public Watcher {
 public:
  struct Options {
    /// See DirectoryFilter. It is shown a synthetic IN_CREATE|IN_ISDIR; it must not call the
    /// watcher. What it throws passes through the call; the next one asks again. Default: all.
    DirectoryFilter add_filter{};
    /// Whether add_filter is asked about what add() and add_all() are given, too, files included
    /// (those without IN_ISDIR). What it refuses is not watched: -1 or an empty list is returned, and
    /// that is no error. Source: pyinotify, which does.
    bool filter_roots = false;
    /// Whether add_all reports what exists, as synthetic creates.
    bool announce = false;
    OverflowPolicy overflow = OverflowPolicy::report;
    /// Whether to stay on the file system of the root.
    bool one_file_system = false;
    /// How many threads add_all walks with. They end before it returns. Two take three quarters of
    /// the time, for a third more CPU, if the tree is in the kernel's cache (tests/benchmark/README.md). 0:
    /// it walks in the thread that calls, which costs up to a fifth more; so it does, whatever is
    /// said here, if there is an add_filter.
    std::size_t threads = 1;
    /// Called by add_all every now and then, in the thread that calls it, with the number of
    /// directories it has watched so far. It must not call the watcher. What it throws passes through
    /// add_all; what is missing then, or if add_all had to end (see above), is watched by the next
    /// read(), and reported as what has just appeared is.
    std::function<void(std::size_t directories)> progress{};
  };

  AutoWatcher();
  explicit AutoWatcher(Options options);
  explicit AutoWatcher(std::error_code& ec);
  AutoWatcher(Options options, std::error_code& ec);

  /// With that filter: `AutoWatcher watcher(ExcludeFilter({...}))`. See Options::add_filter.
  template <class Filter>
  requires std::is_invocable_r_v<bool, Filter&, const Event&>
  explicit AutoWatcher(Filter filter) : AutoWatcher(Options{.add_filter = std::move(filter)}) {}

  /// Follows `path`, or each of `paths`, a range of them or `{"/etc", "/srv"}`, as add_all() does; the
  /// first that cannot be watched is thrown. Source: PyInotify, InotifyTree, InotifyTrees.
  AutoWatcher(const std::filesystem::path& path, Mask mask) : AutoWatcher({path}, mask) {}
  template <PathRange Paths>
  AutoWatcher(const Paths& paths, Mask mask) : AutoWatcher() {
    Watcher::add_all(paths, mask);
  }
  AutoWatcher(std::initializer_list<std::filesystem::path> paths, Mask mask) : AutoWatcher() {
    Watcher::add_all(paths, mask);
  }

  AutoWatcher(AutoWatcher&&) noexcept = default;
  AutoWatcher& operator=(AutoWatcher&&) noexcept = default;
  ~AutoWatcher() override = default;

  [[nodiscard]] int fileno() const noexcept override { return epoll_.get(); }

  /// Watches one file or directory for itself: a directory's new subdirectories are told, if the mask
  /// asks for that, and not watched. (python-inotify follows them; add_all does here.) On a directory
  /// of a followed tree this adds to what is told of it and narrows nothing. Errors: as for Watcher::add, EINVAL for IN_ONESHOT and
  /// IN_MASK_CREATE, which would leave holes, and EAGAIN if others rename what leads to `path`
  /// faster than it can be watched (nothing is added; try again).
  int add(const std::filesystem::path& path, Mask mask) override;
  int add(const std::filesystem::path& path, Mask mask, std::error_code& ec) override;

  /// Makes `path` a root: it and every directory below it is watched from now on. Returns the watch
  /// descriptors set. A root that is a file is watched for itself. Calling it again for a root
  /// changes its mask (and announces what there is once more, if it announces).
  ///
  /// A bad root goes to `onerror`, and nothing is returned; without one it throws, as add() does. A
  /// directory below it that cannot be watched is a hole: `onerror` is called with it or, without one,
  /// the next read() delivers an event with `error` and its path. What can be watched is watched. See
  /// retry_holes().
  std::vector<int> add_all(const std::filesystem::path& path, Mask mask,
                           const OnError& onerror = {}) override;
  using Watcher::add_all;  // of several

  /// The watch descriptors that add_all returns, as a range. All is watched, and followed, before this
  /// returns: a tree is not followed by halves. See Options::progress to hear of it meanwhile.
  WalkRange add_iter(const std::filesystem::path& path, Mask mask, OnError onerror = {}) override;

  /// For a root: ends the following of its tree; what another root has of it by another name (a bind
  /// mount) is found anew under that. For what was added by add(): takes that interest back.
  /// For another directory of a tree: it and all below is no longer watched, until it is renamed or
  /// the tree is walked again; add_filter is the way to keep it out. See Watcher::remove.
  using Watcher::remove;
  void remove(int wd, std::error_code& ec) override;
  using Watcher::remove_path;
  void remove_path(const std::filesystem::path& path, std::error_code& ec) override;

  /// Removes each root and each path added by add() that is `path` or below it. Of a root it is the same
  /// as to remove that, and the roots in its tree. If `path` is a directory of a tree that goes on above
  /// it, it and all below is no longer watched, until it is renamed or the tree is walked again.
  using Watcher::remove_all;
  std::size_t remove_all(const std::filesystem::path& path, std::error_code& ec) override;

  /// Tries again to watch the directories that could not be watched (see above), and returns how many
  /// still cannot. What is found is reported by the next read(), and so is a cause that has changed.
  std::size_t retry_holes();

  /// The bytes queued in the kernel, and those pulled from it or found and not yet delivered.
  [[nodiscard]] std::size_t readable() const override;

  void close() noexcept override;

 protected:
  int add_by(const Setter& by, const std::filesystem::path& path, Mask mask,
             std::error_code& ec) override;
  Left collect(bool is_first, std::error_code& ec) override;
  Instance::Wake wait(milliseconds timeout, std::error_code& ec) override;

 private:
  // There is nothing to be ignored: what vanishes while it is walked is no error here, and any other
  // directory that cannot be watched is named. And a filter that is changed would have to be asked again.
  using Watcher::add_filter;
  using Watcher::ignored_errors;

  using Entry = detail::LookAhead::Entry;
  using NodeId = detail::NodeId;

  struct Old {
    detail::WatchTable::Bits bits;
    std::vector<std::string> paths;
  };
  // A directory that is being listed, which makes OPEN, ACCESS and CLOSE_NOWRITE, and where it
  // stands.
  struct Quiet {
    int wd = -1;
    int parent_wd = -1;
    std::string_view name{};
  };

  /// What following needs, asked for or not.
  static constexpr Mask follow_bits = IN_CREATE | IN_DELETE | IN_MOVE | IN_MOVE_SELF;
  /// What says nothing of the tree: of IN_ATTRIB a hole may heal.
  static constexpr Mask plain = alike & ~Mask{IN_ATTRIB};
  /// What is reported of a root, asked for or not: its paths may not be true any more.
  static constexpr Mask root_bits = IN_MOVE_SELF | IN_DELETE_SELF;

  // ---- auto_watcher.cpp: roots, and reading

  // Ends a call that is left by an exception, the user's or not: there may be more to do.
  class Ending {
   public:
    explicit Ending(AutoWatcher& watcher) noexcept : watcher_(watcher) {
      watcher_.waits_ = 0;
      watcher_.thrown_ = nullptr;
      watcher_.begin_ = watcher_.look_ahead_.passed();
    }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;
    ~Ending() {
      if (std::uncaught_exceptions() > before_) watcher_.end_call(!watcher_.batch_.empty());
    }

   private:
    AutoWatcher& watcher_;
    int before_ = std::uncaught_exceptions();
  };

  // Whether collect() has something to do though nothing comes.
  [[nodiscard]] bool has_more() const noexcept {
    return !look_ahead_.empty() || !todo_.empty() || !deferred_.empty() || !old_.empty() ||
           is_damaged_ || mounts_due_ || owes_overflow_ || !unreported_.empty();
  }
  void open_epoll(std::error_code& ec);
  void end_call(bool has_batch) noexcept;
  std::size_t pull(std::size_t bytes, std::error_code& ec);
  std::size_t pull_queued();
  std::size_t pull_queued(std::error_code& ec);
  bool interpret_pulled(bool is_bounded);
  void catch_up(std::error_code& ec);
  [[nodiscard]] bool refuses(const std::filesystem::path& given) const;
  bool is_outdated(std::string_view path);
  int watch_current(const std::filesystem::path& path, Mask mask, const std::function<int()>& set,
                    bool& is_current, std::error_code& ec);
  int open_root(const std::filesystem::path& path, Mask mask, detail::Directory& directory,
                bool& is_current, std::error_code& ec);
  NodeId root_node(std::string_view path, int wd);

  // ---- auto_watcher_events.cpp: one function per kind of event

  void interpret(const RawEvent& raw);
  bool act(NodeId node, const RawEvent& raw);
  std::size_t tell(NodeId node, const RawEvent& raw) {
    return tell(node, raw, asked(node, raw.wd));
  }
  std::size_t tell(NodeId node, const RawEvent& raw, Mask asked);
  void tell_self(NodeId node, const RawEvent& raw) {
    tell(node, raw, asked(node, raw.wd) | (table_.bits(node).is_root != 0 ? root_bits : 0U));
  }
  [[nodiscard]] Mask asked(NodeId node, int wd) const {
    const auto& bits = table_.bits(node);
    const Mask always = IN_Q_OVERFLOW | IN_UNMOUNT | IN_IGNORED;
    return always | bits.asked | (bits.is_hand != 0 ? hand_.at(wd) : 0);
  }
  void tell_taken(int wd);
  void link(NodeId from_parent, const RawEvent& from, std::size_t from_index, NodeId to_parent,
            const RawEvent& to, std::size_t to_index);
  void on_self(NodeId node, const RawEvent& raw);
  [[nodiscard]] std::vector<std::pair<NodeId, std::string>> other_places(NodeId node) const;
  void end_watch(NodeId node, const RawEvent& raw);
  void on_unmount(NodeId node, const RawEvent& raw);
  void on_create(NodeId parent, const RawEvent& raw);
  void on_delete(NodeId parent, const RawEvent& raw);
  void forget_name(NodeId parent, std::string_view name) {
    if (table_.has_children(parent)) forget_child(parent, name);
  }
  void forget_child(NodeId parent, std::string_view name);
  void detach(NodeId node);
  void detach_below(NodeId node);
  void unbind(NodeId node);
  void readmit(int wd);

  // ---- auto_watcher_renames.cpp: the halves of a rename, and exchanges

  void on_moved_from(NodeId parent, const RawEvent& raw);
  bool depart(NodeId parent, const RawEvent& raw);
  void on_moved_to(NodeId parent, const RawEvent& raw);
  const Entry* find_arrival(NodeId parent, const RawEvent& raw);
  const Entry* next_name_event(const Entry& entry, int wd, int other_wd);
  const Entry* next_here(NodeId parent, const Entry& entry);
  void rename(NodeId parent, const RawEvent& raw, const Entry& to);
  bool swap(NodeId parent, const RawEvent& raw, const Entry& to, const Entry& back_from,
            const Entry& back_to);
  void exchange(NodeId parent, const RawEvent& raw, const Entry& to, const Entry& back_from,
                const Entry& back_to);
  void settle_swap(NodeId parent, const RawEvent& raw, const Entry& to, const Entry& back_from,
                   const Entry& back_to);
  bool exchanges(NodeId parent, const RawEvent& raw, const Entry& back);
  const Entry* doubt_departure(NodeId parent, const Entry& to);
  void settle(NodeId parent, const RawEvent& raw);

  // ---- auto_watcher_enter.cpp: watching a directory, and reporting what it holds

  void want(NodeId parent, std::string_view name, bool told);
  bool may_go_on(std::size_t steps = 1) noexcept;
  void enter_wanted();
  void resume();
  void enter_next();
  void enter(NodeId node);
  static unsigned char look_up(const detail::Directory& above, const char* name,
                               detail::Directory* directory, std::error_code& ec);
  NodeId take_over(NodeId node, int wd, Mask mask);
  NodeId forget_left_names(NodeId node, int wd);
  void add_alias(NodeId node, int wd, Mask mask);
  bool is_lost(NodeId node);
  void tell_lost(NodeId node);
  void enter_root(NodeId root, detail::Directory directory, int fresh_wd, std::error_code& ec);
  void reenter_root(NodeId root);
  void report_found(NodeId node, bool is_new);
  void drop(NodeId node);
  void defer(NodeId node, std::error_code ec);
  void retry_deferred();
  bool leaves(NodeId node);

  // ---- auto_watcher_holes.cpp: what could not be watched

  void give_up(NodeId node, std::error_code ec);
  void end_needless_watch(NodeId hole);
  bool watch_permissions(NodeId node);
  void retry(NodeId hole);
  void retry_below(NodeId top);
  bool on_attrib(NodeId parent, const RawEvent& raw);
  void on_access(NodeId node);

  // ---- auto_watcher_report.cpp: what was found, as the batch has room

  void tell_found(NodeId parent, std::string_view name, unsigned char type);
  void tell_synthetic(NodeId parent, std::string_view name, unsigned char type);
  void report_hole(std::string_view path, std::error_code ec, Mask mask = IN_ISDIR);
  void add_hole(std::string_view path, std::error_code ec, Mask mask);
  void tell_unreported(bool is_bounded);

  // ---- auto_watcher_walk.cpp: watching what is at rest, in bulk

  struct Scan {
    detail::TreeScan scan;
    detail::TreeScan::Notes notes{};
    bool has_more = false;
    bool is_running = false;
    bool is_doubtful = false;  // a mount has come or gone since its work under way began
    std::size_t counted = 0;   // so many of the directories it has come to
  };
  void walk();
  std::size_t scan(detail::Crew& crew, std::size_t most);
  void run(detail::Crew& crew, std::vector<Scan>& scans);
  void doubt_mounted(Scan& scan, std::vector<Scan>& scans);
  void adopt(const detail::TreeScan::Notes& notes);
  NodeId adopt(NodeId parent, std::string_view name, const detail::TreeScan::Note& note);
  bool is_unsettled(NodeId node);
  void enter_anew(NodeId node);
  void disown(int wd);

  // ---- auto_watcher_disk.cpp: from a node to the directory on disk

  void list(detail::Directory& directory, int fresh_wd, std::error_code& ec);
  void barrier(NodeId parent);
  int watch_open(const detail::Directory& directory, Mask mask, std::error_code& ec);
  void note_mask(int wd, Mask mask);
  void verify(NodeId node, const detail::Directory& directory, std::error_code& ec);
  const detail::Directory* open(NodeId node, std::error_code& ec);
  bool open_below(NodeId node);
  bool open_as(NodeId node, const std::string& path, std::error_code& ec);
  [[nodiscard]] bool has_patience() const noexcept;
  bool pull_rename(NodeId node);
  bool path_now(NodeId node, std::string& path);
  void refuse(int wd, Mask mask);
  void release(int wd);

  // ---- auto_watcher_wishes.cpp: what the consumer wants of each directory

  [[nodiscard]] Mask inherited(NodeId parent) const noexcept;
  [[nodiscard]] Mask root_mask(int wd) const noexcept {
    const auto it = root_masks_.find(wd);
    return it == root_masks_.end() ? 0 : it->second;
  }
  Mask wish(NodeId node, bool is_refused);
  bool accepts(NodeId node);
  bool accepts(int wd, std::string_view path, std::string_view name);
  [[nodiscard]] bool strays(const detail::Directory& directory,
                            const detail::Directory& parent) const;
  void settle_in(NodeId node);
  void enter_later(NodeId node);
  // Does what may ask the user's filter. What that throws must not leave half done what is not tried
  // again: it is kept until the rest is done. Returns whether nothing was thrown.
  template <class Act>
  bool keep_thrown(Act act) {
    try {
      act();
      return true;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }
  void throw_kept();
  void update_wishes(NodeId node, bool is_refused);
  void update_wishes_below(NodeId top);
  void widen(NodeId node);
  void reenter(NodeId node);
  [[nodiscard]] std::vector<NodeId> names_in_no_tree(int wd) const;

  // ---- auto_watcher_mounts.cpp: what is mounted in the tree, and unmounted

  struct Mount {
    std::string point{};
    NodeId node = detail::no_node;  // what is watched there, wherever it is renamed to
    bool is_present = true;         // in the last list
    bool is_news = false;           // it has come or gone, and that is not dealt with yet
    bool is_below_news = false;     // it may be hidden or uncovered by that
  };
  void note_entered(NodeId node);
  void ask_mounts();
  void look_at_mounts(bool is_drained);
  void find_real_roots();
  void note_mounts(NodeId new_root);
  void note_hidden();
  NodeId find_point(std::string_view point, std::string_view& name, bool& is_settled);
  void find_nodes_of_mounts();
  void follow_mounts();
  bool follow_noted();
  bool look_at(Mount& mount);
  bool look_at_node(NodeId node);
  bool look_at_name(NodeId parent, std::string_view name, bool has_changed);

  // ---- auto_watcher_overflow.cpp

  void on_overflow();
  void discard_queued();
  void end_lost_watches();
  [[nodiscard]] std::vector<NodeId> outermost_roots() const;
  void damage() noexcept;
  void repair(std::error_code& ec);
  void compare_with_kernel(std::error_code& ec);
  void drop_unwanted();
  void forget(NodeId node);
  void forget_below(NodeId top);
  void restore_old(bool is_last_try);
  void restore_forgotten() {
    if (!old_.empty() && todo_.empty()) restore_old(look_ahead_.empty());
  }
  bool restore(int wd, const Old& old);

  [[nodiscard]] bool is_watched(NodeId node) const noexcept {
    return node != detail::no_node && table_.wd(node) >= 0;
  }
  [[nodiscard]] bool is_followed(int wd) const noexcept {
    const NodeId node = table_.by_wd(wd);
    return node != detail::no_node && table_.bits(node).asked != 0;
  }

  Options options_;
  detail::UniqueFd epoll_;  // over the inotify descriptor and ready_
  detail::UniqueFd ready_;  // an eventfd: something pulled or found is not delivered yet
  bool is_ready_ = false;
  bool is_damaged_ = false;  // by what could not be done to its end: see repair()

  detail::LookAhead look_ahead_;
  std::uint64_t waits_ = 0;  // of the call under way: how many renames it has waited for,
  std::uint64_t begin_ = 0;  // and where it has begun in the look-ahead
  detail::Allowance allowance_;
  std::unordered_map<int, Mask> hand_;        // what add() asked for, by wd
  std::unordered_map<int, Mask> root_masks_;  // what add_all() asked for, by wd
  std::map<NodeId, int> causes_;              // the errno of each hole; and of some that were
  bool may_heal_ = false;                     // of one of them an event may be the end
  std::unordered_set<int> released_;          // wds whose IN_IGNORED is of our own making

  // Directories to enter: nodes with `wanted` set. An id in these lists whose node is no longer
  // wanted is stale and skipped. What a call leaves on todo_, for it must come back, is entered before any
  // event is interpreted.
  detail::Fifo<NodeId> todo_;
  std::vector<std::pair<NodeId, std::error_code>>
      deferred_;           // to be tried again when the look-ahead is empty
  bool is_retry_ = false;  // what is on todo_ now was deferred
  bool owes_overflow_ =
      false;  // to be told again when todo_, left by one that reports nothing, is empty
  Quiet quiet_{};
  bool announce_ = true;  // report what the listings of todo_ find
  // What has been found after the batch was full. It is reported before anything else is, and before
  // the table changes so that it would be reported otherwise.
  detail::FoundQueue unreported_;

  // Used while entering; members to reuse their memory.
  detail::FoundQueue found_;
  std::string path_;
  std::string question_;       // the path that the user's filter is asked about
  std::exception_ptr thrown_;  // by the user's filter: see keep_thrown()
  detail::Directory opened_;   // verified: the directory of opened_wd_
  int opened_wd_ = -1;

  // Bytes in the kernel's queue that were there when the read() under way was called.
  std::size_t owed_ = 0;

  // Watches forgotten in an overflow and not met again yet, by wd.
  std::unordered_map<int, Old> old_;

  detail::MountWatch mounts_;
  bool mounts_due_ = false;  // a mount has come or gone, and that is not dealt with yet
  bool has_waited_ = false;  // the last wait() has asked mounts_, and nothing since
  unsigned looks_ = 0;
  std::unordered_map<std::uint64_t, Mount> mounts_below_;  // the roots, by MountWatch's identity
  std::vector<NodeId> entered_;                            // since mounts_ was last asked
  std::vector<std::pair<std::string, NodeId>> real_roots_;

  // Of an add_all under way: its root, the watches it set, the holes it found; and of the scan it is at, the
  // kernel's mask, and the directories by their numbers.
  struct Walk {
    NodeId root;
    std::vector<int> wds;
    std::size_t directories = 1;  // of them, without those that are to be watched anew
    std::vector<std::pair<std::string, std::error_code>> holes{};
    std::vector<NodeId> holes_left{};  // known before, and to be tried at the end
    Mask mask = 0;
    std::vector<NodeId> nodes{};
    std::vector<int> disowned{};
    std::unordered_set<int> met{};  // watches of another root that it has come to
  };
  Walk* walk_ = nullptr;
  bool is_scanning_ = false;  // so what is being listed below the root is not known
};

}  // namespace inotify::inline v0
