#include "chunk.h"

#include "kernels/kernels.h"
#include "layers/layer.h"
#include "stream.h"

#include <string.h>

/* Between a layer that takes frames together and its neighbours lie rows: a result for each frame
 * of the chunk at which there is one. At such a place one result alone is read by what follows.
 * Layers between go frame by frame, as in el_stream_push: a row comes to where they read it, and
 * what they leave becomes a row. */

/* Weights of such layers, in bytes, from which on frames go together without being asked to, where
 * there are several layers, and where there is one: smaller ones stay in a near cache as they are,
 * and one layer gains from W·x alone. */
#define LARGE_LAYERS (160u << 10)
#define LARGE_LAYER (1u << 20)

static uint32_t result_size(const el_model *model, uint32_t source) {
    if (source == 0)
        return model->features * el_input_size(model);
    const el_layer *layer = &model->layers[source - 1];
    return layer->rows * layer->channels * el_given_size(layer);
}

static void *result_of(const el_stream *stream, uint32_t source) {
    const el_model *model = stream->model;
    return el_stream_part(stream,
                          source == 0 ? model->flow_offset : model->layers[source - 1].y_offset);
}

static uint32_t stride_of(const el_model *model, uint32_t source) {
    return source == 0 ? 1 : model->layers[source - 1].stride;
}

/* Whether the layers behind layer `index` read nothing from before its result. */
static bool parts_the_road(const el_model *model, uint32_t index) {
    for (uint32_t n = index + 1; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        if (layer->source <= index || (layer->other != 0 && layer->other - 1 <= index))
            return false;
    }
    return true;
}

