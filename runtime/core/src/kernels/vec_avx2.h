/* What AVX2 and AVX-VNNI share: 256-bit registers. */
#ifndef EL_VEC_AVX2_H
#define EL_VEC_AVX2_H

#include "vec_x86.h"

#define TILE_GROUPS 1

static inline v16 with_sign(v16 magnitude, v16 a) {
    return (v16)_mm256_sign_epi16((__m256i)magnitude, (__m256i)a);
}

static inline v16 where_positive(v16 a, v16 yes, v16 no) {
    __m256i positive = _mm256_cmpgt_epi16((__m256i)a, _mm256_setzero_si256());
    return (v16)_mm256_blendv_epi8((__m256i)no, (__m256i)yes, positive);
}

static inline v16 where_zero(v16 a, v16 yes, v16 no) {
    __m256i zero = _mm256_cmpeq_epi16((__m256i)a, _mm256_setzero_si256());
    return (v16)_mm256_blendv_epi8((__m256i)no, (__m256i)yes, zero);
}

INLINE v16 multiply_where_clear(v16 value, v16 factors, const int n, v16 a, int bit) {
    __m256i tested = _mm256_and_si256((__m256i)a, _mm256_set1_epi16((int16_t)bit));
    __m256i clear = _mm256_cmpeq_epi16(tested, _mm256_setzero_si256());
    v16 product = multiply_q15_by(value, factors, n);
    return (v16)_mm256_blendv_epi8((__m256i)value, (__m256i)product, clear);
}

static inline v32 multiply_q31(v32 a, v32 b) {
    __m256i half = _mm256_set1_epi64x(INT64_C(1) << 30);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32((__m256i)a, (__m256i)b), half);
    __m256i odd = _mm256_add_epi64(
        _mm256_mul_epi32(_mm256_srli_epi64((__m256i)a, 32), _mm256_srli_epi64((__m256i)b, 32)),
        half);
    return (v32)_mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}

/* floor((value - (value < 0) + half) / 2^bits), where the half is added after all bits but one are
 * gone, so that nothing overflows. */
static inline v32 rounding_shift_right(v32 value, v32 bits) {
    v32 none = bits == 0; /* -1 where true */
    v32 all_but_one = bits - 1 - none;
    v32 rounded = (((value + (value >> 31)) >> all_but_one) + 1) >> 1;
    return (v32)_mm256_blendv_epi8((__m256i)rounded, (__m256i)value, (__m256i)none);
}

static inline v32 multiply(v32 value, v32 mantissa, v32 shift) {
    v32 left = (v32)_mm256_max_epi32((__m256i)shift, _mm256_setzero_si256());
    v32 shifted = (v32)((vu32)value << (vu32)left);
    return rounding_shift_right(multiply_q31(shifted, mantissa), left - shift);
}

static inline v16 narrow(v32 low, v32 high) {
    __m256i packed = _mm256_packs_epi32((__m256i)low, (__m256i)high); /* within 128-bit halves */
    return (v16)_mm256_permute4x64_epi64(packed, 0xD8);
}

static inline v32 widen_low(v16 a) {
    return (v32)_mm256_cvtepi16_epi32(_mm256_castsi256_si128((__m256i)a));
}

static inline v32 widen_high(v16 a) {
    return (v32)_mm256_cvtepi16_epi32(_mm256_extracti128_si256((__m256i)a, 1));
}

static inline v32 widen_int8(const int8_t *from) {
    return (v32)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

/* 16 of them. */
static inline void widen_shifts(const int8_t *from, v32 *to) {
    to[0] = widen_int8(from);
    to[1] = widen_int8(from + 8);
}

/* a as int16, saturating, and b */
static inline v32 add_narrowed(v32 a, v32 b) {
    return clamp32(a, INT16_MIN, INT16_MAX) + b;
}

/* With n = -shift, shift ≤ 0: floor((value·mantissa / 2^30 + 1) / 2) / 2^n, ties away from zero.
 * That is floor((quarters + 1 + 2^n - 2·(quarters < 0)) / 2^(n + 1)) for n > 0; floors of floors
 * are one.
 */
static inline v32 multiply_no_overflow(v32 value, const int32_t *mantissas, v32 both,
                                       const el_shifts which) {
    const int left = which == EL_SHIFTS_BOTH_WAYS;
    v32 shift = right_only(both, left), n = -shift;
    v32 quarters = multiply_q30(four_times(value, both, left), mantissas);
    v32 halves = (v32)_mm256_sllv_epi32(_mm256_set1_epi32(1), (__m256i)n) | 1; /* 2^n + 1, or 1 */
    v32 down = (quarters >> 31) & (shift >> 31); /* -1 where both are below 0 */
    return (quarters + halves + down + down) >> (n + 1);
}

static inline void store_int8(int8_t *to, v16 a) {
    __m128i packed = _mm_packs_epi16(_mm256_castsi256_si128((__m256i)a),
                                     _mm256_extracti128_si256((__m256i)a, 1));
    _mm_storeu_si128((__m128i *)(void *)to, packed);
}

INLINE vf widen_bf16(const void *column, const int part) {
    __m256i both = _mm256_loadu_si256(column);
    return (vf)(part == 0 ? _mm256_slli_epi32(both, 16)
                          : _mm256_and_si256(both, _mm256_set1_epi32(-65536)));
}

static inline vf fuse(vf a, vf b, vf c) {
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

#endif
