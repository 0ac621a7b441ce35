/* The layers of floats whose weights are bfloat16: each becomes the float32 that it is on its way
 * to the product, and sums are those of float32 files, so that answers have the bits of a float32
 * model with such weights. */
#ifndef EL_BODY_BF16_H
#define EL_BODY_BF16_H

#include "body_float.h"
#include "body_gru.h"
#include "body_rows.h"

#ifdef EL_NO_BF16
#define BF16 NULL
#else
static void lstm_bf16(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                      float *c) {
    lstm_float32_layer(lstm, x, h, h_next, c, BF16_WEIGHTS);
}

static void dense_bf16(const el_matrix *matrix, const float *x, float *y) {
    uint32_t group = dense_float32_whole(matrix, x, y, BF16_WEIGHTS);
    dense_float32_rest(matrix, group, x, y, BF16_WEIGHTS);
}

static void dense_batch_bf16(const el_matrix *matrix, size_t block, const float *const *x,
                             float *const *y) {
    uint32_t many = dense_float32_groups(matrix, block, x, y, BF16_WEIGHTS);
    el_matrix rest = rest_of_floats(matrix, many, block, BF16_WEIGHTS);
    for (int frame = 0; frame < EL_BATCH && rest.groups != 0; frame++)
        dense_bf16(&rest, x[frame], y[frame] + many * 16);
}

static const el_kernels bf16_kernels = {
    .name = "bf16",
    .lstm_float32 = lstm_bf16,
    .dense_float32 = dense_bf16,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
    .dense_float32_batch = dense_batch_bf16,
    .bf16 = &bf16_kernels,
};
#define BF16 (&bf16_kernels)
#endif

#endif
