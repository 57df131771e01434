#include <inotify/event_handler.hpp>

#include <ostream>

#include <inotify/detail/event_order.hpp>

namespace inotify::inline v0 {

Chain EventHandler::handle(const Event& event) {
  if (event.error) return on_error(event);
  const auto call = [this](Mask bit, const Event& part) {
    switch (bit) {
      case IN_ACCESS:
        return on_access(part);
      case IN_MODIFY:
        return on_modify(part);
      case IN_ATTRIB:
        return on_attrib(part);
      case IN_CLOSE_WRITE:
        return on_close_write(part);
      case IN_CLOSE_NOWRITE:
        return on_close_nowrite(part);
      case IN_OPEN:
        return on_open(part);
      case IN_MOVED_FROM:
        return on_moved_from(part);
      case IN_MOVED_TO:
        return on_moved_to(part);
      case IN_CREATE:
        return on_create(part);
      case IN_DELETE:
        return on_delete(part);
      case IN_DELETE_SELF:
        return on_delete_self(part);
      case IN_MOVE_SELF:
        return on_move_self(part);
      case IN_UNMOUNT:
        return on_unmount(part);
      case IN_Q_OVERFLOW:
        return on_overflow(part);
      case IN_IGNORED:
        return on_ignored(part);
      default:
        return on_default(part);
    }
  };

  const Mask is_dir = event.mask & IN_ISDIR;
  Mask left = event.mask ^ is_dir;
  if ((left & (left - 1)) == 0) return call(left, event);  // one bit, as nearly always, or none
  Chain result = Chain::go_on;
  while (left != 0) {
    const Mask bit = detail::take_first(left);
    Event part = event;
    part.mask = bit | is_dir;
    if (call(bit, part) == Chain::stop) result = Chain::stop;
  }
  return result;
}

Chain EventHandler::on_default(const Event& /*event*/) { return Chain::go_on; }

Chain PrintAll::handle(const Event& event) {
  out_ << event << '\n';
  return Chain::go_on;
}

}  // namespace inotify::inline v0
