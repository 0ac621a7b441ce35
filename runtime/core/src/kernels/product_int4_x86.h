/* Four-bit weights on x86: halves of bytes are the unsigned side of vpmaddubsw and vpdpbusd, x the
 * signed one. */
#ifndef EL_PRODUCT_INT4_X86_H
#define EL_PRODUCT_INT4_X86_H

#include "body_tile.h"
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
#define INT4_BLOCKS 2
/* Lines whose products stay inside int16: 2·4 pairs of at most 2·15·128. */
#define INT4_LINES 4

/* pairs + the products of eight columns of x with eight rows, half a line. In assembly, because GCC
 * would have more values at once than there are registers. */
static inline __attribute__((always_inline)) reg add_half_line(reg pairs, reg first, reg second,
                                                               reg mask, const uint8_t *half) {
    const __m256i *w = (const __m256i *)(const void *)half;
    reg low, high;
    __asm__("vmovdqa %[w], %[high]\n\t"
            "vpand %[mask], %[high], %[low]\n\t"
            "vpsrlw $4, %[high], %[high]\n\t"
            "vpand %[mask], %[high], %[high]\n\t"
            "vpmaddubsw %[first], %[low], %[low]\n\t"
            "vpmaddubsw %[second], %[high], %[high]\n\t"
            "vpaddw %[low], %[pairs], %[pairs]\n\t"
            "vpaddw %[high], %[pairs], %[pairs]"
            : [pairs] "+x"(pairs), [low] "=&x"(low), [high] "=&x"(high)
            : [first] "x"(first), [second] "x"(second), [mask] "x"(mask), [w] "m"(*w));
    return pairs;
}

/* `lines` lines of each of `blocks` blocks, both constants, whose products join `totals`. */
static inline __attribute__((always_inline)) void
add_int4_lines(const uint8_t *weights, size_t block_size, const int blocks, const int lines,
               const int8_t *x, reg (*totals)[PARTS]) {
    const reg mask = DO(set1_epi8)(15);
    reg pairs[INT4_BLOCKS][PARTS];
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < PARTS; part++)
            pairs[block][part] = DO(setzero_si256)();
    UNROLLED for (int line = 0; line < lines; line++, weights += 64, x += 8) {
        reg first = four_columns(x), second = four_columns(x + 4);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < PARTS; part++)
                pairs[block][part] =
                    add_half_line(pairs[block][part], first, second, mask,
                                  weights + (size_t)block * block_size + part * LANES * 2);
    }
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < PARTS; part++) {
            reg sums = DO(madd_epi16)(pairs[block][part], DO(set1_epi16)(1));
            totals[block][part] = DO(add_epi32)(totals[block][part], sums);
        }
}

static inline __attribute__((always_inline)) void
add_int4_blocks(const uint8_t *weights, size_t block_size, const int blocks, uint32_t columns,
                const int8_t *x, int32_t *sums) {
    /* Each by itself: registers that are copied together would be kept in memory. */
    reg totals[INT4_BLOCKS][PARTS];
    for (int n = 0; n < blocks * PARTS; n++)
        totals[n / PARTS][n % PARTS] = (reg)load32(sums + n * LANES32);
    const int8_t *end = x + columns;
    for (; end - x >= 8 * INT4_LINES; x += 8 * INT4_LINES, weights += 64 * INT4_LINES)
        add_int4_lines(weights, block_size, blocks, INT4_LINES, x, totals);
    for (; x != end; x += 8, weights += 64)
        add_int4_lines(weights, block_size, blocks, 1, x, totals);
    for (int n = 0; n < blocks * PARTS; n++)
        __builtin_memcpy(sums + n * LANES32, &totals[n / PARTS][n % PARTS], sizeof totals[0][0]);
}
#endif

#endif
