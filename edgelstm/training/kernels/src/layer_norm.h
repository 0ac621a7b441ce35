/* Layer normalization: each row of a result by its own mean and spread, then a gain and an offset
 * for each channel.
 *
 * Tape: the result (runs, sequences, row); then of each of its rows the mean and 1 / spread. */
#ifndef EL_LAYER_NORM_H
#define EL_LAYER_NORM_H

#include <math.h>

#include "layer.h"

static void layer_norm_plan(struct layer *layer) {
    const size_t channels = layer->sizes.channels;
    layer->rows = layer->sizes.rows;
    layer->outputs = layer->inputs;
    layer->row = row_size(layer->outputs);
    layer->hop = 1;
    layer->packed = 2 * padded(channels);
    layer->arrays = 2;
    layer->gradients = 2 * padded(channels);
    for (size_t n = 0; n < 2; n++)
        add_block(layer, (struct block){n, 0, 1, channels, n * padded(channels), padded(channels)});
}

static size_t layer_norm_tape(const struct layer *layer, size_t runs, size_t sequences) {
    return runs * sequences * (layer->row + 2 * layer->rows);
}

static size_t layer_norm_scratch(const struct layer *layer, size_t runs, size_t sequences) {
    (void)layer, (void)runs, (void)sequences;
    return 0;
}

static size_t layer_norm_result(const struct layer *layer, size_t runs, size_t sequences) {
    (void)layer, (void)runs, (void)sequences;
    return 0;
}

static void layer_norm_pack(const struct layer *layer, const float *const *weights, float *packed) {
    const size_t channels = layer->sizes.channels;
    for (size_t n = 0; n < 2; n++)
        memcpy(packed + n * padded(channels), weights[n], channels * sizeof *packed);
}

/* Of each row its mean and 1 / spread, behind the results. */
static float *layer_norm_moments(const struct layer *layer, const struct run *run) {
    return run->tape + run->runs * run->sequences * layer->row;
}

static void layer_norm_forward(const struct layer *layer, const float *packed,
                               const struct run *run) {
    const size_t channels = layer->sizes.channels;
    const float *gamma = packed, *beta = packed + padded(channels);
    float *moments = layer_norm_moments(layer, run);
    for (size_t n = 0; n < run->runs * run->sequences; n++) {
        float *whole = run->result + n * layer->row;
        for (size_t row = 0; row < layer->rows; row++, moments += 2) {
            const float *x = run->x + n * layer->input_row + row * channels;
            float *y = whole + row * channels;
            double sum = 0, squares = 0;
            for (size_t v = 0; v < channels; v++)
                sum += (double)x[v];
            const double mean = sum / (double)channels;
            for (size_t v = 0; v < channels; v++)
                squares += ((double)x[v] - mean) * ((double)x[v] - mean);
            const double spread = sqrt(squares / (double)channels + (double)layer->sizes.epsilon);
            moments[0] = (float)mean;
            moments[1] = (float)(1 / spread);
            for (size_t v = 0; v < channels; v++)
                y[v] = (x[v] - moments[0]) * moments[1] * gamma[v] + beta[v];
        }
        memset(whole + layer->outputs, 0, (layer->row - layer->outputs) * sizeof *whole);
    }
}

static void layer_norm_backward(const struct layer *layer, const float *packed,
                                const struct run *run) {
    const size_t channels = layer->sizes.channels;
    const float *gamma = packed, *moments = layer_norm_moments(layer, run);
    float *dgamma = run->gradients, *dbeta = dgamma ? dgamma + padded(channels) : NULL;
    if (dgamma)
        memset(dgamma, 0, layer->gradients * sizeof *dgamma);
    for (size_t n = 0; n < run->runs * run->sequences; n++)
        for (size_t row = 0; row < layer->rows; row++, moments += 2) {
            const float *x = run->x + n * layer->input_row + row * channels;
            const float *d = run->dresult + n * layer->row + row * channels;
            double sum = 0, along = 0;
            for (size_t v = 0; v < channels; v++) {
                const float even = (x[v] - moments[0]) * moments[1], by = d[v] * gamma[v];
                if (dgamma) {
                    dgamma[v] += d[v] * even;
                    dbeta[v] += d[v];
                }
                sum += (double)by;
                along += (double)(by * even);
            }
            if (!run->dx)
                continue;
            const float mean = (float)(sum / (double)channels),
                        slope = (float)(along / (double)channels);
            float *dx = run->dx + n * layer->input_row + row * channels;
            for (size_t v = 0; v < channels; v++)
                dx[v] = moments[1] *
                        (d[v] * gamma[v] - mean - (x[v] - moments[0]) * moments[1] * slope);
        }
    if (run->dx)
        for (size_t n = 0; n < run->runs * run->sequences; n++)
            memset(run->dx + n * layer->input_row + layer->inputs, 0,
                   (layer->input_row - layer->inputs) * sizeof *run->dx);
}

static const struct kind layer_norm_kind = {"layer_norm",       layer_norm_plan,    layer_norm_tape,
                                            layer_norm_scratch, layer_norm_result,  layer_norm_pack,
                                            layer_norm_forward, layer_norm_backward};

#endif
