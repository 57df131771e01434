// Storage for many short names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Keeps names of at most 64 KiB less a few, each behind its length, which takes one byte up to 254 and
/// three from there on; named by a 32-bit number. 12 bytes for a name of 11, where std::string takes 32
/// or more; in blocks of whole 4-byte units behind a length of two bytes it was 14.6. Freed blocks are
/// kept by size and reused, so churn does not grow it. If add() throws, nothing has changed.
class NamePool {
 public:
  using Ref = std::uint32_t;

  /// So many bytes before any name can be read.
  static constexpr std::size_t margin = 16;

  Ref add(std::string_view name) {
    const std::size_t size = size_of(name.size());
    if (free_.size() <= size) free_.resize(size + 1, none);
    Ref ref = free_[size];
    if (ref != none) {
      std::memcpy(&free_[size], at(ref), sizeof ref);
    } else {
      ref = extend(size);
    }
    char* to = at(ref);
    *to++ = static_cast<char>(name.size() < escape ? name.size() : escape);
    if (name.size() >= escape) {
      const auto length = static_cast<Length>(name.size());
      std::memcpy(to, &length, sizeof length);
      to += sizeof length;
    }
    if (!name.empty()) std::memcpy(to, name.data(), name.size());
    return ref;
  }

  void remove(Ref ref) noexcept {
    Ref& head = free_[size_of(get(ref).size())];
    std::memcpy(at(ref), &head, sizeof head);
    head = ref;
  }

  /// Fetches a name into the processor's cache.
  void prefetch(Ref ref) const noexcept { __builtin_prefetch(at(ref)); }

  /// Valid until the name is removed.
  [[nodiscard]] std::string_view get(Ref ref) const noexcept {
    const char* from = at(ref);
    const std::size_t size = static_cast<unsigned char>(*from++);
    if (size < escape) return {from, size};
    Length length = 0;
    std::memcpy(&length, from, sizeof length);
    return {from + sizeof length, length};
  }

 private:
  using Length = std::uint16_t;  // NAME_MAX is 255, but not on every file system
  static constexpr std::size_t escape = 255;
  static constexpr std::size_t chunk_size = 64 * 1024;
  static constexpr Ref none = UINT32_MAX;

  // A free block holds the Ref of the next.
  static constexpr std::size_t size_of(std::size_t length) noexcept {
    const std::size_t size = 1 + (length < escape ? 0 : sizeof(Length)) + length;
    return size < sizeof(Ref) ? sizeof(Ref) : size;
  }

  [[nodiscard]] char* at(Ref ref) const noexcept {
    return chunks_[ref / chunk_size].get() + ref % chunk_size;
  }

  Ref extend(std::size_t size) {
    if (chunks_.empty() || used_ + size > chunk_size) {
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_size));
      std::memset(chunks_.back().get(), 0, margin);
      used_ = margin;
    }
    const auto ref = static_cast<Ref>((chunks_.size() - 1) * chunk_size + used_);
    used_ += size;
    return ref;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;   // bytes of the last chunk
  std::vector<Ref> free_;  // by size: the first of the free blocks
};

}  // namespace inotify::inline v0::detail
