// A queue that is empty without an allocation.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace inotify::inline v0::detail {

/// First in, first out. A std::deque allocates when it is made, and when it is moved.
template <class T>
class Fifo {
 public:
  Fifo() = default;
  Fifo(Fifo&& other) noexcept { swap(other); }
  Fifo& operator=(Fifo&& other) noexcept {
    Fifo(std::move(other)).swap(*this);
    return *this;
  }

  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size() - begin_; }
  [[nodiscard]] const T& front() const noexcept { return items_[begin_]; }

  void push_back(T item) {
    if (items_.size() == items_.capacity() && begin_ > items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    items_.push_back(std::move(item));
  }
  void push_front(T item) {
    if (begin_ > 0) {
      items_[--begin_] = std::move(item);
    } else {
      items_.insert(items_.begin(), std::move(item));
    }
  }
  void pop_front() noexcept {
    if (++begin_ == items_.size()) clear();
  }
  void clear() noexcept {
    constexpr std::size_t large = 65'536;  // what that takes is given back
    if (items_.capacity() > large) std::vector<T>().swap(items_);
    items_.clear();
    begin_ = 0;
  }

 private:
  void swap(Fifo& other) noexcept {
    std::swap(items_, other.items_);
    std::swap(begin_, other.begin_);
  }

  std::vector<T> items_;
  std::size_t begin_ = 0;
};

}  // namespace inotify::inline v0::detail
