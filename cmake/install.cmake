# What `cmake --install` puts in place: the library, the headers, and what CMake and pkg-config need to
# find them. The prefix may be chosen, or the tree moved, after the build.
include(CMakePackageConfigHelpers)

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/inotify")
configure_package_config_file(cmake/inotifyConfig.cmake.in inotifyConfig.cmake
  INSTALL_DESTINATION "${config_dir}"
  NO_SET_AND_CHECK_MACRO
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(inotifyConfigVersion.cmake COMPATIBILITY ${compatibility})

# The .pc file finds its prefix from its own place, unless the library directory is absolute: then it
# stands where it was told to, and so does the prefix.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
  set(pc_${dir} "${CMAKE_INSTALL_${dir}}")
  if(NOT IS_ABSOLUTE "${pc_${dir}}")
    set(pc_${dir} "\${prefix}/${pc_${dir}}")
  endif()
endforeach()
foreach(path IN ITEMS pc_prefix pc_LIBDIR pc_INCLUDEDIR)
  string(REPLACE " " "\\ " ${path} "${${path}}")
endforeach()
configure_file(cmake/inotify++.pc.in inotify++.pc @ONLY)

install(TARGETS inotify EXPORT inotifyTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT inotifyTargets NAMESPACE inotify:: DESTINATION "${config_dir}")
install(
  FILES
    "${CMAKE_CURRENT_BINARY_DIR}/inotifyConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/inotifyConfigVersion.cmake"
  DESTINATION "${config_dir}")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/inotify++.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(DIRECTORY include/inotify
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.hpp")
