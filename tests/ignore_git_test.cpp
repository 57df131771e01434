// IgnoreFilter leaves out what git ignores: compared with `git check-ignore`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <inotify/event.hpp>
#include <inotify/ignore_filter.hpp>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/contract.hpp"
#include "support/temp_dir.hpp"

namespace ignore_git {
namespace {

using inotify::IgnoreFilter;
namespace fs = std::filesystem;

bool has_git() { return std::system("git --version >/dev/null 2>&1") == 0; }

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Path {
  std::string path;  // relative to the repository
  bool is_directory = false;
};

// Trees and pattern files that fit them now and then.
class Random {
 public:
  Random(unsigned seed, bool ignore_case) : random_(seed), ignore_case_(ignore_case) {}

  // Directories before what they hold.
  std::vector<Path> tree(const std::string& top) {
    std::vector<Path> paths;
    std::vector<std::string> directories{top};
    while (paths.size() < 30) {
      const std::string path = pick(directories) + '/' + name();
      const auto is_it = [&](const Path& other) { return other.path == path; };
      if (std::ranges::any_of(paths, is_it)) continue;
      paths.push_back({path, one_in(2)});
      if (paths.back().is_directory) directories.push_back(path);
    }
    return paths;
  }

  // Patterns for what is below `directory`.
  std::string file(const std::vector<Path>& paths, const std::string& directory) {
    std::string text = one_in(20) ? "\xef\xbb\xbf" : "";
    do {
      text += line(paths, directory);
      text += one_in(10) ? "\r\n" : one_in(20) ? "\n\n" : "\n";
    } while (!one_in(4));
    if (one_in(8)) text.pop_back();
    return text;
  }

  bool one_in(unsigned n) { return random_() % n == 0; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    std::shuffle(items.begin(), items.end(), random_);
  }

 private:
  std::string name() {
    static const std::vector<std::string> names{
        "a",  "b",      "c",   "ab", "abc",   "b.c", "a b", "#a", "!b",   "a*",  "[a",  "a\\",
        "a ", "a\t",    "]",   "-",  "\xff",  "A",   "aB",  "1",  "a\vb", "**",  "a?",  "foo",
        "a]", "foobar", "Foo", "!",  "a[b]c", "[",   "\\",  "a-", "ba",   "a\r", "\x80"};
    return pick(names);
  }

  std::string line(const std::vector<Path>& paths, const std::string& directory) {
    std::string text = one_in(3) ? like(pick(paths).path, directory) : items();
    if (one_in(4)) text.insert(0, "!");
    if (one_in(6)) text.insert(0, "/");
    if (one_in(4)) text += '/';
    if (one_in(12)) text += one_in(2) ? " " : "  ";
    if (one_in(30)) text.insert(0, "#");
    if (one_in(40)) text += '\\';
    return text;
  }

  std::string items() {
    std::string text;
    do text += item();
    while (!one_in(4));
    return text;
  }

  std::string item() {
    static const std::vector<std::string> all{"a",
                                              "b",
                                              "c",
                                              "*",
                                              "**",
                                              "/",
                                              "**/",
                                              "/**",
                                              "?",
                                              "foo",
                                              ".",
                                              "\\a",
                                              "\\*",
                                              "\\",
                                              " ",
                                              "\\ ",
                                              "!",
                                              "#",
                                              "[ab]",
                                              "[!a]",
                                              "[^b-c]",
                                              "[a",
                                              "[]a]",
                                              "[a-]",
                                              "[-a]",
                                              "[c-a]",
                                              "[\\]a]",
                                              "[a-c",
                                              "[!]-a]",
                                              "[[:alpha:]]",
                                              "[[:space:]]",
                                              "[[:punct:]]",
                                              "[[:bad:]]",
                                              "[[:alpha:]-c]",
                                              "[[:]",
                                              "[[:a]",
                                              "[/]",
                                              "[!/]",
                                              "\\/",
                                              "\xff",
                                              "[\x80-\xff]",
                                              "***",
                                              "[a-[:alpha:]]",
                                              "\t",
                                              "]",
                                              "-",
                                              "[a\\-c]",
                                              "[\\",
                                              "[[:upper:]]",
                                              "[[:lower:]]",
                                              "[[::]]",
                                              "[a-\\c]"};
    return all[random_() % all.size()];
  }

  // A pattern made of the path of something below `directory`: bytes of it are replaced.
  std::string like(const std::string& path, const std::string& directory) {
    std::string text;
    std::string_view rest(path);
    if (!directory.empty() && rest.starts_with(directory + '/'))
      rest.remove_prefix(directory.size() + 1);
    if (one_in(2)) rest.remove_prefix(rest.rfind('/') + 1);
    for (const char c : rest) {
      const auto choice = random_() % 12;
      if (choice == 0)
        text += '?';
      else if (choice == 1)
        text += '*';
      else if (choice == 2 && c == '/')
        text += "/**/";
      else if (choice == 3)
        text += std::string("[") + c + ']';
      else if (choice == 4)
        text += "**";
      else if (choice == 5 && (c < 'A' || c > 'Z'))
        text += std::string("\\") + c;
      else if (choice == 6)
        continue;
      else if (choice == 7 && ignore_case_ && c >= 'a' && c <= 'z')
        text += static_cast<char>(c - 'a' + 'A');
      else
        text += c;
    }
    // Git forgets the case of those in [...].
    if (ignore_case_) {
      for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] == '[' && text[i + 1] >= 'A' && text[i + 1] <= 'Z') text[i + 1] = 'a';
      }
    }
    return text;
  }

  std::mt19937 random_;
  bool ignore_case_;
};

