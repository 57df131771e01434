#include <inotify/detail/escape.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace inotify::inline v0::detail {
namespace {

// What a terminal acts on, or what shows a text in another order than it is in: the C1 controls,
// line and paragraph separators, and whatever changes the direction of writing.
constexpr bool is_disguise(char32_t c) {
  return (c >= 0x80 && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f || c == 0x2028 ||
         c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// How many bytes the first character of `text`, which is not empty, takes in UTF-8; 0 if that is
// not well-formed (RFC 3629) or is a disguise.
std::size_t letter(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  struct Form {
    std::size_t length;
    unsigned lead_bits;
    char32_t least, most;
  };
  constexpr std::array forms{Form{2, 0x1f, 0x80, 0x7ff}, Form{3, 0x0f, 0x800, 0xffff},
                             Form{4, 0x07, 0x10000, 0x10ffff}};
  for (const Form& form : forms) {
    const unsigned mark = 0xff & ~(2 * form.lead_bits + 1);
    if ((byte(0) & ~form.lead_bits) != mark) continue;
    if (text.size() < form.length) return 0;
    char32_t c = byte(0) & form.lead_bits;
    for (std::size_t i = 1; i < form.length; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return 0;
      c = (c << 6) | (byte(i) & 0x3f);
    }
    const bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
    const bool is_letter = c >= form.least && c <= form.most && !is_surrogate && !is_disguise(c);
    return is_letter ? form.length : 0;
  }
  return 0;
}

void append_escaped(std::string& text, unsigned char c) {
  switch (c) {
    case '"':
      text += "\\\"";
      return;
    case '\\':
      text += "\\\\";
      return;
    case '\n':
      text += "\\n";
      return;
    case '\t':
      text += "\\t";
      return;
    default:
      break;
  }
  std::array<char, 5> octal{};
  std::snprintf(octal.data(), octal.size(), "\\%03o", static_cast<unsigned>(c));
  text += octal.data();
}

}  // namespace

void append_escaped(std::string& text, std::string_view bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    const bool is_plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    const std::size_t length = is_plain ? 1 : letter(bytes);
    if (length > 0) {
      text += bytes.substr(0, length);
      bytes.remove_prefix(length);
    } else {
      append_escaped(text, static_cast<unsigned char>(c));
      bytes.remove_prefix(1);
    }
  }
}

}  // namespace inotify::inline v0::detail
