# Installs BUILD into PREFIX and looks at what came of it: all that belongs there, and nothing else.
cmake_minimum_required(VERSION 3.16)

file(REMOVE_RECURSE "${PREFIX}")
execute_process(
  COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}" --config "${CONFIG}"
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cmake --install failed: ${result}")
endif()

file(GLOB_RECURSE installed RELATIVE "${PREFIX}" "${PREFIX}/*")
foreach(file IN LISTS installed)
  if(NOT file MATCHES "^(.*/)?inotify/(detail/)?[a-z_]+[.]hpp$"
      AND NOT file MATCHES "/libinotify[+][+][.](a|so[.0-9]*)$"
      AND NOT file MATCHES "/cmake/inotify/inotify(Config|ConfigVersion|Targets|Targets-[a-z]+)[.]cmake$"
      AND NOT file MATCHES "/pkgconfig/inotify[+][+][.]pc$")
    message(SEND_ERROR "installed, but not part of the library: ${file}")
  endif()
  if(file MATCHES "[.](hpp|cmake|pc)$")
    file(READ "${PREFIX}/${file}" text)
    string(REPLACE "${PREFIX}" "" text "${text}")  # the prefix stands below the build directory
    foreach(path IN ITEMS "${BUILD}" "${SOURCE}")
      string(FIND "${text}" "${path}" at)
      if(NOT at EQUAL -1)
        message(SEND_ERROR "${file} names the directory it was built in or from: ${path}")
      endif()
    endforeach()
  endif()
endforeach()

file(GLOB_RECURSE headers RELATIVE "${SOURCE}/include" "${SOURCE}/include/*.hpp")
foreach(header IN LISTS headers)
  string(REPLACE "+" "[+]" pattern "${header}")
  if(NOT installed MATCHES "(^|[/;])${pattern}(;|$)")
    message(SEND_ERROR "not installed: ${header}")
  endif()
endforeach()
