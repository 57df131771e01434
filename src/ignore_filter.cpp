#include <inotify/ignore_filter.hpp>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <inotify/detail/ignore_files.hpp>
#include <inotify/detail/path_error.hpp>
#include <inotify/detail/path_text.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0 {

using detail::IgnoreFiles;
using detail::IgnoreRules;
using detail::Verdict;

namespace {

IgnoreRules compile(const std::vector<std::string>& lines, bool ignore_case) {
  IgnoreRules rules(ignore_case);
  for (const std::string& line : lines) {
    try {
      rules.add_line(line);
    } catch (const detail::PatternError& error) {
      throw std::invalid_argument("inotify: IgnoreFilter: bad pattern " + inotify::quoted(line) +
                                  ": " + error.cause + ", at offset " +
                                  std::to_string(error.offset));
    }
  }
  return rules;
}

// A form that sets an error code, made of the one that throws.
template <class Call>
auto without_throwing(Call call, std::error_code& ec) -> decltype(call()) {
  try {
    ec.clear();
    return call();
  } catch (const std::system_error& error) {
    ec = error.code();
  } catch (const std::invalid_argument&) {
    ec = make_error(EINVAL);
  }
  return {};
}

}  // namespace

struct IgnoreFilter::State {
  State(const std::filesystem::path& root, const Options& options,
        std::function<IgnoreFiles()> read)
      : root_(detail::clean_path(root.native())),
        onerror_(options.onerror),
        include_(compile(options.include, options.ignore_case)),
        read_(std::move(read)),
        files_(read_()) {}

  // Of `event`, if it is one.
  bool excludes(std::string_view path, bool is_directory, const Event* event) {
    const std::string_view below = below_root(path);
    bool is_ignored = false;
    std::vector<IgnoreFiles::Failure> failures;
    {
      const std::lock_guard lock(mutex_);
      if (event != nullptr) note(*event, below);
      if (!below.empty()) is_ignored = ignores(below, is_directory);
      if (files_.has_failures()) failures = files_.take_failures();
    }
    if (!onerror_) return is_ignored;
    for (const auto& [file, ec] : failures) {
      onerror_(detail::PathError("inotify: IgnoreFilter", file, ec));
    }
    return is_ignored;
  }

  void reload() {
    IgnoreFiles files = read_();
    const std::lock_guard lock(mutex_);
    files_ = std::move(files);
  }

 private:
  // The part of `path` below the root; nothing for the root itself and what is elsewhere.
  [[nodiscard]] std::string_view below_root(std::string_view path) const {
    if (root_.empty()) {
      if (path.starts_with("./")) path.remove_prefix(2);
      return path.starts_with('/') || path == "." ? std::string_view() : path;
    }
    const std::size_t size = root_.size();
    if (path.size() <= size || !path.starts_with(root_)) return {};
    if (root_ == "/") return path.substr(1);
    return path[size] == '/' ? path.substr(size + 1) : std::string_view();
  }

  // An event, about what is at `below`, tells that what was read may be no more.
  void note(const Event& event, std::string_view below) noexcept {
    if (event.is_overflow()) return files_.forget("");
    const bool is_rules = event.name == ".gitignore";
    constexpr Mask changes =
        IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVE;
    if ((!is_rules && !event.is_dir()) || (event.mask & changes) == 0) return;
    if (is_rules) below.remove_suffix(std::min(below.size(), event.name.size() + 1));
    if (!below.empty() || is_rules) files_.forget(below);
  }

  bool ignores(std::string_view below, bool is_directory) {
    if (files_.ignores(below, is_directory)) return true;
    if (is_directory || include_.empty() || !path_.cut(below, false)) return false;
    IgnoreRules::Judgement included(include_, path_, 0, 0);
    for (std::size_t i = 0; i < path_.size(); ++i) {
      if (included.of(i) == Verdict::ignore) return false;
    }
    return true;
  }

  const std::string root_;  // empty: the working directory
  const std::function<void(const std::filesystem::filesystem_error&)> onerror_;
  const IgnoreRules include_;
  const std::function<IgnoreFiles()> read_;

  std::mutex mutex_;  // of all below
  IgnoreFiles files_;
  detail::CutPath path_;
};

namespace {

// What an event is about may be no more than a name: of a hole, and of the watched object itself.
bool is_directory(const Event& event) {
  return event.is_dir() || event.error || event.name.empty();
}

}  // namespace

IgnoreFilter::IgnoreFilter(const std::filesystem::path& root, const std::vector<std::string>& lines,
                           const Options& options)
    : state_(std::make_shared<State>(
          root, options,
          [rules = IgnoreFiles(compile(lines, options.ignore_case))] { return rules; })) {}

IgnoreFilter IgnoreFilter::from_file(const std::filesystem::path& root,
                                     const std::filesystem::path& file, const Options& options) {
  IgnoreFilter filter;
  filter.state_ = std::make_shared<State>(
      root, options, [file = file.native(), ignore_case = options.ignore_case] {
        return IgnoreFiles::of_file(file, ignore_case);
      });
  return filter;
}

IgnoreFilter IgnoreFilter::from_gitignore(const std::filesystem::path& root,
                                          const Options& options) {
  IgnoreFilter filter;
  filter.state_ = std::make_shared<State>(
      root, options, [root = root.native(), ignore_case = options.ignore_case] {
        return IgnoreFiles::of_repository(root, ignore_case);
      });
  return filter;
}

IgnoreFilter IgnoreFilter::from_file(const std::filesystem::path& root,
                                     const std::filesystem::path& file, const Options& options,
                                     std::error_code& ec) {
  return without_throwing([&] { return from_file(root, file, options); }, ec);
}

IgnoreFilter IgnoreFilter::from_gitignore(const std::filesystem::path& root, const Options& options,
                                          std::error_code& ec) {
  return without_throwing([&] { return from_gitignore(root, options); }, ec);
}

bool IgnoreFilter::excludes(const Event& event) const {
  if (!state_) return false;
  return state_->excludes(event.fullpath, is_directory(event), &event);
}

bool IgnoreFilter::excludes(std::string_view path, bool is_directory) const {
  if (!state_) return false;
  return state_->excludes(detail::clean_path(path), is_directory, nullptr);
}

void IgnoreFilter::reload() {
  if (state_) state_->reload();
}

void IgnoreFilter::reload(std::error_code& ec) {
  without_throwing(
      [&] {
        reload();
        return 0;
      },
      ec);
}

}  // namespace inotify::inline v0
