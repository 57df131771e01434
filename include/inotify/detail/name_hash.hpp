// A keyed hash for names in directories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// What a hash depends on besides its input, so that nobody who cannot read our memory can choose
/// names that collide. 128 bits.
struct HashKey {
  std::uint64_t first = 0;
  std::uint64_t second = 0;

  /// A key for one table. All keys of a process come from one secret, of getrandom(2), and a count:
  /// a table costs no system call, and what the order of one betrays says nothing of another.
  [[nodiscard]] INOTIFY_API static HashKey make() noexcept;
};

/// The halves of the product of two numbers, all 128 bits of it, xored. Every bit of either
/// reaches every bit of the result.
inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  constexpr std::uint64_t low = UINT32_MAX;
  const std::uint64_t ll = (a & low) * (b & low);
  const std::uint64_t hl = (a >> 32) * (b & low);
  const std::uint64_t lh = (a & low) * (b >> 32);
  const std::uint64_t hh = (a >> 32) * (b >> 32);
  const std::uint64_t middle = (ll >> 32) + (hl & low) + (lh & low);
  return (middle << 32 | (ll & low)) ^ (hh + (hl >> 32) + (lh >> 32) + (middle >> 32));
#endif
}

/// A hash of a directory, by whatever number it goes, and a name in it.
///
/// The names are those of a tree that others may write to, and 50,000 that collide make a table a
/// list. So it is keyed, and mixes as wyhash does: sixteen bytes at a time are xored with the key
/// (and with what came before), multiplied, and the halves of the product folded. A hash that
/// multiplies by a constant lets a difference of the input through that does not depend on the key:
/// with h = (h ^ word) * odd, the highest bit of one word is taken back by two bits of the next,
/// whatever h is. Here both factors are secret, so what a difference becomes is, too. SipHash,
/// which is made for this and examined by more people, takes eight rounds of fourteen instructions
/// for a name of 11 bytes; all of this takes some 30. Nobody is shown a hash, so what it must
/// resist is a choice of names, not an analysis.
///
/// The directory has a multiplication of its own: xored into the beginning, its number (which can
/// be guessed: they are given out in order) could be made up for by the name. Numbers in order
/// times a number of which little is known are not always spread well; what that leaves, the last
/// multiplication does away with: under one key in a hundred a name that was in 300,000 directories
/// had 300 collisions without it, where ten come by chance.
inline std::uint32_t hash_name(const HashKey& key, std::uint32_t directory,
                               std::string_view name) noexcept {
  const auto load = [](const char* from) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
  };
  const auto load_half = [](const char* from) {
    std::uint32_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return std::uint64_t{word};
  };
  const auto load_byte = [](const char* from) {
    return std::uint64_t{static_cast<unsigned char>(*from)};
  };
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
  const char* const begin = name.data();
  const std::size_t size = name.size();
  std::uint64_t hash = key.first;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (size >= 8) {
    const char* at = begin;
    for (std::size_t left = size; left > 16; left -= 16, at += 16)
      hash = multiply_fold(load(at) ^ key.second, load(at + 8) ^ hash);
    const char* const end = begin + size;
    a = load(size > 16 ? end - 16 : begin);
    b = load(end - 8);
  } else if (size >= 4) {
    a = load_half(begin);
    b = load_half(begin + size - 4);
  } else if (size > 0) {
    a = load_byte(begin) | load_byte(begin + size / 2) << 8;
    b = load_byte(begin + size - 1);
  }
  hash = multiply_fold(a ^ key.second, b ^ hash);
  hash = multiply_fold(hash ^ key.first, (directory | std::uint64_t{size} << 32) ^ key.second);
  return static_cast<std::uint32_t>(hash * odd >> 32);
}

/// A functor of the same for strings that are keys of their own, each with a key of its own.
class TextHash {
 public:
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return hash_name(key_, 0, text); }

 private:
  HashKey key_ = HashKey::make();
};

}  // namespace inotify::inline v0::detail
