// Watch files and directories; read events that carry their paths.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inotify/detail/beneath.hpp>
#include <inotify/detail/event_batch.hpp>
#include <inotify/detail/rename_halves.hpp>
#include <inotify/detail/wake_reasons.hpp>
#include <inotify/detail/watch_table.hpp>
#include <inotify/error.hpp>
#include <inotify/event.hpp>
#include <inotify/instance.hpp>
#include <inotify/mask.hpp>
#include <inotify/path_range.hpp>

namespace inotify::inline v0 {

/// A watch, as watches() yields it.
struct Watch {
  std::string path;
  int wd;
  Mask mask;  ///< The kernel's.
};

/// What is known of a path, and of a watch descriptor.
struct WdMask {
  int wd;
  Mask mask;
};
struct PathMask {
  std::string path;
  Mask mask;
};

/// Told of a directory that could not be watched, with its path and the cause. May throw, which
/// ends the walk: what of it is over stays watched.
using OnError = std::function<void(const std::filesystem::filesystem_error&)>;

/// Asked about each directory before it is watched, under the name it then has: false leaves it,
/// and all below, alone. An ExcludeFilter is one.
using DirectoryFilter = std::function<bool(const Event&)>;

class WalkRange;

/// An inotify instance that knows the path of each of its watches.
///
///     inotify::Watcher w;
///     w.add("/etc", IN_CREATE | IN_MOVED_TO);
///     for (const inotify::Event& e : w.read()) std::cout << e << '\n';
///
/// It watches what it is told to, and nothing else; to follow a tree use AutoWatcher, which is one.
/// A rename is followed when both of its halves are seen: what is watched at or below the old name
/// is reported under the new one from then on. Two names that are exchanged (RENAME_EXCHANGE) are
/// not told apart from two renames, and a name that is added while several renames of it are still
/// unread may be taken for another: AutoWatcher tells these apart, too.
///
/// Paths are bytes. "a//b/./c" is the same as "a/b/c"; ".." stays, for it may cross a symlink. A
/// relative path is reported as it was given, and means what it meant when it was added.
///
/// Errors: see error.hpp. Each call that the kernel may refuse has a form with std::error_code&, but
/// for add_all and add_iter, which take an `onerror`, and readable(). What would ask the kernel fails
/// with EBADF on a closed watcher. An event for a watch that is not known is delivered with an empty
/// path, never an error.
///
/// When memory runs out, std::bad_alloc comes out, of the forms with std::error_code& as well. Nothing
/// is leaked, and the next call goes on: what was read and could not be told is kept for the next
/// read(), which is to be called before fileno() is waited for (see has_pending()). close(), moves and
/// destructors never fail.
///
/// Thread safety: interrupt() from any thread and from a signal handler; everything else from one
/// thread at a time. No signal is handled, nothing is global, and no thread is started but by add_all:
/// one with a working directory of its own, which goes along with the walk, all signals blocked, and
/// at its end when add_all returns. Move-only.
/// Source: python-inotify, Watcher.
class INOTIFY_API Watcher {
 public:
  using milliseconds = std::chrono::milliseconds;

  /// Errors: EMFILE (the instances of this user, or the descriptors of this process, are used up),
  /// ENOMEM.
  Watcher();
  explicit Watcher(std::error_code& ec);

  /// Watches `path`, or each of `paths`, a range of them or `{"/etc", "/srv"}`, as add() does; the first
  /// that cannot be watched is thrown. Source: PyInotify, Inotify(paths).
  Watcher(const std::filesystem::path& path, Mask mask) : Watcher() { Watcher::add(path, mask); }
  template <PathRange Paths>
  Watcher(const Paths& paths, Mask mask) : Watcher() {
    for (const auto& path : paths) Watcher::add(std::filesystem::path(path), mask);
  }
  Watcher(std::initializer_list<std::filesystem::path> paths, Mask mask) : Watcher() {
    for (const std::filesystem::path& path : paths) Watcher::add(path, mask);
  }

  Watcher(Watcher&&) noexcept = default;
  Watcher& operator=(Watcher&&) noexcept = default;
  virtual ~Watcher() = default;

  /// The descriptor to poll for reading: readable as long as read() has something to take; -1 when
  /// closed.
  [[nodiscard]] virtual int fileno() const noexcept { return instance_.fileno(); }

  // ---- what is watched

