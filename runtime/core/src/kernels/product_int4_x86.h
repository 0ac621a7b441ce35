/* Four-bit weights on x86: halves of bytes are the unsigned side of vpmaddubsw and vpdpbusd, x the
 * signed one. */
#ifndef EL_PRODUCT_INT4_X86_H
#define EL_PRODUCT_INT4_X86_H

#include "vec_x86.h"

#include <stddef.h>

/* The four columns of x, for each row. */
static inline __attribute__((always_inline)) reg four_columns(const int8_t *x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return DO(set1_epi32)(four);
}

static inline __attribute__((always_inline)) reg line_of(const uint8_t *weights) {
    reg line;
    __builtin_memcpy(&line, weights, sizeof line);
    return line;
}

#if LANES == 32
#define AND(a, b) _mm512_and_si512(a, b)
#else
#define AND(a, b) _mm256_and_si256(a, b)
#endif

#if LANES == 32 || defined(__AVXVNNI__)
#define INT4_BLOCKS 4
#if LANES == 32
#define DOT(sum, w, x) _mm512_dpbusd_epi32(sum, w, x)
#else
#define DOT(sum, w, x) _mm256_dpbusd_avx_epi32(sum, w, x)
#endif

static inline
    __attribute__((always_inline)) void add_int4_blocks(const uint8_t *weights, size_t block_size,
                                                        const int blocks, uint32_t columns,
                                                        const int8_t *x, int32_t *sums) {
    const reg mask = DO(set1_epi8)(15);
    reg totals[INT4_BLOCKS][PARTS];
    __builtin_memcpy(totals, sums, (size_t)blocks * sizeof totals[0]);
    for (uint32_t column = 0; column < columns; column += 8, weights += 64) {
        reg first = four_columns(x + column), second = four_columns(x + column + 4);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < PARTS; part++) {
                reg line = line_of(weights + (size_t)block * block_size + part * LANES * 2);
                reg total = DOT(totals[block][part], AND(line, mask), first);
                totals[block][part] = DOT(total, AND(DO(srli_epi16)(line, 4), mask), second);
            }
    }
    __builtin_memcpy(sums, totals, (size_t)blocks * sizeof totals[0]);
}
#else
#define INT4_BLOCKS 2 /* more, and compilers keep sums in memory */
/* Lines whose products stay inside int16: 2·4 pairs of at most 2·15·128. */
#define INT4_LINES 4

static inline
    __attribute__((always_inline)) void add_int4_blocks(const uint8_t *weights, size_t block_size,
                                                        const int blocks, uint32_t columns,
                                                        const int8_t *x, int32_t *sums) {
    const reg mask = DO(set1_epi8)(15), ones = DO(set1_epi16)(1);
    while (columns != 0) {
        uint32_t some = columns < 8 * INT4_LINES ? columns : 8 * INT4_LINES;
        reg pairs[INT4_BLOCKS][PARTS];
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < PARTS; part++)
                pairs[block][part] = DO(setzero_si256)();
        for (uint32_t column = 0; column < some; column += 8, weights += 64, x += 8) {
            reg first = four_columns(x), second = four_columns(x + 4);
            for (int block = 0; block < blocks; block++)
                for (int part = 0; part < PARTS; part++) {
                    reg line = line_of(weights + (size_t)block * block_size + part * LANES * 2);
                    reg low = DO(maddubs_epi16)(AND(line, mask), first);
                    reg high = DO(maddubs_epi16)(AND(DO(srli_epi16)(line, 4), mask), second);
                    pairs[block][part] =
                        DO(add_epi16)(pairs[block][part], DO(add_epi16)(low, high));
                }
        }
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < PARTS; part++) {
                v32 total = load32(sums + block * 16 + part * LANES32);
                total += (v32)DO(madd_epi16)(pairs[block][part], ones);
                __builtin_memcpy(sums + block * 16 + part * LANES32, &total, sizeof total);
            }
        columns -= some;
    }
}
#endif

#endif
