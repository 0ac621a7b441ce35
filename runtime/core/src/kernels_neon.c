/* NEON, on 32 and 64 bits: Cortex-A7, A8, A53, A72 and whatever has no dot products. */
#if !defined(__ARM_NEON)
#error "compile this file for aarch64, or for 32-bit ARM with -march=armv7-a -mfpu=neon"
#endif

#include "kernels_neon.h"

/* A weight register holds four columns of four rows. Two products of one row, columns four apart,
 * fit into int16: |w| ≤ 127. For each part of a block, 4 of its 16 rows, there are two registers of
 * sums: of rows 0 and 1, two sums each, and of rows 2 and 3. */
#if defined(__aarch64__)
#include "product_aarch64.h"
#else
/* low[0] + low[1], low[2] + low[3], then of high */
static inline v32 add_pairs(int32x4_t low, int32x4_t high) {
    return (v32)vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                             vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
}

static inline void add_one_block(const int8_t *weights, uint32_t columns, const int8_t *x,
                                 v32 (*sums)[4]) {
    int32x4_t pairs[8];
    for (int n = 0; n < 8; n++)
        pairs[n] = vdupq_n_s32(0);
    for (uint32_t column = 0; column < columns; column += 8, weights += 64) {
        const int32_t *fours = (const int32_t *)(const void *)(x + column);
        int8x8_t x0 = vreinterpret_s8_s32(vld1_dup_s32(fours));
        int8x8_t x4 = vreinterpret_s8_s32(vld1_dup_s32(fours + 1));
        for (int part = 0; part < 4; part++, weights += 16) {
            int8x16_t w0 = vld1q_s8(weights), w4 = vld1q_s8(weights + 64);
            int16x8_t low = vmull_s8(vget_low_s8(w0), x0), high = vmull_s8(vget_high_s8(w0), x0);
            low = vmlal_s8(low, vget_low_s8(w4), x4);
            high = vmlal_s8(high, vget_high_s8(w4), x4);
            pairs[2 * part] = vpadalq_s16(pairs[2 * part], low);
            pairs[2 * part + 1] = vpadalq_s16(pairs[2 * part + 1], high);
        }
    }
    for (int part = 0; part < 4; part++)
        sums[0][part] += add_pairs(pairs[2 * part], pairs[2 * part + 1]);
}
#endif

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

#include "kernels_vector.h"

const el_kernels el_kernels_neon = {
    .name = "neon",
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
};
