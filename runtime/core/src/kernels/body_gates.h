/* sigmoid and tanh of int16 vectors: the functions of fixed_point.h, where the steps are explained.
 *
 * They take several registers and go step by step through all of them: each step waits for the one
 * before, and a processor that looks ahead sees little more than one chain of steps. */
#ifndef EL_BODY_GATES_H
#define EL_BODY_GATES_H

#include "body_tile.h"
#include "product.h"

/* Steps that multiply; one more leaves nothing. */
#define EXP_STEPS 6

/* exp(a[n]) in place, a[n] with integer_bits[n] integer bits. Not for a = 0. */
INLINE void exp_of_negatives(v16 *a, const int *integer_bits, const int count,
                             product_beside *beside) {
    const v16 factors = load_factors();
    v16 x[MOST_GATES], x2[MOST_GATES], x3[MOST_GATES], result[MOST_GATES];
    v16 exp_minus_eighth = splat16(28918);
    /* with rest = (a mod 1/4) - 1/4, this is rest + 1/8 */
    EACH(count) {
        int quarter = 1 << (13 - integer_bits[n]);
        x[n] = ((a[n] & splat16(quarter - 1)) << integer_bits[n]) - (1 << 12);
    }
    advance(beside);
    EACH(count) x2[n] = multiply_q15(x[n], x[n]);
    EACH(count) x3[n] = multiply_q15(x2[n], x[n]);
    advance(beside);
    /* x4 and higher are never negative: ties go up, and rounding shifts are products */
    EACH(count) result[n] = multiply_q15(x2[n], x2[n]);
    EACH(count) result[n] = add_quarter(x3[n], result[n]);
    advance(beside);
    EACH(count) result[n] = multiply_q15_by(result[n], factors, A_THIRD) + x2[n];
    EACH(count) result[n] = add_half(x[n], result[n]);
    advance(beside);
    EACH(count) result[n] = exp_minus_eighth + multiply_q15(exp_minus_eighth, result[n]);
    /* The bits of rest - a, the multiple of 1/4, are those that a has not. */
    UNROLLED for (int step = 0; step < EXP_STEPS; step++) {
        EACH(count) {
            int bit = 1 << (13 - integer_bits[n] + step);
            if (integer_bits[n] > step - 2)
                result[n] = multiply_where_clear(result[n], factors, step, a[n], bit);
        }
        if (step % 2 == 0)
            advance(beside);
    }
    EACH(count) {
        int bit = 1 << (13 - integer_bits[n] + EXP_STEPS);
        if (integer_bits[n] > EXP_STEPS - 2)
            result[n] = zero_where_clear(result[n], a[n], bit);
    }
    advance(beside);
    EACH(count) {
        v16 tiny = a[n] < (int16_t)-(1 << (20 - integer_bits[n]));
        a[n] = integer_bits[n] > 5 ? choose16(tiny, splat16(0), result[n]) : result[n];
    }
    advance(beside);
}

#if LANES == 8
/* exp(a[n]) in place for a number of integer bits that only a layer knows, 1 to 7. Further bits of
 * a than it has are those of its sign, which are set. */
INLINE void exp_of_negatives_by(v16 *a, int integer_bits, const int count) {
    const v16 factors = load_factors();
    v16 x[TILE_V16], x2[TILE_V16], x3[TILE_V16], result[TILE_V16], quarters[TILE_V16];
    v16 exp_minus_eighth = splat16(28918), mask = splat16((1 << (13 - integer_bits)) - 1);
    EACH(count) {
        x[n] = ((a[n] & mask) << integer_bits) - (1 << 12);
        quarters[n] = a[n] >> (13 - integer_bits);
    }
    EACH(count) x2[n] = multiply_q15(x[n], x[n]);
    EACH(count) x3[n] = multiply_q15(x2[n], x[n]);
    EACH(count) result[n] = add_quarter(x3[n], multiply_q15(x2[n], x2[n]));
    EACH(count) result[n] = multiply_q15_by(result[n], factors, A_THIRD) + x2[n];
    EACH(count) result[n] = add_half(x[n], result[n]);
    EACH(count) result[n] = exp_minus_eighth + multiply_q15(exp_minus_eighth, result[n]);
    UNROLLED for (int step = 0; step < EXP_STEPS; step++) {
        EACH(count)
        result[n] = multiply_where_clear(result[n], factors, step, quarters[n], 1 << step);
    }
    EACH(count) result[n] = zero_where_clear(result[n], quarters[n], 1 << EXP_STEPS);
    if (integer_bits > 5)
        EACH(count) result[n] &= a[n] >= (int16_t)-(1 << (20 - integer_bits));
    EACH(count) a[n] = result[n];
}
#endif

/* 2 / (1 + a[n]) in place */
INLINE void reciprocals_of_one_plus(v16 *a, const int count, product_beside *beside) {
    const v16 factors = load_factors();
    v16 x[MOST_GATES], rest[MOST_GATES];
    EACH(count) a[n] = average(a[n], splat16(INT16_MAX)); /* (1 + a) / 2 */
    advance(beside);
    EACH(count) x[n] = splat16(23130) + multiply_q15_by(a[n], factors, MINUS_32_17THS);
    UNROLLED for (int step = 0; step < 3; step++) {
        EACH(count) rest[n] = (1 << 13) - multiply_q15(a[n], x[n]);
        advance(beside);
        EACH(count) rest[n] = multiply_q15(x[n], rest[n]);
        EACH(count) x[n] += rest[n] << 2;
    }
    EACH(count) a[n] = x[n];
}

