/* The int8 product of AVX2, whose vpmaddubsw takes one side as unsigned. */
#ifndef EL_PRODUCT_AVX2_H
#define EL_PRODUCT_AVX2_H

#include "kernels.h"
#include "product_alone.h"
#include "vec.h"

#include <stddef.h>

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
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        int32_t four;
        __builtin_memcpy(&four, x + column, sizeof four);
        __m256i values = _mm256_set1_epi32(four), magnitudes = _mm256_abs_epi8(values);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < 2; part++)
                totals[block][part] = add_columns(totals[block][part], values, magnitudes, ones,
                                                  weights + (size_t)block * block_size + 32 * part);
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
