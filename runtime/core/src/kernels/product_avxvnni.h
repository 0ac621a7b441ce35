/* The int8 product of AVX-VNNI. */
#ifndef EL_PRODUCT_AVXVNNI_H
#define EL_PRODUCT_AVXVNNI_H

#include "kernels.h"
#include "product_alone.h"
#include "vec.h"

#include <stddef.h>

#define X_OFFSET 128

/* Add the products of `blocks` weight blocks, 16 rows × `columns` each, with x to `sums`. vpdpbusd
 * takes x as unsigned: X_OFFSET is added here and taken out again with the sums of the rows. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[2]) {
    __m256i offset = _mm256_set1_epi8((char)0x80);
    for (uint32_t column = 0; column < columns; column += 4, weights += 64) {
        int32_t four;
        __builtin_memcpy(&four, x + column, sizeof four);
        __m256i values = _mm256_xor_si256(_mm256_set1_epi32(four), offset);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < 2; part++) {
                const int8_t *at = weights + (size_t)block * block_size + 32 * part;
                __m256i w = _mm256_load_si256((const __m256i *)(const void *)at);
                sums[block][part] =
                    (v32)_mm256_dpbusd_avx_epi32((__m256i)sums[block][part], values, w);
            }
    }
}

/* The products of the four gates' blocks with the x of EL_BATCH streams, or frames: a weight is
 * loaded once for all. */
static inline __attribute__((always_inline)) void
add_products_batch(const int8_t *weights, size_t block_size, uint32_t columns,
                   const int8_t *const *x, v32 (*sums)[EL_GATES * TILE_GROUPS][PARTS],
                   int first_block) {
    __m256i offset = _mm256_set1_epi8((char)0x80);
    for (int gate = 0; gate < (int)EL_GATES; gate++, weights += block_size) {
        __m256i totals[EL_BATCH][2];
        const int8_t *at = weights;
        for (int n = 0; n < EL_BATCH; n++)
            for (int part = 0; part < 2; part++)
                totals[n][part] = (__m256i)sums[n][first_block + gate][part];
        for (uint32_t column = 0; column < columns; column += 4, at += 64) {
            __m256i low = _mm256_load_si256((const __m256i *)(const void *)at);
            __m256i high = _mm256_load_si256((const __m256i *)(const void *)(at + 32));
            for (int n = 0; n < EL_BATCH; n++) {
                int32_t four;
                __builtin_memcpy(&four, x[n] + column, sizeof four);
                __m256i values = _mm256_xor_si256(_mm256_set1_epi32(four), offset);
                totals[n][0] = _mm256_dpbusd_avx_epi32(totals[n][0], values, low);
                totals[n][1] = _mm256_dpbusd_avx_epi32(totals[n][1], values, high);
            }
        }
        for (int n = 0; n < EL_BATCH; n++)
            for (int part = 0; part < 2; part++)
                sums[n][first_block + gate][part] = (v32)totals[n][part];
    }
}

#endif
