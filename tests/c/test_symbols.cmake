# cmake -DNM=nm -DLIBRARY=libedgelstm.so -P test_symbols.cmake
#
# What the library asks of others, pinned: nothing that allocates, locks, waits or does input and output. And what it
# shows: its interface alone.
cmake_minimum_required(VERSION 3.20)
set(allowed memcpy memmove memset memcmp strcmp getenv getauxval)
# Not called by us: put there by compilers and linkers.
set(furniture "^(_ITM_.*|__cxa_finalize|__gmon_start__|__stack_chk_fail|__stack_chk_guard|__aeabi_.*|__(mem.*)_chk)$")

function(symbols kind out)
  execute_process(COMMAND ${NM} -D ${kind} ${LIBRARY} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${text}")
  set(names)
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^.* ([^ @]+)(@.*)?$" "\\1" name "${line}")
    list(APPEND names ${name})
  endforeach()
  set(${out} ${names} PARENT_SCOPE)
endfunction()

symbols(--undefined-only undefined)
list(FILTER undefined EXCLUDE REGEX "${furniture}")
if(NOT memcpy IN_LIST undefined)
  message(FATAL_ERROR "memcpy is not among the undefined symbols (${undefined}): this test reads them wrongly")
endif()
list(REMOVE_ITEM undefined ${allowed})
if(undefined)
  message(FATAL_ERROR "undefined symbols beyond the pinned list: ${undefined}")
endif()

symbols(--defined-only defined)
if(NOT el_stream_push IN_LIST defined)
  message(FATAL_ERROR "el_stream_push is not exported (${defined})")
endif()
list(FILTER defined EXCLUDE REGEX "^el_(version|status_message|kernel_name|(model|stream|pool)_[a-z]+|stream_save_size|stream_push_(i16|f32)|stream_set_team|step_part)$")
if(defined)
  message(FATAL_ERROR "exported beyond the interface: ${defined}")
endif()
