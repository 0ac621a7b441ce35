/* Convolutions over the rows of a run, and dense layers, which are one window over all of it.
 *
 * A window is `taps` pieces of `span` values; with a dilation of 1 the pieces lie side by side and
 * count as one. Tape: the result (runs, sequences, row). Products write whole vectors: what is
 * beyond a row of the result is written over by the next one, or lies behind the last. */
#ifndef EL_CONV_H
#define EL_CONV_H

#include "layer.h"

enum { CONV_TOGETHER = 128 /* rows that the weights' gradients take at a time */ };

struct windows {
    size_t taps, span, between; /* the last: floats from a tap to the next */
    size_t step;                /* floats from a window to the next */
    size_t filters;
};

static bool is_dense(const struct el_sizes *sizes) {
    return sizes->taps == 0;
}

static struct windows conv_windows(const struct layer *layer) {
    const struct el_sizes *sizes = &layer->sizes;
    if (is_dense(sizes))
        return (struct windows){1, layer->inputs, 0, 0, sizes->units};
    const size_t taps = sizes->taps, channels = sizes->channels, step = sizes->stride * channels;
    if (sizes->dilation == 1)
        return (struct windows){1, taps * channels, 0, step, sizes->units};
    return (struct windows){taps, channels, sizes->dilation * channels, step, sizes->units};
}

/* Packed: bias (padded filters), then for each tap its weights for the way there (span by filters)
 * and for the way back (filters by span). */
static size_t conv_tap_size(struct windows w) {
    return packed_size(w.span, w.filters) + packed_size(w.filters, w.span);
}

static void conv_plan(struct layer *layer) {
    const struct el_sizes *sizes = &layer->sizes;
    const struct windows w = conv_windows(layer);
    layer->rows = 1;
    if (!is_dense(sizes))
        layer->rows = (sizes->rows - (sizes->taps - 1) * sizes->dilation - 1) / sizes->stride + 1;
    layer->outputs = layer->rows * w.filters;
    layer->row = row_size((layer->rows - 1) * w.filters + padded(w.filters));
    layer->hop = 1;
    layer->packed = padded(w.filters) + w.taps * conv_tap_size(w);
    layer->arrays = 2;
    /* A piece's gradients: W (filters, taps, padded span), b (filters). */
    const size_t b = w.filters * w.taps * padded(w.span);
    layer->gradients = b + padded(w.filters);
    add_block(layer, (struct block){0, 0, w.filters * w.taps, w.span, 0, padded(w.span)});
    add_block(layer, (struct block){1, 0, 1, w.filters, b, padded(w.filters)});
}

static size_t conv_tape(const struct layer *layer, size_t runs, size_t sequences) {
    return runs * sequences * layer->row;
}

static size_t conv_scratch(const struct layer *layer, size_t runs, size_t sequences) {
    (void)layer, (void)runs, (void)sequences;
    return 0;
}

static size_t conv_result(const struct layer *layer, size_t runs, size_t sequences) {
    (void)layer, (void)runs, (void)sequences;
    return 0;
}

static void conv_pack(const struct layer *layer, const float *const *weights, float *packed) {
    const struct windows w = conv_windows(layer);
    const size_t filter_size = w.taps * w.span;
    memcpy(packed, weights[1], w.filters * sizeof *packed);
    for (size_t tap = 0; tap < w.taps; tap++) {
        const float *W = weights[0] + tap * w.span;
        float *there = packed + padded(w.filters) + tap * conv_tap_size(w);
        pack(W, 1, filter_size, 0, w.span, w.span, w.filters, there);
        pack(W, filter_size, 1, 0, w.filters, w.filters, w.span,
             there + packed_size(w.span, w.filters));
    }
}

