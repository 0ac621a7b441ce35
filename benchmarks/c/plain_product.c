#include "plain_product.h"

#include <string.h>

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__AVX2__)
#include <immintrin.h>
#endif

enum { BLOCK_ROWS = 16, TOGETHER = 8 }; /* blocks with sums in registers at a time */

#if defined(__AVX512VNNI__)
const char plain_product_name[] = "avx512vnni";
typedef __m512i sums_of_block;

static inline sums_of_block zero(void) {
    return _mm512_setzero_si512();
}

static inline sums_of_block step(sums_of_block sums, const int8_t *weights, int32_t x) {
    return _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(x), _mm512_load_si512(weights));
}
#elif defined(__AVX2__)
typedef struct sums_of_block {
    __m256i half[2];
} sums_of_block;

static inline sums_of_block zero(void) {
    return (sums_of_block){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
}

static inline sums_of_block step(sums_of_block sums, const int8_t *weights, int32_t x) {
    __m256i values = _mm256_set1_epi32(x);
    for (int n = 0; n < 2; n++) {
        __m256i w = _mm256_load_si256((const __m256i *)(const void *)(weights + 32 * n));
#if defined(__AVXVNNI__)
        sums.half[n] = _mm256_dpbusd_avx_epi32(sums.half[n], values, w);
#else
        __m256i pairs = _mm256_maddubs_epi16(values, w); /* may saturate: time is all that counts */
        sums.half[n] =
            _mm256_add_epi32(sums.half[n], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
    }
    return sums;
}
#if defined(__AVXVNNI__)
const char plain_product_name[] = "avxvnni";
#else
const char plain_product_name[] = "avx2";
#endif
#else
const char plain_product_name[] = "scalar";
typedef struct sums_of_block {
    int32_t row[BLOCK_ROWS];
} sums_of_block;

static inline sums_of_block zero(void) {
    return (sums_of_block){{0}};
}

static inline sums_of_block step(sums_of_block sums, const int8_t *weights, int32_t x) {
    int8_t values[4];
    memcpy(values, &x, sizeof values);
    for (int row = 0; row < BLOCK_ROWS; row++)
        for (int n = 0; n < 4; n++)
            sums.row[row] += weights[4 * row + n] * values[n];
    return sums;
}
#endif

static inline
    __attribute__((always_inline)) void product_of(const int8_t *weights, const size_t blocks,
                                                   size_t columns, const int8_t *x, int32_t *sums) {
    sums_of_block registers[TOGETHER];
    for (size_t block = 0; block < blocks; block++)
        registers[block] = zero();
    for (size_t column = 0; column < columns; column += 4) {
        int32_t four;
        memcpy(&four, x + column, sizeof four);
        for (size_t block = 0; block < blocks; block++)
            registers[block] =
                step(registers[block], weights + (block * columns + column) * BLOCK_ROWS, four);
    }
    memcpy(sums, registers, blocks * sizeof *registers);
}

void plain_product(const int8_t *weights, size_t blocks, size_t columns, const int8_t *x,
                   int32_t *sums) {
    for (; blocks >= TOGETHER; blocks -= TOGETHER) {
        product_of(weights, TOGETHER, columns, x, sums);
        weights += TOGETHER * BLOCK_ROWS * columns;
        sums += TOGETHER * BLOCK_ROWS;
    }
    for (; blocks > 0; blocks--) {
        product_of(weights, 1, columns, x, sums);
        weights += BLOCK_ROWS * columns;
        sums += BLOCK_ROWS;
    }
}
