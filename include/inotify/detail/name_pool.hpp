// Storage for many short names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace inotify::inline v0::detail {

/// Keeps names of at most 64 KiB, each behind its length in a block of whole 4-byte units, named by
/// a 32-bit number: 12 bytes for an average name, where std::string takes 32 or more. Freed blocks
/// are kept by size and reused, so churn does not grow it.
class NamePool {
 public:
  using Ref = std::uint32_t;

  Ref add(std::string_view name) {
    const std::size_t units = units_of(name.size());
    if (free_.size() <= units) free_.resize(units + 1, none);
    Ref ref = free_[units];
    if (ref != none) {
      std::memcpy(&free_[units], at(ref), sizeof ref);
    } else {
      ref = extend(units);
    }
    const auto length = static_cast<Length>(name.size());
    std::memcpy(at(ref), &length, sizeof length);
    if (!name.empty()) std::memcpy(at(ref) + sizeof length, name.data(), name.size());
    return ref;
  }

  void remove(Ref ref) noexcept {
    Ref& head = free_[units_of(get(ref).size())];
    std::memcpy(at(ref), &head, sizeof head);
    head = ref;
  }

  /// Valid until the name is removed.
  [[nodiscard]] std::string_view get(Ref ref) const noexcept {
    Length length = 0;
    std::memcpy(&length, at(ref), sizeof length);
    return {at(ref) + sizeof length, length};
  }

 private:
  using Length = std::uint16_t;  // NAME_MAX is 255, but not on every file system
  static constexpr std::size_t unit = 4;
  static constexpr std::size_t chunk_units = 16 * 1024;  // 64 KiB
  static constexpr Ref none = UINT32_MAX;

  static constexpr std::size_t units_of(std::size_t length) noexcept {
    return (sizeof(Length) + length + unit - 1) / unit;
  }

  [[nodiscard]] char* at(Ref ref) const noexcept {
    return chunks_[ref / chunk_units].get() + (ref % chunk_units) * unit;
  }

  Ref extend(std::size_t units) {
    if (chunks_.empty() || used_ + units > chunk_units) {
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_units * unit));
      used_ = 0;
    }
    const auto ref = static_cast<Ref>((chunks_.size() - 1) * chunk_units + used_);
    used_ += units;
    return ref;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;   // units of the last chunk
  std::vector<Ref> free_;  // by units: the first of the free blocks
};

}  // namespace inotify::inline v0::detail
