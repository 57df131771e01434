// What the fuzzers share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

namespace fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

/// The input as a sequence of small decisions; 0 once it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  unsigned byte() {
    if (bytes_.empty()) return 0;
    const unsigned value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  unsigned below(unsigned count) { return byte() % count; }
  template <class T, std::size_t count>
  const T& of(const T (&choice)[count]) {
    return choice[below(count)];
  }

  /// Up to the next 0, which is left out.
  std::string_view text() {
    const std::string_view all = rest();
    const std::size_t size = all.find('\0');
    bytes_ = bytes_.subspan(size == std::string_view::npos ? all.size() : size + 1);
    return all.substr(0, size);
  }
  [[nodiscard]] std::string_view rest() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace fuzz