/* sigmoid of Q3.12 from the reciprocal of 1 + exp(-|a|) */
INLINE v16 sigmoid_of(v16 reciprocal, v16 a) {
    v16 positive = add_saturating(reciprocal, reciprocal);
    return where_zero(a, splat16(1 << 14), where_positive(a, positive, INT16_MAX - positive));
}

/* tanh from the reciprocal of 1 + exp(-2·|a|) */
INLINE v16 tanh_of(v16 reciprocal, v16 a) {
    v16 quarter = reciprocal - (1 << 13);
    return with_sign(four_times_saturating(quarter), a);
}

/* Registers of gates, of four times `registers`, that are worked on without going to memory. */
#define TOGETHER(registers) (LANES == 8 ? 4 : (int)EL_GATES * (registers))

/* `count` registers from `first` on of the four gates i, f, g, o, which have `registers` each, from
 * Q3.12 to Q0.15, in place; in two parts with `work` between them. */
INLINE void exp_of_gates(const v16 *gates, v16 *work, const int registers, const int first,
                         const int count, product_beside *beside) {
    int bits[MOST_GATES];
    EACH(count) {
        work[n] = minus_abs(gates[first + n]);
        bits[n] = (first + n) / registers == 2 ? 4 : 3; /* tanh: exp(-2·|a|) */
    }
    exp_of_negatives(work, bits, count, beside);
}

INLINE void finish_gates(v16 *gates, v16 *work, const int registers, const int first,
                         const int count, product_beside *beside) {
    reciprocals_of_one_plus(work, count, beside);
    EACH(count) {
        v16 *gate = gates + first + n;
        *gate = (first + n) / registers == 2 ? tanh_of(work[n], *gate) : sigmoid_of(work[n], *gate);
    }
}

/* Cells whose tanh is taken with 6 integer bits, from 6 to 10 of these. Beyond 11 tanh is 1, so
 * that a cell stands for itself as a number of 6 bits, or for what saturates these. */
INLINE void minus_wide_cells(const v16 *cells, v16 *work, const int registers, int integer_bits) {
    int beyond = integer_bits - 6;
    v16 lowest = splat16(-(1 << (15 - beyond)));
    EACH(registers) {
        v16 a = minus_abs(cells[n]);
        work[n] = (v16)((vu16)choose16(a < lowest, lowest, a) << (uint16_t)beyond);
    }
}

/* tanh of cells with `integer_bits` integer bits, in two parts. With the number of bits known,
 * masks and shifts are constants. */
INLINE void exp_of_cells_of(const v16 *cells, v16 *work, const int registers,
                            const int integer_bits, product_beside *beside) {
    int bits[MOST_GATES];
    EACH(registers) {
        work[n] = minus_abs(cells[n]);
        bits[n] = integer_bits + 1;
    }
    exp_of_negatives(work, bits, registers, beside);
}

/* As above. For small registers one piece of code serves all cells. */
#if LANES == 8
INLINE void exp_of_cells(const v16 *cells, v16 *work, const int registers, int integer_bits,
                         product_beside *beside) {
    (void)beside; /* sets with small registers have none */
    if (integer_bits > 5)
        minus_wide_cells(cells, work, registers, integer_bits);
    else
        EACH(registers) work[n] = minus_abs(cells[n]);
    exp_of_negatives_by(work, integer_bits > 5 ? 7 : integer_bits + 1, registers);
}
#else
/* The same for 6 to 10 bits. */
INLINE void exp_of_wide_cells(const v16 *cells, v16 *work, const int registers, int integer_bits,
                              product_beside *beside) {
    int bits[MOST_GATES];
    minus_wide_cells(cells, work, registers, integer_bits);
    EACH(registers) bits[n] = 7;
    exp_of_negatives(work, bits, registers, beside);
}

INLINE void exp_of_cells(const v16 *cells, v16 *work, const int registers, int integer_bits,
                         product_beside *beside) {
    switch (integer_bits) {
    case 0:
        exp_of_cells_of(cells, work, registers, 0, beside);
        break;
    case 1:
        exp_of_cells_of(cells, work, registers, 1, beside);
        break;
    case 2:
        exp_of_cells_of(cells, work, registers, 2, beside);
        break;
    case 3:
        exp_of_cells_of(cells, work, registers, 3, beside);
        break;
    case 4:
        exp_of_cells_of(cells, work, registers, 4, beside);
        break;
    case 5:
        exp_of_cells_of(cells, work, registers, 5, beside);
        break;
    default:
        exp_of_wide_cells(cells, work, registers, integer_bits, beside);
    }
}
#endif

INLINE void finish_tanh(v16 *cells, v16 *work, const int registers, product_beside *beside) {
    reciprocals_of_one_plus(work, registers, beside);
    EACH(registers) cells[n] = tanh_of(work[n], cells[n]);
}

#endif
