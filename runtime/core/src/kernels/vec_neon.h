/* What NEON on 32 and 64 bits and its dot products share: 128-bit registers. */
#ifndef EL_VEC_NEON_H
#define EL_VEC_NEON_H

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

static inline v16 average(v16 a, v16 b) {
    return (v16)vrhaddq_u16((uint16x8_t)a, (uint16x8_t)b);
}

static inline v32 clamp32(v32 value, int32_t low, int32_t high) {
    int32x4_t raised = vmaxq_s32((int32x4_t)value, vdupq_n_s32(low));
    return (v32)vminq_s32(raised, vdupq_n_s32(high));
}

/* vrshl shifts by -bits to the right and sends ties up: a negative value, less one, sends them
 * away from zero. */
static inline v32 rounding_shift_by(v32 value, v32 minus_bits) {
    int32x4_t shift = (int32x4_t)minus_bits;
    int32x4_t negative = vandq_s32((int32x4_t)value, shift);
    return (v32)vrshlq_s32(vsraq_n_s32((int32x4_t)value, negative, 31), shift);
}

static inline v32 rounding_shift_right(v32 value, v32 bits) {
    return rounding_shift_by(value, -bits);
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

static inline v32 multiply_no_overflow(v32 value, const int32_t *mantissas, const int8_t *shifts,
                                       const int left) {
    if (left)
        return multiply(value, (v32)vld1q_s32(mantissas), widen_int8(shifts));
    int32x4_t high = vqrdmulhq_s32((int32x4_t)value, vld1q_s32(mantissas));
    return rounding_shift_by((v32)high, widen_int8(shifts));
}

static inline void store_int8(int8_t *to, v16 a) {
    vst1_s8(to, vqmovn_s16((int16x8_t)a));
}

/* Fused on 64 bits; a Cortex-A8 has no fused multiply-add. */
static inline vf fuse(vf a, vf b, vf c) {
#if defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return (vf)vmlaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#endif
}

/* Choices between lanes, by the compiler. */
INLINE v16 minus_abs(v16 a) {
    return choose16(a > 0, (v16)(0 - (vu16)a), a);
}

/* magnitude with the sign of a, 0 where a = 0 */
INLINE v16 with_sign(v16 magnitude, v16 a) {
    return choose16(a == 0, splat16(0), choose16(a < 0, -magnitude, magnitude));
}

INLINE v16 where_positive(v16 a, v16 yes, v16 no) {
    return choose16(a > 0, yes, no);
}

INLINE v16 where_zero(v16 a, v16 yes, v16 no) {
    return choose16(a == 0, yes, no);
}

/* value·factor where `bit` of a is 0, value elsewhere */
INLINE v16 multiply_where_clear(v16 value, int factor, v16 a, int bit) {
    return choose16((a & splat16(bit)) == 0, multiply_q15(value, splat16(factor)), value);
}

/* a·b / 2^bits for a ≥ 0, bits 15 to 25, ties away from zero */
INLINE v16 scale_product(v16 a, v16 b, int bits) {
    return narrow(rounding_shift_right(widen_low(a) * widen_low(b), splat32(bits)),
                  rounding_shift_right(widen_high(a) * widen_high(b), splat32(bits)));
}

/* f·c / 2^15 for f ≥ 0 */
INLINE v16 keep(v16 f, v16 c) {
    return scale_product(f, c, 15);
}

#endif
