/* AVX-512: registers of 512 bits, masks of lanes. */
#ifndef EL_VEC_AVX512_H
#define EL_VEC_AVX512_H

#include "vec_x86.h"

#define TILE_GROUPS 4

static inline v16 with_sign(v16 magnitude, v16 a) {
    __m512i zero = _mm512_setzero_si512();
    __mmask32 negative = _mm512_movepi16_mask((__m512i)a);
    __m512i either =
        _mm512_maskz_mov_epi16(_mm512_test_epi16_mask((__m512i)a, (__m512i)a), (__m512i)magnitude);
    return (v16)_mm512_mask_sub_epi16(either, negative, zero, either);
}

static inline v16 where_positive(v16 a, v16 yes, v16 no) {
    __mmask32 positive = _mm512_cmpgt_epi16_mask((__m512i)a, _mm512_setzero_si512());
    return (v16)_mm512_mask_mov_epi16((__m512i)no, positive, (__m512i)yes);
}

static inline v16 where_zero(v16 a, v16 yes, v16 no) {
    __mmask32 zero = _mm512_testn_epi16_mask((__m512i)a, (__m512i)a);
    return (v16)_mm512_mask_mov_epi16((__m512i)no, zero, (__m512i)yes);
}

INLINE v16 multiply_where_clear(v16 value, v16 factors, const int n, v16 a, int bit) {
    (void)factors;
    __mmask32 clear = _mm512_testn_epi16_mask((__m512i)a, _mm512_set1_epi16((int16_t)bit));
    return (v16)_mm512_mask_mulhrs_epi16((__m512i)value, clear, (__m512i)value,
                                         _mm512_set1_epi16(gate_factors[n]));
}

/* For bits ≥ 1 where `lanes` says so; the other lanes stay as they are. `less_one` is bits - 1. */
static inline __m512i round_lanes(__mmask16 lanes, __m512i value, __m512i less_one) {
    __m512i downward = _mm512_add_epi32(value, _mm512_srai_epi32(value, 31));
    __m512i doubled = _mm512_add_epi32(_mm512_srav_epi32(downward, less_one), _mm512_set1_epi32(1));
    return _mm512_mask_srai_epi32(value, lanes, doubled, 1);
}

static inline v32 multiply(v32 value, v32 mantissa, v32 shift) {
    __m512i zero = _mm512_setzero_si512(), half = _mm512_set1_epi64(INT64_C(1) << 30);
    __m512i a = _mm512_sllv_epi32((__m512i)value, _mm512_max_epi32((__m512i)shift, zero));
    __m512i b = (__m512i)mantissa;
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    odd = _mm512_add_epi64(odd, half);
    __m512i high =
        _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    __mmask16 right = _mm512_cmplt_epi32_mask((__m512i)shift, zero);
    return (v32)round_lanes(right, high, ~(__m512i)shift); /* ~shift = bits - 1 */
}

static inline v16 narrow(v32 low, v32 high) {
    __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    __m512i packed = _mm512_packs_epi32((__m512i)low, (__m512i)high); /* within 128-bit quarters */
    return (v16)_mm512_permutexvar_epi64(order, packed);
}

static inline v32 widen_low(v16 a) {
    return (v32)_mm512_cvtepi16_epi32(_mm512_castsi512_si256((__m512i)a));
}

static inline v32 widen_high(v16 a) {
    return (v32)_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64((__m512i)a, 1));
}

static inline v32 widen_int8(const int8_t *from) {
    return (v32)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
}

/* 16 of them. */
static inline void widen_shifts(const int8_t *from, v32 *to) {
    to[0] = widen_int8(from);
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
    __m512i one = _mm512_set1_epi32(1), shift = (__m512i)right_only(both, left);
    __m512i quarters = (__m512i)multiply_q30(four_times(value, both, left), mantissas);
    __m512i halves = _mm512_or_si512(_mm512_rorv_epi32(one, shift), one); /* 2^n + 1, or 1 */
    __mmask16 down = _mm512_mask_cmplt_epi32_mask(_mm512_test_epi32_mask(shift, shift), quarters,
                                                  _mm512_setzero_si512());
    __m512i sum = _mm512_add_epi32(quarters, halves);
    sum = _mm512_mask_sub_epi32(sum, down, sum, _mm512_set1_epi32(2));
    return (v32)_mm512_srav_epi32(sum, _mm512_sub_epi32(one, shift));
}

static inline void store_int8(int8_t *to, v16 a) {
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtsepi16_epi8((__m512i)a));
}

INLINE vf widen_bf16(const void *column, const int part) {
    (void)part;
    __m512i both = _mm512_broadcast_i64x4(_mm256_loadu_si256(column));
    __m512i bits = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 16, 16, 16, 16, 16, 16, 16, 16);
    return (vf)_mm512_and_si512(_mm512_sllv_epi32(both, bits), _mm512_set1_epi32(-65536));
}

static inline vf fuse(vf a, vf b, vf c) {
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

#endif
