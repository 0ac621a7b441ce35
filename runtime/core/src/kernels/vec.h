/* The primitives of the set that is compiled. Types and lanes are those of vec_types.h; every set
 * has
 *
 *   TILE_GROUPS            groups of 16 units that are worked on together, so that gates fill
 * registers multiply_q15(a, b)     v16: (a·b + 2^14) >> 15 add_saturating(a, b)   v16 average(a, b)
 * v16: (a + b + 1) >> 1 for a, b ≥ 0 minus_abs(a)           v16: -|a| with_sign(magnitude, a) v16:
 * the magnitude with the sign of a, 0 where a = 0 where_positive(a, yes, no)            v16
 *   where_zero(a, yes, no)                v16
 *   multiply_where_clear(value, factor, a, bit)  v16: value·factor where `bit` of a is 0, else
 * value scale_product(a, b, bits)             v16: a·b / 2^bits for a ≥ 0, bits 15 to 25, ties away
 * from zero keep(f, c)             v16: f·c / 2^15 for f ≥ 0, ties away from zero clamp32(a, low,
 * high)  v32 multiply(a, mantissa, shift)          v32: el_multiply of fixed_point.h
 *   multiply_no_overflow(a, mantissas, shifts, left)  v32: the same, the multipliers in memory, for
 * layers of which el_layer.no_overflow holds; without `left` no shift is positive narrow(low, high)
 * two v32 → v16, saturating, in order widen_low(a), widen_high(a)           v16 → v32
 *   widen_int8(from)       as many int8 → v32
 *   store_int8(to, a)      v16 → LANES int8, saturating
 *   fuse(a, b, c)          vf: a·b + c, rounded once or twice */
#ifndef EL_VEC_H
#define EL_VEC_H

#include "vec_types.h"

#if LANES == 8
#include "vec_neon.h"
#else
#include "cell_x86.h"
#endif

#endif
