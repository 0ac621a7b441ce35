/* Eight values of 32 bits of log-mel's transform, by AVX2. */
#ifndef EL_VEC_LOGMEL_AVX2_H
#define EL_VEC_LOGMEL_AVX2_H

#include "logmel_steps.h"
#include "vec_types.h"

#include <immintrin.h>

#define LANES_Q 8u

typedef int32_t vq __attribute__((vector_size(32)));

INLINE vq load_q(const int32_t *from) {
    return (vq)_mm256_loadu_si256((const __m256i *)(const void *)from);
}

INLINE void store_q(int32_t *to, vq value) {
    _mm256_storeu_si256((__m256i *)(void *)to, (__m256i)value);
}

INLINE vq all_q(int32_t value) {
    return (vq)_mm256_set1_epi32(value);
}

/* el_times of each. */
INLINE vq times_q(vq a, vq b) {
    const __m256i half = _mm256_set1_epi64x(INT64_C(1) << 30);
    const __m256i odd_a = _mm256_srli_epi64((__m256i)a, 32),
                  odd_b = _mm256_srli_epi64((__m256i)b, 32);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32((__m256i)a, (__m256i)b), half);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(odd_a, odd_b), half);
    return (vq)_mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}

INLINE vq reversed_q(vq a) {
    return (vq)_mm256_permutevar8x32_epi32((__m256i)a, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

/* The first of each register, then the second of each … */
INLINE void store_interleaved(int32_t *to, const vq v[4]) {
    const __m256i a = _mm256_unpacklo_epi32((__m256i)v[0], (__m256i)v[1]);
    const __m256i b = _mm256_unpackhi_epi32((__m256i)v[0], (__m256i)v[1]);
    const __m256i c = _mm256_unpacklo_epi32((__m256i)v[2], (__m256i)v[3]);
    const __m256i d = _mm256_unpackhi_epi32((__m256i)v[2], (__m256i)v[3]);
    const __m256i e = _mm256_unpacklo_epi64(a, c), f = _mm256_unpackhi_epi64(a, c);
    const __m256i g = _mm256_unpacklo_epi64(b, d), h = _mm256_unpackhi_epi64(b, d);
    store_q(to, (vq)_mm256_permute2x128_si256(e, f, 0x20));
    store_q(to + 8, (vq)_mm256_permute2x128_si256(g, h, 0x20));
    store_q(to + 16, (vq)_mm256_permute2x128_si256(e, f, 0x31));
    store_q(to + 24, (vq)_mm256_permute2x128_si256(g, h, 0x31));
}

/* The first half of each register, then the second half of each. */
INLINE void store_fours(int32_t *to, const vq v[4]) {
    for (int k = 0; k < 4; k += 2) {
        const __m256i a = (__m256i)v[k], b = (__m256i)v[k + 1];
        store_q(to + 4 * k, (vq)_mm256_permute2x128_si256(a, b, 0x20));
        store_q(to + 16 + 4 * k, (vq)_mm256_permute2x128_si256(a, b, 0x31));
    }
}

/* Two values, four times each. */
INLINE vq load_of_fours(const int32_t *from) {
    const __m128i both = _mm_loadl_epi64((const __m128i *)(const void *)from);
    const __m256i where = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    return (vq)_mm256_permutevar8x32_epi32(_mm256_castsi128_si256(both), where);
}

INLINE __m256i squares_of_even(__m256i re, __m256i im, __m256i half, __m128i shift) {
    const __m256i sum = _mm256_add_epi64(_mm256_mul_epi32(re, re), _mm256_mul_epi32(im, im));
    return _mm256_srl_epi64(_mm256_add_epi64(sum, half), shift);
}

/* el_logmel_scaled of each re² + im². */
INLINE void store_squares(uint64_t *to, vq re, vq im, int shift) {
    const __m256i half = _mm256_set1_epi64x(1LL << (shift - 1));
    const __m128i bits = _mm_cvtsi32_si128(shift);
    const __m256i even = squares_of_even((__m256i)re, (__m256i)im, half, bits);
    const __m256i odd = squares_of_even(_mm256_srli_epi64((__m256i)re, 32),
                                        _mm256_srli_epi64((__m256i)im, 32), half, bits);
    const __m256i low = _mm256_unpacklo_epi64(even, odd), high = _mm256_unpackhi_epi64(even, odd);
    __m256i *lines = (__m256i *)(void *)to;
    _mm256_storeu_si256(lines, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(lines + 1, _mm256_permute2x128_si256(low, high, 0x31));
}

/* The sum of `count` powers, a multiple of four, times their weights. */
INLINE uint64_t weighted_fours(const uint64_t *power, const uint16_t *weights, uint32_t count) {
    __m256i low = _mm256_setzero_si256(), high = low;
    for (uint32_t n = 0; n < count; n += 4) {
        const __m256i p = _mm256_loadu_si256((const __m256i *)(const void *)(power + n));
        const __m256i w =
            _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)(const void *)(weights + n)));
        low = _mm256_add_epi64(low, _mm256_mul_epu32(p, w));
        high = _mm256_add_epi64(high, _mm256_mul_epu32(_mm256_srli_epi64(p, 32), w));
    }
    const __m256i four = _mm256_add_epi64(low, _mm256_slli_epi64(high, 32));
    const __m128i two =
        _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    uint64_t parts[2];
    _mm_storeu_si128((__m128i *)(void *)parts, two);
    return parts[0] + parts[1];
}

/* The window over as many pairs of samples as fill registers; returns how many. */
INLINE uint32_t logmel_taper(const el_logmel *logmel, const int16_t *samples, el_complex z) {
    const uint32_t pairs = logmel->window / 2;
    const __m128i point = _mm_cvtsi32_si128(el_logmel_fraction(logmel));
    uint32_t n = 0;
    for (; n + LANES_Q <= pairs; n += LANES_Q) {
        const __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(samples + 2 * n));
        const __m256i even = _mm256_srai_epi32(_mm256_slli_epi32(both, 16), 16);
        const __m256i odd = _mm256_srai_epi32(both, 16);
        store_q(z.re + n, times_q((vq)_mm256_sll_epi32(even, point), load_q(logmel->taper + n)));
        store_q(z.im + n,
                times_q((vq)_mm256_sll_epi32(odd, point), load_q(logmel->taper + pairs + n)));
    }
    return n;
}

#endif
