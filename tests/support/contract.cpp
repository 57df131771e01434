#include "support/contract.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <system_error>
#include <utility>

#include "support/audit.hpp"

namespace test {

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::atoi(text) : otherwise;
}

int rounds(int otherwise) { return number("INOTIFY_ROUNDS", otherwise); }

void make_dirs(const fs::path& path) { fs::create_directories(path); }

void move(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    throw std::system_error(errno, std::generic_category(), "rename " + from.string());
  }
}

void exchange(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
    throw std::system_error(errno, std::generic_category(), "exchange " + one.string());
  }
}

std::string brief(const inotify::Event& event, const std::string& base) {
  const std::string slash = event.is_dir() ? "/" : "";
  const auto relative = [&](std::string_view path) {
    if (path.starts_with(base + '/')) path.remove_prefix(base.size() + 1);
    return std::string(path) + slash;
  };
  std::string text = event.synthetic ? "~" : "";
  for (const std::string& name : inotify::decode_mask(event.mask & ~inotify::Mask{IN_ISDIR})) {
    text += (text.size() > 1 ? "|" : "") + name.substr(name.find('_') + 1);
  }
  text += ' ' + relative(event.fullpath);
  if (!event.moved_to.empty()) text += " -> " + relative(event.moved_to);
  if (!event.moved_from.empty()) text += " <- " + relative(event.moved_from);
  if (event.error) text += " [" + event.error.message() + ']';
  return text;
}

std::string difference(const Tree& ours, const Tree& disk) {
  constexpr std::size_t few = 20;
  std::vector<std::string> lines;
  for (const auto& [path, is_dir] : ours) {
    if (!disk.contains(path)) lines.push_back("  not on disk: " + path + '\n');
  }
  for (const auto& [path, is_dir] : disk) {
    const auto it = ours.find(path);
    if (it == ours.end()) {
      lines.push_back("  not reported: " + path + '\n');
    } else if (it->second != is_dir) {
      lines.push_back("  wrong kind: " + path + '\n');
    }
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(few, lines.size()); ++i) text += lines[i];
  if (lines.size() > few) text += "  and " + std::to_string(lines.size() - few) + " more\n";
  return text;
}

std::string Halves::next(const inotify::Event& event) {
  if (event.is_moved_from() && !event.moved_to.empty()) {
    if (open_.size() == 2 || (is_closing_ && !open_.empty())) return "a third MOVED_FROM";
    open_.push_back({event.cookie, std::string(event.fullpath), std::string(event.moved_to)});
    is_closing_ = false;
    return {};
  }
  if (event.is_moved_to() && !event.moved_from.empty()) {
    if (open_.empty()) return "a MOVED_TO whose MOVED_FROM does not stand before it";
    const Half half = open_.front();
    open_.erase(open_.begin());
    is_closing_ = true;
    const bool fits =
        half.cookie == event.cookie && half.from == event.moved_from && half.to == event.fullpath;
    return fits ? "" : "a MOVED_TO that does not fit its MOVED_FROM";
  }
  if (open_.empty()) return {};
  open_.clear();
  return "an event between the halves of a rename";
}

Contract::Contract(inotify::AutoWatcher::Options options, inotify::Mask mask)
    : mask_(mask), watcher_(std::make_unique<Probe>(std::move(options))) {
  queue_limit_.made();
  fs::create_directory(in());
  fs::create_directory(out());
}

void Contract::start_knowing_nothing() {
  roots_.push_back(in());
  watcher_->add_all(in(), mask_);
}

void Contract::start_at(const std::string& root) {
  watcher_->add_all(root, mask_);
  roots_.push_back(root);
  replay_ = Replay(disk());
}

bool Contract::step() {
  const auto events = watcher_->read(std::chrono::milliseconds(0));
  for (const auto& event : events) {
    EXPECT_FALSE(event.error) << event;
    EXPECT_TRUE(is_inside(event.fullpath)) << event;
    EXPECT_EQ(std::string(event.fullpath), event.fullpath.data());
    const std::string wrong = halves_.next(event);
    EXPECT_EQ(wrong, "") << event << '\n' << log_of(std::string(event.fullpath));
    told_.push_back(brief(event, in()));
    if (event.is_overflow()) ++overflows_;
  }
  EXPECT_FALSE(halves_.is_open()) << "a read() ends between the halves of a rename";
  replay_.apply(events);
  return !events.empty();
}

std::vector<std::string> Contract::drain() {
  while (step() || watcher_->is_behind()) {
  }
  return std::exchange(told_, {});
}

void Contract::check() {
  const Tree now = disk();
  const std::string wrong = difference(replay_.tree(), now);
  EXPECT_EQ(wrong, "") << queue() << log_of(path_in(wrong));
  if (!replay_.twice().empty()) {
    ADD_FAILURE() << "created twice: " << replay_.twice().front() << '\n'
                  << queue() << log_of(replay_.twice().front());
  }
  check_watches();
}

void Contract::check_watches() {
  const Tree now = disk();
  check_table(now);
  check_coverage(now);
}

void Contract::clear() {
  for (const std::string& top : {in(), out()}) {
    for (const auto& entry : fs::directory_iterator(top)) fs::remove_all(entry.path());
  }
  drain();
  const auto wrong = difference(replay_.tree(), {});
  EXPECT_EQ(wrong, "") << queue() << log_of(path_in(wrong));
  EXPECT_EQ(watcher_->num_watches(), roots_.size());
  replay_ = Replay();
}

