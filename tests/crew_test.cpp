#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <inotify/detail/crew.hpp>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace {

using inotify::detail::Crew;

TEST(Crew, DoesEachWorkOnceAndSaysWhoHasDoneIt) {
  for (const std::size_t size : {0U, 1U, 4U}) {
    Crew crew(size);
    ASSERT_EQ(crew.size(), std::max<std::size_t>(size, 1)) << "no threads could be had";
    std::mutex mutex;
    std::multiset<std::size_t> done;
    for (int round = 0; round < 500; ++round) {
      for (std::size_t i = 0; i < crew.size(); ++i) {
        crew.start(i, [&mutex, &done, i] {
          const std::lock_guard lock(mutex);
          done.insert(i);
        });
      }
      std::set<std::size_t> waited;
      std::exception_ptr error;
      for (std::size_t i = 0; i < crew.size(); ++i) {
        waited.insert(crew.wait(error));
        EXPECT_EQ(error, nullptr);
      }
      ASSERT_EQ(waited.size(), crew.size());
    }
    for (std::size_t i = 0; i < crew.size(); ++i) EXPECT_EQ(done.count(i), 500U);
  }
}

TEST(Crew, HandsOverWhatIsThrownAndGoesOn) {
  for (const std::size_t size : {0U, 2U}) {
    Crew crew(size);
    std::exception_ptr error;
    crew.start(0, [] { throw std::runtime_error("enough"); });
    EXPECT_EQ(crew.wait(error), 0U);
    ASSERT_NE(error, nullptr);
    EXPECT_THROW(std::rethrow_exception(error), std::runtime_error);
    crew.start(0, [] {});
    crew.wait(error);
    EXPECT_EQ(error, nullptr);
  }
}

TEST(Crew, WithoutThreadsTheCallerDoesTheWorkWhereItIs) {
  Crew crew(0);
  EXPECT_FALSE(crew.is_at_home());
  std::thread::id who;
  crew.start(0, [&] { who = std::this_thread::get_id(); });
  EXPECT_EQ(who, std::this_thread::get_id());
  std::exception_ptr error;
  crew.wait(error);
}

// As umask(2), the working directory is shared by the threads of a process, unless one has left.
TEST(Crew, ItsWorkingDirectoryIsItsOwn) {
  const auto here = std::filesystem::current_path();
  Crew crew(1);
  if (!crew.is_at_home()) GTEST_SKIP() << "unshare(2) is forbidden here";
  std::filesystem::path there;
  crew.start(0, [&] {
    ASSERT_EQ(::chdir("/"), 0);
    there = std::filesystem::current_path();
  });
  std::exception_ptr error;
  crew.wait(error);
  EXPECT_EQ(there, "/");
  EXPECT_EQ(std::filesystem::current_path(), here);
}

}  // namespace
