#include <inotify/detail/escape.hpp>

#include <array>
#include <cstddef>
#include <cstdio>

namespace inotify::inline v0::detail {
bool is_control(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
         c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

Letter first_letter(std::string_view text) noexcept {
  if (text.empty()) return {};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {1, byte(0)};
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
    if (text.size() < form.length) return {};
    char32_t c = byte(0) & form.lead_bits;
    for (std::size_t i = 1; i < form.length; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return {};
      c = (c << 6) | (byte(i) & 0x3f);
    }
    const bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
    if (c < form.least || c > form.most || is_surrogate) return {};
    return {form.length, c};
  }
  return {};
}

namespace {

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
    const Letter letter = is_plain ? Letter{1, 0} : first_letter(bytes);
    const bool is_kept = is_plain || (letter.code >= 0x80 && !is_control(letter.code));
    if (is_kept) {
      text += bytes.substr(0, letter.length);
      bytes.remove_prefix(letter.length);
    } else {
      append_escaped(text, static_cast<unsigned char>(c));
      bytes.remove_prefix(1);
    }
  }
}

}  // namespace inotify::inline v0::detail
