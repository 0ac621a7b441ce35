/* The int8 layers: products, gates, cell, hidden state. */
#ifndef EL_BODY_INT8_H
#define EL_BODY_INT8_H

#include "body_chains.h"
#include "body_gates.h"

/* What is known of the sums of a block: all that W, or R, gives, and no product of it follows. */
INLINE void take_sums(const el_lstm *lstm, const el_rows *rows, const void *known, v32 *sums) {
    const int32_t *from = (const int32_t *)known + (rows - (const el_rows *)lstm->rows) * 16;
    for (int part = 0; part < PARTS; part++)
        sums[part] = load32(from + part * LANES32);
}

/* What the sums of a block start from otherwise: biases and zero points, so that the product adds
 * the rest. */
INLINE void start_sums_w(const el_lstm *lstm, const el_rows *rows, v32 *sums) {
    for (int part = 0; part < PARTS; part++)
        sums[part] = load32(rows->bias + part * LANES32) -
                     load32(rows->sum_w + part * LANES32) * (lstm->input_zero_point + X_OFFSET);
}

INLINE void start_sums_r(const el_lstm *lstm, const el_rows *rows, v32 *sums) {
    for (int part = 0; part < PARTS; part++)
        sums[part] = load32(rows->sum_r + part * LANES32) * -(lstm->output_zero_point + X_OFFSET);
}

/* Either of both. */
INLINE void start_sums(const el_lstm *lstm, const el_rows *rows, v32 *sums_w, v32 *sums_r) {
    if (lstm->from_x != NULL)
        take_sums(lstm, rows, lstm->from_x, sums_w);
    else
        start_sums_w(lstm, rows, sums_w);
    if (lstm->from_h != NULL)
        take_sums(lstm, rows, lstm->from_h, sums_r);
    else
        start_sums_r(lstm, rows, sums_r);
}

/* Sums of a block's 16 rows by its multipliers, for layers of which el_lstm.no_overflow holds. */
INLINE void scale_block(const v32 *sums, const int32_t *mantissas, const int8_t *shifts,
                        v32 *scaled, const el_shifts which) {
    v32 by[PARTS];
    widen_shifts(shifts, by);
    for (int part = 0; part < PARTS; part++)
        scaled[part] =
            multiply_no_overflow(sums[part], mantissas + part * LANES32, by[part], which);
}

/* The same of W·x, and of R·h, whose multipliers have no left shift there. What a layer's rows do
 * not ask for is left out; with AVX-512, which works on the next product meanwhile, a branch would
 * part the two. */
INLINE void scale_from_x(const el_lstm *lstm, const el_rows *rows, const v32 *sums, v32 *scaled) {
    if (LANES != 32 && lstm->shifts_w == EL_SHIFTS_RIGHT)
        scale_block(sums, rows->multiplier_w, rows->shift_w, scaled, EL_SHIFTS_RIGHT);
    else if (LANES != 32 && lstm->shifts_w == EL_SHIFTS_NOT_LEFT)
        scale_block(sums, rows->multiplier_w, rows->shift_w, scaled, EL_SHIFTS_NOT_LEFT);
    else
        scale_block(sums, rows->multiplier_w, rows->shift_w, scaled, EL_SHIFTS_BOTH_WAYS);
}

INLINE void scale_from_h(const el_lstm *lstm, const el_rows *rows, const v32 *sums, v32 *scaled) {
    if (LANES != 32 && lstm->shifts_r == EL_SHIFTS_RIGHT)
        scale_block(sums, rows->multiplier_r, rows->shift_r, scaled, EL_SHIFTS_RIGHT);
    else
        scale_block(sums, rows->multiplier_r, rows->shift_r, scaled, EL_SHIFTS_NOT_LEFT);
}

INLINE void scale_with_care(const el_rows *rows, const v32 *sums_w, const v32 *sums_r, v32 *from_x,
                            v32 *from_h) {
    v32 shifts_w[PARTS], shifts_r[PARTS];
    widen_shifts(rows->shift_w, shifts_w);
    widen_shifts(rows->shift_r, shifts_r);
    for (int part = 0; part < PARTS; part++) {
        int first = part * LANES32;
        from_x[part] = multiply(sums_w[part], load32(rows->multiplier_w + first), shifts_w[part]);
        from_h[part] = multiply(sums_r[part], load32(rows->multiplier_r + first), shifts_r[part]);
        /* so that the sum stays inside int32 */
        from_h[part] = clamp32(from_h[part], -(1 << 20), 1 << 20);
    }
}

/* Gates of a block of 16 rows before their functions: Q3.12 in int32, within int16 after narrowing.
 * `no_overflow`: as in the layer. */
