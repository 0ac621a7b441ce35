/* The float32 layers. */
#ifndef EL_BODY_FLOAT_H
#define EL_BODY_FLOAT_H

#include "body_chains.h"
#include "float_math.h"
#include "vec.h"

/* By its bits: 0 + value is an addition to a compiler, for what becomes of -0. */
INLINE vf splat_float(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (vf)splat32(bits);
}

INLINE vf load_float(const float *from) {
    vf value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE vf choose_float(v32 mask, vf yes, vf no) {
    return (vf)choose32(mask, (v32)yes, (v32)no);
}

/* The functions of float_math.h: the same bits, but for the sign of tanh(-0). */
INLINE vf exp_float(vf x) {
    x = clamp_float(x, -87.0f, 88.0f);
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
    const v32 signs = splat32(INT32_MIN);
    vf e = exp_float((vf)((v32)(2.0f * x) | signs));
    vf magnitude = (1.0f - e) / (1.0f + e);
    return (vf)((v32)magnitude | ((v32)x & signs));
}

/* el_state */
INLINE vf state_float(vf x) {
    v32 small = (x < EL_LEAST_STATE) & (x > -EL_LEAST_STATE);
    return choose_float(small, splat_float(0.0f), x);
}

/* 1 + exp(-x), relative error below 2e-7; no larger than exp(87). */
INLINE vf one_and_exp_of_minus(vf x) {
    x = clamp_float(-x, -87.0f, 87.0f);
    vf n = fuse(x, splat_float(1.44269504f), splat_float(12582912.0f)) - 12582912.0f;
    vf r = fuse(n, splat_float(-0.693359375f), x);
    r = fuse(n, splat_float(2.12194440e-4f), r);
    /* exp(r) = 1 + r + r²·(…), least relative error for |r| ≤ ln2/2: 3e-9 */
    vf square = r * r;
    vf low = fuse(splat_float(0.166665211f), r, splat_float(0.499999925f));
    vf high = fuse(splat_float(0.00836872f), r, splat_float(0.041668389f));
    high = fuse(splat_float(0.00138146f), square, high);
    vf p = fuse(fuse(high, square, low), square, 1.0f + r);
    v32 bits = (__builtin_convertvector(n, v32) + 127) << 23;
    return fuse(p, (vf)bits, splat_float(1.0f));
}

/* tanh(x) = over / under, with an error below 3e-7 and never beyond ±1: least relative error of
 * such a quotient for |x| ≤ 8, where 1 - tanh is 2.3e-7. */
typedef struct quotient {
    vf over, under;
} quotient;

INLINE quotient tanh_quotient(vf x) {
    x = clamp_float(x, -8.0f, 8.0f);
    vf z = x * x, square = z * z;
    vf a = fuse(splat_float(1.3444501e-1f), z, splat_float(1.0f));
    vf b = fuse(splat_float(2.1894726e-5f), z, splat_float(3.5716018e-3f));
    b = fuse(splat_float(1.5230507e-8f), square, b);
    vf c = fuse(splat_float(4.677783e-1f), z, splat_float(1.0f));
    vf d = fuse(splat_float(3.4112984e-4f), z, splat_float(2.6164457e-2f));
    d = fuse(splat_float(8.5224826e-7f), square, d);
    return (quotient){x * fuse(b, square, a), fuse(d, square, c)};
}

/* How a layer of floats computes: a constant wherever it is compiled. */
enum {
    FUSED = 0,       /* as fast as the set may, from float32 weights */
    EXACT_SUMS = 1,  /* a product is rounded before it is added */
    BF16_WEIGHTS = 2 /* weights are the upper halves of floats: sums in the same order */
};

/* a·b + c */
INLINE vf add_product_float(vf a, vf b, vf c, const int how) {
    return how & EXACT_SUMS ? a * b + c : fuse(a, b, c);
}

/* The weight that is `count` weights further. */
INLINE const void *further(const void *weights, size_t count, const int how) {
    size_t size = how & BF16_WEIGHTS ? sizeof(uint16_t) : sizeof(float);
    return (const uint8_t *)weights + count * size;
}

/* A part of the 16 weights of a column. */
INLINE vf load_weights(const void *column, const int part, const int how) {
    return how & BF16_WEIGHTS ? widen_bf16(column, part)
                              : load_float((const float *)column + part * LANES32);
}

/* Add blocks of 16 rows × `columns` times x to `sums`, of which the first `parts` of each of
 * `blocks` count. */
INLINE void add_products_float(const void *weights, size_t block_size, const int blocks,
                               const int parts, uint32_t columns, const float *x, vf (*sums)[PARTS],
                               const int how) {
    for (uint32_t from = 0; from < columns; from += EL_SEGMENT) {
        uint32_t to = columns - from < EL_SEGMENT ? columns : from + EL_SEGMENT;
        vf totals[EL_GATES][PARTS] = {{{0}}}; /* of their own: only those stay in registers */
        for (uint32_t column = from; column < to; column++, weights = further(weights, 16, how)) {
            vf value = splat_float(x[column]);
            for (int block = 0; block < blocks; block++)
                for (int part = 0; part < parts; part++)
                    totals[block][part] = add_product_float(
                        load_weights(further(weights, (size_t)block * block_size, how), part, how),
                        value, totals[block][part], how);
        }
        for (int block = 0; block < blocks; block++)
            for (int part = 0; part < parts; part++)
                sums[block][part] += totals[block][part];
    }
}

/* Of the sums of gates, and the cell before. */
INLINE vf next_cell(const vf gates[EL_GATES], vf cell, const int how) {
    if (how & EXACT_SUMS)
        return state_float(sigmoid_float(gates[1]) * cell +
                           sigmoid_float(gates[0]) * tanh_float(gates[2]));
    quotient added = tanh_quotient(gates[2]);
    added.under *= one_and_exp_of_minus(gates[0]);
    return state_float(cell / one_and_exp_of_minus(gates[1]) + added.over / added.under);
}

INLINE vf next_hidden(vf gate, vf cell, const int how) {
    if (how & EXACT_SUMS)
        return state_float(sigmoid_float(gate) * tanh_float(cell));
    quotient found = tanh_quotient(cell);
    return state_float(found.over / (found.under * one_and_exp_of_minus(gate)));
}

INLINE void lstm_float32_group(const el_lstm *lstm, const float *x, const float *h,
                               const void *weights, const float *bias, float *h_next, float *c,
                               const int parts, const int how) {
    uint32_t columns_w = lstm->columns_w, columns_r = lstm->columns_r;
    size_t block_size = el_lstm_block(lstm);
    vf gates[EL_GATES][PARTS];
    /* A long register cannot be forwarded from what a copy writes in halves. */
#if LANES > 8
    for (int gate = 0; gate < (int)EL_GATES; gate++)
        for (int part = 0; part < parts; part++)
            gates[gate][part] = load_float(bias + gate * 16 + part * LANES32);
#else
    memcpy(gates, bias, sizeof gates);
#endif
    add_products_float(weights, block_size, EL_GATES, parts, columns_w, x, gates, how);
    add_products_float(further(weights, el_lstm_recurrent(lstm), how), block_size, EL_GATES, parts,
                       columns_r, h, gates, how);
    for (int part = 0; part < parts; part++, c += LANES32, h_next += LANES32) {
        vf of[EL_GATES] = {gates[0][part], gates[1][part], gates[2][part], gates[3][part]};
        vf cell = next_cell(of, load_float(c), how), hidden = next_hidden(of[3], cell, how);
        memcpy(c, &cell, sizeof cell);
        memcpy(h_next, &hidden, sizeof hidden);
    }
    if (parts < PARTS)
        memset(h_next, 0, (size_t)(PARTS - parts) * LANES32 * sizeof *h_next);
}

/* Where half a group saves a register of each gate, and code is not dear. */
#define HALVES (PARTS == 2)

INLINE void lstm_float32_layer(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                               float *c, const int how) {
    const float *bias = lstm->from_x != NULL ? lstm->from_x : lstm->rows;
    size_t group_size = EL_GATES * el_lstm_block(lstm);
    uint32_t whole = lstm->groups - (HALVES && lstm->half), group = 0;
    for (; group < whole; group++)
        lstm_float32_group(lstm, x, h, further(lstm->weights, group * group_size, how),
                           bias + group * 16 * EL_GATES, h_next + group * 16, c + group * 16, PARTS,
                           how);
#if HALVES
    if (group < lstm->groups)
        lstm_float32_group(lstm, x, h, further(lstm->weights, group * group_size, how),
                           bias + group * 16 * EL_GATES, h_next + group * 16, c + group * 16,
                           PARTS / 2, how);
#endif
}

static void lstm_float32(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                         float *c) {
    lstm_float32_layer(lstm, x, h, h_next, c, FUSED);
}

/* `blocks` groups of a matrix from `group` on, side by side. */
INLINE void dense_float32_blocks(const el_matrix *matrix, uint32_t group, const int blocks,
                                 const float *x, float *y, const int how) {
    const float *bias = (const float *)matrix->rows + group * 16;
    size_t block_size = (size_t)16 * matrix->columns;
    vf sums[MANY_BLOCKS][PARTS];
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < PARTS; part++)
            sums[block][part] = load_float(bias + block * 16 + part * LANES32);
    add_products_float(further(matrix->weights, group * block_size, how), block_size, blocks, PARTS,
                       matrix->columns, x, sums, how);
    for (int block = 0; block < blocks; block++)
        for (int part = 0; part < PARTS; part++)
            memcpy(y + (group + (uint32_t)block) * 16 + part * LANES32, &sums[block][part],
                   sizeof *y * LANES32);
}