  /// Watches `path` for the events in `mask`, or changes the mask of its watch; returns the watch
  /// descriptor. The flags of inotify(7) may be given as well (IN_ONLYDIR, IN_DONT_FOLLOW,
  /// IN_MASK_ADD, IN_ONESHOT, ...).
  ///
  /// A path that leads to an inode watched under another name (hard link, symlink, bind mount)
  /// becomes a further name of that watch and adds its mask to it; events are reported under the
  /// first name. Widening a mask loses nothing; narrowing the mask of a path that is watched
  /// replaces it, and the kernel may then drop an event that is on its way
  /// (src/KERNEL.md#33).
  ///
  /// Errors, with nothing changed: EINVAL (no event bit in `mask`, or a bit that inotify does not
  /// know), ENOENT, EACCES, ENOTDIR, EEXIST (IN_MASK_CREATE), ENAMETOOLONG, ENOSPC (the limit on
  /// watches), ENOMEM.
  virtual int add(const std::filesystem::path& path, Mask mask);
  virtual int add(const std::filesystem::path& path, Mask mask, std::error_code& ec);

  /// Watches `path` and every directory below it: parents before children, each watched first and
  /// listed after, so that what appears meanwhile is reported by one of the two. Symlinks below
  /// `path` are not followed, not even one that somebody swaps in for a directory meanwhile. Works
  /// beyond PATH_MAX. Returns the watch descriptors, the root's first.
  ///
  /// A root that cannot be watched goes to `onerror`, whatever the error, and nothing is returned;
  /// without one it is thrown. Below it an error in `ignored_errors` is a race with somebody who
  /// deletes, and skipped. Any other goes to `onerror`, when the rest is watched; without one, the
  /// first is thrown, with how many there were: what could be watched stays watched.
  /// ENOSYS: without a mounted /proc it could be watched by its path alone, which is not safe.
  virtual std::vector<int> add_all(const std::filesystem::path& path, Mask mask,
                                   const OnError& onerror = {});

  /// The same for each of `paths`, a range of them or `{"/etc", "/srv"}`, one after the other.
  template <PathRange Paths>
  std::vector<int> add_all(const Paths& paths, Mask mask, const OnError& onerror = {}) {
    std::vector<int> wds;
    for (const auto& path : paths) {
      const std::vector<int> found = add_all(std::filesystem::path(path), mask, onerror);
      wds.insert(wds.end(), found.begin(), found.end());
    }
    return wds;
  }
  std::vector<int> add_all(std::initializer_list<std::filesystem::path> paths, Mask mask,
                           const OnError& onerror = {}) {
    return add_all<std::initializer_list<std::filesystem::path>>(paths, mask, onerror);
  }

  /// The same as add_all, lazily: a range that watches one more directory per step and yields its
  /// watch descriptor. Run through all of it to have all watched. The watcher must outlive it, and
  /// stay where it is. Events may be read and watches changed between the steps.
  virtual WalkRange add_iter(const std::filesystem::path& path, Mask mask, OnError onerror = {});

  /// What add_all takes for a race below its root.
  std::vector<int> ignored_errors{ENOENT, EPERM, ENOTDIR};

  /// Asked by add_all and add_iter about each directory below their root, with a synthetic
  /// IN_CREATE|IN_ISDIR. It must not call the watcher; what it throws ends the walk, as of OnError.
  /// Default: all. An AutoWatcher has that of its options.
  DirectoryFilter add_filter{};

  /// Ends a watch, under all its names. Its entry stays until its IN_IGNORED has been read, for
  /// what is queued before that still arrives, with its path. A watch that the kernel has dropped
  /// already is no error. Errors: EINVAL, unknown wd.
  virtual void remove(int wd);
  virtual void remove(int wd, std::error_code& ec);

  /// Takes a path away from its watch; with its last path the watch ends, as above. Errors: ENOENT,
  /// `path` is not watched.
  virtual void remove_path(const std::filesystem::path& path);
  virtual void remove_path(const std::filesystem::path& path, std::error_code& ec);

  /// The reverse of add_all: remove_path for each path that is watched at `path` or below it, as
  /// watches() lists them; `path` itself need not be watched. Returns how many there were. What has
  /// another name elsewhere is still watched, and reported under that. Errors: ENOENT, there is none.
  /// Source: pyinotify, rm_watch(wd, rec=True).
  std::size_t remove_all(const std::filesystem::path& path);
  virtual std::size_t remove_all(const std::filesystem::path& path, std::error_code& ec);

  // ---- what is known

