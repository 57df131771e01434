#include <inotify/detail/ignore_files.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <utility>

#include <inotify/detail/path_error.hpp>
#include <inotify/detail/read_file.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view file_name = ".gitignore";
constexpr std::size_t most_bytes = std::size_t{1} << 20;

// Not blocked by a FIFO of that name.
IgnoreRules read_rules(const std::string& file, int flags, bool ignore_case, std::error_code& ec) {
  IgnoreRules rules(ignore_case);
  const std::string text = read_file(file, flags | O_NONBLOCK | O_NOCTTY, ec, most_bytes);
  if (ec) return rules;
  try {
    rules.add_file(text);
  } catch (const PatternError&) {
    ec = make_error(EFBIG);
  }
  return rules;
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
  IgnoreFiles files(read_rules(file, 0, ignore_case, ec));
  if (ec) fail(file, ec);
  return files;
}

IgnoreFiles IgnoreFiles::of_repository(const std::string& root, bool ignore_case) {
  std::error_code ec;
  const fs::path directory = fs::canonical(root, ec);
  if (ec) fail(root, ec);
  const fs::path top = top_of(directory);
  const std::string exclude = repository_of(top) / "info/exclude";

  IgnoreFiles files(ignore_case);
  files.rules_ = read_rules(exclude, 0, ignore_case, ec);
  accept_missing(ec);
  if (ec) fail(exclude, ec);
  files.has_levels_ = true;
  files.top_ = top.native();
  if (!files.top_.ends_with('/')) files.top_ += '/';
  if (directory != top) files.root_ = directory.native().substr(files.top_.size()) + '/';
  for (std::size_t end = 0; end != std::string::npos; end = files.root_.find('/', end)) {
    if (end > 0) ++end;
    std::string file;
    files.levels_.push_back(files.read_level(files.root_.substr(0, end), file, ec));
    if (ec) fail(file, ec);
  }
  files.in_root_ = files.levels_.size();
  files.loaded_ = files.root_;
  return files;
}

// The .gitignore in a directory, whose path from top_ on is empty or has a slash at its end.
IgnoreFiles::Level IgnoreFiles::read_level(std::string_view directory, std::string& file,
                                           std::error_code& ec) const {
  file = top_;
  file += directory;
  file += file_name;
  IgnoreRules rules = read_rules(file, O_NOFOLLOW, ignore_case_, ec);
  accept_missing(ec);
  return rules.empty() ? nullptr : std::make_shared<const IgnoreRules>(std::move(rules));
}

bool IgnoreFiles::ignores(const CutPath& below) {
  const CutPath& path = root_.empty() ? below : from_top(below);
  verdicts_.assign(path.size(), Verdict::none);
  rules_.judge(path, 0, verdicts_);
  if (has_levels_) drop_unlike_levels(path);
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (has_levels_) {
      if (const IgnoreRules* rules = level(path, i)) rules->judge(path, i, verdicts_);
      if (i + 1 < in_root_) continue;  // a directory above the root, or the root
      if (is_git(path.component(i))) return true;
    }
    if (verdicts_[i] == Verdict::ignore) return true;
  }
  return false;
}

const CutPath& IgnoreFiles::from_top(const CutPath& below) {
  joined_ = root_;
  joined_ += below.text;
  path_.cut(joined_, below.is_directory);
  return path_;
}

bool IgnoreFiles::is_git(std::string_view name) const {
  constexpr std::string_view git = ".git";
  if (name.size() != git.size() || name.front() != '.') return false;
  return name == git || (ignore_case_ && (name[1] | 0x20) == 'g' && (name[2] | 0x20) == 'i' &&
                         (name[3] | 0x20) == 't');
}

// Those of directories that the path is not in; but one that leads less deep, on the same way, keeps
// them all.
void IgnoreFiles::drop_unlike_levels(const CutPath& path) noexcept {
  if (levels_.empty()) return;
  const std::size_t last = std::min(levels_.size(), path.size()) - 1;
  const std::size_t size = path.begin_of(last);
  if (path.text.substr(0, size) == std::string_view(loaded_).substr(0, size)) return;
  const auto [here, there] = std::ranges::mismatch(path.text, loaded_);
  const auto same = static_cast<std::size_t>(here - path.text.begin());
  std::size_t depth = last;
  while (path.begin_of(depth) > same) --depth;
  levels_.resize(depth + 1);
  loaded_.resize(path.begin_of(depth));
}

// The rules in the directory that is the first `depth` components of the path; none where no path can
// name the file, nor then any deeper one.
const IgnoreRules* IgnoreFiles::level(const CutPath& path, std::size_t depth) {
  if (depth < levels_.size()) return levels_[depth].get();
  const std::size_t size = path.begin_of(depth);
  if (top_.size() + size + file_name.size() >= PATH_MAX) return nullptr;
  std::string file;
  std::error_code ec;
  Level rules = read_level(path.text.substr(0, size), file, ec);
  loaded_.reserve(size);  // so that both grow, or none
  levels_.push_back(std::move(rules));
  loaded_.append(path.text.substr(loaded_.size(), size - loaded_.size()));
  if (ec) failures_.emplace_back(std::move(file), ec);
  return levels_.back().get();
}

void IgnoreFiles::forget(std::string_view directory) noexcept {
  if (!has_levels_ || levels_.size() < in_root_) return;
  std::size_t size = root_.size() + directory.size();  // of its path
  if (directory.empty()) {
    if (size > 0) --size;
  } else if (loaded_.size() <= size || loaded_[size] != '/' ||
             std::string_view(loaded_).substr(root_.size(), directory.size()) != directory) {
    return;
  }
  // Up to the directory above it, if there is one.
  loaded_.resize(size == 0 ? 0 : loaded_.rfind('/', size - 1) + 1);
  const auto slashes = std::count(loaded_.begin(), loaded_.end(), '/');
  levels_.resize(size == 0 ? 0 : static_cast<std::size_t>(slashes) + 1);
}

}  // namespace inotify::inline v0::detail
