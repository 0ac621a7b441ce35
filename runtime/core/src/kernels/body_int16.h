/* Products of 16-bit weights with 16-bit codes. */
#ifndef EL_BODY_INT16_H
#define EL_BODY_INT16_H

#include "body_chains.h"
#include "body_float.h"
#include "vec.h"

/* Columns `from` to `to` of `blocks` blocks with each of some inputs: `sums` of input after input,
 * block after block. */
INLINE void add_products_int16(const int16_t *weights, size_t block_size, const int blocks,
                               const int16_t *const *x, const int inputs, uint32_t from,
                               uint32_t to, v32 (*sums)[PARTS]) {
    for (uint32_t column = from; column < to; column += 2)
        for (int input = 0; input < inputs; input++) {
            int32_t two;
            memcpy(&two, x[input] + column, sizeof two);
            v16 values = (v16)splat32(two);
            for (int block = 0; block < blocks; block++)
                for (int part = 0; part < PARTS; part++) {
                    const int16_t *at = weights + (size_t)block * block_size + part * LANES;
                    v32 *sum = &sums[input * blocks + block][part];
                    *sum = add_pair_products(*sum, load16(at + (size_t)column * 16), values);
                }
        }
}

/* `blocks` groups of a matrix from `group` on with some inputs; blocks · inputs is at most 4. */
INLINE void dense_int16_blocks(const el_matrix *matrix, uint32_t group, const int blocks,
                               const int16_t *const *x, const int inputs, float step,
                               const float *behind, float *const *y) {
    const el_rows16 *rows = (const el_rows16 *)matrix->rows + group;
    size_t block_size = (size_t)16 * matrix->columns;
    const int16_t *weights = (const int16_t *)matrix->weights + group * block_size;
    vf totals[4][PARTS] = {{{0}}};
    for (uint32_t from = 0; from < matrix->columns; from += EL_SEGMENT) {
        uint32_t left = matrix->columns - from;
        v32 sums[4][PARTS] = {{{0}}};
        add_products_int16(weights, block_size, blocks, x, inputs, from,
                           left < EL_SEGMENT ? matrix->columns : from + EL_SEGMENT, sums);
        for (int n = 0; n < blocks * inputs; n++)
            for (int part = 0; part < PARTS; part++)
                totals[n][part] += __builtin_convertvector(sums[n][part], vf);
    }
    for (int n = 0; n < blocks * inputs; n++)
        for (int part = 0; part < PARTS; part++) {
            int block = n % blocks, lane = part * LANES32;
            size_t at = (group + (size_t)block) * 16 + (size_t)lane;
            vf start = load_float(behind == NULL ? rows[block].bias + lane : behind + at);
            vf result = totals[n][part] * load_float(rows[block].scale + lane) * step + start;
            memcpy(y[n / blocks] + at, &result, sizeof result);
        }
}

static void dense_int16(const el_matrix *matrix, const int16_t *x, float step, const float *behind,
                        float *y) {
    uint32_t group = 0;
    for (; group + MANY_BLOCKS <= matrix->groups; group += MANY_BLOCKS)
        dense_int16_blocks(matrix, group, MANY_BLOCKS, &x, 1, step, behind, &y);
    for (; group < matrix->groups; group++)
        dense_int16_blocks(matrix, group, 1, &x, 1, step, behind, &y);
}

static void dense_int16_batch(const el_matrix *matrix, const int16_t *const *x, float step,
                              float *const *y) {
    for (uint32_t group = 0; group < matrix->groups; group++)
        dense_int16_blocks(matrix, group, 1, x, EL_BATCH, step, NULL, y);
}

#endif