  /// The watch of a path, if it is watched.
  [[nodiscard]] std::optional<WdMask> path(const std::filesystem::path& path) const;
  /// The path under which a watch is reported, if it is one.
  [[nodiscard]] std::optional<PathMask> wd(int wd) const;
  /// All names of a watch, the one it is reported under first.
  [[nodiscard]] std::vector<std::string> paths(int wd) const;
  /// A snapshot of all names of all watches, parents before children.
  [[nodiscard]] std::vector<Watch> watches() const;
  /// The number of watches the kernel holds for us; a watch of several names counts once.
  [[nodiscard]] std::size_t num_watches() const noexcept { return table_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return num_watches(); }
  [[nodiscard]] bool empty() const noexcept { return num_watches() == 0; }

  // ---- reading

  /// Waits for events and returns them; empty only if interrupt() or wake() ended the wait. The span,
  /// and every view in its events, is valid until the next read() or next(), or close(). In the steady
  /// state nothing is allocated.
  ///
  /// All events of the batch have been applied to the table before the first is seen, so a slow
  /// handler widens no race; yet each carries the path that was right at its own place in the
  /// stream. Errors: ENODATA if it would wait though nothing is watched, EBADF.
  std::span<const Event> read();
  std::span<const Event> read(std::error_code& ec);

  /// The same, but waits at most `timeout`, and may return an empty span; 0ms takes what is there.
  std::span<const Event> read(milliseconds timeout);
  std::span<const Event> read(milliseconds timeout, std::error_code& ec);

  /// One event at a time, valid until the next next() or read(). When all that was read has been
  /// returned it reads on, and waits at most `timeout` for that; nullptr if nothing came, or if
  /// interrupted(). What it has not returned yet is kept: the next read() begins with that.
  ///
  /// interrupt() is noticed before it reads, even if it would not block, so it ends a loop over
  /// next() on the busiest tree. fileno() does not tell of what is kept, has_pending() does: before
  /// you poll, take it with next(0ms) or read(0ms). Errors: as for read().
  const Event* next(milliseconds timeout);
  const Event* next(milliseconds timeout, std::error_code& ec);

  /// Whether it was interrupt() that ended the last read() or next() without an event.
  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

  /// Takes back an interrupt() that has not ended anything yet; whether there was one.
  bool clear_interrupt() noexcept;

  /// How many events next() returns without reading: what the last read(2) has brought beyond them.
  [[nodiscard]] std::size_t num_kept() const noexcept {
    return std::min(kept_, delivered_.size());  // nothing, of a watcher that was moved away
  }

  /// Whether a read() may find something though nothing comes any more: what next() has kept, or what
  /// did not fit into the last batch. Take that before you let more gather, or wait for fileno().
  [[nodiscard]] bool has_pending() const noexcept {
    return (is_behind_ || num_kept() > 0) && is_open();
  }
  /// The same, by its old name.
  [[nodiscard]] bool is_behind() const noexcept { return has_pending(); }

  /// Bytes that a read would take now, but for what next() has kept: a measure for Threshold. Errors:
  /// EBADF.
  [[nodiscard]] virtual std::size_t readable() const;

  /// Ends a blocked read() in another thread, or the next one that would block. Async-signal-safe.
  void interrupt() const noexcept { wake_for(detail::WakeReasons::interrupt); }

  /// The same, but interrupted() does not say so: for who has something to do for the thread that
  /// reads, and leaves interrupt() to others. Async-signal-safe.
  void wake() const noexcept { wake_for(detail::WakeReasons::wake); }

  [[nodiscard]] bool is_open() const noexcept { return instance_.is_open(); }

  /// Ends all watches and frees the descriptor. Events not read are gone. Closing twice is fine.
  virtual void close() noexcept;

 protected:
  /// What collect() has left.
  enum class Left {
    nothing,  ///< Wait for more.
    newer,    ///< What has happened since read() was called.
    older,    ///< What had happened before.
  };
  /// Takes what can be had without waiting and adds what it means to `batch_`. `is_first`: of this
  /// read().
  virtual Left collect(bool is_first, std::error_code& ec);

  /// Waits until collect() may find something.
  virtual Instance::Wake wait(milliseconds timeout, std::error_code& ec) {
    bool is_urgent = false;
    return instance_.wait_for_more(-1, is_urgent, timeout, ec);
  }

  /// Asks the kernel for a watch with that mask, and returns its descriptor; for the same object each
  /// time it is called, unless others put another one in its place.
  using Setter = std::function<int(Mask mask, std::error_code& ec)>;
  [[nodiscard]] Setter setter(const std::filesystem::path& path) {
    return
        [&](Mask mask, std::error_code& ec) { return instance_.add_watch(path.c_str(), mask, ec); };
  }

  /// add(), with the watch set by `set`.
  virtual int add_by(const Setter& set, const std::filesystem::path& path, Mask mask,
                     std::error_code& ec);

