/* The int8 product of AVX2, whose vpmaddubsw takes one side as unsigned. */
#ifndef EL_PRODUCT_AVX2_H
#define EL_PRODUCT_AVX2_H

#include "kernels.h"
#include "product_alone.h"
#include "vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X_OFFSET 0

/* sum + the products of four columns of x with eight rows. vpmaddubsw takes |x| as unsigned, and
 * the weights, which are never -128, with the sign of x: two products of at most 128·127 stay
 * inside int16. In assembly, because GCC would have more values at once than there are registers.
 */
static inline __attribute__((always_inline)) __m256i add_columns(__m256i sum, __m256i values,
                                                                 __m256i magnitudes, __m256i ones,
                                                                 const int8_t *weights) {
    const __m256i *w = (const __m256i *)(const void *)weights;
    __m256i pairs;
    __asm__("vmovdqa %[w], %[pairs]\n\t"
            "vpsignb %[values], %[pairs], %[pairs]\n\t"
            "vpmaddubsw %[pairs], %[magnitudes], %[pairs]\n\t"
            "vpmaddwd %[ones], %[pairs], %[pairs]\n\t"
            "vpaddd %[pairs], %[sum], %[sum]"
            : [sum] "+x"(sum), [pairs] "=&x"(pairs)
            : [values] "x"(values), [magnitudes] "x"(magnitudes), [ones] "x"(ones), [w] "m"(*w));
    return sum;
}

/* The same of eight columns, whose products two at a time are added to two others before they are
 * widened: a multiplication less in four. Only where may_add_pairs. */
static inline __attribute__((always_inline)) __m256i add_eight_columns(__m256i sum,
                                                                       const __m256i *values,
                                                                       const __m256i *magnitudes,
                                                                       __m256i ones,
                                                                       const int8_t *weights) {
    const __m256i *w = (const __m256i *)(const void *)weights;
    __m256i pairs, others;
    __asm__("vmovdqa %[w], %[pairs]\n\t"
            "vpsignb %[values0], %[pairs], %[pairs]\n\t"
            "vpmaddubsw %[pairs], %[magnitudes0], %[pairs]\n\t"
            "vmovdqa %[v], %[others]\n\t"
            "vpsignb %[values1], %[others], %[others]\n\t"
            "vpmaddubsw %[others], %[magnitudes1], %[others]\n\t"
            "vpaddw %[others], %[pairs], %[pairs]\n\t"
            "vpmaddwd %[ones], %[pairs], %[pairs]\n\t"
            "vpaddd %[pairs], %[sum], %[sum]"
            : [sum] "+x"(sum), [pairs] "=&x"(pairs), [others] "=&x"(others)
            : [values0] "x"(values[0]), [magnitudes0] "x"(magnitudes[0]), [values1] "x"(values[1]),
              [magnitudes1] "x"(magnitudes[1]), [ones] "x"(ones), [w] "m"(w[0]), [v] "m"(w[2]));
    return sum;
}

/* Whether four products each, of two of eight columns of x and the two that are four further, stay
 * inside int16 with any weights up to 127: their sizes sum up to 258 at most. All eight are looked
 * at in one register of 64 bits, which leaves those of vectors alone. */
static inline bool may_add_pairs(const int8_t *x) {
    const uint64_t low_bits = UINT64_C(0x0101010101010101), halves = UINT64_C(0x00FF00FF00FF00FF);
    uint64_t eight;
    __builtin_memcpy(&eight, x, sizeof eight);
    uint64_t negative = eight >> 7 & low_bits;
    uint64_t sizes = (eight ^ negative * 255) + negative;
    uint64_t pairs = (sizes & halves) + (sizes >> 8 & halves);
    uint64_t fours = pairs + (pairs >> 32) + UINT64_C(0x00010001) * (INT16_MAX - 258);
    return (fours & UINT64_C(0x80008000)) == 0;
}

static inline __m256i four_values(const int8_t *x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Add the products of `blocks` ≤ 4 weight blocks, 16 rows × `columns` each, with x to `sums`. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[2]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i totals[4][2]; /* of their own: only those stay in registers */
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < 2; part++)
            totals[block][part] = (__m256i)sums[block][part];
    for (uint32_t column = 0; column < columns;) {
        __m256i values[2], magnitudes[2];
        values[0] = four_values(x + column);
        magnitudes[0] = _mm256_abs_epi8(values[0]);
        if (columns - column >= 8 && may_add_pairs(x + column)) {
            values[1] = four_values(x + column + 4);
            magnitudes[1] = _mm256_abs_epi8(values[1]);
            for (int block = 0; block < blocks; block++)
                for (int part = 0; part < 2; part++)
                    totals[block][part] =
                        add_eight_columns(totals[block][part], values, magnitudes, ones,
                                          weights + (size_t)block * block_size + 32 * part);
            column += 8;
            weights += 128;
            continue;
        }
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < 2; part++)
                totals[block][part] =
                    add_columns(totals[block][part], values[0], magnitudes[0], ones,
                                weights + (size_t)block * block_size + 32 * part);
        column += 4;
        weights += 64;
    }
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < 2; part++)
            sums[block][part] = (v32)totals[block][part];
}

/* The products of the four gates' blocks with the x of EL_BATCH streams, or frames: a weight is
 * loaded once for all. */
static inline __attribute__((always_inline)) void
add_products_batch(const int8_t *weights, size_t block_size, uint32_t columns,
                   const int8_t *const *x, v32 (*sums)[EL_GATES * TILE_GROUPS][PARTS],
                   int first_block) {
    /* What is made of x serves four blocks here, which is worth more than loading weights once. */
    for (int n = 0; n < EL_BATCH; n++)
        add_products(weights, block_size, (int)EL_GATES, columns, x[n], sums[n] + first_block);
}

#endif