static void conv_forward(const struct layer *layer, const float *packed, const struct run *run) {
    const struct windows w = conv_windows(layer);
    const size_t rows = run->runs * run->sequences;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t tap = 0; tap < w.taps; tap++)
            multiply(&(struct product){.rows = rows,
                                       .columns = padded(w.filters),
                                       .depth = w.span,
                                       .a = run->x + row * w.step + tap * w.between,
                                       .a_row = layer->input_row,
                                       .a_place = 1,
                                       .p = packed + padded(w.filters) + tap * conv_tap_size(w),
                                       .to = run->result + row * w.filters,
                                       .to_row = layer->row,
                                       .bias = packed,
                                       .adds = tap > 0});
    if (layer->sizes.relu)
        for (size_t n = 0; n < rows; n++)
            for (size_t v = 0; v < padded(layer->outputs); v += LANES) {
                float *at = run->result + n * layer->row + v;
                vec a = load(at);
                store(at, choose(a < (vec){0}, (vec){0}, a));
            }
}

/* The gradient before the activation, in its place; db grows. */
static void conv_slopes(const struct layer *layer, const struct run *run, float *db) {
    const size_t filters = conv_windows(layer).filters;
    for (size_t n = 0; n < run->runs * run->sequences; n++) {
        float *d = run->dresult + n * layer->row;
        const float *y = run->result + n * layer->row;
        if (layer->sizes.relu)
            for (size_t v = 0; v < layer->outputs; v++)
                d[v] = y[v] > 0.0f ? d[v] : 0.0f;
        for (size_t row = 0; row < layer->rows; row++)
            for (size_t filter = 0; filter < filters; filter++)
                db[filter] += d[row * filters + filter];
    }
}

/* Every value of x gets what all windows that hold it say. Whole vectors are added: zeros beyond a
 * tap's values. */
static void conv_dx(const struct layer *layer, const float *packed, const struct run *run) {
    const struct windows w = conv_windows(layer);
    const size_t rows = run->runs * run->sequences;
    const bool one = layer->rows == 1 && w.taps == 1 && w.span == layer->inputs;
    if (!one)
        memset(run->dx, 0, rows * layer->input_row * sizeof *run->dx);
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t tap = 0; tap < w.taps; tap++)
            multiply(&(struct product){.rows = rows,
                                       .columns = padded(w.span),
                                       .depth = w.filters,
                                       .a = run->dresult + row * w.filters,
                                       .a_row = layer->row,
                                       .a_place = 1,
                                       .p = packed + padded(w.filters) + tap * conv_tap_size(w) +
                                            packed_size(w.span, w.filters),
                                       .to = run->dx + row * w.step + tap * w.between,
                                       .to_row = layer->input_row,
                                       .adds = !one});
}

static void conv_backward(const struct layer *layer, const float *packed, const struct run *run) {
    const struct windows w = conv_windows(layer);
    const size_t rows = run->runs * run->sequences, span = padded(w.span);
    float *db = run->gradients + w.filters * w.taps * span;
    memset(run->gradients, 0, layer->gradients * sizeof *db);
    conv_slopes(layer, run, db);
    for (size_t first = 0; first < rows; first += CONV_TOGETHER)
        for (size_t row = 0; row < layer->rows; row++)
            for (size_t tap = 0; tap < w.taps; tap++)
                multiply(&(struct product){
                    .rows = w.filters,
                    .columns = span,
                    .depth = rows - first < CONV_TOGETHER ? rows - first : CONV_TOGETHER,
                    .a = run->dresult + first * layer->row + row * w.filters,
                    .a_row = 1,
                    .a_place = layer->row,
                    .p = run->x + first * layer->input_row + row * w.step + tap * w.between,
                    .p_place = layer->input_row,
                    .to = run->gradients + tap * span,
                    .to_row = w.taps * span,
                    .adds = true});
    if (run->dx)
        conv_dx(layer, packed, run);
}

static const struct kind conv_kind = {"conv",      conv_plan, conv_tape,    conv_scratch,
                                      conv_result, conv_pack, conv_forward, conv_backward};

static const struct kind dense_kind = {"dense",     conv_plan, conv_tape,    conv_scratch,
                                       conv_result, conv_pack, conv_forward, conv_backward};

#endif