  /// The same without regard to what is queued: asks the kernel, and tells the table.
  int set_watch(const Setter& set, const std::filesystem::path& path, Mask mask,
                std::error_code& ec);
  int keep_watch(const Setter& set, const std::filesystem::path& path, int wd, Mask mask,
                 std::error_code& ec);

  /// The nodes with a watch that are `path` or below it, parents first. Errors: ENOENT if there is none.
  [[nodiscard]] std::vector<detail::NodeId> watched_below(const std::filesystem::path& path,
                                                          std::error_code& ec) const;

  /// The watches in the table that the kernel does not have; none if that is not to be known.
  [[nodiscard]] std::vector<int> dead_watches(std::error_code& ec) const;

  /// Prepares for the paths of these events.
  void prefetch(const RawEvents& events);

  /// What says nothing of the tree but of what is in a file or an inode. It may follow one another
  /// for the same name, and then needs neither a look-up nor a path of its own.
  static constexpr Mask alike = IN_ACCESS | IN_ATTRIB | IN_CLOSE | IN_MODIFY | IN_OPEN | IN_ISDIR;

  /// Appends the event `raw` about `node`, or about an unknown watch if that is no_node.
  Event& report(detail::NodeId node, const RawEvent& raw) {
    return set(batch_.add({node, table_.version()}, raw.name,
                          [&](detail::PathKey key) { return table_.parts(key.node); }),
               raw);
  }
  /// Appends the event `raw`, which is about the same as the last.
  Event& report_again(const RawEvent& raw) { return set(batch_.add_again(), raw); }

  /// Why `mask` and `path` cannot be watched whatever the kernel says, or no error.
  static std::error_code check(const std::filesystem::path& path, Mask mask) noexcept;
  /// Throws what `ec` means for `call`, add() or add_all(), with that path and mask.
  [[noreturn]] static void throw_add_error(std::string call, const std::filesystem::path& path,
                                           Mask mask, std::error_code ec);
  /// Tells `onerror`, or whoever called if there is none, that a root cannot be watched.
  static void fail_root(const std::filesystem::path& path, Mask mask, std::error_code ec,
                        const OnError& onerror);

  // Some 2,000 events: with 16 KiB the system calls make a drain 5 % dearer.
  static constexpr std::size_t buffer_size = 64 * 1024;

  Instance instance_;
  detail::WatchTable table_;
  detail::EventBatch batch_;  // to be delivered by the next read()
  bool is_behind_ = false;    // there may be more for collect() to take than what comes from now on

 private:
  friend class WalkRange;
  class Bulk;
  friend class EventGen;
  friend class EventQueue;
  friend class Notifier;

  // What the kernel keeps of a mask; the rest are orders to add_watch itself.
  static constexpr Mask kept_bits = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;
  static constexpr Mask known_bits = kept_bits | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED |
                                     IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_CREATE | IN_MASK_ADD |
                                     IN_ISDIR;
  static constexpr Mask name_bits = IN_CREATE | IN_DELETE | IN_MOVE;

  // What next() has returned last is to be returned again.
  void put_back() noexcept { ++kept_; }
  // Gives away what the last read() has returned, with all its texts.
  detail::EventBatch take_delivered() noexcept {
    kept_ = 0;
    return std::move(delivered_);
  }
  static Event& set(Event& event, const RawEvent& raw) noexcept {
    event.wd = raw.wd;
    event.mask = raw.mask;
    event.cookie = raw.cookie;
    return event;
  }
  void wake_for(detail::WakeReasons::Reason reason) const noexcept {
    reasons_.add(reason);
    instance_.interrupt();
  }
  Instance::Wake wait_for_reason(milliseconds timeout, std::error_code& ec);
  bool take_interrupt() noexcept { return (reasons_.take() & detail::WakeReasons::interrupt) != 0; }
  void apply(const RawEvents& events);
  void apply(const RawEvent& raw);
  void act(detail::NodeId node, const RawEvent& raw, std::size_t index);
  void end_dead_watches();
  void end_unknown_watches(std::error_code& ec);
  void moved_from(const RawEvent& raw, std::size_t index);
  void moved_to(const RawEvent& raw, std::size_t index);
  void follow(const detail::RenameHalf& half, detail::NodeId parent, std::string_view name);
  void begin_at(int wd, std::uint64_t begin);
  // What a batch needed that was larger than most, once nobody looks at it any more.
  void give_back() noexcept {
    batch_.give_back();
    delivered_.give_back();
    table_.give_back();
  }
  // The place in the stream of the event that is being applied, or else of the next.
  [[nodiscard]] std::uint64_t position() const noexcept { return read_ - rest_.size(); }
  int replace_mask(const Setter& set, detail::NodeId node, const std::filesystem::path& path,
                   Mask mask, std::error_code& ec);
  int bind(std::string_view path, int wd, Mask mask);
  std::uint64_t mark(Mask mask) const noexcept;
  bool is_younger(detail::NodeId node, std::uint64_t position) const;
  void lose_name(detail::NodeId parent, std::string_view name);

