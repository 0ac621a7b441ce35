/* The int8 product of NEON without dot products. A weight register holds four columns of four rows.
 * Two products of one row, columns four apart, fit into int16: |w| ≤ 127. For each part of a block,
 * 4 of its 16 rows, there are two registers of sums: of rows 0 and 1, two sums each, and of rows 2
 * and 3. */
#ifndef EL_PRODUCT_NEON_H
#define EL_PRODUCT_NEON_H

#include "kernels.h"
#include "product_alone.h"
#include "vec.h"

#if defined(__aarch64__)
#include "product_aarch64.h"
#else
#include "product_armv7.h"
#endif

#include <stddef.h>

#define X_OFFSET 0

/* Add the products of `blocks` weight blocks, 16 rows × `columns` > 0 each, with x to `sums`. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[4]) {
    int block = 0;
#if defined(__aarch64__)
    for (; block + 2 <= blocks; block += 2)
        add_two_blocks(weights + (size_t)block * block_size, block_size, columns, x, sums + block);
#endif
    for (; block < blocks; block++)
        add_one_block(weights + (size_t)block * block_size, columns, x, sums + block);
}

/* The products of the four gates' blocks with the x of EL_BATCH streams, or frames: a weight is
 * loaded once for all. */
static inline __attribute__((always_inline)) void
add_products_batch(const int8_t *weights, size_t block_size, uint32_t columns,
                   const int8_t *const *x, v32 (*sums)[EL_GATES * TILE_GROUPS][PARTS],
                   int first_block) {
    /* Registers are taken by sums: the second time on, weights come from the first-level cache. */
    for (int n = 0; n < EL_BATCH; n++)
        add_products(weights, block_size, (int)EL_GATES, columns, x[n], sums[n] + first_block);
}

#endif
