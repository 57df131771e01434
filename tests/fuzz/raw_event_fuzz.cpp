// Any bytes at all, walked as if the kernel had written them.
#include <sys/inotify.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inotify/raw_event.hpp>
#include <iterator>
#include <memory>
#include <span>

#include "fuzz.hpp"

namespace {

using fuzz::require;

// How many whole events lie at the front of `size` bytes, and how many bytes they take: by offsets
// alone.
struct Extent {
  std::size_t events = 0;
  std::size_t bytes = 0;
};

Extent extent_of(const std::uint8_t* data, std::size_t size) {
  Extent extent;
  while (size - extent.bytes >= 16) {
    std::uint32_t length = 0;
    std::memcpy(&length, data + extent.bytes + offsetof(inotify_event, len), sizeof length);
    const std::uint64_t end = std::uint64_t{extent.bytes} + 16 + length;
    if (end > size) break;
    extent.bytes = static_cast<std::size_t>(end);
    ++extent.events;
  }
  return extent;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy at an odd address with nothing behind it: the sanitizer sees each byte too many, and
  // each alignment assumed.
  const auto copy = std::make_unique<std::byte[]>(size + 1);
  if (size > 0) std::memcpy(copy.get() + 1, data, size);
  const std::span<const std::byte> bytes(copy.get() + 1, size);
  const char* const begin = reinterpret_cast<const char*>(bytes.data());

  const inotify::RawEvents events(bytes);
  std::size_t at = 0;
  std::size_t count = 0;
  for (auto it = events.begin(); it != events.end(); ++it, ++count) {
    require(it.rest().size() == size - at);
    inotify_event header;
    std::memcpy(&header, begin + at, sizeof header);
    require(it->wd == header.wd && it->mask == header.mask && it->cookie == header.cookie);
    // The name is all that lies before the first NUL.
    const std::size_t length = it->name.size();
    require(it->name.data() == begin + at + sizeof header && length <= header.len);
    require(it->name.find('\0') == it->name.npos);
    require(length == header.len || it->name.data()[length] == '\0');
    at += sizeof header + header.len;
  }
  const Extent expected = extent_of(data, size);
  require(at == expected.bytes && count == expected.events);
  require(events.well_formed() == (expected.bytes == size));
  require(events.empty() == (count == 0));
  return 0;
}
