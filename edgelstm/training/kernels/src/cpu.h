/* Which sets of kernels this processor runs. */
#ifndef EL_TRAINING_CPU_H
#define EL_TRAINING_CPU_H

#include <stdbool.h>

static inline bool el_runs_plain(void) {
    return true;
}

#if defined(__x86_64__)

static inline bool el_runs_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static inline bool el_runs_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma");
}

#else

static inline bool el_runs_neon(void) {
    return true;
}

#endif

#endif
