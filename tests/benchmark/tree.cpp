#include "benchmark/tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>
#include <system_error>

namespace bench {
namespace {

void require(bool ok, const std::string& what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

// Names as long as they are in source trees: 3 to 20 bytes.
std::string name(std::size_t number, std::mt19937_64& random) {
  static constexpr std::array stems = {"a", "src", "test", "include", "component", "documentation"};
  return stems[random() % stems.size()] + std::to_string(number);
}

}  // namespace

Tree::Tree(std::size_t directories, std::size_t files, std::uint64_t seed) {
  constexpr int most_depth = 12;
  std::mt19937_64 random(seed);
  struct Branch {
    std::string path;
    int depth;
  };
  std::vector<Branch> branches{{root(), 0}};
  directories_.push_back(root());
  while (directories_.size() < directories) {
    const auto [above, depth] = branches[random() % branches.size()];
    std::string path = above + '/' + name(directories_.size(), random);
    require(::mkdir(path.c_str(), 0755) == 0, path);
    const bool is_branch = branches.size() < 4 || random() % 5 < 2;
    if (is_branch && depth + 1 < most_depth) branches.push_back({path, depth + 1});
    directories_.push_back(std::move(path));
  }
  std::uniform_real_distribution<double> uniform;
  for (std::size_t i = 0; i < files; ++i) {
    const double u = uniform(random);
    const auto at = static_cast<std::size_t>(u * u * static_cast<double>(directories_.size()));
    const std::string path = directories_[at] + '/' + name(i, random) + ".cpp";
    require(::mknod(path.c_str(), S_IFREG | 0644, 0) == 0, path);
  }
}

void touch(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  require(fd >= 0, path);
  require(::write(fd, "x", 1) == 1, path);
  ::close(fd);
}

}  // namespace bench