/* Groups side by side as long as there are as many; returns the first that is left. */
INLINE uint32_t dense_float32_whole(const el_matrix *matrix, const float *x, float *y,
                                    const int how) {
    uint32_t group = 0;
    for (; group + MANY_BLOCKS <= matrix->groups; group += MANY_BLOCKS)
        dense_float32_blocks(matrix, group, MANY_BLOCKS, x, y, how);
    return group;
}

/* The groups from `group` on, one by one. */
INLINE void dense_float32_rest(const el_matrix *matrix, uint32_t group, const float *x, float *y,
                               const int how) {
    uint32_t columns = matrix->columns;
    size_t block_size = (size_t)16 * columns;
    const void *weights = further(matrix->weights, group * block_size, how);
    const float *bias = matrix->rows;
    for (y += group * 16; group < matrix->groups; group++, y += 16) {
        vf sums[CHAINS][PARTS] = {{{0}}};
        for (int chain = 0; chain < CHAINS; chain++) {
            uint32_t from = chain_start(columns, chain), to = chain_start(columns, chain + 1);
            if (chain == CHAINS - 1)
                to = columns;
            add_products_float(further(weights, (size_t)16 * from, how), 0, 1, PARTS, to - from,
                               x + from, sums + chain, how);
        }
        for (int part = 0; part < PARTS; part++) {
            vf sum = load_float(bias + group * 16 + part * LANES32);
            for (int chain = 0; chain < CHAINS; chain++)
                sum += sums[chain][part];
            memcpy(y + part * LANES32, &sum, sizeof sum);
        }
        weights = further(weights, block_size, how);
    }
}

/* As dense_int8_many. */
static __attribute__((noinline)) uint32_t dense_float32_many(const el_matrix *matrix,
                                                             const float *x, float *y) {
    return dense_float32_whole(matrix, x, y, FUSED);
}

static void dense_float32(const el_matrix *matrix, const float *x, float *y) {
    uint32_t group = matrix->groups < MANY_BLOCKS ? 0 : dense_float32_many(matrix, x, y);
    dense_float32_rest(matrix, group, x, y, FUSED);
}

#endif
