/* The kernels for instruction sets with vectors: one body, compiled once per set.
 *
 * A file kernels_SET.c defines these and includes this file. Its types are those of vectors.h.
 *   LANES                  int16 lanes of a vector register: 8, 16 or 32
 *   TILE_GROUPS            groups of 16 units that are worked on together, so that gates fill
 *                          registers
 *   X_OFFSET               what the product adds to x to make it unsigned: 128 or 0
 *   multiply_q15(a, b)     v16: (a·b + 2^14) >> 15
 *   add_saturating(a, b)   v16
 *   multiply_q31(a, b)     v32: (a·b + 2^30) >> 31; or, with OWN_MULTIPLY, what is built on it:
 *                          clamp32, rounding_shift_right, multiply
 *   narrow(low, high)      two v32 → v16, saturating, in order
 *   widen_low(a), widen_high(a)  v16 → v32
 *   store_int8(to, a)      v16 → LANES int8, saturating
 *   fuse(a, b, c)          vf: a·b + c, rounded once or twice
 *   add_products(...)      see below
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

/* -a, where -32768 stays as it is */
INLINE v16 negate16(v16 a) {
    return (v16)(0 - (vu16)a);
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

/* Sets that have instructions for these three define OWN_MULTIPLY and their own. */
#ifndef OWN_MULTIPLY
INLINE v32 clamp32(v32 value, int32_t low, int32_t high) {
    value = choose32(value < low, splat32(low), value);
    return choose32(value > high, splat32(high), value);
}

/* value / 2^bits, ties away from zero: floor((value - (value < 0) + half) / 2^bits), where the half
 * is added after all bits but one are gone, so that nothing overflows. */
INLINE v32 rounding_shift_right(v32 value, v32 bits) {
    v32 none = bits == 0; /* -1 where true */
    v32 all_but_one = bits - 1 - none;
    v32 rounded = (((value + (value >> 31)) >> all_but_one) + 1) >> 1;
    return choose32(none, value, rounded);
}

/* el_multiply of fixed_point.h. */
INLINE v32 multiply(v32 value, v32 mantissa, v32 shift) {
    v32 left = choose32(shift > 0, shift, splat32(0));
    v32 right = left - shift;
    v32 shifted = (v32)((vu32)value << (vu32)left);
    return rounding_shift_right(multiply_q31(shifted, mantissa), right);
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

/* The functions of fixed_point.h; there the steps are explained. Not for a = 0. */
INLINE v16 exp_of_negative(v16 a, int integer_bits) {
    static const int16_t steps[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
    int fraction_bits = 15 - integer_bits;
    v16 quarter = splat16(1 << (fraction_bits - 2));
    v16 rest = (a & (quarter - 1)) - quarter;
    v16 x = (rest << integer_bits) + (1 << 12);
    v16 x2 = multiply_q15(x, x);
    v16 x3 = multiply_q15(x2, x);
    /* x4 and higher are never negative: ties go up, and rounding shifts are products */
    v16 x4 = multiply_q15(x2, x2);
    v16 higher = multiply_q15(multiply_q15(x4, splat16(1 << 13)) + x3, splat16(10923)) + x2;
    v16 exp_minus_eighth = splat16(28918);
    v16 half = multiply_q15(higher, splat16(1 << 14));
    v16 result = exp_minus_eighth + multiply_q15(exp_minus_eighth, x + half);
    v16 multiple = rest - a;
    for (int n = 0; n < 7; n++)
        if (integer_bits > n - 2) {
            v16 bit = splat16(1 << (fraction_bits + n - 2));
            result =
                choose16((multiple & bit) != 0, multiply_q15(result, splat16(steps[n])), result);
        }
    if (integer_bits > 5)
        result = choose16(a < (int16_t)-(1 << (20 - integer_bits)), splat16(0), result);
    return result;
}

INLINE v16 reciprocal_of_one_plus(v16 a) {
    v16 half = (a >> 1) + (1 << 14);
    v16 x = splat16(23130) + multiply_q15(half, splat16(-15420));
    for (int n = 0; n < 3; n++)
        x += multiply_q15(x, (1 << 13) - multiply_q15(half, x)) << 2;
    return x;
}

INLINE v16 sigmoid16(v16 a) {
    v16 negative = choose16(a > 0, negate16(a), a);
    v16 reciprocal = reciprocal_of_one_plus(exp_of_negative(negative, 3));
    v16 positive = add_saturating(reciprocal, reciprocal);
    v16 result = choose16(a > 0, positive, INT16_MAX - positive);
    return choose16(a == 0, splat16(1 << 14), result);
}

INLINE v16 tanh16(v16 a, int integer_bits) {
    v16 negative = choose16(a > 0, negate16(a), a);
    v16 quarter = reciprocal_of_one_plus(exp_of_negative(negative, integer_bits + 1)) - (1 << 13);
    v16 half = add_saturating(quarter, quarter);
    v16 magnitude = add_saturating(half, half);
    return choose16(a == 0, splat16(0), choose16(a < 0, negate16(magnitude), magnitude));
}

/* With the number of bits known, masks and shifts are constants. */
INLINE void tanh_of_cells(v16 *cells, const int registers, int integer_bits) {
    for (int n = 0; n < registers; n++)
        switch (integer_bits) {
        case 0:
            cells[n] = tanh16(cells[n], 0);
            break;
        case 1:
            cells[n] = tanh16(cells[n], 1);
            break;
        case 2:
            cells[n] = tanh16(cells[n], 2);
            break;
        case 3:
            cells[n] = tanh16(cells[n], 3);
            break;
        case 4:
            cells[n] = tanh16(cells[n], 4);
            break;
        case 5:
            cells[n] = tanh16(cells[n], 5);
            break;
        default:
            cells[n] = tanh16(cells[n], 6);
        }
}

/* Gates of a block of 16 rows before their functions: Q3.12 in int32, within int16 after narrowing.
 */
INLINE void requantize(const el_layer *layer, const el_rows *rows, const v32 *sums_w,
                       const v32 *sums_r, v32 *gates) {
    for (int part = 0; part < PARTS; part++) {
        int first = part * LANES32;
        v32 from_x = sums_w[part] + load32(rows->bias + first) -
                     load32(rows->sum_w + first) * (layer->input_zero_point + X_OFFSET);
        v32 from_h =
            sums_r[part] - load32(rows->sum_r + first) * (layer->output_zero_point + X_OFFSET);
        v32 pre =
            multiply(from_x, load32(rows->multiplier_w + first), widen_int8(rows->shift_w + first));
        v32 recurrent =
            multiply(from_h, load32(rows->multiplier_r + first), widen_int8(rows->shift_r + first));
        gates[part] = clamp32(pre, INT16_MIN, INT16_MAX) + clamp32(recurrent, -(1 << 20), 1 << 20);
    }
}

/* `groups` ≤ TILE_GROUPS groups of units from their gates' sums to h and c. */
INLINE void lstm_int8_finish(const el_layer *layer, const el_rows *rows, v32 (*sums_w)[PARTS],
                             v32 (*sums_r)[PARTS], int8_t *h_next, int16_t *c, const int groups) {
    const int registers = (groups * 16 + LANES - 1) / LANES;
    v16 gates[EL_GATES][TILE_V16];
    for (int gate = 0; gate < (int)EL_GATES; gate++) {
        v32 wide[TILE_V32] = {{0}};
        for (int group = 0; group < groups; group++) {
            int block = group * (int)EL_GATES + gate;
            requantize(layer, rows + block, sums_w[block], sums_r[block], wide + group * PARTS);
        }
        for (int n = 0; n < registers; n++)
            gates[gate][n] = narrow(wide[2 * n], wide[2 * n + 1]);
    }
    /* One step at a time for all registers: each step is a long chain, and chains overlap. */
    v16 outputs[TILE_V16], cells[TILE_V16];
    for (int n = 0; n < registers; n++, c += LANES) {
        v16 i = sigmoid16(gates[0][n]), f = sigmoid16(gates[1][n]), g = tanh16(gates[2][n], 3);
        outputs[n] = sigmoid16(gates[3][n]);
        cells[n] =
            add_saturating(keep(f, load16(c)), scale_product(i, g, 30 + layer->cell_exponent));
        memcpy(c, &cells[n], sizeof cells[n]);
    }
    tanh_of_cells(cells, registers, 15 + layer->cell_exponent);
    v32 mantissa = splat32(layer->output_multiplier), shift = splat32(layer->output_shift);
    for (int n = 0; n < registers; n++, h_next += LANES) {
        v32 low = widen_low(outputs[n]) * widen_low(cells[n]);
        v32 high = widen_high(outputs[n]) * widen_high(cells[n]);
        v16 hidden = narrow(multiply(low, mantissa, shift), multiply(high, mantissa, shift));
        store_int8(h_next, add_saturating(hidden, splat16(layer->output_zero_point)));
    }
}

/* `groups` ≤ TILE_GROUPS groups of units: one frame. */
INLINE void lstm_int8_tile(const el_layer *layer, const int8_t *x, const int8_t *h,
                           const int8_t *weights, const el_rows *rows, int8_t *h_next, int16_t *c,
                           const int groups) {
    uint32_t columns_w = layer->columns_w, columns_r = layer->columns_r;
    size_t block_size = (size_t)16 * (columns_w + columns_r);
    v32 sums_w[EL_GATES * TILE_GROUPS][PARTS] = {{{0}}},
                          sums_r[EL_GATES * TILE_GROUPS][PARTS] = {{{0}}};
    /* Two groups at a time: more places in memory to read from at once would slow them all. */
    const int pair = (groups < 2 ? 1 : 2) * (int)EL_GATES;
    for (int block = 0; block < groups * (int)EL_GATES; block += pair) {
        const int8_t *at = weights + (size_t)block * block_size;
        add_products(at, block_size, pair, columns_w, x, sums_w + block);
        add_products(at + (size_t)16 * columns_w, block_size, pair, columns_r, h, sums_r + block);
    }
    lstm_int8_finish(layer, rows, sums_w, sums_r, h_next, c, groups);
}

static void lstm_int8(const el_layer *layer, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    const int8_t *weights = layer->weights;
    const el_rows *rows = layer->rows;
    size_t group_size = (size_t)16 * EL_GATES * (layer->columns_w + layer->columns_r);
    uint32_t group = 0;
    for (; group + TILE_GROUPS <= layer->groups; group += TILE_GROUPS)
        lstm_int8_tile(layer, x, h, weights + group * group_size, rows + group * EL_GATES,
                       h_next + group * 16, c + group * 16, TILE_GROUPS);
#if TILE_GROUPS > 2
    for (; group + 2 <= layer->groups; group += 2)
        lstm_int8_tile(layer, x, h, weights + group * group_size, rows + group * EL_GATES,
                       h_next + group * 16, c + group * 16, 2);
#endif
#if TILE_GROUPS > 1
    for (; group < layer->groups; group++)
        lstm_int8_tile(layer, x, h, weights + group * group_size, rows + group * EL_GATES,
                       h_next + group * 16, c + group * 16, 1);
#endif
}

/* The columns of one block in parts, so that sums need not wait for one another. */
#define CHAINS (PARTS < 4 ? 4 / PARTS : 1)

INLINE uint32_t chain_start(uint32_t columns, int chain) {
    return columns / EL_COLUMN_PAD * (uint32_t)chain / CHAINS * EL_COLUMN_PAD;
}

static void dense_int8(const el_layer *layer, const int8_t *x, int32_t *sums) {
    const int8_t *weights = layer->weights;
    const el_rows *rows = layer->rows;
    uint32_t columns = layer->columns_w;
    size_t block_size = (size_t)16 * columns;
    for (uint32_t group = 0; group < layer->groups; group++, rows++, weights += block_size) {
        v32 products[CHAINS][PARTS] = {{{0}}};
        for (int chain = 0; chain < CHAINS; chain++) {
            uint32_t from = chain_start(columns, chain), to = chain_start(columns, chain + 1);
            add_products(weights + (size_t)16 * from, 0, 1, to - from, x + from, products + chain);
        }
        for (int part = 0; part < PARTS; part++, sums += LANES32) {
            int first = part * LANES32;
            v32 sum = load32(rows->bias + first) -
                      load32(rows->sum_w + first) * (layer->input_zero_point + X_OFFSET);
            for (int chain = 0; chain < CHAINS; chain++)
                sum += products[chain][part];
            memcpy(sums, &sum, sizeof sum);
        }
    }
}

INLINE vf splat_float(float value) {
    return (vf){0} + value;
}

INLINE vf load_float(const float *from) {
    vf value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE vf choose_float(v32 mask, vf yes, vf no) {
    return (vf)choose32(mask, (v32)yes, (v32)no);
}

/* The functions of float_math.h: the same bits. */
INLINE vf exp_float(vf x) {
    x = choose_float(x < -87.0f, splat_float(-87.0f), x);
    x = choose_float(x > 88.0f, splat_float(88.0f), x);
    vf n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    vf r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    vf p = splat_float(1.0f / 5040.0f);
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    v32 bits = (__builtin_convertvector(n, v32) + 127) << 23;
    return p * (vf)bits;
}

INLINE vf sigmoid_float(vf x) {
    return 1.0f / (1.0f + exp_float(-x));
}

INLINE vf tanh_float(vf x) {
    vf e = exp_float(choose_float(x < 0.0f, 2.0f * x, -2.0f * x));
    vf magnitude = (1.0f - e) / (1.0f + e);
    return choose_float(x < 0.0f, -magnitude, magnitude);
}

/* Add blocks of 16 rows × `columns` times x to `sums`, which hold `blocks` × PARTS registers. */
INLINE void add_products_float(const float *weights, size_t block_size, const int blocks,
                               uint32_t columns, const float *x, vf (*sums)[PARTS]) {
    vf totals[EL_GATES][PARTS]; /* sums of its own: only those stay in registers */
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < PARTS; part++)
            totals[block][part] = sums[block][part];
    for (uint32_t column = 0; column < columns; column++, weights += 16) {
        vf value = splat_float(x[column]);
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < PARTS; part++)
                totals[block][part] =
                    fuse(load_float(weights + (size_t)block * block_size + part * LANES32), value,
                         totals[block][part]);
    }
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < PARTS; part++)
            sums[block][part] = totals[block][part];
}

INLINE void lstm_float32_group(const el_layer *layer, const float *x, const float *h,
                               const float *weights, const float *bias, float *h_next, float *c) {
    uint32_t columns_w = layer->columns_w, columns_r = layer->columns_r;
    size_t block_size = (size_t)16 * (columns_w + columns_r);
    vf gates[EL_GATES][PARTS];
    memcpy(gates, bias, sizeof gates);
    add_products_float(weights, block_size, EL_GATES, columns_w, x, gates);
    add_products_float(weights + (size_t)16 * columns_w, block_size, EL_GATES, columns_r, h, gates);
    for (int part = 0; part < PARTS; part++, c += LANES32, h_next += LANES32) {
        vf cell = sigmoid_float(gates[1][part]) * load_float(c) +
                  sigmoid_float(gates[0][part]) * tanh_float(gates[2][part]);
        vf hidden = sigmoid_float(gates[3][part]) * tanh_float(cell);
        memcpy(c, &cell, sizeof cell);
        memcpy(h_next, &hidden, sizeof hidden);
    }
}

static void lstm_float32(const el_layer *layer, const float *x, const float *h, float *h_next,
                         float *c) {
    const float *weights = layer->weights, *bias = layer->rows;
    size_t group_size = (size_t)16 * EL_GATES * (layer->columns_w + layer->columns_r);
    for (uint32_t group = 0; group < layer->groups; group++)
        lstm_float32_group(layer, x, h, weights + group * group_size, bias + group * 16 * EL_GATES,
                           h_next + group * 16, c + group * 16);
}

static void dense_float32(const el_layer *layer, const float *x, float *y) {
    const float *weights = layer->weights, *bias = layer->rows;
    uint32_t columns = layer->columns_w;
    size_t block_size = (size_t)16 * columns;
    for (uint32_t group = 0; group < layer->groups; group++, weights += block_size, y += 16) {
        vf sums[CHAINS][PARTS] = {{{0}}};
        for (int chain = 0; chain < CHAINS; chain++) {
            uint32_t from = chain_start(columns, chain), to = chain_start(columns, chain + 1);
            if (chain == CHAINS - 1)
                to = columns;
            add_products_float(weights + (size_t)16 * from, 0, 1, to - from, x + from,
                               sums + chain);
        }
        for (int part = 0; part < PARTS; part++) {
            vf sum = load_float(bias + group * 16 + part * LANES32);
            for (int chain = 0; chain < CHAINS; chain++)
                sum += sums[chain][part];
            memcpy(y + part * LANES32, &sum, sizeof sum);
        }
    }
}
