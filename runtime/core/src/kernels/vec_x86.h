/* What the sets for x86 share, whatever the width of their registers: DO(name) is the intrinsic of
 * that name. */
#ifndef EL_VEC_X86_H
#define EL_VEC_X86_H

#include "operands.h"
#include "vec_types.h"

#include <immintrin.h>

#if LANES == 32
#define DO(name) _mm512_##name
#define UPPER_HALVES(even, odd) _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB)
typedef __m512i reg;
typedef __m512 reg_float;
#else
#define DO(name) _mm256_##name
#define UPPER_HALVES(even, odd) _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)
typedef __m256i reg;
typedef __m256 reg_float;
#endif

static inline v16 multiply_q15(v16 a, v16 b) {
    return (v16)DO(mulhrs_epi16)((reg)a, (reg)b);
}

static inline v16 add_saturating(v16 a, v16 b) {
    return (v16)DO(adds_epi16)((reg)a, (reg)b);
}

static inline v32 add_pair_products(v32 sum, v16 a, v16 b) {
    return sum + (v32)DO(madd_epi16)((reg)a, (reg)b);
}

static inline v16 average(v16 a, v16 b) {
    return (v16)DO(avg_epu16)((reg)a, (reg)b);
}

static inline v16 add_half(v16 a, v16 b) {
    return a + average(b, splat16(0));
}

static inline v16 add_quarter(v16 a, v16 b) {
    return multiply_q15(b, splat16(1 << 13)) + a;
}

static inline v16 four_times_saturating(v16 a) {
    v16 twice = add_saturating(a, a);
    return add_saturating(twice, twice);
}

static inline v16 load_factors(void) {
    return splat16(0);
}

INLINE v16 multiply_q15_by(v16 value, v16 factors, const int n) {
    (void)factors;
    return multiply_q15(value, splat16(gate_factors[n]));
}

static inline v16 zero_where_clear(v16 value, v16 a, int bit) {
    return value & ~(v16)((a & splat16(bit)) == 0);
}

static inline v16 minus_abs(v16 a) {
    return (v16)DO(sub_epi16)((reg)(v16){0}, DO(abs_epi16)((reg)a));
}

static inline v32 clamp32(v32 value, int32_t low, int32_t high) {
    reg raised = DO(max_epi32)((reg)value, DO(set1_epi32)(low));
    return (v32)DO(min_epi32)(raised, DO(set1_epi32)(high));
}

/* The products with mantissas, over 2^30, rounded down, of a quarter of `four`: the upper halves of
 * 64 bits, of the even lanes and of the odd ones. The mantissas of these come into place by reading
 * one further. */
static inline v32 multiply_q30(reg four, const int32_t *mantissas) {
    reg even_mantissas, odd_mantissas;
    __builtin_memcpy(&even_mantissas, mantissas, sizeof even_mantissas);
    __builtin_memcpy(&odd_mantissas, mantissas + 1, sizeof odd_mantissas);
    reg even = DO(mul_epi32)(four, even_mantissas);
    reg odd = DO(mul_epi32)(DO(srli_epi64)(four, 32), odd_mantissas);
    return (v32)UPPER_HALVES(even, odd);
}

/* Four times the value, shifted to the left where that is asked for. */
static inline reg four_times(v32 value, v32 shift, const int left) {
    if (!left)
        return DO(slli_epi32)((reg)value, 2);
    reg bits = DO(max_epi32)((reg)shift, (reg)(v32){0});
    return DO(sllv_epi32)((reg)value, DO(add_epi32)(bits, DO(set1_epi32)(2)));
}

/* Their right shifts, 0 to the left. */
static inline v32 right_only(v32 shift, const int left) {
    return left ? (v32)DO(min_epi32)((reg)shift, (reg)(v32){0}) : shift;
}

/* NaN becomes `low`. */
static inline vf clamp_float(vf a, float low, float high) {
    reg_float raised = DO(max_ps)((reg_float)a, DO(set1_ps)(low));
    return (vf)DO(min_ps)(raised, DO(set1_ps)(high));
}

/* A register of codes. The conversion rounds as el_round does: to nearest, ties to even. */
static inline v32 read_codes(const float *frame, const float *mean, const float *scale,
                             const float *offset) {
    reg_float centred = DO(sub_ps)(DO(loadu_ps)(frame), DO(loadu_ps)(mean));
    reg_float code = DO(add_ps)(DO(mul_ps)(centred, DO(loadu_ps)(scale)), DO(loadu_ps)(offset));
    code = DO(min_ps)(DO(max_ps)(code, DO(set1_ps)(-128.0f)), DO(set1_ps)(127.0f));
    return (v32)DO(cvtps_epi32)(code);
}

#endif
