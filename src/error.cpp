#include <inotify/error.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <inotify/detail/escape.hpp>
#include <inotify/detail/path_error.hpp>
#include <inotify/limits.hpp>

namespace inotify::inline v0 {
namespace {

std::string explain(const char* what, std::optional<detail::Limit> limit, std::size_t in_use) {
  std::string text = std::string("inotify ") + what + " limit reached";
  if (!limit) return text;
  const std::string sysctl = limit->sysctl;
  return text + ": " + sysctl + " = " + std::to_string(limit->value) +
         " for all processes of this user, " + std::to_string(in_use) +
         " used by this one; to raise it: sudo sysctl -w " + sysctl + "=" +
         std::to_string(limit->value * 2);
}

// EMFILE of inotify_init1 has two causes [10]. A watcher takes up to four descriptors, and those it
// had got before it failed are free again.
bool out_of_descriptors(rlim_t limit) {
  std::error_code ec;
  rlim_t used = 0;
  std::filesystem::directory_iterator it("/proc/self/fd", ec);
  for (; !ec && it != std::filesystem::directory_iterator(); it.increment(ec)) ++used;
  return ec.value() == EMFILE || used + 4 > limit;
}

std::string explain_emfile() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (!out_of_descriptors(limit.rlim_cur)) {
    return explain("instance", detail::instance_limit(), instances_in_use());
  }
  return "this process has used up its " + std::to_string(limit.rlim_cur) +
         " file descriptors (RLIMIT_NOFILE); close some, or raise it: ulimit -n " +
         std::to_string(limit.rlim_cur * 2);
}

class Category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "inotify"; }

  [[nodiscard]] std::string message(int value) const override {
    switch (value) {
      case ENOSPC:
        return explain("watch", detail::watch_limit(), watches_in_use());
      case EAGAIN:
        return "others rename what leads to the path faster than it can be watched; try again";
      case EMFILE:
        return explain_emfile();
      case EBADF:
        return "the watcher is closed, or its descriptor is no longer open";
      case ENODATA:
        return "nothing is watched, so nothing would ever come: add a path first";
      case ENOSYS:
        if (::access("/proc/self", F_OK) == 0) return std::generic_category().message(value);
        return "/proc is not mounted, and directories are watched by way of /proc/thread-self/fd";
      case EACCES:
        return "Permission denied (inotify needs permission to read what it watches, and to "
               "search the directories above)";
      default:
        return std::generic_category().message(value);
    }
  }

  // The errno is the condition: `code == std::errc::...` holds as for the system's own codes.
  [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
    return {value, std::generic_category()};
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

detail::PathError::PathError(const std::string& call, const std::filesystem::path& path,
                             std::error_code ec)
    : filesystem_error(call, path, ec) {
  std::string text = "filesystem error: " + call + ": " + ec.message() + " [";
  append_escaped(text, path.native());
  text_ = std::make_shared<const std::string>(std::move(text) + ']');
}

void detail::throw_error(const char* call, std::error_code ec) {
  throw std::system_error(ec, std::string("inotify: ") + call);
}

void detail::throw_error(const char* call, std::string_view path, std::error_code ec) {
  throw PathError(std::string("inotify: ") + call, path, ec);
}

}  // namespace inotify::inline v0
