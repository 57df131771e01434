// The kernel's own list of an instance's watches.
#pragma once

#include <system_error>
#include <vector>

#include <inotify/mask.hpp>

namespace inotify::inline v0::detail {

/// A watch as the kernel lists it.
struct KernelWatch {
  int wd;
  Mask mask;
};

void for_each_kernel_watch(int inotify_fd, void (*visit)(void*, KernelWatch), void* context,
                           std::error_code& ec);

/// Calls `visit(watch)` for each watch that fdinfo in /proc tells of an inotify descriptor [9]; on an
/// error, perhaps not for all. Allocates nothing. Errors: ENOENT (no /proc, or no such descriptor),
/// EMFILE, ENFILE, ENOMEM.
template <class Visit>
void for_each_kernel_watch(int inotify_fd, Visit visit, std::error_code& ec) {
  struct Caller {
    static void call(void* visit, KernelWatch watch) { (*static_cast<Visit*>(visit))(watch); }
  };
  for_each_kernel_watch(inotify_fd, &Caller::call, &visit, ec);
}

/// The same as a list, in ascending order of wd; nothing on an error.
std::vector<KernelWatch> kernel_watches(int inotify_fd, std::error_code& ec);

}  // namespace inotify::inline v0::detail
