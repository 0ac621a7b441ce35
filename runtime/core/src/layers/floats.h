/* What layers of floats have in common. Each computes by one order of additions, products,
 * divisions and roots, the same on every machine: sums by sixteen lanes, which then add up by
 * halves. */
#ifndef EL_FLOATS_H
#define EL_FLOATS_H

#include "float_math.h"
#include "matrix.h"

#include <string.h>

/* What affine layers and normalizations keep: a number per channel, and another one. */
typedef struct el_channels {
    const float *scale, *offset;
    float epsilon;
} el_channels;

EL_RECORD(el_channels)

/* Where a layer reads and writes. */
static inline const float *el_x(const el_stream *stream, const el_layer *layer) {
    return el_stream_part(stream, layer->x_offset);
}

static inline const float *el_other(const el_stream *stream, const el_layer *layer) {
    return el_stream_part(stream, layer->other_offset);
}

static inline float *el_y(const el_stream *stream, const el_layer *layer) {
    return el_stream_part(stream, layer->y_offset);
}

static inline float *el_work(const el_stream *stream) {
    return el_stream_part(stream, stream->model->work_offset);
}

/* Held to what a result may be; NaN is none. */
static inline float el_held(float value) {
    return el_clamp(value, -EL_MAX_HIDDEN, EL_MAX_HIDDEN);
}

/* An own field of an entry that holds the bits of a float. */
float el_own_float(const el_entry *entry, size_t n);

/* `count` weights in a tensor of exactly these. */
el_status el_check_values(const el_model *model, const el_entry *entry, el_tensor tensor,
                          uint64_t count, const float **values);

/* Whether an entry names no tensors, no ReLU, and nothing of integers. */
bool el_is_bare(const el_entry *entry);

/* Whether the result has this shape. */
static inline bool el_gives(const el_layer *layer, uint64_t rows, uint64_t channels) {
    return layer->rows == rows && layer->channels == channels;
}

/* For layers that need no work, but for scores, which lie there. */
uint64_t el_work_of_scores(const el_model *model, const el_layer *layer);

float el_sum(const float *values, uint32_t count);
float el_sum_of_squares(const float *values, uint32_t count, float less);

#endif
