#include <inotify/detail/kernel_watches.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include <inotify/detail/uninterrupted.hpp>
#include <inotify/detail/unique_fd.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0::detail {
namespace {

// The hexadecimal number behind `key` in `line`.
std::optional<unsigned> number_behind(std::string_view line, std::string_view key) noexcept {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  unsigned value = 0;
  const auto result =
      std::from_chars(line.data() + at + key.size(), line.data() + line.size(), value, 16);
  return result.ec == std::errc{} ? std::optional(value) : std::nullopt;
}

// "inotify wd:3 ino:9e7e sdev:800013 mask:800afce ignored_mask:0 ..."
std::optional<KernelWatch> parse(std::string_view line) noexcept {
  const auto wd = number_behind(line, "inotify wd:");
  const auto mask = number_behind(line, " mask:");
  return wd && mask ? std::optional(KernelWatch{static_cast<int>(*wd), *mask}) : std::nullopt;
}

}  // namespace

// Not by std::ifstream, which takes a lack of memory, or an error of read(2), for the end.
void for_each_kernel_watch(int inotify_fd, void (*visit)(void*, KernelWatch), void* context,
                           std::error_code& ec) {
  UniqueFd info;
  for (const char* self : {"thread-self", "self"}) {  // [41]
    std::array<char, 48> path{};
    std::snprintf(path.data(), path.size(), "/proc/%s/fdinfo/%d", self, inotify_fd);
    info = UniqueFd(::open(path.data(), O_RDONLY | O_CLOEXEC));
    if (info || errno != ENOENT) break;
  }
  ec = info ? std::error_code{} : make_error(errno);
  std::array<char, 4096> text;  // a line has some 150 bytes
  std::size_t size = 0;
  while (!ec) {
    const ssize_t n =
        uninterrupted([&] { return ::read(info.get(), text.data() + size, text.size() - size); });
    if (n < 0) ec = make_error(errno);
    if (n <= 0) return;
    size += static_cast<std::size_t>(n);
    std::string_view rest(text.data(), size);
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (const auto watch = parse(rest.substr(0, end))) visit(context, *watch);
      rest.remove_prefix(end + 1);
    }
    size = rest.size() < text.size() ? rest.size() : 0;
    std::memmove(text.data(), rest.data(), size);
  }
}

std::vector<KernelWatch> kernel_watches(int inotify_fd, std::error_code& ec) {
  std::vector<KernelWatch> watches;
  const auto add = [&](KernelWatch watch) { watches.push_back(watch); };
  for_each_kernel_watch(inotify_fd, add, ec);
  if (ec) return {};
  std::ranges::sort(watches, {}, &KernelWatch::wd);
  return watches;
}

}  // namespace inotify::inline v0::detail
