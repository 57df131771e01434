#include <inotify/limits.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace inotify::inline v0 {
namespace {

namespace fs = std::filesystem;

std::optional<long> read_number(const char* file) noexcept {
  const int fd = ::open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::array<char, 32> text{};
  const ssize_t n = ::read(fd, text.data(), text.size());
  ::close(fd);
  long value = 0;
  if (n <= 0 || std::from_chars(text.data(), text.data() + n, value).ec != std::errc{})
    return std::nullopt;
  return value;
}

constexpr const char* proc_sys = "/proc/sys/";

std::optional<detail::Limit> read_limit(const char* sysctl) noexcept {
  std::array<char, 64> file{};
  auto* end = std::copy_n(proc_sys, std::strlen(proc_sys), file.data());
  std::replace_copy(sysctl, sysctl + std::strlen(sysctl), end, '.', '/');
  const auto value = read_number(file.data());
  return value ? std::optional(detail::Limit{sysctl, *value}) : std::nullopt;
}

// Both bind: the machine's sysctl and the user namespace's own [10].
std::optional<detail::Limit> smaller(std::optional<detail::Limit> machine,
                                     std::optional<detail::Limit> name_space) noexcept {
  return machine && name_space && name_space->value < machine->value ? name_space : machine;
}

std::optional<long> value_of(std::optional<detail::Limit> limit) noexcept {
  return limit ? std::optional(limit->value) : std::nullopt;
}

// Calls `visit` with the number of each open inotify descriptor of this process.
template <class Visit>
void for_each_instance(Visit visit) {
  std::error_code ec;
  for (fs::directory_iterator it("/proc/self/fd", ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code gone;  // a descriptor may be closed by another thread meanwhile
    if (fs::read_symlink(it->path(), gone) == "anon_inode:inotify") visit(it->path().filename());
  }
}

}  // namespace

std::optional<detail::Limit> detail::instance_limit() noexcept {
  return smaller(read_limit("fs.inotify.max_user_instances"),
                 read_limit("user.max_inotify_instances"));
}

std::optional<detail::Limit> detail::watch_limit() noexcept {
  return smaller(read_limit("fs.inotify.max_user_watches"), read_limit("user.max_inotify_watches"));
}

std::optional<long> max_queued_events() noexcept {
  return value_of(read_limit("fs.inotify.max_queued_events"));
}
std::optional<long> max_user_instances() noexcept { return value_of(detail::instance_limit()); }
std::optional<long> max_user_watches() noexcept { return value_of(detail::watch_limit()); }

std::size_t instances_in_use() {
  std::size_t count = 0;
  for_each_instance([&](const fs::path&) { ++count; });
  return count;
}

std::size_t watches_in_use() {
  std::size_t count = 0;
  for_each_instance([&](const fs::path& fd) {
    std::ifstream info("/proc/self/fdinfo" / fd);
    for (std::string line; std::getline(info, line);) count += line.starts_with("inotify wd:");
  });
  return count;
}

}  // namespace inotify::inline v0
