#include "support/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count{0};

std::atomic<int> exposed{0};
std::atomic<std::size_t> seen{0};  // while exposed
std::atomic<std::size_t> failed{0};
std::size_t first_to_fail = test::Shortage::for_ever;
std::size_t most_to_fail = 0;

bool fails() noexcept {
  if (exposed == 0 || ++seen < first_to_fail || failed >= most_to_fail) return false;
  ++failed;
  return true;
}

void* counted(std::size_t size) noexcept {
  ++count;
  return fails() ? nullptr : std::malloc(size > 0 ? size : 1);
}

void* counted_or_throw(std::size_t size) {
  if (void* memory = counted(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

std::size_t test::allocations() noexcept { return count; }

test::Shortage::Shortage(std::size_t first, std::size_t times) noexcept {
  first_to_fail = first;
  most_to_fail = times;
  seen = 0;
  failed = 0;
}
test::Shortage::~Shortage() {
  first_to_fail = for_ever;
  most_to_fail = 0;
}
std::size_t test::Shortage::hits() noexcept { return failed; }

test::Exposed::Exposed() noexcept { ++exposed; }
test::Exposed::~Exposed() { --exposed; }

// All forms are replaced, for a sanitizer's own must not be mixed with these; here, where nothing
// can be inlined, for GCC takes an inlined free() for the wrong one.
void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
