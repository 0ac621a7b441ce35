/* Fixed-point arithmetic of the integer LSTM, one value at a time: gemmlowp's, as TFLite's integer
 * LSTM uses it. Qm.n is a signed number with m integer and n fraction bits. The Python twin, with
 * the derivations, is edgelstm/quantization/fixed_point.py; the tests compare all 65,536 values of
 * each function.
 *
 * Right shifts of negative numbers are arithmetic, as every compiler for the supported machines has
 * it. */
#ifndef EL_FIXED_POINT_H
#define EL_FIXED_POINT_H

#include <stdint.h>

static inline int32_t el_clip(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

static inline int32_t el_clip16(int32_t value) {
    return el_clip(value, INT16_MIN, INT16_MAX);
}

static inline int32_t el_clip8(int32_t value) {
    return el_clip(value, INT8_MIN, INT8_MAX);
}

/* value / 2^bits, ties away from zero; bits 0 to 31. */
static inline int32_t el_rounding_shift_right(int32_t value, int bits) {
    int32_t mask = (int32_t)((UINT32_C(1) << bits) - 1u);
    int32_t threshold = (mask >> 1) + (value < 0);
    return (value >> bits) + ((value & mask) > threshold);
}

/* value · mantissa · 2^(shift - 31); the left shift wraps, the product rounds ties up, the right
 * shift rounds ties away from zero. mantissa ≥ 0, shift -31 to 30. */
static inline int32_t el_multiply(int32_t value, int32_t mantissa, int shift) {
    int left = shift > 0 ? shift : 0;
    int right = shift < 0 ? -shift : 0;
    int64_t shifted = (int32_t)((uint32_t)value << left);
    int32_t high = (int32_t)((shifted * mantissa + (INT64_C(1) << 30)) >> 31);
    return el_rounding_shift_right(high, right);
}

/* Product of two Q0.15 numbers, ties up, saturating. */
static inline int32_t el_multiply_q15(int32_t a, int32_t b) {
    int32_t product = (a * b + (1 << 14)) >> 15;
    return product > INT16_MAX ? INT16_MAX : product;
}

/* Saturating value · 2^bits for int16 `value`. */
static inline int32_t el_shift_left_16(int32_t value, int bits) {
    int32_t limit = (1 << (15 - bits)) - 1;
    return value > limit ? INT16_MAX : value < -limit ? INT16_MIN : value * (1 << bits);
}

/* exp(a) in Q0.15 for int16 a ≤ 0 in Q(integer_bits).(15 - integer_bits), integer_bits 1 to 11. */
static inline int32_t el_exp_of_negative(int32_t a, int integer_bits) {
    /* exp(-2^e) in Q0.15 for e = -2 … 4 */
    static const int16_t steps[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
    const int32_t exp_minus_eighth = 28918, third = 10923;
    int fraction_bits = 15 - integer_bits;
    int32_t quarter = 1 << (fraction_bits - 2);
    int32_t rest = (a & (quarter - 1)) - quarter;                 /* in [-1/4, 0) */
    int32_t x = el_shift_left_16(rest, integer_bits) + (1 << 12); /* rest + 1/8, Q0.15 */
    int32_t x2 = el_multiply_q15(x, x);
    int32_t x3 = el_multiply_q15(x2, x);
    int32_t x4 = el_multiply_q15(x2, x2);
    int32_t higher = el_multiply_q15(el_rounding_shift_right(x4, 2) + x3, third) + x2;
    int32_t result = exp_minus_eighth +
                     el_multiply_q15(exp_minus_eighth, x + el_rounding_shift_right(higher, 1));
    int32_t multiple = rest - a;
    for (int n = 0; n < 7; n++) {
        int exponent = n - 2;
        if (integer_bits > exponent && (multiple & (1 << (fraction_bits + exponent))))
            result = el_multiply_q15(result, steps[n]);
    }
    if (integer_bits > 5 && a < -(1 << (20 - integer_bits)))
        result = 0;
    return a == 0 ? INT16_MAX : result;
}

/* 2 / (1 + a) in Q2.13 for a in [0, 1] as Q0.15, by three Newton steps from 48/17 - 32/17·half. */
static inline int32_t el_reciprocal_of_one_plus(int32_t a) {
    int32_t half = (a + INT16_MAX + 1) >> 1;
    int32_t x = 23130 + el_multiply_q15(half, -15420);
    for (int n = 0; n < 3; n++)
        x += el_shift_left_16(el_multiply_q15(x, (1 << 13) - el_multiply_q15(half, x)), 2);
    return x;
}

/* sigmoid of Q3.12 in Q0.15 */
static inline int32_t el_sigmoid16(int32_t a) {
    int32_t negative = a > 0 ? -a : a;
    int32_t positive =
        el_shift_left_16(el_reciprocal_of_one_plus(el_exp_of_negative(negative, 3)), 1);
    return a == 0 ? 1 << 14 : a > 0 ? positive : INT16_MAX - positive;
}

/* tanh of Q(integer_bits).(15 - integer_bits) in Q0.15, integer_bits 0 to 10 */
static inline int32_t el_tanh16(int32_t a, int integer_bits) {
    int32_t negative = a > 0 ? -a : a;
    /* exp(-2|a|): reading the same bits with one more integer bit doubles the number */
    int32_t exponential = el_exp_of_negative(negative, integer_bits + 1);
    int32_t magnitude = el_shift_left_16(el_reciprocal_of_one_plus(exponential) - (1 << 13), 2);
    return a == 0 ? 0 : a < 0 ? -magnitude : magnitude;
}

#endif
