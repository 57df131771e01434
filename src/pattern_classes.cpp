#include <array>

#include <inotify/detail/pattern_syntax.hpp>

namespace inotify::inline v0::detail {
namespace {

struct NamedClass {
  std::string_view name;
  bool (*has)(unsigned char);
};

constexpr bool is_between(unsigned char c, char first, char last) {
  return c >= static_cast<unsigned char>(first) && c <= static_cast<unsigned char>(last);
}
constexpr bool is_alnum(unsigned char c) { return is_word_byte(c) && c != '_'; }

// The ctype functions of <cctype> would ask the program's locale.
constexpr std::array named_classes{
    NamedClass{"alnum", is_alnum},
    NamedClass{"alpha", [](unsigned char c) { return is_alnum(c) && !is_between(c, '0', '9'); }},
    NamedClass{"blank", [](unsigned char c) { return c == ' ' || c == '\t'; }},
    NamedClass{"cntrl", [](unsigned char c) { return c < 0x20 || c == 0x7f; }},
    NamedClass{"digit", [](unsigned char c) { return is_between(c, '0', '9'); }},
    NamedClass{"graph", [](unsigned char c) { return is_between(c, '!', '~'); }},
    NamedClass{"lower", [](unsigned char c) { return is_between(c, 'a', 'z'); }},
    NamedClass{"print", [](unsigned char c) { return is_between(c, ' ', '~'); }},
    NamedClass{"punct", [](unsigned char c) { return is_between(c, '!', '~') && !is_alnum(c); }},
    NamedClass{"space", [](unsigned char c) { return c == ' ' || is_between(c, '\t', '\r'); }},
    NamedClass{"upper", [](unsigned char c) { return is_between(c, 'A', 'Z'); }},
    NamedClass{"xdigit",
               [](unsigned char c) {
                 return is_between(c, '0', '9') || is_between(c, 'a', 'f') ||
                        is_between(c, 'A', 'F');
               }},
};

ByteSet bytes_with(bool (*has)(unsigned char)) {
  ByteSet set;
  for (std::size_t c = 0; c < set.size(); ++c) set[c] = has(static_cast<unsigned char>(c));
  return set;
}

}  // namespace

std::optional<ByteSet> named_class(std::string_view name) {
  for (const NamedClass& named : named_classes) {
    if (named.name == name) return bytes_with(named.has);
  }
  return std::nullopt;
}

ByteSet word_class() { return bytes_with(is_word_byte); }

bool add_range(ByteSet& set, unsigned char first, unsigned char last) {
  for (std::size_t c = first; c <= last; ++c) set.set(c);
  return first <= last;
}

}  // namespace inotify::inline v0::detail
