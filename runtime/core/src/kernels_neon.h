/* What NEON on 32 and 64 bits and its dot products share: 128-bit registers. */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8
#define TILE_GROUPS 1
#define X_OFFSET 0

#include "vectors.h"

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

static inline v32 scale_plain(v32 value, const int32_t *mantissas, const int8_t *shifts,
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
