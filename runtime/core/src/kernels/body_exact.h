/* The float32 layers of int8 files: the same bits from every set, see el_kernels.exact. What
 * follows the products has them already. */
#ifndef EL_BODY_EXACT_H
#define EL_BODY_EXACT_H

#include "body_float.h"
#include "body_gru.h"
#include "body_rows.h"

#if defined(__arm__)
/* Vectors of 32-bit ARM take denormals for 0. */
#define EXACT (&el_kernels_scalar)
#else
static void lstm_exact(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                       float *c) {
    lstm_float32_layer(lstm, x, h, h_next, c, EXACT_SUMS);
}

static void dense_exact(const el_matrix *matrix, const float *x, float *y) {
    uint32_t group = 0;
    for (; group + MANY_BLOCKS <= matrix->groups; group += MANY_BLOCKS)
        dense_float32_blocks(matrix, group, MANY_BLOCKS, x, y, EXACT_SUMS);
    for (; group < matrix->groups; group++)
        dense_float32_blocks(matrix, group, 1, x, y, EXACT_SUMS);
}

static void dense_batch_exact(const el_matrix *matrix, size_t block, const float *const *x,
                              float *const *y) {
    uint32_t many = dense_float32_groups(matrix, block, x, y, EXACT_SUMS);
    el_matrix rest = rest_of_floats(matrix, many, block, EXACT_SUMS);
    for (int frame = 0; frame < EL_BATCH && rest.groups != 0; frame++)
        dense_exact(&rest, x[frame], y[frame] + many * 16);
}

static const el_kernels exact_kernels = {
    .name = "exact",
    .lstm_float32 = lstm_exact,
    .dense_float32 = dense_exact,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
    .dense_float32_batch = dense_batch_exact,
    .exact = &exact_kernels,
};
#define EXACT (&exact_kernels)
#endif

#endif
