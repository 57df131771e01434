// inotify++: know what happens in a directory tree. This header includes all the others.
//
// The order is the order in which to read them, and in which the data flows:
//     kernel queue -> Instance -> RawEvents -> WatchTable -> Watcher -> your loop
//                                             -> LookAhead -> AutoWatcher -> your loop
#pragma once

// clang-format off
#include <inotify/version.hpp>
#include <inotify/mask.hpp>
#include <inotify/raw_event.hpp>
#include <inotify/error.hpp>
#include <inotify/limits.hpp>
#include <inotify/instance.hpp>
#include <inotify/event.hpp>
#include <inotify/json.hpp>
#include <inotify/path_range.hpp>
#include <inotify/watcher.hpp>
#include <inotify/auto_watcher.hpp>

// What to watch.
#include <inotify/add_watches.hpp>
#include <inotify/exclude_filter.hpp>
#include <inotify/ignore_filter.hpp>
#include <inotify/file_watch.hpp>

// Ways to consume what they deliver.
#include <inotify/threshold.hpp>
#include <inotify/batch_reader.hpp>
#include <inotify/coalesce.hpp>
#include <inotify/settle.hpp>
#include <inotify/event_gen.hpp>
#include <inotify/event_queue.hpp>
#include <inotify/event_handler.hpp>
#include <inotify/handler_chain.hpp>
#include <inotify/notifier.hpp>
#include <inotify/interrupt_on_signal.hpp>
#include <inotify/stats.hpp>
