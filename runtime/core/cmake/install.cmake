# What `cmake --install` puts where: header, libraries, a pkg-config file and a CMake package.
#
#   find_package(edgelstm 0.1 REQUIRED)
#   target_link_libraries(program PRIVATE edgelstm::edgelstm)   # or edgelstm::static
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(libraries edgelstm_static)
if(TARGET edgelstm_shared)
  list(APPEND libraries edgelstm_shared)
endif()
install(TARGETS ${libraries} EXPORT edgelstm)
install(FILES include/edgelstm.h TYPE INCLUDE)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/edgelstm)
install(EXPORT edgelstm NAMESPACE edgelstm:: FILE edgelstmTargets.cmake DESTINATION ${package_folder})
configure_package_config_file(cmake/edgelstmConfig.cmake.in edgelstmConfig.cmake INSTALL_DESTINATION ${package_folder})
# Before 1.0.0 a new minor version may change the interface.
write_basic_package_version_file(edgelstmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edgelstmConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/edgelstmConfigVersion.cmake
  DESTINATION ${package_folder})

# The prefix is found from where the file lies, so that an installed tree may be moved.
file(RELATIVE_PATH EDGELSTM_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/edgelstm.pc.in edgelstm.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edgelstm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
