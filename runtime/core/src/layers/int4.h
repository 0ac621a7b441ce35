/* Matrices whose weights have four bits: int8 weights that are multiples of 16, -112 to 112. Two of
 * them lie in a byte, each as its sixteenth and 8, 1 to 15: a line of 64 bytes is eight columns of
 * 16 rows, the first four, as an int8 block has them, in the lower halves, the others in the upper
 * ones. */
#ifndef EL_INT4_H
#define EL_INT4_H

#include "kernels/kernels.h"
#include "layer.h"

/* As el_sum_rows, of a packed block. */
bool el_sum_packed_rows(const uint8_t *block, uint32_t used, uint32_t columns,
                        int32_t sums[EL_BLOCK_ROWS]);

/* The sums of an int8 layer's matrix, packed or not, as a kernel's dense_int8 gives them. */
#ifdef EL_NO_INT4
static inline void el_int8_sums(const el_kernels *kernels, const el_layer *layer,
                                const el_matrix *matrix, const int8_t *x, int32_t *sums) {
    (void)layer;
    kernels->dense_int8(matrix, x, sums);
}
#else
void el_int8_sums(const el_kernels *kernels, const el_layer *layer, const el_matrix *matrix,
                  const int8_t *x, int32_t *sums);
#endif

#endif
