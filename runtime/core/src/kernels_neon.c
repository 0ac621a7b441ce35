/* NEON, on 32 and 64 bits: Cortex-A7, A8, A53, A72 and whatever has no dot products. */
#if !defined(__ARM_NEON)
#error "compile this file for aarch64, or for 32-bit ARM with -march=armv7-a -mfpu=neon"
#endif

#include "kernels_neon.h"

/* Weight blocks that are worked on together: as many as the registers hold sums for. Four columns
 * of x, repeated: 32-bit instructions take halves of registers, 64-bit ones either half of a whole
 * one. */
#if defined(__aarch64__)
#define BLOCKS 2
typedef int8x16_t repeated;
#define REPEAT(four) vreinterpretq_s8_s32(vld1q_dup_s32(four))
#define MULTIPLY_LOW(w, x) vmull_s8(vget_low_s8(w), vget_low_s8(x))
#define MULTIPLY_HIGH(w, x) vmull_high_s8(w, x)
#define ADD_LOW(sum, w, x) vmlal_s8(sum, vget_low_s8(w), vget_low_s8(x))
#define ADD_HIGH(sum, w, x) vmlal_high_s8(sum, w, x)
#else
#define BLOCKS 1
typedef int8x8_t repeated;
#define REPEAT(four) vreinterpret_s8_s32(vld1_dup_s32(four))
#define MULTIPLY_LOW(w, x) vmull_s8(vget_low_s8(w), x)
#define MULTIPLY_HIGH(w, x) vmull_s8(vget_high_s8(w), x)
#define ADD_LOW(sum, w, x) vmlal_s8(sum, vget_low_s8(w), x)
#define ADD_HIGH(sum, w, x) vmlal_s8(sum, vget_high_s8(w), x)
#endif

/* low[0] + low[1], low[2] + low[3], then of high */
static inline int32x4_t add_pairs(int32x4_t low, int32x4_t high) {
#if defined(__aarch64__)
    return vpaddq_s32(low, high);
#else
    return vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                        vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
#endif
}

/* BLOCKS blocks. A weight register holds four columns of four rows. Two products of one row,
 * columns four apart, fit into int16: |w| ≤ 127. pairs[…][2·part] has rows 0 and 1 of a part, two
 * sums each; [2·part + 1] has rows 2 and 3. */
static inline __attribute__((always_inline)) void
add_products_of(const int8_t *weights, size_t block_size, const int blocks, uint32_t columns,
                const int8_t *x, v32 (*sums)[4]) {
    int32x4_t pairs[BLOCKS][8];
    for (int block = 0; block < blocks; block++)
        for (int n = 0; n < 8; n++)
            pairs[block][n] = vdupq_n_s32(0);
    for (uint32_t column = 0; column < columns; column += 8, weights += 128) {
        const int32_t *fours = (const int32_t *)(const void *)(x + column);
        repeated x0 = REPEAT(fours), x4 = REPEAT(fours + 1);
        for (int block = 0; block < blocks; block++) {
            const int8_t *at = weights + (size_t)block * block_size;
            for (int part = 0; part < 4; part++, at += 16) {
                int8x16_t w0 = vld1q_s8(at), w4 = vld1q_s8(at + 64);
                int16x8_t low = MULTIPLY_LOW(w0, x0), high = MULTIPLY_HIGH(w0, x0);
                low = ADD_LOW(low, w4, x4);
                high = ADD_HIGH(high, w4, x4);
                pairs[block][2 * part] = vpadalq_s16(pairs[block][2 * part], low);
                pairs[block][2 * part + 1] = vpadalq_s16(pairs[block][2 * part + 1], high);
            }
        }
    }
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < 4; part++)
            sums[block][part] += (v32)add_pairs(pairs[block][2 * part], pairs[block][2 * part + 1]);
}

/* Add the products of `blocks` weight blocks, 16 rows × `columns` each, with x to `sums`. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[4]) {
    int block = 0;
    for (; block + BLOCKS <= blocks; block += BLOCKS)
        add_products_of(weights + (size_t)block * block_size, block_size, BLOCKS, columns, x,
                        sums + block);
#if BLOCKS > 1
    for (; block < blocks; block++)
        add_products_of(weights + (size_t)block * block_size, block_size, 1, columns, x,
                        sums + block);
#endif
}

#include "kernels_vector.h"

const el_kernels el_kernels_neon = {
    .name = "neon",
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
};
