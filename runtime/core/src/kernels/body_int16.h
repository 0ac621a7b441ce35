/* Layers of 16-bit weights that meet 16-bit codes. */
#ifndef EL_BODY_INT16_H
#define EL_BODY_INT16_H

#include "body_chains.h"
#include "body_float.h"
#include "product_int16.h"

/* `blocks` groups of a matrix from `group` on with some inputs, whose crossed sums are `of_codes`;
 * blocks · inputs is at most 4. */
INLINE void dense_int16_blocks(const el_matrix *matrix, uint32_t group, const int blocks,
                               const int16_t *const *x, const int inputs,
                               uint32_t (*of_codes)[MOST_SEGMENTS], float step, const float *behind,
                               float *const *y) {
    const el_rows16 *rows[4];
    size_t block_size = (size_t)16 * matrix->columns;
    const int16_t *weights = (const int16_t *)matrix->weights + group * block_size;
    vf totals[4][PARTS] = {{{0}}};
    for (int block = 0; block < blocks; block++)
        rows[block] = el_rows16_of(matrix, group + (uint32_t)block);
    for (uint32_t from = 0; from < matrix->columns; from += EL_SEGMENT) {
        uint32_t left = matrix->columns - from, segment = from / EL_SEGMENT;
        v32 sums[4][PARTS];
        for (int n = 0; n < blocks * inputs; n++)
            for (int part = 0; part < PARTS; part++)
                sums[n][part] =
                    start_int16(el_crossed_of(rows[n % blocks], segment) + part * LANES32,
                                of_codes[n / blocks][segment]);
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
            vf start = load_float(behind == NULL ? rows[block]->bias + lane : behind + at);
            vf result = totals[n][part] * load_float(rows[block]->scale + lane) * step + start;
            memcpy(y[n / blocks] + at, &result, sizeof result);
        }
}

static void dense_int16(const el_matrix *matrix, const int16_t *x, float step, const float *behind,
                        float *y) {
    uint32_t group = 0, of_codes[1][MOST_SEGMENTS];
    cross_codes(x, matrix->columns, of_codes[0]);
    for (; group + MANY_BLOCKS <= matrix->groups; group += MANY_BLOCKS)
        dense_int16_blocks(matrix, group, MANY_BLOCKS, &x, 1, of_codes, step, behind, &y);
    for (; group < matrix->groups; group++)
        dense_int16_blocks(matrix, group, 1, &x, 1, of_codes, step, behind, &y);
}

static void dense_int16_batch(const el_matrix *matrix, const int16_t *const *x, float step,
                              float *const *y) {
    uint32_t of_codes[EL_BATCH][MOST_SEGMENTS];
    for (uint32_t n = 0; n < EL_BATCH; n++)
        cross_codes(x[n], matrix->columns, of_codes[n]);
    for (uint32_t group = 0; group < matrix->groups; group++)
        dense_int16_blocks(matrix, group, 1, x, EL_BATCH, of_codes, step, NULL, y);
}

#endif
