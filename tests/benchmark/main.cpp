// All benchmarks in one program. What it runs on is written beside the results.
#include <benchmark/benchmark.h>
#include <sys/utsname.h>

#include <fstream>
#include <string>

#include "support/temp_dir.hpp"

namespace {

// The first value that /proc/cpuinfo has for `key`.
std::string cpu_info(const std::string& key) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(key)) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

// The type of the file system of `path`, as the kernel names it: of the mounts that contain it the
// longest, and of equal ones the last.
std::string file_system(const std::string& path) {
  std::ifstream mounts("/proc/self/mounts");
  std::string longest;
  std::string found = "unknown";
  for (std::string device, at, type, rest; mounts >> device >> at >> type;) {
    std::getline(mounts, rest);
    const bool contains = at == "/" || path == at || path.starts_with(at + '/');
    if (contains && at.size() >= longest.size()) {
      longest = at;
      found = type;
    }
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  utsname system{};
  ::uname(&system);
  benchmark::AddCustomContext("cpu", cpu_info("model name"));
  benchmark::AddCustomContext("kernel", std::string(system.sysname) + ' ' + system.release);
  benchmark::AddCustomContext("file_system", file_system(test::TempDir().str()));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
