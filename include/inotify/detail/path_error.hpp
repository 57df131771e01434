// The exception that has a path.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include <inotify/version.hpp>

namespace inotify::inline v0::detail {

/// What is thrown where there is a path: its what() has the path as quoted() writes it, since others
/// may have chosen that, and people read what() on a terminal. path1() is the path itself.
class INOTIFY_API PathError : public std::filesystem::filesystem_error {
 public:
  PathError(const std::string& call, const std::filesystem::path& path, std::error_code ec);
  [[nodiscard]] const char* what() const noexcept override { return text_->c_str(); }

 private:
  std::shared_ptr<const std::string> text_;  // an exception is copied without one
};

}  // namespace inotify::inline v0::detail
