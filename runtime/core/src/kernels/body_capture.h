/* Captures: blocks of frames through one LSTM layer of floats and a row of weights behind it. */
#ifndef EL_BODY_CAPTURE_H
#define EL_BODY_CAPTURE_H

#include "body_float.h"

/* The first row of dense_float32_rest, in its order. */
INLINE float first_row_float(const el_matrix *matrix, const float *x) {
    const float *weights = matrix->weights, *bias = matrix->rows;
    float sum = bias[0];
    for (int chain = 0; chain < CHAINS; chain++) {
        uint32_t from = chain_start(matrix->columns, chain);
        uint32_t to =
            chain < CHAINS - 1 ? chain_start(matrix->columns, chain + 1) : matrix->columns;
        float total = 0.0f;
        for (uint32_t column = from; column < to; column++)
            total = __builtin_fmaf(weights[column * EL_BLOCK_ROWS], x[column], total);
        sum += 0.0f + total;
    }
    return sum;
}

INLINE void capture_frames(const el_lstm *lstm, const el_matrix *head, const el_frames *frames) {
    float *h = frames->h, *h_next = frames->work;
    const float *x = frames->x;
    for (uint32_t n = 0; n < frames->count; n++, x += lstm->columns_w) {
        lstm_float32_layer(lstm, x, h, h_next, frames->c, FUSED);
        float *newest = h_next;
        h_next = h;
        h = newest;
        frames->y[n] = first_row_float(head, h);
    }
    if (h != frames->h)
        memcpy(frames->h, h, (size_t)lstm->groups * EL_BLOCK_ROWS * sizeof *h);
}

/* With sizes that a compiler knows. */
INLINE void capture_known(const el_lstm *lstm, const el_matrix *head, const el_frames *frames,
                          const uint32_t columns_w, const uint32_t units) {
    el_lstm known = {.weights = lstm->weights,
                     .rows = lstm->rows,
                     .columns_w = columns_w,
                     .columns_r = units,
                     .groups = (units + EL_BLOCK_ROWS - 1) / EL_BLOCK_ROWS,
                     .half = (units - 1) % EL_BLOCK_ROWS < EL_BLOCK_ROWS / 2};
    el_matrix row = {.weights = head->weights, .rows = head->rows, .columns = units};
    capture_frames(&known, &row, frames);
}

/* Captures of these units and one input are most of those that people share: loops of known lengths
 * are a tenth faster. */
static void capture_float32(const el_lstm *lstm, const el_matrix *head, const el_frames *frames) {
    switch (lstm->columns_w == 1 ? lstm->columns_r : 0) {
    case 8:
        capture_known(lstm, head, frames, 1, 8);
        break;
    case 16:
        capture_known(lstm, head, frames, 1, 16);
        break;
    case 20:
        capture_known(lstm, head, frames, 1, 20);
        break;
    case 40:
        capture_known(lstm, head, frames, 1, 40);
        break;
    default:
        capture_known(lstm, head, frames, lstm->columns_w, lstm->columns_r);
    }
}

#endif
