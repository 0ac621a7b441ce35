#include "kernels.h"

const el_kernels *el_kernels_in_use(void) {
    return &el_kernels_scalar;
}

const char *el_kernel_name(void) {
    return el_kernels_in_use()->name;
}
