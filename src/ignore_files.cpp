#include <inotify/detail/ignore_files.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <memory>
#include <utility>

#include <inotify/detail/path_error.hpp>
#include <inotify/detail/read_file.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view file_name = ".gitignore";
constexpr std::size_t most_bytes = std::size_t{1} << 20;

// Null if there is no pattern in it, or an error. Not blocked by a FIFO of that name.
std::shared_ptr<const IgnoreRules> read_rules(const std::string& file, int flags, bool ignore_case,
                                              std::size_t room, std::error_code& ec) {
  const std::string text = read_file(file, flags | O_NONBLOCK | O_NOCTTY, ec, most_bytes);
  if (text.empty()) return nullptr;
  auto rules = std::make_shared<IgnoreRules>(ignore_case, room);
  try {
    rules->add_file(text);
  } catch (const PatternError&) {
    ec = make_error(EFBIG);
    return nullptr;
  }
  return rules->empty() ? nullptr : rules;
}

// That there is no such file, or no such directory, is no error.
void accept_missing(std::error_code& ec) noexcept {
  if (ec.value() == ENOENT || ec.value() == ENOTDIR) ec.clear();
}

[[noreturn]] void fail(const std::string& path, std::error_code ec) {
  throw PathError("inotify: IgnoreFilter", path, make_error(ec.value()));
}

// The first line of a file such as .git in a worktree, without `key`.
std::string line_of(const fs::path& file, std::string_view key) {
  std::error_code ec;
  std::string line = read_file(file.native(), O_NONBLOCK | O_NOCTTY, ec, most_bytes);
  line.erase(std::min(line.find('\n'), line.size()));
  return line.starts_with(key) ? line.substr(key.size()) : std::string();
}

// Where the repository is whose .git is in `top`: that may be a file which says so, and then the
// repository a worktree's, which shares most of another one.
fs::path repository_of(const fs::path& top) {
  fs::path repository = top / ".git";
  if (const std::string elsewhere = line_of(repository, "gitdir: "); !elsewhere.empty()) {
    repository = top / elsewhere;
  }
  const std::string common = line_of(repository / "commondir", "");
  return common.empty() ? repository : repository / common;
}

fs::path top_of(const fs::path& root) {
  std::error_code ec;
  for (fs::path top = root;; top = top.parent_path()) {
    if (fs::exists(top / ".git", ec)) return top;
    if (!top.has_relative_path()) return root;
  }
}

}  // namespace

IgnoreFiles IgnoreFiles::of_file(const std::string& file, bool ignore_case) {
  std::error_code ec;
  IgnoreFiles files;
  files.rules_ = read_rules(file, 0, ignore_case, IgnoreRules::max_instructions, ec);
  if (ec) fail(file, ec);
  return files;
}

IgnoreFiles IgnoreFiles::of_repository(const std::string& root, bool ignore_case) {
  std::error_code ec;
  const fs::path directory = fs::canonical(root, ec);
  if (ec) fail(root, ec);
  const fs::path top = top_of(directory);
  const std::string exclude = repository_of(top) / "info/exclude";

  IgnoreFiles files;
  files.ignore_case_ = ignore_case;
  files.rules_ = read_rules(exclude, 0, ignore_case, IgnoreRules::max_instructions, ec);
  accept_missing(ec);
  if (ec) fail(exclude, ec);
  files.top_ = top.native();
  if (!files.top_.ends_with('/')) files.top_ += '/';
  if (directory != top) files.root_ = directory.native().substr(files.top_.size()) + '/';
  static_cast<void>(files.pass(files.root_ + '.'));  // reads what is in the root, and above it
  if (!files.failures_.empty()) fail(files.failures_.front().first, files.failures_.front().second);
  return files;
}

bool IgnoreFiles::ignores(std::string_view below, bool is_directory) {
  if (!root_.empty()) {
    joined_ = root_;
    below = joined_.append(below);
  }
  const std::size_t at = pass(below);
  return at < below.size() && path_.cut(below, is_directory) && judge(at);
}

// Goes along a path as long as it is clear at a glance that a component is kept, beginning in the
// last directory that is known to be, and reads what is in those it comes to. Returns the offset of
// the component that it has not passed, or the size of the path.
std::size_t IgnoreFiles::pass(std::string_view path) {
  const std::size_t last = path.rfind('/') + 1;
  std::size_t begin = last;
  while (!is_loaded(path.substr(0, begin))) begin = begin < 2 ? 0 : path.rfind('/', begin - 2) + 1;
  if (begin < last) drop_levels(begin);  // otherwise they may be wanted again soon
  if (levels_.empty()) load({});
  for (;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (begin >= root_.size() && !is_kept(path, begin, end)) return begin;
    if (end == path.size()) return end;
    begin = end + 1;
    if (!load(path.substr(0, begin))) return begin;
  }
}

