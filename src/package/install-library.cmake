# The library as others use it: find_package(trolley) and trolley::trolley, or pkg-config's trolley.
include(CMakePackageConfigHelpers)
set(trolley_package ${CMAKE_INSTALL_LIBDIR}/cmake/trolley)
install(TARGETS trolley EXPORT trolley-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY src/include/trolley DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT trolley-targets NAMESPACE trolley:: DESTINATION ${trolley_package} COMPONENT development)
configure_package_config_file(src/package/trolley-config.cmake.in ${PROJECT_BINARY_DIR}/trolley-config.cmake
                              INSTALL_DESTINATION ${trolley_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/trolley-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/trolley-config.cmake ${PROJECT_BINARY_DIR}/trolley-config-version.cmake
              src/package/trolley-dependencies.cmake
        DESTINATION ${trolley_package} COMPONENT development)

# Relative to where it lies, so that an installed tree can be moved.
file(RELATIVE_PATH trolley_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" trolley_pc_prefix ${trolley_pc_prefix})
set(trolley_pc_dcmtk)
foreach(library ${trolley_dcmtk_libraries})
  string(APPEND trolley_pc_dcmtk " -l${library}")
endforeach()
configure_file(src/package/trolley.pc.in trolley.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/trolley.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
