# A board without an operating system: int8 alone, portable kernels, a static library.
#
#   cmake -S runtime/core -B build -DCMAKE_TOOLCHAIN_FILE=cmake/arm-none-eabi.cmake -DEDGELSTM_CPU=cortex-m4
#         -DEDGELSTM_FLOAT32=OFF -DEDGELSTM_SIMD=OFF -DCMAKE_BUILD_TYPE=MinSizeRel
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # there is nothing to start a program with
set(EDGELSTM_CPU cortex-m4 CACHE STRING "as for -mcpu")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EDGELSTM_CPU)
set(CMAKE_C_FLAGS_INIT "-mcpu=${EDGELSTM_CPU} -mthumb")
