#define _POSIX_C_SOURCE 200809L /* setenv */
#include "kernel_sets.h"

#include "check.h"
#include "edgelstm.h"

#include <string.h>

const el_kernels *sets[8];
size_t n_sets;

static uint32_t random32(void) {
    static uint64_t state = 0x9E3779B97F4A7C15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

int32_t between(int32_t low, int32_t high) {
    uint32_t span = (uint32_t)high - (uint32_t)low + 1u; /* unsigned: it may be wider than int32 */
    return (int32_t)((uint32_t)low + random32() % span);
}

float random_float(float limit) {
    return limit * (float)between(-(1 << 20), 1 << 20) / (float)(1 << 20);
}

void find_sets(void) {
    static const char *const names[] = {"neon", "dotprod", "avx2", "avxvnni", "avx512vnni"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        CHECK(setenv("EDGELSTM_KERNEL", names[n], 1) == 0);
        const el_kernels *found = el_kernels_choose();
        CHECK(strcmp(el_kernel_name(), found ? names[n] : "none") == 0);
        if (found != NULL)
            sets[n_sets++] = found;
    }
    CHECK(setenv("EDGELSTM_KERNEL", "scalar", 1) == 0);
    CHECK(el_kernels_choose() == &el_kernels_scalar);
    CHECK(unsetenv("EDGELSTM_KERNEL") == 0);
    printf("chosen %s; compared with scalar:", el_kernel_name());
    for (size_t n = 0; n < n_sets; n++)
        printf(" %s", sets[n]->name);
    printf("\n");
}
