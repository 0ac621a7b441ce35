/* Four values of 32 bits of log-mel's transform, by NEON on 32 and 64 bits. */
#ifndef EL_VEC_LOGMEL_NEON_H
#define EL_VEC_LOGMEL_NEON_H

#include "logmel_steps.h"
#include "vec_types.h"

#include <arm_neon.h>

#define LANES_Q 4u

typedef int32_t vq __attribute__((vector_size(16)));

INLINE vq load_q(const int32_t *from) {
    return (vq)vld1q_s32(from);
}

INLINE void store_q(int32_t *to, vq value) {
    vst1q_s32(to, (int32x4_t)value);
}

INLINE vq all_q(int32_t value) {
    return (vq)vdupq_n_s32(value);
}

/* el_times of each. */
INLINE vq times_q(vq a, vq b) {
    return (vq)vqrdmulhq_s32((int32x4_t)a, (int32x4_t)b);
}

INLINE vq reversed_q(vq a) {
    const int32x4_t swapped = vrev64q_s32((int32x4_t)a);
    return (vq)vcombine_s32(vget_high_s32(swapped), vget_low_s32(swapped));
}

/* The first of each register, then the second of each … */
INLINE void store_interleaved(int32_t *to, const vq v[4]) {
    const int32x4x4_t four = {{(int32x4_t)v[0], (int32x4_t)v[1], (int32x4_t)v[2], (int32x4_t)v[3]}};
    vst4q_s32(to, four);
}

INLINE void store_fours(int32_t *to, const vq v[4]) {
    for (int k = 0; k < 4; k++)
        store_q(to + 4 * k, v[k]);
}

/* One value, four times. */
INLINE vq load_of_fours(const int32_t *from) {
    return (vq)vld1q_dup_s32(from);
}

INLINE uint64x2_t squares_of_two(int32x2_t re, int32x2_t im, int64x2_t half, int64x2_t shift) {
    const int64x2_t sum = vmlal_s32(vmlal_s32(half, re, re), im, im);
    return vshlq_u64(vreinterpretq_u64_s64(sum), shift);
}

/* el_logmel_scaled of each re² + im². */
INLINE void store_squares(uint64_t *to, vq re, vq im, int shift) {
    const int32x4_t a = (int32x4_t)re, b = (int32x4_t)im;
    const int64x2_t half = vdupq_n_s64(INT64_C(1) << (shift - 1)), down = vdupq_n_s64(-shift);
    vst1q_u64(to, squares_of_two(vget_low_s32(a), vget_low_s32(b), half, down));
    vst1q_u64(to + 2, squares_of_two(vget_high_s32(a), vget_high_s32(b), half, down));
}

/* The sum of `count` powers, a multiple of four, times their weights. */
INLINE uint64_t weighted_fours(const uint64_t *power, const uint16_t *weights, uint32_t count) {
    uint64x2_t low = vdupq_n_u64(0), high = low;
    for (uint32_t n = 0; n < count; n += 4) {
        const uint32x4x2_t p = vld2q_u32((const uint32_t *)(const void *)(power + n));
        const uint32x4_t w = vmovl_u16(vld1_u16(weights + n));
        low = vmlal_u32(low, vget_low_u32(p.val[0]), vget_low_u32(w));
        low = vmlal_u32(low, vget_high_u32(p.val[0]), vget_high_u32(w));
        high = vmlal_u32(high, vget_low_u32(p.val[1]), vget_low_u32(w));
        high = vmlal_u32(high, vget_high_u32(p.val[1]), vget_high_u32(w));
    }
    const uint64x2_t two = vaddq_u64(low, vshlq_n_u64(high, 32));
    return vgetq_lane_u64(two, 0) + vgetq_lane_u64(two, 1);
}

/* The window over as many pairs of samples as fill registers; returns how many. */
INLINE uint32_t logmel_taper(const el_logmel *logmel, const int16_t *samples, el_complex z) {
    const uint32_t pairs = logmel->window / 2;
    const int32x4_t point = vdupq_n_s32(el_logmel_fraction(logmel));
    uint32_t n = 0;
    for (; n + 2 * LANES_Q <= pairs; n += 2 * LANES_Q) {
        const int16x8x2_t both = vld2q_s16(samples + 2 * n);
        int32_t *const to[2] = {z.re + n, z.im + n};
        for (int part = 0; part < 2; part++) {
            const int32_t *taper = logmel->taper + (part == 0 ? 0 : pairs) + n;
            const int16x8_t x = both.val[part];
            const int32x4_t low = vshlq_s32(vmovl_s16(vget_low_s16(x)), point);
            const int32x4_t high = vshlq_s32(vmovl_s16(vget_high_s16(x)), point);
            store_q(to[part], times_q((vq)low, load_q(taper)));
            store_q(to[part] + LANES_Q, times_q((vq)high, load_q(taper + LANES_Q)));
        }
    }
    return n;
}

#endif
