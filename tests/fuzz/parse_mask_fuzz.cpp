// Any text as a mask: refused in both ways alike, or one that to_string() writes back.
#include <inotify/mask.hpp>
#include <stdexcept>
#include <string>
#include <system_error>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Input(data, size).rest();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  const inotify::Mask mask = inotify::parse_mask(text, ec);
  try {
    fuzz::require(inotify::parse_mask(text) == mask && !ec);
  } catch (const std::invalid_argument& error) {
    fuzz::require(ec == std::errc::invalid_argument && mask == 0);
    // The word is quoted: the message is one line.
    fuzz::require(std::string_view(error.what()).find('\n') == std::string_view::npos);
    return 0;
  }
  fuzz::require(inotify::parse_mask(inotify::to_string(mask)) == mask);
  return 0;
}
