/* The kernels for instruction sets with vectors: one body, compiled once per set.
 *
 * A file kernels_SET.c defines these and includes this file. Its types are those of vectors.h.
 *   LANES                  int16 lanes of a vector register: 8, 16 or 32
 *   TILE_GROUPS            groups of 16 units that are worked on together, so that gates fill
 *                          registers
 *   X_OFFSET               what the product adds to x to make it unsigned: 128 or 0
 *   multiply_q15(a, b)     v16: (a·b + 2^14) >> 15
 *   add_saturating(a, b)   v16
 *   average(a, b)          v16: (a + b + 1) >> 1 for a, b ≥ 0
 *   clamp32(a, low, high)  v32
 *   multiply(a, mantissa, shift)  v32: el_multiply of fixed_point.h
 *   scale_plain(a, mantissas, shifts, left)  v32: the same, the multipliers in memory, for layers
 *                          of which el_layer.plain_rows holds; without `left` no shift is positive
 *   narrow(low, high)      two v32 → v16, saturating, in order
 *   widen_low(a), widen_high(a)  v16 → v32
 *   widen_int8(from)       as many int8 → v32
 *   store_int8(to, a)      v16 → LANES int8, saturating
 *   fuse(a, b, c)          vf: a·b + c, rounded once or twice
 *   add_products(...)      see kernels_int8.h
 * and, where it has instructions for them, OWN_CHOICES and OWN_CELL, below; without OWN_CELL:
 *   rounding_shift_right(a, bits)  v32: a / 2^bits, ties away from zero
 *
 * Integers equal those of kernels_scalar.c in every bit. Reading and writing a whole register
 * behind the last group of an odd number stays inside the stream's parts: they are padded to 64
 * bytes. */
#include "float_math.h"
#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))

#define LANES32 (LANES / 2)
#define PARTS (16 / LANES32) /* v32, or vf, that hold a block's 16 rows */
#define TILE_UNITS (TILE_GROUPS * 16)
#define TILE_V16 ((TILE_UNITS + LANES - 1) / LANES)
#define TILE_V32 (TILE_V16 * 2)
#define MOST_GATES ((int)EL_GATES * TILE_V16) /* registers of gates of a tile */

INLINE v16 splat16(int value) {
    return (v16){0} + (int16_t)value;
}

INLINE v32 splat32(int32_t value) {
    return (v32){0} + value;
}

INLINE v16 choose16(v16 mask, v16 yes, v16 no) {
    return (mask & yes) | (~mask & no);
}

INLINE v32 choose32(v32 mask, v32 yes, v32 no) {
    return (mask & yes) | (~mask & no);
}

INLINE v32 load32(const int32_t *from) {
    v32 value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE v16 load16(const int16_t *from) {
    v16 value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Choices between lanes. */
#ifndef OWN_CHOICES
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
#endif

/* The two terms of a cell, ties away from zero. Sets with an instruction for the high half of an
 * int16 product define OWN_CELL and their own. */
#ifndef OWN_CELL
/* a·b / 2^bits for a ≥ 0, bits 15 to 21 */
INLINE v16 scale_product(v16 a, v16 b, int bits) {
    return narrow(rounding_shift_right(widen_low(a) * widen_low(b), splat32(bits)),
                  rounding_shift_right(widen_high(a) * widen_high(b), splat32(bits)));
}

/* f·c / 2^15 for f ≥ 0 */
INLINE v16 keep(v16 f, v16 c) {
    return scale_product(f, c, 15);
}
#endif

#include "kernels_gates.h"

#include "kernels_int8.h"

#include "kernels_float.h"
