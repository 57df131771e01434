// A whole file, as text.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Reads a file, opened with O_RDONLY | O_CLOEXEC and these flags; at most so many bytes of it.
/// Errors: those of open(2) and read(2); EFBIG.
std::string read_file(const std::string& path, int flags, std::error_code& ec,
                      std::size_t most = static_cast<std::size_t>(-1));

}  // namespace inotify::inline v0::detail
