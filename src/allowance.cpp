#include <inotify/detail/allowance.hpp>

#include <algorithm>

#include <inotify/limits.hpp>

namespace inotify::inline v0::detail {
namespace {

// A timed call has these whatever they take; another one looks how many there can be after so many.
constexpr std::size_t steps_if_timed = 256;
constexpr std::size_t steps_if_not = 4096;

// Where the limit is not to be known, the largest that the kernel sets by itself.
constexpr long most_by_default = 1L << 20;

}  // namespace

void Allowance::spend(std::size_t steps, milliseconds most) noexcept {
  if (is_timed_ && steps_ == 0) begin_ = clock::now();
  steps_ += steps;
  if (is_used_up_ || steps_ <= (is_timed_ ? steps_if_timed : steps_if_not)) return;
  if (is_timed_) {
    is_used_up_ = clock::now() - begin_ > most;
    return;
  }
  if (most_steps_ == 0) {  // some are come to twice
    const long watches = std::max(max_user_watches().value_or(most_by_default), 0L);
    most_steps_ = std::max(steps_if_not, 2 * static_cast<std::size_t>(watches));
  }
  is_used_up_ = steps_ > most_steps_;
}

}  // namespace inotify::inline v0::detail
