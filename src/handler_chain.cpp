#include <inotify/handler_chain.hpp>

#include <algorithm>

namespace inotify::inline v0 {
namespace {

// Without empty components and "."; "" is the working directory.
std::string clean(std::string_view path) {
  std::string text = path.starts_with('/') ? "/" : "";
  while (!path.empty()) {
    const std::string_view component = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(component.size() + 1, path.size()));
    if (component.empty() || component == ".") continue;
    if (!text.empty() && text.back() != '/') text += '/';
    text += component;
  }
  return text;
}

// The directory that holds `path`; false if there is none that could be told by name.
bool ascend(std::string_view& path) {
  if (path.empty() || path == "/" || path == "..") return false;
  const auto slash = path.rfind('/');
  path = path.substr(0, slash == std::string_view::npos ? 0 : slash == 0 ? 1 : slash);
  return true;
}

}  // namespace

HandlerMap& HandlerMap::at_root(std::string_view root, EventFunction handler) {
  roots_.insert_or_assign(clean(root), std::make_shared<const EventFunction>(std::move(handler)));
  return *this;
}

HandlerMap& HandlerMap::at_watch(int wd, EventFunction handler) {
  watches_.insert_or_assign(wd, std::make_shared<const EventFunction>(std::move(handler)));
  return *this;
}

HandlerMap& HandlerMap::otherwise(EventFunction handler) {
  otherwise_ = std::make_shared<const EventFunction>(std::move(handler));
  return *this;
}

bool HandlerMap::remove_root(std::string_view root) { return roots_.erase(clean(root)) != 0; }

bool HandlerMap::remove_watch(int wd) { return watches_.erase(wd) != 0; }

HandlerMap::Handler HandlerMap::find(const Event& event) const {
  if (const auto it = watches_.find(event.wd); it != watches_.end()) return it->second;
  if (std::string_view path = event.fullpath; !path.empty()) {
    while (path.starts_with("./")) path.remove_prefix(2);
    if (path == ".") path = {};
    do {
      if (const auto it = roots_.find(path); it != roots_.end()) return it->second;
    } while (ascend(path));
  }
  return otherwise_;
}

Chain HandlerMap::operator()(const Event& event) {
  const Handler handler = find(event);
  // Before the call, which may throw; and a watch that it adds is another one.
  if (event.is_ignored()) watches_.erase(event.wd);
  return handler == nullptr ? Chain::go_on : (*handler)(event);
}

}  // namespace inotify::inline v0
