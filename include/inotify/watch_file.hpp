// The former name of file_watch.hpp.
#pragma once

#include <inotify/file_watch.hpp>