// A repository that has no settings but its own.
class Repository {
 public:
  Repository() { git("init -q ."); }

  [[nodiscard]] const fs::path& path() const { return dir_.path(); }

  // Those of the paths that are ignored, by git's own word.
  std::vector<bool> ignored(const std::vector<Path>& paths, bool ignore_case) {
    std::string input;
    for (const Path& path : paths) input += path.path + '\0';
    test::write_file(outside_ / "in", input);
    git(std::string("-c core.ignorecase=") + (ignore_case ? "true" : "false") +
        " check-ignore --no-index -z -v -n --stdin <" + (outside_ / "in").string() + " >" +
        (outside_ / "out").string());
    const std::string output = content_of(outside_ / "out");
    std::vector<std::string> fields;  // source, line, pattern, path
    for (std::size_t at = 0; at < output.size(); at = output.find('\0', at) + 1) {
      fields.emplace_back(output.c_str() + at);
    }
    EXPECT_EQ(fields.size(), 4 * paths.size());
    std::vector<bool> result;
    for (std::size_t i = 0; i + 3 < fields.size(); i += 4) {
      EXPECT_EQ(fields[i + 3], paths[i / 4].path);
      result.push_back(!fields[i].empty() && !fields[i + 2].starts_with('!'));
    }
    return result;
  }

 private:
  void git(const std::string& arguments) {
    const std::string command = "cd " + dir_.str() +
                                " && env -u GIT_DIR HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 "
                                "XDG_CONFIG_HOME=/nonexistent git " +
                                arguments;
    // 1: nothing is ignored
    if (const int status = std::system(command.c_str()); status != 0 && WEXITSTATUS(status) != 1) {
      ADD_FAILURE() << command;
    }
  }

  test::TempDir dir_;
  test::TempDir outside_;
};

struct Count {
  std::size_t cases = 0;
  std::size_t ignored = 0;
};

void write_tree(const fs::path& root, const std::vector<Path>& paths) {
  for (const Path& path : paths) {
    if (path.is_directory) {
      fs::create_directories(root / path.path);
    } else {
      test::write_file(root / path.path);
    }
  }
}

std::string shown(const fs::path& root, const Path& path) {
  std::string text = "path " + inotify::quoted(path.path) + (path.is_directory ? "/" : "");
  const auto show = [&](const fs::path& file) {
    if (fs::exists(file)) text += "\n" + file.string() + ": " + inotify::quoted(content_of(file));
  };
  show(root / ".git/info/exclude");
  for (fs::path above = fs::path(path.path).parent_path();; above = above.parent_path()) {
    show(root / above / ".gitignore");
    if (above.empty()) return text;
  }
}

// A number of trees in one repository, each in a directory of its own with its own pattern files.
void compare(unsigned seed, bool ignore_case, Count& count) {
  Repository repository;
  Random random(seed, ignore_case);
  std::vector<Path> all;
  for (int tree = 0; tree < 10; ++tree) {
    const std::string top = "t" + std::to_string(tree);
    fs::create_directory(repository.path() / top);
    const std::vector<Path> paths = random.tree(top);
    write_tree(repository.path(), paths);
    test::write_file(repository.path() / top / ".gitignore", random.file(paths, top));
    for (const Path& path : paths) {
      if (!path.is_directory || !random.one_in(3)) continue;
      const std::string file = path.path + "/.gitignore";
      test::write_file(repository.path() / file, random.file(paths, path.path));
    }
    all.insert(all.end(), paths.begin(), paths.end());
  }
  const std::string file = random.file(all, "");
  if (random.one_in(2)) test::write_file(repository.path() / ".git/info/exclude", file);

  random.shuffle(all);
  const std::vector<bool> expected = repository.ignored(all, ignore_case);
  IgnoreFilter::Options options;
  options.ignore_case = ignore_case;
  const IgnoreFilter filter = IgnoreFilter::from_gitignore(repository.path(), options);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string path = repository.path() / all[i].path;
    ASSERT_EQ(filter.excludes(path, all[i].is_directory), expected[i])
        << "INOTIFY_SEED=" << seed << ", " << shown(repository.path(), all[i]);
    count.ignored += expected[i] ? 1U : 0U;
    ++count.cases;
  }
}

void compare_rounds(bool ignore_case) {
  if (!has_git()) GTEST_SKIP() << "no git";
  const int first = test::number("INOTIFY_SEED", 1);
  Count count;
  for (int seed = first; seed < first + test::rounds(8); ++seed) {
    compare(static_cast<unsigned>(seed), ignore_case, count);
    if (testing::Test::HasFatalFailure()) return;
  }
  std::cout << count.cases << " paths, " << count.ignored << " of them ignored\n";
  EXPECT_GT(count.ignored, count.cases / 10);
  EXPECT_LT(count.ignored, count.cases * 9 / 10);
}

TEST(IgnoreGit, IgnoresWhatGitIgnores) { compare_rounds(false); }
TEST(IgnoreGit, IgnoresWhatGitIgnoresWhateverTheCase) { compare_rounds(true); }

}  // namespace
}  // namespace ignore_git
