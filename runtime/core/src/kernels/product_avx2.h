/* The int8 product of AVX2, which widens to int16. */
#ifndef EL_PRODUCT_AVX2_H
#define EL_PRODUCT_AVX2_H

#include "product_alone.h"
#include "vec.h"

#include <stddef.h>

#define X_OFFSET 0

/* Add the products of `blocks` weight blocks, 16 rows × `columns` each, with x to `sums`. Weights
 * and x are widened to int16: vpmaddubsw would saturate. Each register of pairs holds, for four
 * rows, the sums of columns 0, 1 and of columns 2, 3. */
static inline __attribute__((always_inline)) void add_products(const int8_t *weights,
                                                               size_t block_size, const int blocks,
                                                               uint32_t columns, const int8_t *x,
                                                               v32 (*sums)[2]) {
    for (int block = 0; block < blocks; block++) {
        const int8_t *at = weights + (size_t)block * block_size;
        __m256i pairs[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                            _mm256_setzero_si256()};
        for (uint32_t column = 0; column < columns; column += 4, at += 64) {
            int32_t four;
            __builtin_memcpy(&four, x + column, sizeof four);
            __m256i values = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(four)));
            for (int k = 0; k < 4; k++) {
                __m128i w = _mm_load_si128((const __m128i *)(const void *)(at + 16 * k));
                pairs[k] =
                    _mm256_add_epi32(pairs[k], _mm256_madd_epi16(_mm256_cvtepi8_epi16(w), values));
            }
        }
        for (int part = 0; part < 2; part++) {
            /* hadd works within 128-bit halves: rows 0 1 4 5 2 3 6 7 */
            __m256i rows = _mm256_hadd_epi32(pairs[2 * part], pairs[2 * part + 1]);
            sums[block][part] += (v32)_mm256_permute4x64_epi64(rows, 0xD8);
        }
    }
}

#endif
