/* The int8 product of AVX-VNNI. */
#ifndef EL_PRODUCT_AVXVNNI_H
#define EL_PRODUCT_AVXVNNI_H

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

#endif
