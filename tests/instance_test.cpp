#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <inotify/instance.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/kernel_table.hpp"
#include "support/temp_dir.hpp"

namespace instances {
namespace {

using inotify::Instance;
using inotify::RawEvents;
using inotify::detail::UniqueFd;
using test::TempDir;
using testing::HasSubstr;
using Wake = Instance::Wake;
using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<Instance> && !std::is_copy_assignable_v<Instance>);
static_assert(std::is_nothrow_move_constructible_v<Instance>);
static_assert(std::is_nothrow_move_assignable_v<Instance>);

constexpr auto deadline = 20s;  // of what should happen at once

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator list("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

bool is_descriptor(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

std::error_code thrown_by(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

std::vector<std::string> names(const RawEvents& events) {
  std::vector<std::string> names;
  for (const auto& raw : events) names.emplace_back(raw.name);
  return names;
}

// An instance that watches a directory of its own.
class InstanceTest : public testing::Test {
 protected:
  InstanceTest() { wd_ = instance_.add_watch(dir_.path().c_str(), IN_CREATE); }

  RawEvents read() { return instance_.read(buffer_); }

  TempDir dir_;
  Instance instance_;
  int wd_ = -1;
  alignas(inotify_event) std::array<std::byte, 4096> buffer_{};
};

// ---- open and closed

TEST_F(InstanceTest, IsCloseOnExecAndNonBlocking) {
  ASSERT_TRUE(instance_.is_open());
  EXPECT_NE(::fcntl(instance_.fileno(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(instance_.fileno(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Instance, ClearsTheErrorCodeWhenMade) {
  std::error_code ec = inotify::make_error(EIO);
  const Instance instance(ec);
  EXPECT_FALSE(ec);
  EXPECT_TRUE(instance.is_open());
}

TEST_F(InstanceTest, ClosedAnswersEveryCallWithEbadf) {
  instance_.close();
  instance_.close();  // twice is fine
  EXPECT_FALSE(instance_.is_open());
  EXPECT_EQ(instance_.fileno(), -1);
  const auto bad = std::errc::bad_file_descriptor;

  EXPECT_EQ(thrown_by([&] { instance_.add_watch("/", IN_CREATE); }), bad);
  EXPECT_EQ(thrown_by([&] { instance_.rm_watch(wd_); }), bad);
  EXPECT_EQ(thrown_by([&] { read(); }), bad);
  EXPECT_EQ(thrown_by([&] { static_cast<void>(instance_.readable()); }), bad);
  EXPECT_EQ(thrown_by([&] { instance_.wait(0ms); }), bad);
  EXPECT_EQ(thrown_by([&] { instance_.wait(); }), bad);

  std::error_code ec;
  EXPECT_EQ(instance_.add_watch("/", IN_CREATE, ec), -1);
  EXPECT_EQ(ec, bad);
  ec.clear();
  instance_.rm_watch(wd_, ec);
  EXPECT_EQ(ec, bad);
  ec.clear();
  EXPECT_TRUE(instance_.read(buffer_, ec).empty());
  EXPECT_EQ(ec, bad);
  ec.clear();
  EXPECT_EQ(instance_.readable(ec), 0U);
  EXPECT_EQ(ec, bad);
  ec.clear();
  EXPECT_EQ(instance_.wait(Instance::forever, ec), Wake::timeout);
  EXPECT_EQ(ec, bad);
  instance_.interrupt();  // does nothing
}

TEST(Instance, LeaksNoDescriptor) {
  const std::size_t before = open_descriptors();
  {
    Instance one;
    Instance other = std::move(one);
    one = Instance();
    one = std::move(other);
    Instance(std::move(one)).close();
  }
  EXPECT_EQ(open_descriptors(), before);
}

// ---- moving

TEST_F(InstanceTest, MovesWithItsWatches) {
  const int fd = instance_.fileno();
  Instance moved(std::move(instance_));
  EXPECT_EQ(moved.fileno(), fd);
  EXPECT_FALSE(instance_.is_open());  // NOLINT(bugprone-use-after-move): it says so
  std::error_code ec;
  static_cast<void>(instance_.readable(ec));
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  test::write_file(dir_ / "f");
  EXPECT_EQ(moved.wait(deadline), Wake::events);
  EXPECT_THAT(names(moved.read(buffer_)), testing::ElementsAre("f"));
}

TEST_F(InstanceTest, MoveAssignmentLeavesTheSourceClosed) {
  const int fd = instance_.fileno();
  Instance target;
  const int old = target.fileno();
  target = std::move(instance_);
  EXPECT_EQ(target.fileno(), fd);
  EXPECT_FALSE(instance_.is_open());  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(is_descriptor(old)) << "nobody can use the target's old descriptor any more";
}

TEST_F(InstanceTest, SurvivesAMoveToItself) {
  const int fd = instance_.fileno();
  Instance& same = instance_;
  instance_ = std::move(same);
  EXPECT_EQ(instance_.fileno(), fd);
  test::write_file(dir_ / "f");
  EXPECT_GT(instance_.readable(), 0U);
}

// ---- watching

TEST_F(InstanceTest, OneInodeHasOneWatchDescriptor) {  // [1]
  EXPECT_EQ(instance_.add_watch((dir_ / ".").c_str(), IN_DELETE | IN_MASK_ADD), wd_);
  const auto table = test::kernel_table(instance_.fileno());
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(table.at(wd_).mask, inotify::Mask{IN_CREATE | IN_DELETE});
}

TEST_F(InstanceTest, AddWatchTellsThePathThatFailed) {
  const std::string missing = (dir_ / "missing").string();
  try {
    instance_.add_watch(missing.c_str(), IN_CREATE);
    FAIL() << "no error";
  } catch (const std::filesystem::filesystem_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.path1(), missing);
    EXPECT_THAT(error.what(), HasSubstr("add_watch"));
  }
  std::error_code ec;
  EXPECT_EQ(instance_.add_watch(missing.c_str(), IN_CREATE, ec), -1);
  EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
  EXPECT_EQ(instance_.add_watch(dir_.path().c_str(), IN_CREATE, ec), wd_);
  EXPECT_FALSE(ec) << "success clears it";
}

TEST_F(InstanceTest, RmWatchLeavesWhatIsQueuedAndEndsWithIgnored) {  // [5]
  test::write_file(dir_ / "f");
  instance_.rm_watch(wd_);
  std::vector<inotify::Mask> masks;
  for (const auto& raw : read()) masks.push_back(raw.mask);
  EXPECT_THAT(masks, testing::ElementsAre(IN_CREATE, IN_IGNORED));
}

TEST_F(InstanceTest, RmWatchOfAnUnknownWatchIsEinval) {
  EXPECT_EQ(thrown_by([&] { instance_.rm_watch(wd_ + 1); }), std::errc::invalid_argument);
  std::error_code ec;
  instance_.rm_watch(wd_, ec);
  EXPECT_FALSE(ec);
  instance_.rm_watch(wd_, ec);
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

// ---- reading

TEST_F(InstanceTest, ReadTakesWhatIsThereAndDoesNotWait) {
  std::error_code ec = inotify::make_error(EIO);
  EXPECT_TRUE(instance_.read(buffer_, ec).empty());
  EXPECT_FALSE(ec) << "nothing queued is no error";
  EXPECT_TRUE(read().empty());
  test::write_file(dir_ / "a");
  test::write_file(dir_ / "b");
  EXPECT_THAT(names(read()), testing::ElementsAre("a", "b"));
  EXPECT_TRUE(read().empty());
}

TEST_F(InstanceTest, ReadLeavesWhatDoesNotFit) {
  for (const char* name : {"a", "b", "c"}) test::write_file(dir_ / name);
  EXPECT_THAT(names(instance_.read(std::span(buffer_).first(79))), testing::ElementsAre("a", "b"));
  EXPECT_THAT(names(read()), testing::ElementsAre("c"));
}

TEST_F(InstanceTest, ABufferTooSmallForTheNextEventIsEinvalAndLosesNothing) {  // [11]
  test::write_file(dir_ / "f");
  EXPECT_EQ(thrown_by([&] { instance_.read(std::span(buffer_).first(16)); }),
            std::errc::invalid_argument);
  std::error_code ec;
  EXPECT_TRUE(instance_.read({}, ec).empty());
  EXPECT_EQ(ec, std::errc::invalid_argument);
  EXPECT_THAT(names(read()), testing::ElementsAre("f"));
}

TEST_F(InstanceTest, TheLargestEventFitsInMaxEventSize) {
  const std::string longest(255, 'n');
  test::write_file(dir_ / longest);
  std::array<std::byte, Instance::max_event_size> small{};
  EXPECT_THAT(names(instance_.read(small)), testing::ElementsAre(longest));
}

TEST_F(InstanceTest, ReadableIsTheExactNumberOfBytesQueued) {  // [13]
  EXPECT_EQ(instance_.readable(), 0U);
  test::write_file(dir_ / "f");
  test::write_file(dir_ / "a name of more than sixteen bytes");
  std::error_code ec = inotify::make_error(EIO);
  const std::size_t queued = instance_.readable(ec);
  EXPECT_FALSE(ec);
  EXPECT_EQ(queued, instance_.readable());
  EXPECT_EQ(queued, inotify::bytes_readable(instance_.fileno()));
  EXPECT_EQ(read().bytes().size(), queued);
}

TEST(BytesReadable, OfNoDescriptorIsEbadf) {
  EXPECT_EQ(thrown_by([] { static_cast<void>(inotify::bytes_readable(-1)); }),
            std::errc::bad_file_descriptor);
  std::error_code ec;
  EXPECT_EQ(inotify::bytes_readable(-1, ec), 0U);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TEST(BytesReadable, OfADescriptorThatDoesNotKnowIsEnotty) {
  const inotify::detail::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(thrown_by([&] { static_cast<void>(inotify::bytes_readable(null.get())); }),
            std::errc::inappropriate_io_control_operation);
}

// ---- a descriptor made elsewhere

TEST(InstanceFromFd, TakesOverAnInotifyDescriptor) {
  const TempDir dir;
  const int fd = ::inotify_init1(0);  // blocking, and inherited by children
  ASSERT_GE(fd, 0);
  const std::size_t before = open_descriptors();
  {
    Instance instance = Instance::from_fd(fd);
    EXPECT_EQ(instance.fileno(), fd);
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    instance.add_watch(dir.path().c_str(), IN_CREATE);
    EXPECT_EQ(instance.wait(0ms), Wake::timeout);
    test::write_file(dir / "f");
    EXPECT_EQ(instance.wait(deadline), Wake::events);
    instance.interrupt();
    EXPECT_EQ(instance.wait(deadline), Wake::interrupt);
  }
  EXPECT_FALSE(is_descriptor(fd)) << "it was the instance's to close";
  EXPECT_EQ(open_descriptors(), before - 1);
}

TEST(InstanceFromFd, LeavesAPipeAloneAndSaysEinval) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  const std::size_t before = open_descriptors();
  EXPECT_EQ(thrown_by([&] { Instance::from_fd(out.get()); }), std::errc::invalid_argument);
  std::error_code ec;
  EXPECT_FALSE(Instance::from_fd(out.get(), ec).is_open());
  EXPECT_EQ(ec, std::errc::invalid_argument);

  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::fcntl(out.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(out.get(), F_GETFD) & FD_CLOEXEC, 0);
  char byte = 'x';
  ASSERT_EQ(::write(in.get(), &byte, 1), 1);
  byte = ' ';
  EXPECT_EQ(::read(out.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(InstanceFromFd, OfNoDescriptorIsEbadf) {
  EXPECT_EQ(thrown_by([] { Instance::from_fd(-1); }), std::errc::bad_file_descriptor);
  std::error_code ec;
  EXPECT_FALSE(Instance::from_fd(-1, ec).is_open());
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

// ---- waiting

TEST_F(InstanceTest, WaitEndsWithEvents) {
  test::write_file(dir_ / "f");
  std::error_code ec = inotify::make_error(EIO);
  EXPECT_EQ(instance_.wait(deadline, ec), Wake::events);
  EXPECT_FALSE(ec);
  EXPECT_EQ(instance_.wait(), Wake::events) << "they are still there";
}

TEST_F(InstanceTest, WaitEndsWhenTheTimeIsUpAndNotBefore) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(instance_.wait(20ms), Wake::timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST_F(InstanceTest, ATimeoutOfNothingOrLessDoesNotWait) {
  for (const auto timeout : {0ms, -1ms, std::chrono::milliseconds(-3600 * 1000)}) {
    EXPECT_EQ(instance_.wait(timeout), Wake::timeout) << timeout.count();
  }
  EXPECT_EQ(instance_.wait(std::chrono::milliseconds::min()), Wake::timeout);
}

TEST_F(InstanceTest, ATimeoutMayBeAnyLength) {
  test::write_file(dir_ / "f");
  using std::chrono::milliseconds;
  for (const milliseconds timeout : {milliseconds(24h * 365 * 10'000), milliseconds::max() - 1ms}) {
    EXPECT_EQ(instance_.wait(timeout), Wake::events) << timeout.count();
  }
}

TEST_F(InstanceTest, AnInterruptThatCameBeforeEndsTheNextWaitAndOnlyThat) {
  instance_.interrupt();
  instance_.interrupt();
  EXPECT_EQ(instance_.wait(deadline), Wake::interrupt);
  EXPECT_EQ(instance_.wait(0ms), Wake::timeout);
}

TEST_F(InstanceTest, AnInterruptLosesNoEvent) {
  test::write_file(dir_ / "f");
  instance_.interrupt();
  EXPECT_EQ(instance_.wait(deadline), Wake::interrupt);
  EXPECT_EQ(instance_.wait(deadline), Wake::events);
  EXPECT_THAT(names(read()), testing::ElementsAre("f"));
}

TEST_F(InstanceTest, InterruptLeavesErrnoAlone) {
  errno = EDOM;
  instance_.interrupt();
  EXPECT_EQ(errno, EDOM);
  instance_.close();
  errno = EDOM;
  instance_.interrupt();
  EXPECT_EQ(errno, EDOM);
}

// A thread in wait(), known to sleep in the kernel. It ends by itself at the deadline.
class Waiter {
 public:
  explicit Waiter(Instance& instance)
      : thread_([this, &instance] {
          id_ = static_cast<int>(::syscall(SYS_gettid));
          wake_ = instance.wait(deadline);
        }) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!sleeps_in_poll() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (!sleeps_in_poll()) ADD_FAILURE() << "the thread never came to wait: " << status();
  }
  ~Waiter() {
    if (thread_.joinable()) thread_.join();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  [[nodiscard]] bool sleeps_in_poll() const { return status().find(") S ") != std::string::npos; }
  void signal(int number) { ::pthread_kill(thread_.native_handle(), number); }
  Wake end() {
    thread_.join();
    return wake_;
  }

 private:
  [[nodiscard]] std::string status() const {
    std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/stat");
    std::string line;
    std::getline(file, line);
    return line;
  }

  std::atomic<int> id_{0};
  Wake wake_ = Wake::timeout;
  std::thread thread_;
};

TEST_F(InstanceTest, InterruptFromAnotherThreadEndsAWait) {
  Waiter waiter(instance_);
  instance_.interrupt();
  EXPECT_EQ(waiter.end(), Wake::interrupt);
}

TEST_F(InstanceTest, AnEventEndsTheWaitOfAnotherThread) {
  Waiter waiter(instance_);
  test::write_file(dir_ / "f");
  EXPECT_EQ(waiter.end(), Wake::events);
}

// Handles SIGUSR1 for a while.
std::atomic<const Instance*> interrupted{nullptr};
std::atomic<int> handled{0};

class Handler {
 public:
  Handler() {
    struct sigaction action {};
    action.sa_handler = [](int) {
      ++handled;
      if (const Instance* instance = interrupted) instance->interrupt();
    };
    handled = 0;
    ::sigaction(SIGUSR1, &action, &old_);
  }
  ~Handler() {
    ::sigaction(SIGUSR1, &old_, nullptr);
    interrupted = nullptr;
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

 private:
  struct sigaction old_ {};
};

TEST_F(InstanceTest, InterruptFromASignalHandlerEndsAWait) {
  const Handler handler;
  interrupted = &instance_;
  Waiter waiter(instance_);
  waiter.signal(SIGUSR1);
  EXPECT_EQ(waiter.end(), Wake::interrupt);
  EXPECT_EQ(handled, 1);
}

TEST_F(InstanceTest, ASignalAloneDoesNotEndAWait) {
  const Handler handler;
  Waiter waiter(instance_);
  waiter.signal(SIGUSR1);
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (handled == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(handled, 1);
  test::write_file(dir_ / "f");
  EXPECT_EQ(waiter.end(), Wake::events) << "neither an interrupt nor the deadline";
}

}  // namespace
}  // namespace instances
