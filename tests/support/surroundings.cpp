// What every test program asks first: is this a place where the tests can say anything?
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

/// AutoWatcher cannot do without /proc (how it says so has a test of its own, which hides /proc for
/// itself), and the tests ask /proc what the kernel thinks is watched.
class Surroundings : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::access("/proc/self/fdinfo", X_OK) != 0) GTEST_SKIP() << "there is no /proc here";
  }
};

[[maybe_unused]] const auto* const surroundings =
    ::testing::AddGlobalTestEnvironment(new Surroundings);

}  // namespace
