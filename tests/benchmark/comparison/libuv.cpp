// Prints the path of each event below a directory, with libuv's uv_fs_event_t: one per directory, for
// it is not recursive on Linux.
#include <uv.h>

#include <filesystem>
#include <iostream>
#include <string>

namespace {

struct Monitor {
  uv_fs_event_t handle;
  std::string path;
};

void on_change(uv_fs_event_t* handle, const char* name, int /*events*/, int /*status*/) {
  const auto* monitor = static_cast<const Monitor*>(handle->data);
  std::cout << monitor->path << '/' << (name != nullptr ? name : "") << std::endl;
}

void watch(const std::string& path) {
  auto* monitor = new Monitor{{}, path};
  uv_fs_event_init(uv_default_loop(), &monitor->handle);
  monitor->handle.data = monitor;
  uv_fs_event_start(&monitor->handle, on_change, path.c_str(), 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  watch(argv[1]);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1])) {
    if (entry.is_directory() && !entry.is_symlink()) watch(entry.path().string());
  }
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
