/* Which kernels run here. The best set that the processor can run, or the one that EDGELSTM_KERNEL
 * names. */
#include "kernels.h"

#include "cpu.h"
#include "edgelstm.h"

#include <string.h>
#if __STDC_HOSTED__
#include <stdlib.h>
#endif

static bool always(void) {
    return true;
}

/* Best first. A set that is not built for this machine is not in the table. */
static const struct {
    const el_kernels *kernels;
    bool (*runs_here)(void);
} sets[] = {
#ifdef EL_KERNELS_AVX512VNNI
    {&el_kernels_avx512vnni, el_cpu_has_avx512vnni},
#endif
#ifdef EL_KERNELS_AVXVNNI
    {&el_kernels_avxvnni, el_cpu_has_avxvnni},
#endif
#ifdef EL_KERNELS_AVX2
    {&el_kernels_avx2, el_cpu_has_avx2},
#endif
#ifdef EL_KERNELS_DOTPROD
    {&el_kernels_dotprod, el_cpu_has_dotprod},
#endif
#ifdef EL_KERNELS_NEON
    {&el_kernels_neon, el_cpu_has_neon},
#endif
    {&el_kernels_scalar, always},
};

const el_kernels *el_kernels_choose(void) {
    const char *forced = NULL;
#if __STDC_HOSTED__
    forced = getenv("EDGELSTM_KERNEL");
#endif
    for (size_t n = 0; n < sizeof sets / sizeof *sets; n++) {
        bool wanted = forced == NULL || *forced == 0 || strcmp(forced, sets[n].kernels->name) == 0;
        if (wanted && sets[n].runs_here())
            return sets[n].kernels;
    }
    return NULL;
}

const char *el_kernel_name(void) {
    const el_kernels *kernels = el_kernels_choose();
    return kernels == NULL ? "none" : kernels->name;
}
