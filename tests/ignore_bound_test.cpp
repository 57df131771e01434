// IgnoreFilter: neither a path nor a list of patterns makes a question long; steps are counted.
#include <inotify/ignore_filter.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <inotify/detail/ignore_rules.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/temp_dir.hpp"

namespace ignore_bound {
namespace {

using inotify::IgnoreFilter;
namespace fs = std::filesystem;

bool excludes_file(const IgnoreFilter& filter, const fs::path& path) {
  return filter.excludes(path.native(), false);
}

// The steps to judge the components of a path as far as the first that is ignored.
std::size_t steps(const inotify::detail::IgnoreRules& rules, const std::string& text) {
  inotify::detail::CutPath path;
  EXPECT_TRUE(path.cut(text, false));
  inotify::detail::IgnoreRules::Judgement judgement(rules, path, 0, 0);
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (judgement.of(i) == inotify::detail::Verdict::ignore) break;
  }
  return judgement.steps();
}

std::string repeated(const std::string& text, std::size_t size) {
  std::string all;
  while (all.size() + text.size() <= size) all += text;
  return all;
}

const std::string slow = "*a*a*a*a*a*a*a*a*a*a*b\n";  // all of it stands at each 'a'

TEST(IgnoreRules, TwiceThePathTakesTwiceTheSteps) {
  for (const char* line :
       {"*a*a*a*a*b", "**/a/**/a/**/b", "a/**", "/*/*/*/*", "a**b/**/*a*a*", "[a]*?*?*b"}) {
    inotify::detail::IgnoreRules rules;
    rules.add_line(line);
    for (const std::string part : {"a", "a/"}) {
      const auto text = [&](std::size_t size) {
        std::string all;
        while (all.size() < size) all += part;
        return all + 'b';
      };
      const std::size_t one = steps(rules, text(10'000));
      EXPECT_LE(steps(rules, text(20'000)), 2 * one + 1000) << line << ' ' << part;
      EXPECT_LE(one, 10'001 * 100) << line << ' ' << part;
    }
  }
}

TEST(IgnoreRules, AListHasABoundAndSoHasAPath) {
  using inotify::detail::IgnoreRules;
  EXPECT_THROW(IgnoreRules().add_file(repeated(slow, 1 << 20)), inotify::detail::PatternError);
  for (const std::string& line : {slow, '/' + slow}) {
    IgnoreRules rules;
    rules.add_file(repeated(line, 23'000));
    EXPECT_GT(rules.size(), IgnoreRules::max_instructions / 2);
    EXPECT_LE(rules.size(), IgnoreRules::max_instructions);
    const std::string text = repeated(std::string(250, 'a') + "c/", 2000) + 'c';
    EXPECT_LE(steps(rules, text), rules.size() * 2 * text.size()) << line;
    const std::string ignored = std::string(250, 'a') + 'b';
    EXPECT_LE(steps(rules, ignored), rules.size() * (ignored.size() + 1)) << line;
  }
}

TEST(IgnoreRules, NothingIsDoneForNamesBehindOneThatIsIgnored) {
  inotify::detail::IgnoreRules rules;
  rules.add_file(repeated(slow, 10'000));
  const std::string ignored = std::string(250, 'a') + 'b';
  EXPECT_EQ(steps(rules, ignored + repeated('/' + ignored, 2000)), steps(rules, ignored + "/c"));
}

TEST(IgnoreFilter, FilesThatAreTooMuchAreAnErrorAndDeeperOnesAreTold) {
  const test::TempDir dir;
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((dir / name).parent_path());
    test::write_file(dir / name, text);
  };
  write(".gitignore", "top\n" + repeated(slow, 15'000));
  write("a/.gitignore", "more\n" + repeated(slow, 15'000));
  write("a/b/.gitignore", "few\n");
  write("c/.gitignore", "last\n" + repeated(slow, 1 << 19));
  std::vector<std::string> told;
  IgnoreFilter::Options options;
  options.onerror = [&](const fs::filesystem_error& error) {
    EXPECT_EQ(error.code(), std::errc::file_too_large);
    told.push_back(error.path1());
  };
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(dir.path(), options);
  EXPECT_FALSE(excludes_file(filter, dir / "a/more")) << "counts as empty";
  EXPECT_TRUE(excludes_file(filter, dir / "a/top"));
  EXPECT_TRUE(excludes_file(filter, dir / "a/b/few"));
  EXPECT_FALSE(excludes_file(filter, dir / "c/last"));
  EXPECT_THAT(told, testing::ElementsAre(dir / "a/.gitignore", dir / "c/.gitignore"));
  std::error_code ec;
  EXPECT_FALSE(excludes_file(IgnoreFilter::from_gitignore(dir / "c", {}, ec), dir / "c/last"));
  EXPECT_EQ(ec, std::errc::file_too_large);
  EXPECT_THROW(IgnoreFilter("/r", std::vector<std::string>(2000, slow)), std::invalid_argument);
}

TEST(IgnoreFilter, NoPathIsTooLong) {
  const test::TempDir dir;
  test::write_file(dir / ".gitignore", "**/a/**/b\n*a*a*a*a*a*a*a*b\n");
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(dir.path());
  std::string path = dir.str();
  while (path.size() < 100'000) path += "/aaa";
  EXPECT_FALSE(excludes_file(filter, path));
  EXPECT_TRUE(excludes_file(filter, path + "aaaaab"));
}

}  // namespace
}  // namespace ignore_bound
