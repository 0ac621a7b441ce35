/* The int8 product of AVX-512 VNNI, of which a register holds four columns of a block of 16 rows.
 */
#ifndef EL_PRODUCT_AVX512VNNI_H
#define EL_PRODUCT_AVX512VNNI_H

#include "kernels.h"
#include "vec.h"

#include <stddef.h>

/* vpdpbusd takes x as unsigned: this is added and taken out again with the sums of rows. */
#define X_OFFSET 128

/* sum + the products of four columns of a weight block. In assembly, because GCC would copy each
 * sum in every step of a loop. */
static inline __attribute__((always_inline)) __m512i add_columns(__m512i sum, __m512i values,
                                                                 const int8_t *weights) {
    const __m512i *w = (const __m512i *)(const void *)weights;
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(values), "m"(*w));
    return sum;
}

/* Four columns of x, for all rows. vpdpbusd takes them as unsigned: X_OFFSET is added here and
 * taken out again with the sums of the rows. */
static inline __attribute__((always_inline)) __m512i repeat_four(const int8_t *x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_xor_si512(_mm512_set1_epi32(four), _mm512_set1_epi8((char)0x80));
}

static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[1]) {
    __m512i totals[8]; /* sums of its own: only those stay in registers */
    for (int block = 0; block < blocks; block++)
        totals[block] = (__m512i)sums[block][0];
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        __m512i values = repeat_four(x + column);
        for (int block = 0; block < blocks; block++)
            totals[block] =
                add_columns(totals[block], values, weights + (size_t)block * block_size);
    }
    for (int block = 0; block < blocks; block++)
        sums[block][0] = (v32)totals[block];
}

/* The product of eight weight blocks with x, four columns at a time. */
typedef struct product_beside {
    const int8_t *weights, *x;
    size_t block_size;
    uint32_t steps; /* that are left */
    __m512i sums[8];
} product_beside;

static inline __attribute__((always_inline)) void advance(product_beside *beside) {
    if (beside == NULL || beside->steps == 0)
        return;
    __m512i values = repeat_four(beside->x);
    _Pragma("GCC unroll 8") for (int block = 0; block < 8; block++) {
        const int8_t *at = beside->weights + (size_t)block * beside->block_size;
        beside->sums[block] = add_columns(beside->sums[block], values, at);
    }
    beside->weights += 64;
    beside->x += 4;
    beside->steps--;
}

/* The products of the four gates' blocks with the x of EL_BATCH streams: a weight is loaded once
 * for all, and 16 sums stay in registers. */
static inline __attribute__((always_inline)) void
add_products_batch(const int8_t *weights, size_t block_size, uint32_t columns,
                   const int8_t *const *x, v32 (*sums)[EL_GATES * TILE_GROUPS][PARTS],
                   int first_block) {
    __m512i total[EL_BATCH][EL_GATES];
    for (int n = 0; n < EL_BATCH; n++)
        for (int gate = 0; gate < (int)EL_GATES; gate++)
            total[n][gate] = (__m512i)sums[n][first_block + gate][0];
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        __m512i w[EL_GATES];
        for (int gate = 0; gate < (int)EL_GATES; gate++)
            w[gate] = _mm512_load_si512(weights + (size_t)gate * block_size);
        for (int n = 0; n < EL_BATCH; n++) {
            __m512i values = repeat_four(x[n] + column);
            for (int gate = 0; gate < (int)EL_GATES; gate++)
                __asm__("vpdpbusd %2, %1, %0" : "+v"(total[n][gate]) : "v"(values), "v"(w[gate]));
        }
    }
    for (int n = 0; n < EL_BATCH; n++)
        for (int gate = 0; gate < (int)EL_GATES; gate++)
            sums[n][first_block + gate][0] = (v32)total[n][gate];
}

#endif
