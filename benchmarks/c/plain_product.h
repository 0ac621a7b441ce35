/* A plain int8 matrix-vector product: nothing but the reading of weights and the sums. */
#ifndef PLAIN_PRODUCT_H
#define PLAIN_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

/* The instructions that it was compiled for. */
extern const char plain_product_name[];

/* sums[row] = weights · x for `blocks` blocks of 16 rows; a block is `columns` / 4 steps of 16 rows
 * × 4 columns, 64 bytes each. Pointers are aligned to 64 bytes; columns are a multiple of 8. */
void plain_product(const int8_t *weights, size_t blocks, size_t columns, const int8_t *x,
                   int32_t *sums);

#endif
