#include <inotify/inotify.hpp>
#include <string>

std::string second_says(const inotify::Event& event) { return std::string(event.fullpath); }