  std::unique_ptr<std::byte[]> buffer_;  // of collect(); made when it is called first
  std::span<const std::byte> rest_;      // of it: what has not been applied yet
  detail::EventBatch delivered_;         // by the last read()
  std::size_t kept_ = 0;  // the last so many of them have not been returned by next() yet
  bool interrupted_ = false;
  mutable detail::WakeReasons reasons_;
  detail::RenameHalves halves_;
  std::uint64_t batches_ = 0;
  bool overflowed_ = false;  // and the queue has not been empty since
  bool owes_list_ = false;   // of dead watches, which was not to be had after an overflow
  std::uint64_t read_ = 0;   // bytes of the stream that have been read

  // Where in the stream a watch began, for those that the stream has not reached yet: an older
  // rename of their name concerns somebody else who bore it.
  std::unordered_map<int, std::uint64_t> begin_of_;

  std::vector<int> wds_;  // of the events that were read last
};

/// What add_iter returns: an input range of watch descriptors. Dereferencing yields the watch
/// descriptor added last; incrementing lists that directory and goes on to the next that can be
/// watched. Throws as add_all does. What an AutoWatcher returns has been watched before. Move-only.
class INOTIFY_API WalkRange {
 public:
  WalkRange(const WalkRange&) = delete;
  WalkRange& operator=(const WalkRange&) = delete;
  class iterator {
   public:
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    int operator*() const noexcept { return range_->wd_; }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return range_->done_; }

   private:
    friend class WalkRange;
    explicit iterator(WalkRange& range) noexcept : range_(&range) {}
    WalkRange* range_;
  };

  WalkRange(WalkRange&&) = default;
  WalkRange& operator=(WalkRange&&) = default;

  [[nodiscard]] iterator begin() noexcept { return iterator(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

 private:
  friend class Watcher;
  friend class AutoWatcher;
  explicit WalkRange(const std::vector<int>& watched);
  WalkRange(Watcher& watcher, std::string root, Mask mask, OnError onerror);

  // A directory that has been watched: its place below the root ("" is the root itself), and which
  // one it is. No `id`: the one that is watched as `wd`.
  struct Place {
    std::string path;
    int wd = -1;
    std::optional<detail::Identity> id{};
  };
  // Directories seen in the listing of `above` and not watched yet, the next one last.
  struct Listed {
    Place above;
    std::vector<std::string> names{};
  };

  void advance();
  void list_current();
  void list(detail::Directory directory, Place place);
  [[nodiscard]] bool accepts(const Place& above, std::string_view name) const;
  int watch(const Place& above, const std::string& name, std::error_code& ec);
  detail::Directory open_root(detail::Directory::Use use, std::error_code& ec) const;
  void reach(Place& place, std::error_code& ec);
  void recognize(const detail::Directory& directory, Place& place, std::error_code& ec) const;
  bool is_watched_as(const detail::Directory& directory, int wd, std::error_code& ec) const;
  void put_off(Place above, std::string_view name);
  void take_over(const std::vector<std::pair<std::string, std::error_code>>& failed);
  void fail(const std::string& path, std::error_code ec);
  [[nodiscard]] std::string full(std::string_view path) const;
  [[nodiscard]] std::string known_path(const Place& place) const;

  Watcher* watcher_ = nullptr;
  std::vector<int> watched_{};  // without a watcher: what is left to be yielded, the next one last
  std::string root_{};
  Mask mask_ = 0;
  OnError onerror_{};
  bool follows_root_ = false;
  std::optional<detail::Identity> root_id_{};
  std::optional<Place> current_{};  // watched, not listed yet
  std::vector<Listed> todo_{};
  int wd_ = -1;
  bool done_ = false;

  // The directory that was reached last. Closed at the end of a step, lest it delay the DELETE_SELF
  // of what is removed between two (src/KERNEL.md#7); add_all, which takes all steps at once, keeps
  // it.
  detail::Directory reached_{};
  int reached_wd_ = -1;
  bool keeps_open_ = false;

  // Without `onerror_`: the first failure, and how many there were.
  std::string failed_path_{};
  std::error_code failed_{};
  std::size_t failures_ = 0;
};

}  // namespace inotify::inline v0
