#include <inotify/mask.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <optional>
#include <stdexcept>

#include <inotify/detail/escape.hpp>
#include <inotify/detail/event_order.hpp>
#include <inotify/error.hpp>

namespace inotify::inline v0 {
namespace {

struct Name {
  std::string_view text;
  Mask mask;
  std::string_view meaning{};
};

// One row per bit.
constexpr std::array<Name, 22> bit_names{{
    {"IN_ACCESS", IN_ACCESS, "the file was read, or executed"},
    {"IN_MODIFY", IN_MODIFY, "the content of the file was changed"},
    {"IN_ATTRIB", IN_ATTRIB,
     "mode, owner, times, extended attributes or the number of links were changed"},
    {"IN_CLOSE_WRITE", IN_CLOSE_WRITE, "a file that was open for writing was closed"},
    {"IN_CLOSE_NOWRITE", IN_CLOSE_NOWRITE,
     "a file or directory that was not open for writing was closed"},
    {"IN_OPEN", IN_OPEN, "the file or directory was opened"},
    {"IN_MOVED_FROM", IN_MOVED_FROM,
     "an entry of the directory was renamed, and had this name before"},
    {"IN_MOVED_TO", IN_MOVED_TO, "an entry of the directory was renamed, and has this name now"},
    {"IN_CREATE", IN_CREATE, "an entry was made in the directory"},
    {"IN_DELETE", IN_DELETE, "an entry of the directory was deleted"},
    {"IN_DELETE_SELF", IN_DELETE_SELF, "what is watched was itself deleted"},
    {"IN_MOVE_SELF", IN_MOVE_SELF, "what is watched was itself renamed"},
    {"IN_UNMOUNT", IN_UNMOUNT,
     "the file system of what is watched was unmounted, which ends the watch"},
    {"IN_Q_OVERFLOW", IN_Q_OVERFLOW, "the queue was full, and the kernel dropped events"},
    {"IN_IGNORED", IN_IGNORED, "the watch has ended"},
    {"IN_ONLYDIR", IN_ONLYDIR, "watch it only if it is a directory"},
    {"IN_DONT_FOLLOW", IN_DONT_FOLLOW, "watch a symlink itself, not what it leads to"},
    {"IN_EXCL_UNLINK", IN_EXCL_UNLINK,
     "no events of what has been deleted from the directory and is still open"},
    {"IN_MASK_CREATE", IN_MASK_CREATE, "fail if it is watched already"},
    {"IN_MASK_ADD", IN_MASK_ADD, "add to the mask of a watch, rather than replace it"},
    {"IN_ISDIR", IN_ISDIR, "the event is about a directory"},
    {"IN_ONESHOT", IN_ONESHOT, "end the watch after one event"},
}};

constexpr std::array<Name, 3> combinations{{
    {"IN_CLOSE", IN_CLOSE},
    {"IN_MOVE", IN_MOVE},
    {"IN_ALL_EVENTS", IN_ALL_EVENTS},
}};

std::string hex(Mask bit) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bit, 16).ptr;
  return "0x" + std::string(digits.data(), end);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\r";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<Mask> parse_number(std::string_view word) {
  const bool is_hex = word.starts_with("0x") || word.starts_with("0X");
  if (is_hex) word.remove_prefix(2);
  Mask value = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value, is_hex ? 16 : 10);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<Mask> parse_word(std::string_view word) {
  std::string upper(word);
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (!upper.starts_with("IN_")) upper.insert(0, "IN_");
  const auto is_it = [&](const Name& name) { return name.text == upper; };
  if (const auto it = std::ranges::find_if(bit_names, is_it); it != bit_names.end())
    return it->mask;
  if (const auto it = std::ranges::find_if(combinations, is_it); it != combinations.end()) {
    return it->mask;
  }
  return parse_number(word);
}

// Parses all of `text`; on failure `unknown` is the first word without a meaning.
std::optional<Mask> parse_words(std::string_view text, std::string_view& unknown) {
  Mask mask = 0;
  for (;;) {
    const auto end = text.find_first_of("|,");
    unknown = trim(text.substr(0, end));
    const auto bits = parse_word(unknown);
    if (!bits) return std::nullopt;
    mask |= *bits;
    if (end == std::string_view::npos) return mask;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> decode_mask(Mask mask) {
  std::vector<std::string> names;
  while (mask != 0) {
    const Mask bit = detail::take_first(mask);
    const auto it = std::ranges::find(bit_names, bit, &Name::mask);
    names.push_back(it != bit_names.end() ? std::string(it->text) : hex(bit));
  }
  return names;
}

std::string_view describe(Mask bit) noexcept {
  const auto it = std::ranges::find(bit_names, bit, &Name::mask);
  return it != bit_names.end() ? it->meaning : std::string_view();
}

std::string to_string(Mask mask) {
  std::string text;
  const auto append = [&](std::string_view name) {
    if (!text.empty()) text += '|';
    text += name;
  };
  if ((mask & IN_ALL_EVENTS) == IN_ALL_EVENTS) {
    append("IN_ALL_EVENTS");
    mask &= ~Mask{IN_ALL_EVENTS};
  }
  for (const std::string& name : decode_mask(mask)) append(name);
  return text.empty() ? "0" : text;
}

Mask parse_mask(std::string_view text) {
  std::string_view unknown;
  if (const auto mask = parse_words(text, unknown)) return *mask;
  std::string message = "inotify: parse_mask: no IN_* bit is called \"";
  detail::append_escaped(message, unknown);
  throw std::invalid_argument(message + "\"; write names as in inotify(7), separated by '|'");
}

Mask parse_mask(std::string_view text, std::error_code& ec) {
  ec.clear();
  std::string_view unknown;
  if (const auto mask = parse_words(text, unknown)) return *mask;
  ec = make_error(EINVAL);
  return 0;
}

}  // namespace inotify::inline v0
