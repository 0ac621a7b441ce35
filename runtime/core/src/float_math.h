/* exp, sigmoid and tanh in float32: the same bits on every machine (no libm, no contraction). */
#ifndef EL_FLOAT_MATH_H
#define EL_FLOAT_MATH_H

#ifdef __FAST_MATH__
#error "el_round and the bit-for-bit promises need IEEE arithmetic: compile without -ffast-math"
#endif

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* NaN becomes `low`: what is converted to an integer afterwards must be a number. */
static inline float el_clamp(float value, float low, float high) {
    float raised = value > low ? value : low; /* each line is an instruction of most processors */
    return raised < high ? raised : high;
}

/* Nearest whole number, ties to even, for |value| ≤ 2^22: adding 1.5·2^23 leaves no fraction bits.
 */
static inline float el_round(float value) {
    const float magic = 12582912.0f;
    return (value + magic) - magic; /* IEEE arithmetic: a compiler may not cancel the two steps */
}

/* Not NaN and not infinite, by its bits: no flag of the compiler can argue it away. */
static inline bool el_is_finite(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7F800000u) != 0x7F800000u;
}

/* States smaller than this become 0. What decays would otherwise end among the denormals, and stay
 * there by rounding: processors take ten times as long with them. Its products with weights down to
 * 2^-26 are no denormals either. */
#define EL_LEAST_STATE 7.888609052210118e-31f /* 2^-100 */

static inline float el_state(float value) {
    return value < EL_LEAST_STATE && value > -EL_LEAST_STATE ? 0.0f : value;
}

/* exp, relative error below 2e-7; the argument is held to [-87, 88]. */
static inline float el_exp(float x) {
    x = el_clamp(x, -87.0f, 88.0f);
    float n = el_round(x * 1.44269504f);
    /* ln 2 in two parts, the first with few bits, so that n times it is exact */
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    /* Taylor to r^7/7!: with |r| ≤ ln2/2 the rest is below 6e-9 */
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t bits = ((int32_t)n + 127) * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* Absolute error below 1.5e-7. */
static inline float el_sigmoid(float x) {
    return 1.0f / (1.0f + el_exp(-x));
}

/* Absolute error below 2e-7; odd in every bit. */
static inline float el_tanh(float x) {
    float e = el_exp(x < 0 ? 2.0f * x : -2.0f * x);
    float magnitude = (1.0f - e) / (1.0f + e);
    return x < 0 ? -magnitude : magnitude;
}

/* Square root, relative error below 1.2e-7: Newton's steps for 1/sqrt(x) from its bits, and one of
 * Heron's. For x from 0 to 1e38; what is below 1e-37 may become 0. */
static inline float el_sqrt(float x) {
    uint32_t bits;
    float y;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x5F3759DFu - (bits >> 1);
    memcpy(&y, &bits, sizeof y);
    float half = 0.5f * x;
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    float root = x * y;
    return root + 0.5f * y * (x - root * root);
}

/* Natural logarithm of a normal number above 0, error below 1.5e-7 of its size or absolute: x =
 * m·2^e with m in [sqrt(1/2), sqrt(2)], ln m = 2·artanh(s), s = (m - 1) / (m + 1). */
static inline float el_log(float x) {
    uint32_t bits, shifted;
    float m;
    memcpy(&bits, &x, sizeof bits);
    shifted = bits - 0x3F3504F3u; /* of sqrt(1/2) */
    int32_t e = (int32_t)(shifted >> 23);
    e = e >= 256 ? e - 512 : e;
    bits -= (uint32_t)e << 23;
    memcpy(&m, &bits, sizeof m);
    float s = (m - 1.0f) / (m + 1.0f), z = s * s;
    float p = 2.0f / 9.0f;
    p = p * z + 2.0f / 7.0f;
    p = p * z + 2.0f / 5.0f;
    p = p * z + 2.0f / 3.0f;
    float n = (float)e;
    /* ln 2 in two parts, the first with few bits, so that n times it is exact */
    return n * 0.693359375f + (n * -2.12194440e-4f + (s * z * p + 2.0f * s));
}

#endif
