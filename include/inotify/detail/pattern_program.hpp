// Patterns as a machine that goes through a text once.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// A set of bytes.
using ByteSet = std::bitset<256>;

/// Thrown when a pattern cannot be compiled: the cause, and the offset in the pattern.
struct PatternError {
  std::string cause;
  std::size_t offset;
};

/// Patterns, compiled into a nondeterministic finite automaton, and its simulation, which follows
/// all ways through the patterns at the same time (K. Thompson, "Regular Expression Search
/// Algorithm", CACM 11, 1968). There is no backtracking, so no text takes long, whatever the
/// pattern.
///
/// Invariants:
/// 1. What a part of a pattern compiles to is a *fragment*: a run of instructions whose jumps are
///    relative and lead into the run or to just behind it. So a fragment is copied, moved and
///    followed by another one without a look into it.
/// 2. Each pattern is a fragment with `accept` behind it; `starts_` has the begin of each.
/// 3. A pattern has at most max_instructions, counted before they are made.
/// 4. At each offset of the text match() and find_ends() visit an instruction at most once. So it takes at most
///    size() * (text.size() + 1) steps, in a memory of 3 * size() words; nothing recurses.
///
/// Const members may be called from several threads at once. Any may throw std::bad_alloc; what
/// end_pattern() has not ended is then to be thrown away with the whole program.
class PatternProgram {
 public:
  enum class Op : std::uint8_t {
    byte,      ///< Consumes the byte `operand`.
    set,       ///< Consumes a byte of the set number `operand`.
    jump,      ///< Goes on at the distance `operand`.
    split,     ///< Goes on with the next instruction and at the distance `operand`.
    at_begin,  ///< This and the next five go on only if it is true.
    at_end,
    at_boundary,  ///< Between a byte of \w and another one or an end.
    not_at_boundary,
    at_component_end,  ///< Before a '/' or at the end.
    at_directory_end,  ///< Before a '/', or at the end of what is a directory's path.
    accept,            ///< The pattern number `operand` matches.
  };

  static constexpr std::size_t max_instructions = 10'000;
  static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

  // ---- compiling: what is appended extends the fragment that was appended last

  void add_byte(unsigned char byte) { add(Op::byte, byte); }
  void add_set(const ByteSet& set);
  void add_assertion(Op op) { add(op, 0); }

  /// Makes what has been appended since `begin` the first of two alternatives; the second is to be
  /// appended next. Returns what join() wants when that one is complete.
  std::size_t begin_alternative(std::size_t begin);
  void join(std::size_t alternative);

  /// Repeats what has been appended since `begin`; `max` may be `unbounded`.
  void repeat(std::size_t begin, std::size_t min, std::size_t max);
  /// How many instructions that would come to, without making them.
  [[nodiscard]] static std::size_t repeated_size(std::size_t size, std::size_t min,
                                                 std::size_t max) noexcept;

  /// The pattern is complete: it accepts. Patterns are numbered from 0 on, in this order.
  void end_pattern();
  /// Drops what has been appended since the last pattern was complete.
  void drop_pattern() { code_.resize(pattern_begin_); }

  // ---- asking

  /// How many instructions there are; where the next one will be.
  [[nodiscard]] std::size_t size() const noexcept { return code_.size(); }
  [[nodiscard]] std::size_t pattern_begin() const noexcept { return pattern_begin_; }

  struct Result {
    bool is_match = false;
    std::size_t steps = 0;  ///< Instructions visited.
  };

  /// Whether a pattern matches the text from its first byte on; it need not reach its end.
  [[nodiscard]] Result match(std::string_view text) const;

  /// An offset at which patterns end, and the number of the last of these patterns.
  struct End {
    std::size_t offset;
    std::size_t pattern;
  };

  /// Appends all of them to `ends`, in the order of the offsets, for a text that is the path of a
  /// directory or not. Returns the steps.
  std::size_t find_ends(std::string_view text, bool is_directory, std::vector<End>& ends) const;

 private:
  struct Instruction {
    Op op;
    std::int32_t operand;
  };
  class Simulation;

  void add(Op op, std::ptrdiff_t operand);
  template <class Use>
  auto simulate(std::string_view text, Use use) const;

  std::vector<Instruction> code_;
  std::vector<ByteSet> sets_;
  std::vector<std::uint32_t> starts_;
  std::size_t pattern_begin_ = 0;
};

/// The bytes of \w: ASCII letters, digits, '_'.
[[nodiscard]] constexpr bool is_word_byte(unsigned char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace inotify::inline v0::detail
