# Set for this directory and those below, hence private: neither exported nor seen by a parent project.
add_compile_options(
  -Wall -Wextra -Wpedantic
  -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-align -Wcast-qual
  -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wimplicit-fallthrough -Wformat=2 -Wundef)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlapping copies in any std::string + (its bug 105651).
  add_compile_options(-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wno-restrict)
  # What a sanitizer adds makes GCC take objects for uninitialized that are not.
  if(INOTIFY_SANITIZE)
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
if(INOTIFY_WERROR)
  add_compile_options(-Werror)
endif()
