// The version of inotify++, and what every other header needs to know about the binary it belongs
// to.
//
// The build reads the three numbers from here; they stand nowhere else.
#pragma once

#if __cplusplus < 202002L
#error "inotify++ needs C++20: compile with -std=c++20, or a later standard"
// A name that is not there ends the compilation, before a hundred errors that would follow from this one.
#include "-std=c++20"
#endif

#define INOTIFY_VERSION_MAJOR 0
#define INOTIFY_VERSION_MINOR 1
#define INOTIFY_VERSION_PATCH 0

/// One number to compare with: 10203 is 1.2.3.
#define INOTIFY_VERSION \
  (INOTIFY_VERSION_MAJOR * 10000 + INOTIFY_VERSION_MINOR * 100 + INOTIFY_VERSION_PATCH)

/// Marks what a shared library exports; everything else is built with hidden visibility.
#define INOTIFY_API __attribute__((visibility("default")))

// All names live in `inotify::v0`, an inline namespace that users never spell: two versions of the
// library in one process differ in their mangled names and cannot be linked to one another by
// accident. It changes with the ABI.
