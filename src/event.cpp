#include <inotify/event.hpp>

#include <array>
#include <cstdio>
#include <ostream>

namespace inotify::inline v0 {
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
  if (c >= 0x20 && c != 0x7f) {  // bytes from 0x80 on are somebody's letters
    text += static_cast<char>(c);
    return;
  }
  std::array<char, 5> octal{};
  std::snprintf(octal.data(), octal.size(), "\\%03o", static_cast<unsigned>(c));
  text += octal.data();
}

}  // namespace

std::string quoted(std::string_view path) {
  std::string text = "\"";
  for (const char c : path) append_escaped(text, static_cast<unsigned char>(c));
  return text += '"';
}

std::string to_string(const Event& event) {
  std::string text = event.error ? "hole" : to_string(event.mask);
  if (!event.fullpath.empty()) text += ' ' + quoted(event.fullpath);
  if (!event.moved_from.empty()) text += " from " + quoted(event.moved_from);
  if (!event.moved_to.empty()) text += " to " + quoted(event.moved_to);
  if (event.cookie != 0) text += " cookie=" + std::to_string(event.cookie);
  if (event.synthetic) text += " synthetic";
  if (event.error) text += ": " + event.error.message();
  return text;
}

std::ostream& operator<<(std::ostream& out, const Event& event) { return out << to_string(event); }
std::ostream& operator<<(std::ostream& out, const OwnedEvent& event) { return out << event.view(); }

}  // namespace inotify::inline v0
