// Reaching a directory below another one, whatever others put in its way.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <system_error>

#include <inotify/detail/directory.hpp>

namespace inotify::inline v0::detail {

/// Which inode a descriptor leads to. A watch keeps its inode in memory, so as long as it lives no
/// other inode has the same identity.
struct Identity {
  dev_t device = 0;
  std::uint64_t inode = 0;  // no ino_t: that has the size that a unit is compiled for
  bool operator==(const Identity&) const = default;
};

/// Errors: those of fstat(2).
Identity identity_of(int fd, std::error_code& ec) noexcept;

/// Opens the directory `path` below `root`, to look up names in it; `path` is relative and has no
/// "..". A symlink as any of its components is refused (ENOTDIR), so nobody who swaps one in leads
/// the caller elsewhere [32]. Of any length, PATH_MAX or not.
Directory open_beneath(const Directory& root, std::string_view path, std::error_code& ec);

}  // namespace inotify::inline v0::detail
