/* What NEON on 32 and 64 bits and its dot products share: 128-bit registers. */
#ifndef EL_VEC_NEON_H
#define EL_VEC_NEON_H

#include "operands.h"
#include "vec_types.h"

#include <arm_neon.h>
#include <stddef.h>

#define TILE_GROUPS 1

static inline v16 multiply_q15(v16 a, v16 b) {
    return (v16)vqrdmulhq_s16((int16x8_t)a, (int16x8_t)b);
}

static inline v16 add_saturating(v16 a, v16 b) {
    return (v16)vqaddq_s16((int16x8_t)a, (int16x8_t)b);
}

static inline v32 add_pair_products(v32 sum, v16 a, v16 b) {
    int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    int32x4_t high = vmull_s16(vget_high_s16(x), vget_high_s16(y));
#if defined(__aarch64__)
    return sum + (v32)vpaddq_s32(low, high);
#else
    return sum + (v32)vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                                   vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
#endif
}

static inline v16 average(v16 a, v16 b) {
    return (v16)vrhaddq_u16((uint16x8_t)a, (uint16x8_t)b);
}

static inline v16 add_half(v16 a, v16 b) {
    return (v16)vrsraq_n_u16((uint16x8_t)a, (uint16x8_t)b, 1);
}

static inline v16 add_quarter(v16 a, v16 b) {
    return (v16)vrsraq_n_s16((int16x8_t)a, (int16x8_t)b, 2);
}

static inline v16 four_times_saturating(v16 a) {
    return (v16)vqshlq_n_s16((int16x8_t)a, 2);
}

static inline v32 clamp32(v32 value, int32_t low, int32_t high) {
    int32x4_t raised = vmaxq_s32((int32x4_t)value, vdupq_n_s32(low));
    return (v32)vminq_s32(raised, vdupq_n_s32(high));
}

static inline vf clamp_float(vf a, float low, float high) {
    float32x4_t raised = vmaxq_f32((float32x4_t)a, vdupq_n_f32(low));
    return (vf)vminq_f32(raised, vdupq_n_f32(high));
}

/* vrshl shifts by -bits to the right and sends ties up: a negative value, less one, sends them
 * away from zero. */
static inline v32 rounding_shift_by(v32 value, v32 minus_bits) {
    int32x4_t shift = (int32x4_t)minus_bits;
    int32x4_t negative = vandq_s32((int32x4_t)value, shift);
    return (v32)vrshlq_s32(vsraq_n_s32((int32x4_t)value, negative, 31), shift);
}

/* The same where no `minus_bits` is 0. */
static inline v32 rounding_shift_down(v32 value, v32 minus_bits) {
    int32x4_t v = (int32x4_t)value;
    return (v32)vrshlq_s32(vsraq_n_s32(v, v, 31), (int32x4_t)minus_bits);
}

static inline v32 multiply(v32 value, v32 mantissa, v32 shift) {
    int32x4_t zero = vdupq_n_s32(0);
    int32x4_t shifted = vshlq_s32((int32x4_t)value, vmaxq_s32((int32x4_t)shift, zero));
    int32x4_t high = vqrdmulhq_s32(shifted, (int32x4_t)mantissa);
    return rounding_shift_by((v32)high, (v32)vminq_s32((int32x4_t)shift, zero));
}

static inline v16 narrow(v32 low, v32 high) {
    return (v16)vcombine_s16(vqmovn_s32((int32x4_t)low), vqmovn_s32((int32x4_t)high));
}

static inline v32 widen_low(v16 a) {
    return (v32)vmovl_s16(vget_low_s16((int16x8_t)a));
}

static inline v32 widen_high(v16 a) {
    return (v32)vmovl_s16(vget_high_s16((int16x8_t)a));
}

static inline v32 widen_int8(const int8_t *from) {
    int32_t four;
    __builtin_memcpy(&four, from, sizeof four);
    int8x8_t bytes = vreinterpret_s8_s32((int32x2_t){four, 0});
    return (v32)vmovl_s16(vget_low_s16(vmovl_s8(bytes)));
}

/* 16 of them. */
static inline void widen_shifts(const int8_t *from, v32 *to) {
    int8x16_t bytes = vld1q_s8(from);
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
    to[0] = (v32)vmovl_s16(vget_low_s16(low));
    to[1] = (v32)vmovl_s16(vget_high_s16(low));
    to[2] = (v32)vmovl_s16(vget_low_s16(high));
    to[3] = (v32)vmovl_s16(vget_high_s16(high));
}

static inline v32 multiply_no_overflow(v32 value, const int32_t *mantissas, v32 shift,
                                       const el_shifts which) {
    if (which == EL_SHIFTS_BOTH_WAYS)
        return multiply(value, (v32)vld1q_s32(mantissas), shift);
    v32 high = (v32)vqrdmulhq_s32((int32x4_t)value, vld1q_s32(mantissas));
    return which == EL_SHIFTS_RIGHT ? rounding_shift_down(high, shift)
                                    : rounding_shift_by(high, shift);
}

/* a as int16, saturating, and b */
static inline v32 add_narrowed(v32 a, v32 b) {
    return (v32)vaddw_s16((int32x4_t)b, vqmovn_s32((int32x4_t)a));
}

static inline void store_int8(int8_t *to, v16 a) {
    vst1_s8(to, vqmovn_s16((int16x8_t)a));
}

