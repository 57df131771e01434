#include <inotify/detail/pattern_program.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace inotify::inline v0::detail {

void PatternProgram::add(Op op, std::ptrdiff_t operand) {
  code_.push_back({op, static_cast<std::int32_t>(operand)});
}

void PatternProgram::add_set(const ByteSet& set) {
  add(Op::set, static_cast<std::ptrdiff_t>(sets_.size()));
  sets_.push_back(set);
}

//   split, first alternative, jump, | second alternative
std::size_t PatternProgram::begin_alternative(std::size_t begin) {
  const std::size_t behind_jump = size() - begin + 2;
  code_.insert(code_.begin() + static_cast<std::ptrdiff_t>(begin),
               {Op::split, static_cast<std::int32_t>(behind_jump)});
  add(Op::jump, 0);
  return size() - 1;
}

void PatternProgram::join(std::size_t alternative) {
  code_[alternative].operand = static_cast<std::int32_t>(size() - alternative);
}

std::size_t PatternProgram::repeated_size(std::size_t size, std::size_t min,
                                          std::size_t max) noexcept {
  if (max != unbounded) return size * min + (size + 1) * (max - min);
  return min == 0 ? size + 2 : size * min + 1;
}

void PatternProgram::repeat(std::size_t begin, std::size_t min, std::size_t max) {
  if (min == 1 && max == 1) return;  // so each repetition of many instructions makes some more
  const auto at = code_.begin() + static_cast<std::ptrdiff_t>(begin);
  const std::vector<Instruction> part(at, code_.end());
  const auto length = static_cast<std::ptrdiff_t>(part.size());
  const auto add_part = [&] { code_.insert(code_.end(), part.begin(), part.end()); };
  code_.erase(at, code_.end());
  for (std::size_t i = 0; i < min; ++i) add_part();
  if (max != unbounded) {
    for (std::size_t i = min; i < max; ++i) {
      add(Op::split, length + 1);
      add_part();
    }
  } else if (min == 0) {
    add(Op::jump, length + 1);
    add_part();
    add(Op::split, -length);
  } else {
    add(Op::split, -length);
  }
}

void PatternProgram::end_pattern() {
  add(Op::accept, static_cast<std::ptrdiff_t>(starts_.size()));
  starts_.push_back(static_cast<std::uint32_t>(pattern_begin_));
  pattern_begin_ = size();
}

// The instructions that the automaton is at.
class PatternProgram::Simulation {
 public:
  // `memory` is of three words for each instruction, the first third of them 0.
  Simulation(const PatternProgram& program, std::string_view text, std::span<std::uint32_t> memory)
      : program_(program),
        text_(text),
        visited_(memory.first(program.size())),
        todo_(&memory[program.size()]),
        next_(&memory[2 * program.size()]) {}

  Result match() {
    begin();
    bool is_match = false;
    while (next_size_ > 0 && !is_match) {
      begin_offset();
      while (todo_size_ > 0 && !is_match) is_match = visit(todo_[--todo_size_]);
      ++offset_;
    }
    return {is_match, steps_};
  }

  std::size_t find_ends(bool is_directory, std::vector<End>& ends) {
    is_directory_ = is_directory;
    begin();
    while (next_size_ > 0) {
      begin_offset();
      bool is_end = false;
      accepted_ = 0;
      while (todo_size_ > 0) is_end |= visit(todo_[--todo_size_]);
      if (is_end) ends.push_back({offset_, accepted_});
      ++offset_;
    }
    return steps_;
  }

 private:
  void begin() {
    next_size_ = program_.starts_.size();
    std::copy(program_.starts_.begin(), program_.starts_.end(), next_);
  }

  // What the last byte led to is to be visited, each instruction once.
  void begin_offset() {
    if (++visit_ == 0) {  // a text of 4 GiB
      std::fill(visited_.begin(), visited_.end(), 0);
      visit_ = 1;
    }
    std::swap(todo_, next_);
    todo_size_ = next_size_;
    next_size_ = 0;
    for (std::size_t i = 0; i < todo_size_; ++i) visited_[todo_[i]] = visit_;
  }

  // False if the instruction has had its turn at this offset.
  bool mark(std::size_t at) {
    if (visited_[at] == visit_) return false;
    visited_[at] = visit_;
    return true;
  }

  // Visits an instruction that is marked, and what follows it until that consumes a byte. True at
  // the end of a pattern.
  bool visit(std::size_t at) {
    do {
      ++steps_;
      const Instruction instruction = program_.code_[at];
      const std::size_t target = at + static_cast<std::size_t>(std::ptrdiff_t{instruction.operand});
      switch (instruction.op) {
        case Op::accept:
          accepted_ = std::max(accepted_, static_cast<std::size_t>(instruction.operand));
          return true;
        case Op::byte:
        case Op::set:
          if (consumes(instruction)) next_[next_size_++] = static_cast<std::uint32_t>(at + 1);
          return false;
        case Op::jump:
          at = target;
          break;
        case Op::split:
          if (mark(target)) todo_[todo_size_++] = static_cast<std::uint32_t>(target);
          ++at;
          break;
        default:
          if (!holds(instruction.op)) return false;
          ++at;
      }
    } while (mark(at));
    return false;
  }

  [[nodiscard]] bool consumes(Instruction instruction) const {
    if (offset_ >= text_.size()) return false;
    const auto byte = static_cast<unsigned char>(text_[offset_]);
    const auto operand = static_cast<std::size_t>(instruction.operand);
    return instruction.op == Op::byte ? byte == operand : program_.sets_[operand][byte];
  }

  [[nodiscard]] bool holds(Op op) const {
    const bool is_begin = offset_ == 0;
    const bool is_end = offset_ == text_.size();
    if (op == Op::at_begin) return is_begin;
    if (op == Op::at_end) return is_end;
    if (op == Op::at_component_end) return is_end || text_[offset_] == '/';
    if (op == Op::at_directory_end) return is_end ? is_directory_ : text_[offset_] == '/';
    const auto is_word = [&](std::size_t i) {
      return is_word_byte(static_cast<unsigned char>(text_[i]));
    };
    const bool is_boundary = (!is_begin && is_word(offset_ - 1)) != (!is_end && is_word(offset_));
    return is_boundary == (op == Op::at_boundary);
  }

  const PatternProgram& program_;
  std::string_view text_;
  std::span<std::uint32_t> visited_;  // the visit_ in which the instruction had its turn
  std::uint32_t* todo_;
  std::uint32_t* next_;
  std::size_t todo_size_ = 0;
  std::size_t next_size_ = 0;
  std::uint32_t visit_ = 0;
  std::size_t offset_ = 0;
  std::size_t steps_ = 0;
  std::size_t accepted_ = 0;  // the last pattern that has, at this offset
  bool is_directory_ = false;
};

template <class Use>
auto PatternProgram::simulate(std::string_view text, Use use) const {
  constexpr std::size_t few = 128;  // as most filters are: no allocation for each path
  if (size() <= few) {
    std::array<std::uint32_t, 3 * few> memory{};
    return use(Simulation(*this, text, memory));
  }
  std::vector<std::uint32_t> memory(3 * size());
  return use(Simulation(*this, text, memory));
}

PatternProgram::Result PatternProgram::match(std::string_view text) const {
  return simulate(text, [](Simulation simulation) { return simulation.match(); });
}

std::size_t PatternProgram::find_ends(std::string_view text, bool is_directory,
                                      std::vector<End>& ends) const {
  return simulate(text,
                  [&](Simulation simulation) { return simulation.find_ends(is_directory, ends); });
}

}  // namespace inotify::inline v0::detail
