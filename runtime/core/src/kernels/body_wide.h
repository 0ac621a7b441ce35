/* Products of int8 weights with 16-bit codes, for x86: weights widen on their way to a product of
 * pairs, so that all is one product, where el_wide_product makes two of 8 bits. */
#ifndef EL_BODY_WIDE_H
#define EL_BODY_WIDE_H

#include "kernels.h"

#include <immintrin.h>
#include <string.h>

#define WIDE_GROUPS 2 /* side by side: four registers of sums each, of two columns in two */

/* Columns come in fours, of which a block has those of its 16 rows one after another: a register of
 * widened weights holds four rows. Sums are int32 and wrap as all do. */
static inline __attribute__((always_inline)) void wide_int8_groups(const el_matrix *matrix,
                                                                   uint32_t first, const int groups,
                                                                   const int16_t *x,
                                                                   int32_t *sums) {
    const size_t block = (size_t)16 * matrix->columns;
    const int8_t *weights = (const int8_t *)matrix->weights + first * block;
    __m256i totals[WIDE_GROUPS][4];
    for (int group = 0; group < groups; group++)
        for (int n = 0; n < 4; n++)
            totals[group][n] = _mm256_setzero_si256();
    for (uint32_t column = 0; column < matrix->columns; column += 4, weights += 64) {
        int64_t four;
        memcpy(&four, x + column, sizeof four);
        __m256i values = _mm256_set1_epi64x(four);
        for (int group = 0; group < groups; group++)
            for (int n = 0; n < 4; n++) {
                const int8_t *at = weights + (size_t)group * block + 16 * n;
                __m256i wide =
                    _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)at));
                totals[group][n] =
                    _mm256_add_epi32(totals[group][n], _mm256_madd_epi16(wide, values));
            }
    }
    for (int group = 0; group < groups; group++)
        for (int half = 0; half < 2; half++) {
            const int32_t *bias =
                ((const el_rows *)matrix->rows)[first + (uint32_t)group].bias + 8 * half;
            /* Rows 0 1 4 5 | 2 3 6 7 */
            __m256i both = _mm256_hadd_epi32(totals[group][2 * half], totals[group][2 * half + 1]);
            __m256i sum = _mm256_add_epi32(_mm256_permute4x64_epi64(both, 0xD8),
                                           _mm256_loadu_si256((const __m256i *)(const void *)bias));
            _mm256_storeu_si256(
                (__m256i *)(void *)(sums + (first + (uint32_t)group) * 16 + 8 * half), sum);
        }
}

static void wide_int8(const el_matrix *matrix, const int16_t *x, int32_t *sums) {
    uint32_t group = 0;
    for (; group + WIDE_GROUPS <= matrix->groups; group += WIDE_GROUPS)
        wide_int8_groups(matrix, group, WIDE_GROUPS, x, sums);
    if (group < matrix->groups)
        wide_int8_groups(matrix, group, 1, x, sums);
}

#endif