INLINE vf widen_bf16(const void *column, const int part) {
    uint32x4_t both = vld1q_u32((const uint32_t *)column + part % 2 * 4);
    return (vf)(part < 2 ? vshlq_n_u32(both, 16) : vandq_u32(both, vdupq_n_u32(0xFFFF0000u)));
}

/* Fused on 64 bits; a Cortex-A8 has no fused multiply-add. */
static inline vf fuse(vf a, vf b, vf c) {
#if defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return (vf)vmlaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#endif
}

static inline v16 minus_abs(v16 a) {
    return (v16)vminq_s16((int16x8_t)a, vnegq_s16((int16x8_t)a));
}

/* a becomes -1, 0 or 1 */
static inline v16 with_sign(v16 magnitude, v16 a) {
    int16x8_t sign = vmaxq_s16(vminq_s16((int16x8_t)a, vdupq_n_s16(1)), vdupq_n_s16(-1));
    return (v16)vmulq_s16((int16x8_t)magnitude, sign);
}

static inline v16 where_positive(v16 a, v16 yes, v16 no) {
    uint16x8_t positive = vcgtq_s16((int16x8_t)a, vdupq_n_s16(0));
    return (v16)vbslq_s16(positive, (int16x8_t)yes, (int16x8_t)no);
}

static inline v16 where_zero(v16 a, v16 yes, v16 no) {
    uint16x8_t zero = vceqq_s16((int16x8_t)a, vdupq_n_s16(0));
    return (v16)vbslq_s16(zero, (int16x8_t)yes, (int16x8_t)no);
}

/* On 64 bits all factors stay in one register. The compiler would load them anew for each product,
 * from an address that takes an instruction as well, if it knew them. */
static inline v16 load_factors(void) {
    int16x8_t factors = vld1q_s16(gate_factors);
#if defined(__aarch64__)
    __asm__("" : "+w"(factors));
#endif
    return (v16)factors;
}

INLINE v16 multiply_q15_by(v16 value, v16 factors, const int n) {
#if defined(__aarch64__)
    int16x8_t by = (int16x8_t)factors, v = (int16x8_t)value;
    switch (n) {
    case 0:
        return (v16)vqrdmulhq_laneq_s16(v, by, 0);
    case 1:
        return (v16)vqrdmulhq_laneq_s16(v, by, 1);
    case 2:
        return (v16)vqrdmulhq_laneq_s16(v, by, 2);
    case 3:
        return (v16)vqrdmulhq_laneq_s16(v, by, 3);
    case 4:
        return (v16)vqrdmulhq_laneq_s16(v, by, 4);
    case 5:
        return (v16)vqrdmulhq_laneq_s16(v, by, 5);
    case 6:
        return (v16)vqrdmulhq_laneq_s16(v, by, 6);
    default:
        return (v16)vqrdmulhq_laneq_s16(v, by, 7);
    }
#else
    (void)factors;
    return multiply_q15(value, splat16(gate_factors[n]));
#endif
}

INLINE v16 multiply_where_clear(v16 value, v16 factors, const int n, v16 a, int bit) {
    uint16x8_t set = vtstq_s16((int16x8_t)a, vdupq_n_s16((int16_t)bit));
    v16 product = multiply_q15_by(value, factors, n);
    return (v16)vbslq_s16(set, (int16x8_t)value, (int16x8_t)product);
}

INLINE v16 zero_where_clear(v16 value, v16 a, int bit) {
    return value & (v16)vtstq_s16((int16x8_t)a, vdupq_n_s16((int16_t)bit));
}

/* a·b / 2^bits for a ≥ 0, bits 15 to 25, ties away from zero */
INLINE v16 scale_product(v16 a, v16 b, int bits) {
    v32 shift = splat32(-bits);
    return narrow(rounding_shift_down(widen_low(a) * widen_low(b), shift),
                  rounding_shift_down(widen_high(a) * widen_high(b), shift));
}

/* f·c / 2^15 for f ≥ 0, ties away from zero. -f·-|c|: the product is positive, and -32768 is a
 * number where 32768 is not. */
static inline v16 keep(v16 f, v16 c) {
    v16 minus_f = (v16)vnegq_s16((int16x8_t)f);
    return with_sign(multiply_q15(minus_f, minus_abs(c)), c);
}

#if defined(__aarch64__)
/* A register of codes. The conversion rounds as el_round does: to nearest, ties to even. */
static inline v32 read_codes(const float *frame, const float *mean, const float *scale,
                             const float *offset) {
    float32x4_t code = vmulq_f32(vsubq_f32(vld1q_f32(frame), vld1q_f32(mean)), vld1q_f32(scale));
    code = vaddq_f32(code, vld1q_f32(offset));
    code = vminnmq_f32(vmaxnmq_f32(code, vdupq_n_f32(-128.0f)), vdupq_n_f32(127.0f));
    return (v32)vcvtnq_s32_f32(code);
}

/* count ≥ LANES; the last codes may be read twice */
static inline void read_int8(const float *frame, const float *mean, const float *scale,
                             const float *offset, uint32_t count, int8_t *codes) {
    for (uint32_t n = 0; n < count; n += LANES) {
        uint32_t at = n + LANES <= count ? n : count - LANES, half = at + LANES / 2;
        v32 low = read_codes(frame + at, mean + at, scale + at, offset + at);
        v32 high = read_codes(frame + half, mean + half, scale + half, offset + half);
        store_int8(codes + at, narrow(low, high));
    }
}
#endif

#endif
