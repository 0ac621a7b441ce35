/* The int8 product of NEON's dot products. */
#ifndef EL_PRODUCT_DOTPROD_H
#define EL_PRODUCT_DOTPROD_H

#include "kernels.h"
#include "product_alone.h"
#include "vec.h"

#include <stddef.h>

#define X_OFFSET 0

/* Add the products of `blocks` weight blocks, 16 rows × `columns` each, with x to `sums`. sdot
 * takes four columns of four rows at once; columns come in pairs of fours. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[4]) {
    for (uint32_t column = 0; column < columns; column += 8, weights += 128) {
        int8x8_t eight = vld1_s8(x + column);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < 4; part++) {
                const int8_t *at = weights + (size_t)block * block_size + 16 * part;
                int32x4_t sum = (int32x4_t)sums[block][part];
                sum = vdotq_lane_s32(sum, vld1q_s8(at), eight, 0);
                sum = vdotq_lane_s32(sum, vld1q_s8(at + 64), eight, 1);
                sums[block][part] = (v32)sum;
            }
    }
}

/* The products of the four gates' blocks with the x of EL_BATCH streams, or frames: a weight is
 * loaded once for all. */
static inline __attribute__((always_inline)) void
add_products_batch(const int8_t *weights, size_t block_size, uint32_t columns,
                   const int8_t *const *x, v32 (*sums)[EL_GATES * TILE_GROUPS][PARTS],
                   int first_block) {
    for (int gate = 0; gate < (int)EL_GATES; gate++, weights += block_size) {
        int32x4_t totals[EL_BATCH][4];
        const int8_t *at = weights;
        for (int n = 0; n < EL_BATCH; n++)
            for (int part = 0; part < 4; part++)
                totals[n][part] = (int32x4_t)sums[n][first_block + gate][part];
        for (uint32_t column = 0; column < columns; column += 8, at += 128) {
            int8x8_t eight[EL_BATCH];
            for (int n = 0; n < EL_BATCH; n++)
                eight[n] = vld1_s8(x[n] + column);
            for (int part = 0; part < 4; part++) {
                int8x16_t first = vld1q_s8(at + 16 * part), second = vld1q_s8(at + 64 + 16 * part);
                for (int n = 0; n < EL_BATCH; n++) {
                    totals[n][part] = vdotq_lane_s32(totals[n][part], first, eight[n], 0);
                    totals[n][part] = vdotq_lane_s32(totals[n][part], second, eight[n], 1);
                }
            }
        }
        for (int n = 0; n < EL_BATCH; n++)
            for (int part = 0; part < 4; part++)
                sums[n][first_block + gate][part] = (v32)totals[n][part];
    }
}

#endif
