// The kernel's bytes, made by hand.
#pragma once

#include <sys/inotify.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inotify/mask.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace test {

using Bytes = std::vector<std::byte>;

/// Builds what a read(2) would have returned.
class HandMade {
 public:
  /// Appends one event. `pad`: with NULs to a multiple of 16 bytes, as the kernel does [12].
  HandMade& append(int wd, inotify::Mask mask, std::uint32_t cookie = 0, std::string_view name = {},
                   bool pad = true) {
    const std::size_t step = sizeof(inotify_event);
    const bool padded = pad && !name.empty();
    const std::size_t length = padded ? (name.size() + step) / step * step : name.size();
    append_header(wd, mask, cookie, static_cast<std::uint32_t>(length));
    const std::size_t at = bytes_.size();
    bytes_.resize(at + length);
    if (!name.empty()) std::memcpy(bytes_.data() + at, name.data(), name.size());
    return *this;
  }

  /// Appends a header alone, whatever it claims to be followed by.
  HandMade& append_header(int wd, inotify::Mask mask, std::uint32_t cookie, std::uint32_t length) {
    const inotify_event header{wd, mask, cookie, length};
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof header);
    std::memcpy(bytes_.data() + at, &header, sizeof header);
    return *this;
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  operator std::span<const std::byte>() const { return bytes_; }  // NOLINT: it is just that

 private:
  Bytes bytes_;
};

}  // namespace test
