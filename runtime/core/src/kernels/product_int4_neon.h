/* Four-bit weights on NEON: halves of bytes, 0 to 15, are signed as well as x is. */
#ifndef EL_PRODUCT_INT4_NEON_H
#define EL_PRODUCT_INT4_NEON_H

#include "vec_types.h"

#include <arm_neon.h>
#include <stddef.h>

#if defined(__ARM_FEATURE_DOTPROD)
#define INT4_BLOCKS 4

static inline __attribute__((always_inline)) void
add_int4_blocks(const uint8_t *weights, size_t block_size, const int blocks, uint32_t columns,
                const int8_t *x, int32_t *sums) {
    const uint8x16_t mask = vdupq_n_u8(15);
    int32x4_t totals[INT4_BLOCKS][PARTS];
    for (int n = 0; n < blocks * PARTS; n++)
        totals[n / PARTS][n % PARTS] = vld1q_s32(sums + 4 * n);
    for (uint32_t column = 0; column < columns; column += 8, weights += 64) {
        int8x8_t eight = vld1_s8(x + column);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < PARTS; part++) {
                uint8x16_t line = vld1q_u8(weights + (size_t)block * block_size + 16 * part);
                int8x16_t low = vreinterpretq_s8_u8(vandq_u8(line, mask));
                int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(line, 4));
                int32x4_t total = vdotq_lane_s32(totals[block][part], low, eight, 0);
                totals[block][part] = vdotq_lane_s32(total, high, eight, 1);
            }
    }
    for (int n = 0; n < blocks * PARTS; n++)
        vst1q_s32(sums + 4 * n, totals[n / PARTS][n % PARTS]);
}
#else
#define INT4_BLOCKS 1
/* Lines whose products stay inside int16: 16 of at most 15·128. */
#define INT4_LINES 8

/* (low[0] + low[1], low[2] + low[3], then of high) */
static inline v32 add_neighbours(int32x4_t low, int32x4_t high) {
    return (v32)vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                             vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
}

/* sum + the products of the upper halves: one instruction on 64 bits. */
static inline int16x8_t add_high(int16x8_t sum, int8x16_t weights, int8x16_t x) {
#ifdef __aarch64__
    return vmlal_high_s8(sum, weights, x);
#else
    return vmlal_s8(sum, vget_high_s8(weights), vget_high_s8(x));
#endif
}

/* Parts of a block that there are registers for. */
#ifdef __aarch64__
#define INT4_PARTS 4
#else
#define INT4_PARTS 2
#endif

/* Four rows of a block for each of INT4_PARTS. */
static inline __attribute__((always_inline)) void
add_int4_parts(const uint8_t *weights, uint32_t columns, const int8_t *x, int32_t *sums) {
    int32x4_t totals[2 * INT4_PARTS];
    for (int n = 0; n < 2 * INT4_PARTS; n++)
        totals[n] = vdupq_n_s32(0);
    while (columns != 0) {
        uint32_t some = columns < 8 * INT4_LINES ? columns : 8 * INT4_LINES;
        int16x8_t pairs[2 * INT4_PARTS];
        for (int n = 0; n < 2 * INT4_PARTS; n++)
            pairs[n] = vdupq_n_s16(0);
        const int8_t *end = x + some;
        for (; x != end; x += 8, weights += 64) {
            int32x2_t eight = vreinterpret_s32_s8(vld1_s8(x));
            int8x16_t first = vreinterpretq_s8_s32(vdupq_lane_s32(eight, 0));
            int8x16_t second = vreinterpretq_s8_s32(vdupq_lane_s32(eight, 1));
            for (int part = 0; part < INT4_PARTS; part++) {
                uint8x16_t line = vld1q_u8(weights + 16 * part);
                int8x16_t low = vreinterpretq_s8_u8(vandq_u8(line, vdupq_n_u8(15)));
                int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(line, 4));
                int16x8_t *to = pairs + 2 * part;
                to[0] = vmlal_s8(to[0], vget_low_s8(low), vget_low_s8(first));
                to[1] = add_high(to[1], low, first);
                to[0] = vmlal_s8(to[0], vget_low_s8(high), vget_low_s8(second));
                to[1] = add_high(to[1], high, second);
            }
        }
        for (int n = 0; n < 2 * INT4_PARTS; n++)
            totals[n] = vpadalq_s16(totals[n], pairs[n]);
        columns -= some;
    }
    for (int part = 0; part < INT4_PARTS; part++) {
        v32 sum = load32(sums + 4 * part);
        sum += add_neighbours(totals[2 * part], totals[2 * part + 1]);
        memcpy(sums + 4 * part, &sum, sizeof sum);
    }
}

static inline void add_int4_blocks(const uint8_t *weights, size_t block_size, const int blocks,
                                   uint32_t columns, const int8_t *x, int32_t *sums) {
    for (int block = 0; block < blocks; block++, weights += block_size, sums += 16) {
        for (int part = 0; part < 4; part += INT4_PARTS)
            add_int4_parts(weights + 16 * part, columns, x, sums + 4 * part);
    }
}
#endif

#endif