void Contract::check_silent(const fs::path& directory) {
  std::vector<fs::path> all{directory};
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_symlink() && entry.is_directory()) all.push_back(entry.path());
  }
  for (const fs::path& each : all) {
    write_file(each / "probe");
    fs::remove(each / "probe");
  }
  EXPECT_EQ(inotify::bytes_readable(watcher_->inotify_fd()), 0U) << "still watched: " << directory;
  EXPECT_TRUE(drain().empty());
}

std::size_t Contract::count_told(std::string_view line) const {
  std::size_t count = 0;
  for (const std::string& each : replay_.log()) count += each.find(line) != std::string::npos;
  return count;
}

std::string Contract::log_of(const std::string& path) const {
  if (path.empty()) return {};
  constexpr std::size_t few = 60;
  const auto& log = replay_.log();
  std::string text = "told of " + path + ":\n";
  for (const std::string& line : log) {
    const bool speaks = line.find(path) != std::string::npos || speaks_of_above(line, path);
    if (speaks || log.size() <= few) text += "  " + line + '\n';
  }
  return text;
}

std::string Contract::below(const char* top, std::string_view path) const {
  const std::string all = dir_ / top;
  return path.empty() ? all : all + '/' + std::string(path);
}

std::string Contract::queue() const {
  return queue_limit_.text() + ", overflows read: " + std::to_string(overflows_) + '\n';
}

bool Contract::is_inside(std::string_view path) const {
  for (const std::string& root : roots_) {
    if (path == root || path.starts_with(root + '/')) return true;
  }
  return false;
}

Tree Contract::disk() const {
  Tree all;
  for (const std::string& root : roots_) all.merge(tree_on_disk(root));
  return all;
}

std::string Contract::path_in(const std::string& wrong) {
  const auto begin = wrong.find('/');
  return begin == std::string::npos ? "" : wrong.substr(begin, wrong.find('\n') - begin);
}

bool Contract::speaks_of_above(const std::string& line, const std::string& path) const {
  for (fs::path above = fs::path(path).parent_path(); is_inside(above.string());
       above = above.parent_path()) {
    if (line.find('"' + above.string() + '"') != std::string::npos) return true;
  }
  return false;
}

void Contract::check_table(const Tree& now) {
  std::set<std::string> directories(roots_.begin(), roots_.end());
  for (const auto& [path, is_dir] : now) {
    if (is_dir) directories.insert(path);
  }
  EXPECT_EQ(audit_on_disk(*watcher_), "");
  for (const auto& watch : watcher_->watches()) {
    EXPECT_EQ(directories.erase(watch.path), 1U) << "is watched: " << watch.path;
  }
  for (const std::string& path : directories) {
    ADD_FAILURE() << "not watched: " << path << '\n' << queue() << log_of(path);
  }
}

void Contract::check_coverage(const Tree& now) {
  std::set<std::string> expected;
  for (const std::string& root : roots_) expected.insert(root + "/probe");
  for (const auto& [path, is_dir] : now) {
    if (is_dir) expected.insert(path + "/probe");
  }
  const std::set<std::string> probes = expected;
  for (const std::string& path : probes) write_file(path);
  for (;;) {
    const auto events = watcher_->read(std::chrono::milliseconds(0));
    if (events.empty() && !watcher_->is_behind()) break;
    for (const auto& event : events) {
      if (!event.is_create()) continue;
      EXPECT_EQ(expected.erase(std::string(event.fullpath)), 1U) << event;
    }
  }
  for (const std::string& path : expected) {
    ADD_FAILURE() << "deaf: " << path << '\n' << queue() << log_of(path);
  }
  for (const std::string& path : probes) fs::remove(path);
  while (!watcher_->read(std::chrono::milliseconds(0)).empty()) {
  }
}

bool SecondProcess::is_running() {
  if (pid_ <= 0) return false;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0) {
    if (std::chrono::steady_clock::now() < deadline_) return true;
    ADD_FAILURE() << "the second process takes too long";
    end();
    return false;
  }
  pid_ = 0;
  EXPECT_EQ(status, 0) << "the second process failed";
  return false;
}

void SecondProcess::end() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

SecondProcess::SecondProcess(const std::function<void()>& work, std::chrono::seconds limit)
    : pid_(::fork()), deadline_(std::chrono::steady_clock::now() + limit) {
  if (pid_ != 0) return;
  int status = 0;
  try {
    work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "second process: %s\n", error.what());
    status = 1;
  }
  ::_exit(status);
}

std::vector<std::string> race(Contract& contract, const std::function<void()>& work) {
  SecondProcess process(work);
  while (process.is_running()) contract.step();
  return contract.drain();
}

void race_in_rounds(int count, const std::function<void(Contract&)>& prepare,
                    const std::function<void(Contract&, int)>& work,
                    const std::function<void(Contract&, const std::vector<std::string>&)>& expect) {
  Contract contract;
  contract.start();
  for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("round " + std::to_string(i));
    prepare(contract);
    contract.drain();
    const std::vector<std::string> told = race(contract, [&] { work(contract, i); });
    expect(contract, told);
    contract.check();
    contract.clear();
  }
}

}  // namespace test
