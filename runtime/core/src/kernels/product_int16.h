/* Products of 16-bit weights with 16-bit codes. AVX2 has one multiplier for pairs of products, and
 * three adders: there two products become one, as Winograd found (1968),
 *
 *   w0·x0 + w2·x2 = (w0 + x2)·(w2 + x0) - w0·w2 - x0·x2,
 *
 * where the file has the sums of w0·w2 and an input's x0·x2 serve all rows. All is modulo 2^32,
 * which holds the sum of a segment. Other sets multiply as they are. */
#ifndef EL_PRODUCT_INT16_H
#define EL_PRODUCT_INT16_H

#include "edgelstm.h"
#include "operands.h"
#include "vec.h"

#if LANES == 16 && !defined(__AVXVNNI__)
#define CROSSES 1
#else
#define CROSSES 0
#endif

/* Segments of a matrix at most. */
#define MOST_SEGMENTS (EL_MAX_WIDTH / EL_SEGMENT)

/* Two codes in all pairs of lanes. */
INLINE v16 splat_codes(const int16_t *x) {
    int32_t two;
    memcpy(&two, x, sizeof two);
    return (v16)splat32(two);
}

#if CROSSES
/* x0·x2 + x1·x3 + … of each segment. */
INLINE void cross_codes(const int16_t *x, uint32_t columns, uint32_t *crossed) {
    for (uint32_t from = 0; from < columns; from += EL_SEGMENT, crossed++) {
        uint32_t left = columns - from, count = left < EL_SEGMENT ? left : EL_SEGMENT, n = 0;
        v32 sums = {0};
        for (; n + LANES <= count; n += LANES) {
            v16 some = load16(x + from + n);
            sums = add_pair_products(sums, some, (v16)_mm256_srli_epi64((__m256i)some, 32));
        }
        vu32 lanes = (vu32)sums;
        *crossed = 0;
        for (int lane = 0; lane < LANES32; lane++)
            *crossed += lanes[lane];
        for (; n < count; n += 4)
            *crossed += (uint32_t)(x[from + n] * x[from + n + 2]) +
                        (uint32_t)(x[from + n + 1] * x[from + n + 3]);
    }
}

/* What the sums of a part of a block's rows start from. */
INLINE v32 start_int16(const int32_t *of_rows, uint32_t of_codes) {
    return (v32)(-(vu32)load32(of_rows) - of_codes);
}

/* Columns `from` to `to` of `blocks` ≤ 4 blocks with each of some inputs: `sums` of input after
 * input, block after block. */
INLINE void add_products_int16(const int16_t *weights, size_t block_size, const int blocks,
                               const int16_t *const *x, const int inputs, uint32_t from,
                               uint32_t to, v32 (*sums)[PARTS]) {
    const size_t apart = block_size, thrice = 3 * apart;
    const int16_t *at = weights + (size_t)from * 16;
    for (uint32_t column = from; column < to; column += 4, at += 64)
        for (int input = 0; input < inputs; input++) {
            v16 first = splat_codes(x[input] + column), second = splat_codes(x[input] + column + 2);
            for (int block = 0; block < blocks; block++) {
                /* so that two registers of distances reach all four */
                const int16_t *one = at + (block < 3 ? (size_t)block * apart : thrice);
                for (int part = 0; part < PARTS; part++, one += LANES) {
                    v32 *sum = &sums[input * blocks + block][part];
                    *sum = add_pair_products(*sum, load16(one) + second, load16(one + 32) + first);
                }
            }
        }
}
#else
INLINE void cross_codes(const int16_t *x, uint32_t columns, uint32_t *crossed) {
    (void)x, (void)columns, (void)crossed;
}

INLINE v32 start_int16(const int32_t *of_rows, uint32_t of_codes) {
    (void)of_rows, (void)of_codes;
    return (v32){0};
}

INLINE void add_products_int16(const int16_t *weights, size_t block_size, const int blocks,
                               const int16_t *const *x, const int inputs, uint32_t from,
                               uint32_t to, v32 (*sums)[PARTS]) {
    for (uint32_t column = from; column < to; column += 2)
        for (int input = 0; input < inputs; input++) {
            v16 values = splat_codes(x[input] + column);
            for (int block = 0; block < blocks; block++)
                for (int part = 0; part < PARTS; part++) {
                    const int16_t *at = weights + (size_t)block * block_size + part * LANES;
                    v32 *sum = &sums[input * blocks + block][part];
                    *sum = add_pair_products(*sum, load16(at + (size_t)column * 16), values);
                }
        }
}
#endif

#endif
