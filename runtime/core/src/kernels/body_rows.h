/* Products of a matrix with EL_BATCH inputs at once: a weight is loaded once for all. */
#ifndef EL_BODY_ROWS_H
#define EL_BODY_ROWS_H

#include "body_float.h"
#include "body_int8.h"

/* Blocks that are multiplied together, as add_products_batch takes them. */
#define BATCH_BLOCKS ((int)EL_GATES)

_Static_assert(BATCH_BLOCKS == MANY_BLOCKS, "what is left over is what dense kernels have left");

/* The groups from `first` on, whose blocks lie one behind the other. */
INLINE el_matrix rest_of(const el_matrix *matrix, uint32_t first, size_t weights, size_t rows) {
    el_matrix rest = *matrix;
    rest.groups -= first;
    rest.weights = (const uint8_t *)matrix->weights + weights;
    rest.rows = (const uint8_t *)matrix->rows + rows;
    return rest;
}

static void dense_int8_batch(const el_matrix *matrix, size_t block, const int8_t *const *x,
                             int32_t *const *sums) {
    const int8_t *weights = matrix->weights;
    const el_rows *rows = matrix->rows;
    uint32_t group = 0;
    for (; group + (uint32_t)BATCH_BLOCKS <= matrix->groups; group += (uint32_t)BATCH_BLOCKS) {
        v32 products[EL_BATCH][EL_GATES * TILE_GROUPS][PARTS];
        for (int n = 0; n < BATCH_BLOCKS; n++, rows++)
            for (int part = 0; part < PARTS; part++) {
                v32 start = load32(rows->bias + part * LANES32) -
                            load32(rows->sum_w + part * LANES32) * (matrix->zero_point + X_OFFSET);
                for (int frame = 0; frame < EL_BATCH; frame++)
                    products[frame][n][part] = start;
            }
        add_products_batch(weights + group * block, block, matrix->columns, x, products, 0);
        for (int frame = 0; frame < EL_BATCH; frame++)
            memcpy(sums[frame] + group * 16, products[frame], sizeof(v32[EL_GATES][PARTS]));
    }
    if (group == matrix->groups)
        return;
    el_matrix rest = rest_of(matrix, group, group * block, group * sizeof(el_rows));
    for (int frame = 0; frame < EL_BATCH; frame++)
        dense_int8(&rest, x[frame], sums[frame] + group * 16);
}

/* One block, in the order of add_products_float. */
INLINE void multiply_block_float(const void *weights, uint32_t columns, const float *const *x,
                                 vf (*sums)[PARTS], const int how) {
    for (uint32_t from = 0; from < columns; from += EL_SEGMENT) {
        uint32_t to = columns - from < EL_SEGMENT ? columns : from + EL_SEGMENT;
        vf totals[EL_BATCH][PARTS] = {{{0}}}; /* of their own: only those stay in registers */
        for (uint32_t column = from; column < to; column++, weights = further(weights, 16, how))
            for (int part = 0; part < PARTS; part++) {
                vf w = load_weights(weights, part, how);
                for (int frame = 0; frame < EL_BATCH; frame++)
                    totals[frame][part] = add_product_float(w, splat_float(x[frame][column]),
                                                            totals[frame][part], how);
            }
        for (int frame = 0; frame < EL_BATCH; frame++)
            for (int part = 0; part < PARTS; part++)
                sums[frame][part] += totals[frame][part];
    }
}

/* The groups that are no whole BATCH_BLOCKS are left, from the one it returns on. */
INLINE uint32_t dense_float32_groups(const el_matrix *matrix, size_t block, const float *const *x,
                                     float *const *y, const int how) {
    const float *bias = matrix->rows;
    uint32_t many = matrix->groups / (uint32_t)BATCH_BLOCKS * (uint32_t)BATCH_BLOCKS;
    for (uint32_t group = 0; group < many; group++) {
        vf sums[EL_BATCH][PARTS];
        for (int frame = 0; frame < EL_BATCH; frame++)
            for (int part = 0; part < PARTS; part++)
                sums[frame][part] = load_float(bias + group * 16 + part * LANES32);
        multiply_block_float(further(matrix->weights, group * block, how), matrix->columns, x, sums,
                             how);
        for (int frame = 0; frame < EL_BATCH; frame++)
            for (int part = 0; part < PARTS; part++)
                memcpy(y[frame] + group * 16 + part * LANES32, &sums[frame][part],
                       sizeof sums[frame][part]);
    }
    return many;
}

/* The groups from `first` on of a matrix of floats. */
INLINE el_matrix rest_of_floats(const el_matrix *matrix, uint32_t first, size_t block,
                                const int how) {
    size_t size = how & BF16_WEIGHTS ? sizeof(uint16_t) : sizeof(float);
    return rest_of(matrix, first, first * block * size, first * 16 * sizeof(float));
}

static void dense_float32_batch(const el_matrix *matrix, size_t block, const float *const *x,
                                float *const *y) {
    uint32_t many = dense_float32_groups(matrix, block, x, y, FUSED);
    el_matrix rest = rest_of_floats(matrix, many, block, FUSED);
    for (int frame = 0; frame < EL_BATCH && rest.groups != 0; frame++)
        dense_float32(&rest, x[frame], y[frame] + many * 16);
}

#endif
