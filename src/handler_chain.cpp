#include <inotify/handler_chain.hpp>

#include <inotify/detail/path_text.hpp>

namespace inotify::inline v0 {

HandlerMap& HandlerMap::at_root(std::string_view root, EventFunction handler) {
  roots_.insert_or_assign(detail::clean_path(root),
                          std::make_shared<const EventFunction>(std::move(handler)));
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

bool HandlerMap::remove_root(std::string_view root) {
  return roots_.erase(detail::clean_path(root)) != 0;
}

bool HandlerMap::remove_watch(int wd) { return watches_.erase(wd) != 0; }

HandlerMap::Handler HandlerMap::find(const Event& event) const {
  if (const auto it = watches_.find(event.wd); it != watches_.end()) return it->second;
  if (std::string_view path = event.fullpath; !path.empty()) {
    while (path.starts_with("./")) path.remove_prefix(2);
    if (path == ".") path = {};
    do {
      if (const auto it = roots_.find(path); it != roots_.end()) return it->second;
    } while (detail::ascend(path));
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
