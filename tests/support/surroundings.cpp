// What every test program asks before each test: is this a place where it can say anything?
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "kernel_table.hpp"

namespace {

/// Without /proc there is no AutoWatcher and no FileWatch, which say so; a walk may need it; and nobody
/// tells what the kernel watches, who is asleep, or what a process uses. All else is tested there as
/// anywhere.
constexpr std::array needs_proc{
    "*.A[0-9]*",
    "*.*AutoWatcher*",
    "AddWatchesTest.AFilterIsAskedAboutWhatIsBelow*",
    "AddWatchesTest.TellsWhatFailsBelowARoot",
    "AddedTest.*",
    "Attack.*",
    "AutoWatcher*",
    "Batch.*",
    "BatchReaderOf/1.*",
    "Dsoprea.*",
    "Error.EmfileNamesTheLimitOnDescriptors*",
    "EvenAndOdd/WatcherDescriptors.*",
    "EventQueueTest.AnOverflowIsANotice",
    "EventQueueTest.TheEndOf*",
    "ExcludeFilter.PrunesATree*",
    "ExcludeFilter.SurvivesANest*",
    "Fault*",
    "FileWatch*",
    "FromDsoprea.*",
    "FromIbm.*",
    "FromPyinotify.*",
    "FromPythonInotify.*",
    "IgnoreWatchTest.*",
    "Instance.LeaksNoDescriptor",
    "InstanceFromFd.*",
    "InstanceTest.ASignalAlone*",
    "InstanceTest.AnEventEnds*",
    "InstanceTest.InterruptFrom*",
    "InstanceTest.OneInode*",
    "InterruptOnSignalOf.*",
    "Limits.Count*",
    "Model.*",
    "NotifierTest/*",
    "PostTo*",
    "Pyinotify.*",
    "PythonInotify.*",
    "RemoveAll*",
    "Seed.AnAliasThroughASymlink*",
    "Settle*",
    "ThreadedNotifierTest.*",
    "WaitOf/1.*",
    "WalkTest.*",
    "WatcherAdd.ANameThatNowMeansAnother*",
    "WatcherAdd.OnlydirFollowsASymlink*",
    "WatcherAdd.PutsTheWatchIntoTheTable*",
    "WatcherLife.ADestroyedWatcherLeaves*",
    "WatcherPath.ARelativePathMeans*",
    "WatcherPath.DotDot*",
    "WatcherRename.ThousandsAtRandom*",
    "WatcherThread.*",
    "WatcherWake.*",
    "WatcherWalk.AgainFindsTheSame*",
    "WatcherWalk.EventsMayBeRead*",
    "WatcherWalk.IsAnInputRange",
    "WatcherWalk.IsLazy*",
    "WatcherWalk.LeavesOut*",
    "WatcherWalk.OfOverlappingRoots*",
    "WatcherWalk.Survives*",
    "WatcherWalk.WatchesFirst*",
    "WatcherWalk.WorksWithRange*",
    "WatcherWalkErrors.*",
    "WatcherWalkRace.*",
};

class Surroundings : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo& test) override {
    if (test::has_kernel_table()) return;
    const std::string name = std::string(test.test_suite_name()) + '.' + test.name();
    if (name.starts_with("AutoWatcherProc.") && name.find("Follows") == std::string::npos) return;
    if (std::ranges::any_of(needs_proc, [&](const char* pattern) {
          return ::fnmatch(pattern, name.c_str(), 0) == 0;
        })) {
      GTEST_SKIP() << "there is no /proc here";
    }
  }
};

/// Before main() has the listeners' list there is none to add it to.
class Listening : public testing::Environment {
 public:
  void SetUp() override { testing::UnitTest::GetInstance()->listeners().Append(new Surroundings); }
};

[[maybe_unused]] const auto* const listening = testing::AddGlobalTestEnvironment(new Listening);

}  // namespace
