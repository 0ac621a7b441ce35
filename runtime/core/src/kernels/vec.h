/* The primitives of the set that is compiled. Types and lanes are those of vec_types.h; every set
 * has
 *
 *   TILE_GROUPS   groups of 16 units that are worked on together, so that gates fill registers
 *
 * of v16
 *   multiply_q15(a, b)             (a·b + 2^14) >> 15
 *   add_saturating(a, b)
 *   average(a, b)                  (a + b + 1) >> 1 for a, b ≥ 0
 *   add_half(a, b), add_quarter(a, b)
 *                                  a + b / 2, a + b / 4 for b ≥ 0, ties up
 *   four_times_saturating(a)
 *   add_pair_products(sum, a, b)   a v32: sum + a[2n]·b[2n] + a[2n + 1]·b[2n + 1]
 *   minus_abs(a)                   -|a|
 *   with_sign(magnitude, a)        the magnitude with the sign of a, 0 where a = 0
 *   where_positive(a, yes, no)
 *   where_zero(a, yes, no)
 *   load_factors()                 gate_factors, where a register for them saves others
 *   multiply_q15_by(value, factors, n)
 *                                  value·gate_factors[n]
 *   multiply_where_clear(value, factors, n, a, bit)
 *                                  the same where `bit` of a is 0, else value
 *   zero_where_clear(value, a, bit)
 *   scale_product(a, b, bits)      a·b / 2^bits for a ≥ 0, bits 15 to 25, ties away from zero
 *   keep(f, c)                     f·c / 2^15 for f ≥ 0, ties away from zero
 *
 * of v32
 *   clamp32(a, low, high)
 *   multiply(a, mantissa, shift)   el_multiply of fixed_point.h
 *   multiply_no_overflow(a, mantissas, shift, left)
 *                                  the same, mantissas in memory, for layers of which
 *                                  el_lstm.no_overflow holds; `which` shifts there are
 *   add_narrowed(a, b)             a as int16, saturating, and b
 *
 * between them
 *   narrow(low, high)              two v32 → v16, saturating, in order
 *   widen_low(a), widen_high(a)    v16 → v32
 *   widen_int8(from)               as many int8 → v32
 *   widen_shifts(from, to)         16 int8 → PARTS v32
 *   store_int8(to, a)              v16 → LANES int8, saturating
 *
 * and of vf
 *   fuse(a, b, c)                  a·b + c, rounded once or twice
 *   clamp_float(a, low, high)
 *   widen_bf16(column, part)       that part of the 16 bfloat16 of a block's column, as it lies
 *                                  in files */
#ifndef EL_VEC_H
#define EL_VEC_H

#include "vec_types.h"

#if LANES == 8
#include "vec_neon.h"
#else
#include "cell_x86.h"
#endif

#endif