INLINE void requantize(const el_lstm *lstm, const el_rows *rows, const v32 *sums_w,
                       const v32 *sums_r, v32 *gates, const bool no_overflow,
                       product_beside *beside) {
    v32 from_x[PARTS], from_h[PARTS];
    if (no_overflow) {
        scale_from_x(lstm, rows, sums_w, from_x);
        advance(beside);
        scale_from_h(lstm, rows, sums_r, from_h);
    } else {
        scale_with_care(rows, sums_w, sums_r, from_x, from_h);
    }
    for (int part = 0; part < PARTS; part++)
        gates[part] = add_narrowed(from_x[part], from_h[part]);
}

/* c from the gates and the c before, which it replaces. */
INLINE v16 new_cell(const el_lstm *lstm, v16 i, v16 f, v16 g, int16_t *c) {
    v16 written = scale_product(i, g, 30 + lstm->cell_exponent);
    v16 cell = add_saturating(keep(f, load16(c)), written);
    memcpy(c, &cell, sizeof cell);
    return cell;
}

/* h from o and tanh(c). */
INLINE void store_hidden(const el_lstm *lstm, v16 o, v16 tanh_of_c, int8_t *h_next) {
    v32 mantissa = splat32(lstm->output_multiplier), shift = splat32(lstm->output_shift);
    v32 low = widen_low(o) * widen_low(tanh_of_c);
    v32 high = widen_high(o) * widen_high(tanh_of_c);
    v16 hidden = narrow(multiply(low, mantissa, shift), multiply(high, mantissa, shift));
    store_int8(h_next, add_saturating(hidden, splat16(lstm->output_zero_point)));
}

/* `groups` ≤ TILE_GROUPS groups of units from their gates' sums to h and c. */
INLINE void lstm_int8_finish(const el_lstm *lstm, const el_rows *rows, v32 (*sums_w)[PARTS],
                             v32 (*sums_r)[PARTS], int8_t *h_next, int16_t *c, const int groups,
                             const bool no_overflow, product_beside *beside) {
    const int registers = (groups * 16 + LANES - 1) / LANES;
    v16 gates[MOST_GATES], work[MOST_GATES], cells[TILE_V16];
    for (int gate = 0; gate < (int)EL_GATES; gate++) {
        v32 wide[TILE_V32] = {{0}};
        for (int group = 0; group < groups; group++) {
            int block = group * (int)EL_GATES + gate;
            requantize(lstm, rows + block, sums_w[block], sums_r[block], wide + group * PARTS,
                       no_overflow, beside);
        }
        for (int n = 0; n < registers; n++)
            gates[gate * registers + n] = narrow(wide[2 * n], wide[2 * n + 1]);
    }
    UNROLLED for (int first = 0; first < (int)EL_GATES * registers; first += TOGETHER(registers)) {
        exp_of_gates(gates, work, registers, first, TOGETHER(registers), beside);
        finish_gates(gates, work, registers, first, TOGETHER(registers), beside);
    }
    const v16 *i = gates, *f = i + registers, *g = f + registers, *o = g + registers;
    for (int n = 0; n < registers; n++)
        cells[n] = new_cell(lstm, i[n], f[n], g[n], c + n * LANES);
    exp_of_cells(cells, work, registers, 15 + lstm->cell_exponent, beside);
    finish_tanh(cells, work, registers, beside);
    for (int n = 0; n < registers; n++)
        store_hidden(lstm, o[n], cells[n], h_next + n * LANES);
}

/* `groups` ≤ TILE_GROUPS groups of units: one frame. */
INLINE void lstm_int8_tile(const el_lstm *lstm, const int8_t *x, const int8_t *h,
                           const int8_t *weights, const el_rows *rows, int8_t *h_next, int16_t *c,
                           const int groups, const bool no_overflow) {
    uint32_t columns_w = lstm->columns_w, columns_r = lstm->columns_r;
    size_t block_size = el_lstm_block(lstm), recurrent = el_lstm_recurrent(lstm);
    v32 sums_w[EL_GATES * TILE_GROUPS][PARTS], sums_r[EL_GATES * TILE_GROUPS][PARTS];
    /* Two groups at a time: more places in memory to read from at once would slow them all. */
    const int pair = (groups < 2 ? 1 : 2) * (int)EL_GATES;
    for (int block = 0; block < groups * (int)EL_GATES; block += pair) {
        const int8_t *at = weights + (size_t)block * block_size;
        if (lstm->from_x != NULL) {
            for (int n = block; n < block + pair; n++)
                take_sums(lstm, rows + n, lstm->from_x, sums_w[n]);
        } else {
            for (int n = block; n < block + pair; n++)
                start_sums_w(lstm, rows + n, sums_w[n]);
            add_products(at, block_size, pair, columns_w, x, sums_w + block);
        }
        if (lstm->from_h != NULL) {
            for (int n = block; n < block + pair; n++)
                take_sums(lstm, rows + n, lstm->from_h, sums_r[n]);
        } else {
            for (int n = block; n < block + pair; n++)
                start_sums_r(lstm, rows + n, sums_r[n]);
            add_products(at + recurrent, block_size, pair, columns_r, h, sums_r + block);
        }
    }
    lstm_int8_finish(lstm, rows, sums_w, sums_r, h_next, c, groups, no_overflow, NULL);
}