// Whether no pattern matches the component from `begin` to `end`.
bool IgnoreFiles::is_kept(std::string_view path, std::size_t begin, std::size_t end) const {
  if (begin == end) return false;  // to be refused by cut()
  const std::string_view name = path.substr(begin, end - begin);
  if (is_git(name) || (rules_ && rules_->may_match(path.front(), name))) return false;
  for (const Level& level : ruled_) {
    if (level.begin > begin) break;  // on the way to what was asked about before
    if (level.rules->may_match(path[level.begin], name)) return false;
  }
  return true;
}

// The same for what is behind an offset at which a component of path_ begins, in full.
bool IgnoreFiles::judge(std::size_t begin) {
  std::size_t i = 0;
  while (path_.begin_of(i) < begin) ++i;
  std::vector<IgnoreRules::Judgement> lists;
  const auto add = [&](const Rules& rules, std::size_t depth) {
    if (rules) lists.emplace_back(*rules, path_, depth, i);
  };
  add(rules_, 0);
  for (std::size_t depth = 0; depth < std::min(levels_.size(), i); ++depth) {
    add(levels_[depth].rules, depth);
  }
  for (; i < path_.size(); ++i) {
    begin = path_.begin_of(i);
    if (load(path_.text.substr(0, begin))) add(levels_[i].rules, i);
    if (begin < root_.size()) continue;
    if (is_git(path_.component(i))) return true;
    auto verdict = Verdict::none;
    for (auto list = lists.rbegin(); list != lists.rend() && verdict == Verdict::none; ++list) {
      verdict = list->of(i);
    }
    if (verdict == Verdict::ignore) return true;
  }
  return false;
}

bool IgnoreFiles::is_git(std::string_view name) const {
  constexpr std::string_view git = ".git";
  if (top_.empty() || name.size() != git.size() || name.front() != '.') return false;
  return name == git || (ignore_case_ && (name[1] | 0x20) == 'g' && (name[2] | 0x20) == 'i' &&
                         (name[3] | 0x20) == 't');
}

bool IgnoreFiles::is_loaded(std::string_view directory) const noexcept {
  return directory.size() <= loaded_.size() &&
         directory == std::string_view(loaded_).substr(0, directory.size());
}

// Keeps those of directories whose paths are no longer than that.
void IgnoreFiles::drop_levels(std::size_t most) noexcept {
  while (!levels_.empty() && levels_.back().begin > most) levels_.pop_back();
  while (!ruled_.empty() && ruled_.back().begin > most) ruled_.pop_back();
  loaded_.resize(levels_.empty() ? 0 : levels_.back().begin);
}

// How many instructions may come to those of the levels that are known, and of rules_.
std::size_t IgnoreFiles::room() const noexcept {
  std::size_t room = IgnoreRules::max_instructions - (rules_ ? rules_->size() : 0);
  for (const Level& level : ruled_) room -= level.rules->size();
  return room;
}

// Has the level of a directory, which is kept, in the last one that is known, or known itself.
// False if no path can name a file in it.
bool IgnoreFiles::load(std::string_view directory) {
  if (!levels_.empty() && directory.size() <= levels_.back().begin) return true;
  if (top_.size() + directory.size() + file_name.size() >= PATH_MAX) return false;
  Level level{directory.size(), nullptr};
  if (!top_.empty()) {
    file_.assign(top_).append(directory).append(file_name);
    std::error_code ec;
    level.rules = read_rules(file_, O_NOFOLLOW, ignore_case_, room(), ec);
    accept_missing(ec);
    if (ec) failures_.emplace_back(file_, ec);
  }
  loaded_.reserve(directory.size());  // so that all grow, or none
  ruled_.reserve(levels_.size() + 1);
  levels_.push_back(level);
  if (level.rules) ruled_.push_back(std::move(level));
  loaded_.append(directory.substr(loaded_.size()));
  return true;
}

void IgnoreFiles::forget(std::string_view directory) noexcept {
  const std::size_t size = root_.size() + directory.size();
  if (directory.empty() && size == 0) {
    levels_.clear();
    ruled_.clear();
  }
  if (directory.empty()) return drop_levels(size == 0 ? 0 : size - 1);
  const bool is_on_the_way =
      loaded_.size() > size && loaded_[size] == '/' &&
      std::string_view(loaded_).substr(root_.size(), directory.size()) == directory;
  if (is_on_the_way) drop_levels(size);
}

}  // namespace inotify::inline v0::detail
