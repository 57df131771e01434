#include <inotify/event.hpp>

#include <ostream>

#include <inotify/detail/escape.hpp>

namespace inotify::inline v0 {
std::string quoted(std::string_view path) {
  std::string text = "\"";
  detail::append_escaped(text, path);
  return text += '"';
}

std::string to_string(const Event& event) {
  std::string text = event.error ? "hole" : to_string(event.mask);
  if (!event.fullpath.empty()) text += ' ' + quoted(event.fullpath);
  if (event.fullpath.empty() && event.wd >= 0) text += " wd=" + std::to_string(event.wd);
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
