// Watches what is in a tree: the system calls of a walk, and what they said.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <inotify/detail/directory.hpp>
#include <inotify/instance.hpp>
#include <inotify/mask.hpp>

namespace inotify::inline v0::detail {

/// Goes through the directories below one that is open, depth first: each is watched first and
/// listed afterwards, so that what appears in it meanwhile is reported by one of the two [31]. It
/// believes nothing and keeps no table: it notes what the kernel said, and whoever reads the notes
/// compares them with the events that came meanwhile.
///
/// When fill() returns, whatever had begun to happen to a name in the notes before it was looked up
/// is queued, for its directory has been fenced since.
///
/// Thread safety: one thread at a time.
class TreeScan {
 public:
  /// A directory of the walk: 0 is the one it began in, the others are numbered as they are found.
  using Number = std::uint32_t;

  struct Options {
    Mask mask = 0;         ///< For inotify_add_watch(2), with its flags.
    bool is_full = false;  ///< Note what is no directory, too.
    bool one_file_system = false;
    /// The working directory is the thread's own and may be changed: then a name alone is enough
    /// for inotify_add_watch(2), 0.9 us instead of 1.3 by way of /proc/thread-self/fd.
    bool is_at_home = false;
    /// Of so many scans that share a walk, this is the one with that index.
    Number scans = 1;
    Number index = 0;
    /// Asked before a directory is watched, with the one above it (watch descriptor and path) and
    /// its name. What it throws passes through fill(); then abandon() is to be called.
    std::function<bool(int wd, std::string_view path, std::string_view name)> accepts{};
  };

  /// A name in a directory; or, if it is empty, that the names in the directory come next: with an
  /// `error`, that they are not known.
  struct Note {
    Number directory;
    Number number;  ///< Of what is called so, if that is a directory.
    int wd;         ///< -1: not watched, refused if there is no `error`.
    int error;      ///< An errno; EXDEV for another file system, which is watched all the same.
    std::uint32_t begin;
    std::uint16_t size;
    unsigned char type;  ///< DT_*
  };
  /// What a fill() has noted.
  struct Notes {
    std::vector<Note> list;
    std::vector<char> text;

    [[nodiscard]] std::string_view name(const Note& note) const noexcept {
      return {text.data() + note.begin, note.size};
    }
  };

  TreeScan(Instance& instance, Options options);

  /// Begins with directories that have been seen in `above`, which is watched as `wd` and has that
  /// path.
  void begin(Directory above, int wd, std::string path, const std::vector<std::string>& names);

  /// Goes on for some hundred directories; returns whether there are more. `notes` are replaced.
  bool fill(Notes& notes);

  /// What is listed from now on may be another directory than was watched under its name, for a mount
  /// has come or gone: it is compared, and noted with ESTALE if it is. One system call more for each.
  void doubt() noexcept { is_doubtful_ = true; }

  /// Ends, with a note of ECANCELED for each directory it has not come to. Adds to `notes`.
  void abandon(Notes& notes);

  /// For a scan that has come to its end: takes half of what the other has not come to. Returns
  /// whether that was anything.
  bool take_half(TreeScan& other);

  /// How many directories it has come to.
  [[nodiscard]] std::size_t found() const noexcept {
    return (next_ - 1 - options_.index) / options_.scans;
  }

 private:
  struct Pending {
    Number number;
    int wd;
    bool is_same_device;  // as the directory it is in
    std::size_t name;     // its place in names_, NUL-terminated
  };
  // A directory that stays open, for some of those in it are not listed yet.
  struct Level {
    Directory directory;
    Number number;
    int wd;
    std::size_t path_size;  // of path_, with its slash
    std::size_t pending;    // from here on to the next level's in pending_
    dev_t device = 0;       // this and the next are known only if they are needed
    bool is_known = false;  // its file system: the number of links tells leaves, the offset an end
  };
  struct Status {
    bool is_same_device = true;
    bool is_leaf = false;
  };

  void push(Directory directory, Number number, int wd, bool is_same_device);
  void go_there();
  void watch(Notes& notes);
  void enter(Notes& notes);
  void list(Notes& notes, Directory& directory, bool is_known, std::error_code& ec);
  void fence() const;
  [[nodiscard]] Status status_of(const char* name) const;
  static void add(Notes& notes, Note note, std::string_view name);

  Instance* instance_;
  Options options_;
  std::vector<Level> levels_;
  std::vector<Pending> pending_;  // watched, not listed
  std::vector<char> names_;       // of pending_
  std::vector<char> unwatched_;   // of the last level: the names of the directories not watched yet
  std::size_t watched_ = 0;       // so much of unwatched_ is over
  std::string path_;              // of the last level, if options_.accepts
  std::string prefix_;            // of the names in unwatched_, for inotify_add_watch(2)
  Number next_;
  bool is_doubtful_ = false;
};

}  // namespace inotify::inline v0::detail
