// Prints the path of each event below a directory, with GLib's GFileMonitor: one per directory, for
// it is not recursive.
#include <gio/gio.h>

#include <filesystem>
#include <iostream>

namespace {

void on_change(GFileMonitor* /*monitor*/, GFile* file, GFile* /*other*/,
               GFileMonitorEvent /*event*/, gpointer /*data*/) {
  std::cout << g_file_peek_path(file) << std::endl;
}

void watch(const std::filesystem::path& path) {
  GFile* directory = g_file_new_for_path(path.c_str());
  GFileMonitor* monitor =
      g_file_monitor_directory(directory, G_FILE_MONITOR_WATCH_MOVES, nullptr, nullptr);
  g_signal_connect(monitor, "changed", G_CALLBACK(on_change), nullptr);
  g_object_unref(directory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  watch(argv[1]);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1])) {
    if (entry.is_directory() && !entry.is_symlink()) watch(entry.path());
  }
  g_main_loop_run(g_main_loop_new(nullptr, FALSE));
}