static uint32_t largest(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

void el_plan_chunks(el_model *model, unsigned flags) {
    uint64_t sums = 0, weights = 0;
    uint32_t row = 0, layers = 0;
    for (uint32_t n = 0; n < model->head; n++) {
        el_layer *layer = &model->layers[n];
        uint64_t size = layer->type->sums_size == NULL ? 0 : layer->type->sums_size(layer);
        layer->together = size != 0 && parts_the_road(model, n);
        if (!layer->together)
            continue;
        layers++;
        weights += layer->weights_size;
        sums = size > sums ? size : sums;
        row = largest(row, largest(result_size(model, layer->source), result_size(model, n + 1)));
    }
    model->chunk_row = (uint32_t)el_align(row);
    model->chunk_sums = (uint32_t)el_align(sums);
    bool gains = weights >= (layers > 1 ? LARGE_LAYERS : LARGE_LAYER);
    bool wanted = (flags & EL_CHUNKS) != 0 || (gains && (flags & EL_NO_CHUNKS) == 0);
    if (layers != 0 && wanted)
        model->chunk_size =
            EL_MOST_TOGETHER * ((uint64_t)model->chunk_row + (uint64_t)model->chunk_sums);
}

typedef struct chunk {
    el_stream *stream;
    const float *frames; /* (count, features) */
    uint32_t count;
    uint64_t before; /* frames that the stream had taken */
    uint32_t live;   /* the source whose results the rows are */
    uint8_t *rows;   /* chunk_row bytes each */
    uint8_t *sums;   /* chunk_sums bytes each */
} chunk;

static uint8_t *row_at(const chunk *of, uint32_t n) {
    return of->rows + (size_t)n * of->stream->model->chunk_row;
}

static uint32_t rows_of(const chunk *of) {
    uint32_t stride = stride_of(of->stream->model, of->live);
    return (uint32_t)((of->before + of->count) / stride - of->before / stride);
}

/* Row `n` comes to where layers read it, and the stream to its frame. */
static void enter_row(const chunk *of, uint32_t n) {
    el_stream *stream = of->stream;
    const el_model *model = stream->model;
    uint32_t stride = stride_of(model, of->live);
    stream->frames = (of->before / stride + n + 1) * stride;
    if (of->live == 0)
        el_stream_read(stream, of->frames + (size_t)n * model->features, result_of(stream, 0));
    else
        memcpy(result_of(stream, of->live), row_at(of, n), result_size(model, of->live));
}

static void step_layers(const el_stream *stream, uint32_t first, uint32_t last) {
    const el_model *model = stream->model;
    for (uint32_t n = first; n < last; n++)
        if (el_layer_is_due(&model->layers[n], stream->frames))
            el_layer_step(stream, &model->layers[n]);
}

/* All rows through the layers from `first` up to `last`, which reads `source`: the rows are results
 * of it then. There are no more of these than there were. */
static void walk_to(chunk *of, uint32_t first, uint32_t last, uint32_t source) {
    const el_stream *stream = of->stream;
    const el_model *model = stream->model;
    uint32_t count = rows_of(of), made = 0, stride = stride_of(model, source);
    if (first == last && of->live == source && source != 0)
        return;
    for (uint32_t n = 0; n < count; n++) {
        enter_row(of, n);
        step_layers(stream, first, last);
        if (stream->frames % stride == 0)
            memcpy(row_at(of, made++), result_of(stream, source), result_size(model, source));
    }
    of->live = source;
}

/* W·x of the first rows, of so many fours that at most one row of these is none: there the last one
 * serves again. Returns how many it is of. */
static uint32_t multiply(const chunk *of, const el_layer *layer, uint32_t count) {
    const el_stream *stream = of->stream;
    const el_model *model = stream->model;
    const void *x[EL_MOST_TOGETHER];
    void *sums[EL_MOST_TOGETHER];
    uint32_t taken = (count + 1) / EL_BATCH * EL_BATCH;
    for (uint32_t n = 0; n < taken; n++) {
        uint32_t at = n < count ? n : count - 1;
        x[n] = row_at(of, at);
        sums[n] = of->sums + (size_t)n * model->chunk_sums;
        if (el_rounds(layer) && at == n) {
            void *codes = el_stream_part(stream, model->codes_offset);
            el_make_codes(layer, x[n], codes);
            memcpy(row_at(of, at), codes, (size_t)layer->inputs * el_taken_size(layer));
        }
    }
    if (taken != 0)
        layer->type->multiply_frames(stream, layer, x, sums, taken);
    return taken;
}

/* The rows through layer `index`. One or two that are left over would cost four. */
static void step_together(chunk *of, uint32_t index) {
    const el_stream *stream = of->stream;
    const el_model *model = stream->model;
    const el_layer *layer = &model->layers[index];
    uint32_t count = rows_of(of), multiplied = multiply(of, layer, count);
    for (uint32_t n = 0; n < count; n++) {
        if (n < multiplied) {
            layer->type->step_from(stream, layer, of->sums + (size_t)n * model->chunk_sums);
        } else {
            memcpy(result_of(stream, of->live), row_at(of, n), result_size(model, of->live));
            el_layer_step(stream, layer);
        }
        memcpy(row_at(of, n), result_of(stream, index + 1), result_size(model, index + 1));
    }
    of->live = index + 1;
}

size_t el_chunk_push(el_stream *stream, const float *frames, uint32_t count, float *answers) {
    const el_model *model = stream->model;
    chunk of = {.stream = stream, .frames = frames, .count = count, .before = stream->frames};
    of.rows = el_stream_part(stream, stream->plan.chunk_offset);
    of.sums = of.rows + (size_t)EL_MOST_TOGETHER * model->chunk_row;
    uint32_t first = 0;
    for (uint32_t n = 0; n < model->head; n++) {
        if (!model->layers[n].together)
            continue;
        walk_to(&of, first, n, model->layers[n].source);
        step_together(&of, n);
        first = n + 1;
    }
    size_t written = 0;
    uint32_t rows = rows_of(&of);
    for (uint32_t n = 0; n < rows; n++) {
        float *answer = answers == NULL ? NULL : answers + written * model->outputs;
        enter_row(&of, n);
        step_layers(stream, first, model->head);
        written += el_stream_finish_frame(stream, answer);
    }
    stream->frames = of.before + count;
    return written;
}
