/* The kernels in portable C: the plain truth that every other set must equal, and what a Pi Zero
 * runs. */
#include "fixed_point.h"
#include "float_math.h"
#include "kernels.h"

/* Add a block's 16 rows × `columns` times x to the sums; returns where the next block starts. */
static const int8_t *add_products(const int8_t *weights, uint32_t columns, const int8_t *x,
                                  int32_t sums[EL_BLOCK_ROWS]) {
    for (uint32_t column = 0; column < columns; column += EL_BLOCK_COLUMNS) {
        int32_t x0 = x[column], x1 = x[column + 1], x2 = x[column + 2], x3 = x[column + 3];
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++, weights += EL_BLOCK_COLUMNS)
            sums[row] += weights[0] * x0 + weights[1] * x1 + weights[2] * x2 + weights[3] * x3;
    }
    return weights;
}

static void lstm_int8(const el_layer *layer, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    const int8_t *weights = layer->weights;
    const el_rows *rows = layer->rows;
    int cell_bits = 15 + layer->cell_exponent; /* integer bits of c */
    for (uint32_t group = 0; group < layer->groups; group++) {
        int32_t gates[EL_GATES][EL_BLOCK_ROWS];
        for (uint32_t gate = 0; gate < EL_GATES; gate++, rows++) {
            int32_t sums_w[EL_BLOCK_ROWS] = {0}, sums_r[EL_BLOCK_ROWS] = {0};
            weights = add_products(weights, layer->columns_w, x, sums_w);
            weights = add_products(weights, layer->columns_r, h, sums_r);
            for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++) {
                int32_t from_x =
                    sums_w[n] + rows->bias[n] - layer->input_zero_point * rows->sum_w[n];
                int32_t from_h = sums_r[n] - layer->output_zero_point * rows->sum_r[n];
                int32_t pre =
                    el_clip16(el_multiply(from_x, rows->multiplier_w[n], rows->shift_w[n]));
                /* |from_h| scaled may be as large as int32: clipping first keeps the sum inside */
                int32_t recurrent =
                    el_clip(el_multiply(from_h, rows->multiplier_r[n], rows->shift_r[n]),
                            -(1 << 20), 1 << 20);
                gates[gate][n] = el_clip16(pre + recurrent);
            }
        }
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++, c++, h_next++) {
            int32_t i = el_sigmoid16(gates[0][n]), f = el_sigmoid16(gates[1][n]);
            int32_t g = el_tanh16(gates[2][n], 3), o = el_sigmoid16(gates[3][n]);
            int32_t kept = el_rounding_shift_right(f * *c, 15);
            int32_t written = el_rounding_shift_right(i * g, 30 + layer->cell_exponent);
            int32_t cell = el_clip16(kept + written);
            int32_t hidden = el_multiply(o * el_tanh16(cell, cell_bits), layer->output_multiplier,
                                         layer->output_shift);
            *c = (int16_t)cell;
            *h_next = (int8_t)el_clip8(hidden + layer->output_zero_point);
        }
    }
}

static void dense_int8(const el_layer *layer, const int8_t *x, int32_t *sums) {
    const int8_t *weights = layer->weights;
    const el_rows *rows = layer->rows;
    for (uint32_t group = 0; group < layer->groups; group++, rows++) {
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
            sums[n] = rows->bias[n] - layer->input_zero_point * rows->sum_w[n];
        weights = add_products(weights, layer->columns_w, x, sums);
        sums += EL_BLOCK_ROWS;
    }
}

#ifndef EL_NO_FLOAT32
static const float *add_products_float32(const float *weights, uint32_t columns, const float *x,
                                         float sums[EL_BLOCK_ROWS]) {
    for (uint32_t column = 0; column < columns; column++, weights += EL_BLOCK_ROWS)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            sums[row] += weights[row] * x[column];
    return weights;
}

static void lstm_float32(const el_layer *layer, const float *x, const float *h, float *h_next,
                         float *c) {
    const float *weights = layer->weights;
    const float *bias = layer->rows;
    for (uint32_t group = 0; group < layer->groups; group++) {
        float gates[EL_GATES][EL_BLOCK_ROWS];
        for (uint32_t gate = 0; gate < EL_GATES; gate++, bias += EL_BLOCK_ROWS) {
            memcpy(gates[gate], bias, sizeof gates[gate]);
            weights = add_products_float32(weights, layer->columns_w, x, gates[gate]);
            weights = add_products_float32(weights, layer->columns_r, h, gates[gate]);
        }
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++, c++, h_next++) {
            *c = el_sigmoid(gates[1][n]) * *c + el_sigmoid(gates[0][n]) * el_tanh(gates[2][n]);
            *h_next = el_sigmoid(gates[3][n]) * el_tanh(*c);
        }
    }
}

static void dense_float32(const el_layer *layer, const float *x, float *y) {
    const float *weights = layer->weights;
    memcpy(y, layer->rows, layer->groups * EL_BLOCK_ROWS * sizeof *y);
    for (uint32_t group = 0; group < layer->groups; group++, y += EL_BLOCK_ROWS)
        weights = add_products_float32(weights, layer->columns_w, x, y);
}

#endif

const el_kernels el_kernels_scalar = {
    .name = "scalar",
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
#ifndef EL_NO_FLOAT32
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
#endif
};
