// Counts the allocations of a test program.
#pragma once

#include <cstddef>

namespace test {

/// How many times operator new was called, by anyone. Linked in, and counted, only where it is used.
std::size_t allocations() noexcept;

}  // namespace test