INLINE void lstm_int8_layer(const el_lstm *lstm, const int8_t *x, const int8_t *h, int8_t *h_next,
                            int16_t *c, const bool no_overflow) {
    const int8_t *weights = lstm->weights;
    const el_rows *rows = lstm->rows;
    size_t group_size = EL_GATES * el_lstm_block(lstm);
    uint32_t group = 0;
    for (; group + TILE_GROUPS <= lstm->groups; group += TILE_GROUPS)
        lstm_int8_tile(lstm, x, h, weights + group * group_size, rows + group * EL_GATES,
                       h_next + group * 16, c + group * 16, TILE_GROUPS, no_overflow);
#if TILE_GROUPS > 2
    for (; group + 2 <= lstm->groups; group += 2)
        lstm_int8_tile(lstm, x, h, weights + group * group_size, rows + group * EL_GATES,
                       h_next + group * 16, c + group * 16, 2, no_overflow);
#endif
#if TILE_GROUPS > 1
    for (; group < lstm->groups; group++)
        lstm_int8_tile(lstm, x, h, weights + group * group_size, rows + group * EL_GATES,
                       h_next + group * 16, c + group * 16, 1, no_overflow);
#endif
}

/* MANY_BLOCKS groups side by side, as long as there are as many: what is loaded of x serves them
 * all. Returns how many groups are done. A function of its own, so that small matrices do not pay
 * for its registers. */
static __attribute__((noinline)) uint32_t dense_int8_many(const el_matrix *matrix, const int8_t *x,
                                                          int32_t *sums) {
    const int8_t *weights = matrix->weights;
    const el_rows *rows = matrix->rows;
    size_t block_size = (size_t)16 * matrix->columns;
    uint32_t group = 0;
    for (; group + MANY_BLOCKS <= matrix->groups; group += MANY_BLOCKS) {
        v32 products[MANY_BLOCKS][PARTS];
        for (int block = 0; block < MANY_BLOCKS; block++, rows++)
            for (int part = 0; part < PARTS; part++)
                products[block][part] =
                    load32(rows->bias + part * LANES32) -
                    load32(rows->sum_w + part * LANES32) * (matrix->zero_point + X_OFFSET);
        add_products(weights + group * block_size, block_size, MANY_BLOCKS, matrix->columns, x,
                     products);
        for (int block = 0; block < MANY_BLOCKS; block++)
            for (int part = 0; part < PARTS; part++, sums += LANES32)
                memcpy(sums, &products[block][part], sizeof products[block][part]);
    }
    return group;
}

static void dense_int8(const el_matrix *matrix, const int8_t *x, int32_t *sums) {
    uint32_t columns = matrix->columns, group = 0;
    size_t block_size = (size_t)16 * columns;
    if (matrix->groups >= MANY_BLOCKS)
        group = dense_int8_many(matrix, x, sums);
    const int8_t *weights = (const int8_t *)matrix->weights + group * block_size;
    const el_rows *rows = (const el_rows *)matrix->rows + group;
    for (sums += group * 16; group < matrix->groups; group++, rows++, weights += block_size) {
        v32 products[CHAINS][PARTS] = {{{0}}};
        for (int chain = 0; chain < CHAINS; chain++) {
            uint32_t from = chain_start(columns, chain), to = chain_start(columns, chain + 1);
            add_products(weights + (size_t)16 * from, 0, 1, to - from, x + from, products + chain);
        }
        for (int part = 0; part < PARTS; part++, sums += LANES32) {
            int first = part * LANES32;
            v32 sum = load32(rows->bias + first) -
                      load32(rows->sum_w + first) * (matrix->zero_point + X_OFFSET);
            for (int chain = 0; chain < CHAINS; chain++)
                sum += products[chain][part];
            memcpy(sums, &sum, sizeof sum);
        }
    }
}

static void codes_int8(const el_matrix *matrix, const int32_t *sums, uint32_t count,
                       int32_t zero_point, int32_t low, int8_t *codes) {
    const el_rows *rows = matrix->rows;
    v16 lowest = splat16(low);
    for (uint32_t first = 0; first < count; first += LANES) {
        v32 scaled[2];
        for (uint32_t n = 0; n < 2; n++) {
            uint32_t at = first + n * LANES32, group = at / 16, row = at % 16;
            /* behind the last group of an odd number its own multipliers serve again */
            const el_rows *record = rows + (group < matrix->groups ? group : matrix->groups - 1);
            scaled[n] = multiply(load32(sums + at), load32(record->multiplier_w + row),
                                 widen_int8(record->shift_w + row));
        }
        v16 code = add_saturating(narrow(scaled[0], scaled[1]), splat16(zero_point));
        store_int8(codes + first, choose16(code > lowest, code, lowest));
    }
}

#endif
