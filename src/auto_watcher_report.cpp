// What was found by listing, and what could not be: reported as the batch has room.
//
// A directory may hold a million names, and a tree of 8,000 levels has paths of 2 MB. So what is found
// once the batch is full waits in `unreported_`, as a name in a directory, and becomes an event with a
// path when it is delivered. Nothing else is reported, and no event interpreted, before it is: then the
// stream is the one that a single batch without an end would have been.
#include <dirent.h>

#include <inotify/auto_watcher.hpp>

namespace inotify::inline v0 {

using detail::no_node;

namespace {

// The type of a hole in `unreported_`: a directory, or nothing is known of it.
constexpr unsigned char directory_hole = 0xFF;
constexpr unsigned char unknown_hole = 0xFE;

}  // namespace

void AutoWatcher::tell_found(NodeId parent, std::string_view name, unsigned char type) {
  if (unreported_.empty() && !batch_.is_full()) {
    tell_synthetic(parent, name, type);
  } else {
    unreported_.push({parent, table_.wd(parent), type, name});
  }
}

void AutoWatcher::tell_synthetic(NodeId parent, std::string_view name, unsigned char type) {
  Mask mask = IN_CREATE;
  if (type == DT_DIR) mask |= IN_ISDIR;
  if (type == DT_REG) mask |= IN_CLOSE_WRITE;  // its last close may have been missed
  const int wd = table_.wd(parent);
  const Mask asked = this->asked(parent, wd);
  if ((mask & asked) == 0) return;
  Event& event = report(parent, {wd, mask, 0, name});
  event.mask &= asked | IN_ISDIR;
  event.synthetic = true;
}

// `mask`: IN_ISDIR, unless nothing is known of what bears that name.
void AutoWatcher::report_hole(std::string_view path, std::error_code ec, Mask mask) {
  if (unreported_.empty() && !batch_.is_full()) {
    add_hole(path, ec, mask);
  } else {
    unreported_.push({no_node, ec.value(), mask != 0 ? directory_hole : unknown_hole, path});
  }
}

void AutoWatcher::add_hole(std::string_view path, std::error_code ec, Mask mask) {
  Event& event = batch_.add(path, {});
  event.mask = mask;
  event.error = ec;
}

// Reports what waits, as much as there is room for if `is_bounded`. A directory that is not watched any
// more is nobody's business.
void AutoWatcher::tell_unreported(bool is_bounded) {
  for (; !unreported_.empty() && !(is_bounded && batch_.is_full()); unreported_.pop()) {
    const auto [directory, value, type, name] = unreported_.front();
    if (directory == no_node) {
      add_hole(name, make_error(value), type == directory_hole ? IN_ISDIR : 0U);
    } else if (table_.is_live(directory) && table_.wd(directory) == value) {
      tell_synthetic(directory, name, type);
    }
  }
}

}  // namespace inotify::inline v0
