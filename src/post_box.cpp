#include <inotify/detail/post_box.hpp>

#include <cerrno>

#include <inotify/error.hpp>

namespace inotify::inline v0::detail {

void PostBox::add(Task task) {
  const std::lock_guard lock(mutex_);
  if (is_shut_) throw_error("post: the loop has ended", make_error(ECANCELED));
  tasks_.push_back(std::move(task));
  has_any_ = true;
}

bool PostBox::run_all() noexcept {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
    has_any_ = false;
  }
  for (Task& task : tasks) task();
  return true;
}

void PostBox::set_shut(bool is_shut) noexcept {
  const std::lock_guard lock(mutex_);
  is_shut_ = is_shut;
}

bool PostBox::shut_if_empty() noexcept {
  const std::lock_guard lock(mutex_);
  is_shut_ = is_shut_ || tasks_.empty();
  return tasks_.empty();
}

}  // namespace inotify::inline v0::detail
