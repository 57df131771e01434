// A value that holds for a scope.
#pragma once

#include <utility>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// Gives `variable` a value until the end of the scope, however that is left.
template <class T>
class Override {
 public:
  Override(T& variable, T value) : variable_(variable), before_(std::exchange(variable, value)) {}
  Override(const Override&) = delete;
  Override& operator=(const Override&) = delete;
  ~Override() { variable_ = before_; }

 private:
  T& variable_;
  T before_;
};

}  // namespace inotify::inline v0::detail
