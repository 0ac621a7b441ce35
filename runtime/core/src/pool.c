/* Many streams over one model. Each is an el_stream like any other; what they share is the walk
 * through the weights: a slice of a layer is read once for all streams, while it lies in the cache.
 */
#include "kernels/kernels.h"
#include "stream.h"

#include <string.h>

struct el_pool {
    const el_model *model;
    size_t streams;
};

#define HEADER_SIZE EL_ALIGNMENT
_Static_assert(sizeof(struct el_pool) <= HEADER_SIZE, "streams lie aligned behind the header");

/* Bytes of weights that stay in the first-level cache beside the streams' states. */
#define SLICE_SIZE 32768u

size_t el_pool_size(const el_model *model, size_t streams) {
    if (model == NULL || streams == 0 || streams > (SIZE_MAX - HEADER_SIZE) / model->stream_size)
        return 0;
    return HEADER_SIZE + streams * model->stream_size;
}

el_status el_pool_init(void *memory, size_t memory_size, const el_model *model, size_t streams,
                       el_pool **pool) {
    if (memory == NULL || model == NULL || pool == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_is_aligned(memory))
        return EL_ERROR_ALIGNMENT;
    size_t size = el_pool_size(model, streams);
    if (size == 0)
        return EL_ERROR_LIMIT;
    if (memory_size < size)
        return EL_ERROR_MEMORY;
    el_pool *made = memory;
    memset(made, 0, HEADER_SIZE);
    made->model = model;
    made->streams = streams;
    for (size_t n = 0; n < streams; n++) {
        el_stream *stream = el_pool_stream(made, n);
        el_status status = el_stream_init(stream, model->stream_size, model, &stream);
        if (status != EL_OK)
            return status;
    }
    *pool = made;
    return EL_OK;
}

el_stream *el_pool_stream(el_pool *pool, size_t index) {
    if (pool == NULL || index >= pool->streams)
        return NULL;
    return (void *)((uintptr_t)pool + HEADER_SIZE + index * pool->model->stream_size);
}

static bool has_frame(const uint8_t *mask, size_t index) {
    return mask == NULL || mask[index] != 0;
}

/* `groups` groups of `layer` from `first` on, as a layer of its own. */
static el_layer slice(const el_layer *layer, bool int8, uint32_t first, uint32_t groups) {
    el_layer part = *layer;
    size_t rows = (size_t)first * EL_GATES * EL_BLOCK_ROWS;
    size_t weights = rows * (layer->columns_w + layer->columns_r);
    part.groups = groups;
    if (int8) {
        part.weights = (const int8_t *)layer->weights + weights;
        part.rows = (const el_rows *)layer->rows + rows / EL_BLOCK_ROWS;
    } else {
        part.weights = (const float *)layer->weights + weights;
        part.rows = (const float *)layer->rows + rows;
    }
    return part;
}

/* Where LSTM layer `index` of a stream reads and writes. */
typedef struct places {
    void *x, *h, *h_next, *c;
} places;

static places places_of(const el_stream *stream, uint32_t index) {
    const el_model *model = stream->model;
    const el_layer *layer = &model->layers[index];
    uint32_t x = index == 0 ? model->flow_offset[0] : model->layers[index - 1].h_offset;
    return (places){
        .x = el_stream_part(stream, x),
        .h = el_stream_part(stream, layer->h_offset),
        .h_next = el_stream_part(stream, model->h_next_offset),
        .c = el_stream_part(stream, layer->c_offset),
    };
}

/* The units of `part` alone, which start at unit `first` of the layer, for `count` streams. */
static void step_slice(const el_model *model, const el_layer *part, uint32_t first,
                       const places *at, size_t count) {
    const el_kernels *kernels = model->kernels;
    if (!el_is_int8(model)) {
        for (size_t n = 0; n < count; n++)
            kernels->lstm_float32(part, at[n].x, at[n].h, (float *)at[n].h_next + first,
                                  (float *)at[n].c + first);
    } else if (count == EL_BATCH && kernels->lstm_int8_batch != NULL) {
        el_batch batch;
        for (size_t n = 0; n < EL_BATCH; n++) {
            batch.x[n] = at[n].x;
            batch.h[n] = at[n].h;
            batch.h_next[n] = (int8_t *)at[n].h_next + first;
            batch.c[n] = (int16_t *)at[n].c + first;
        }
        kernels->lstm_int8_batch(part, &batch);
    } else {
        for (size_t n = 0; n < count; n++)
            kernels->lstm_int8(part, at[n].x, at[n].h, (int8_t *)at[n].h_next + first,
                               (int16_t *)at[n].c + first);
    }
}

static void step_layer(el_pool *pool, const uint8_t *mask, uint32_t index) {
    const el_model *model = pool->model;
    const el_layer *layer = &model->layers[index];
    bool int8 = el_is_int8(model);
    size_t group_size = (size_t)EL_GATES * EL_BLOCK_ROWS * (layer->columns_w + layer->columns_r) *
                        (int8 ? 1u : sizeof(float));
    /* Whole tiles: kernels take up to four groups at a time, and may write one beyond an odd
     * number. */
    uint32_t tiles = (uint32_t)(SLICE_SIZE / (4 * group_size));
    uint32_t groups = 4 * (tiles == 0 ? 1u : tiles);
    for (uint32_t first = 0; first < layer->groups; first += groups) {
        uint32_t left = layer->groups - first;
        el_layer part = slice(layer, int8, first, left < groups ? left : groups);
        places at[EL_BATCH];
        size_t count = 0;
        for (size_t n = 0; n < pool->streams; n++) {
            if (!has_frame(mask, n))
                continue;
            at[count++] = places_of(el_pool_stream(pool, n), index);
            if (count == EL_BATCH) {
                step_slice(model, &part, first * EL_BLOCK_ROWS, at, count);
                count = 0;
            }
        }
        step_slice(model, &part, first * EL_BLOCK_ROWS, at, count);
    }
    for (size_t n = 0; n < pool->streams; n++)
        if (has_frame(mask, n))
            (void)el_stream_accept_h(el_pool_stream(pool, n), index);
}

static el_status check_push(el_pool *pool, const float *frames, const uint8_t *mask,
                            const float *answers) {
    if (pool == NULL || frames == NULL)
        return EL_ERROR_ARGUMENT;
    const el_model *model = pool->model;
    for (size_t n = 0; n < pool->streams; n++) {
        if (!has_frame(mask, n))
            continue;
        if (!el_frames_are_finite(model, frames + n * model->features, 1))
            return EL_ERROR_NOT_FINITE;
        if (answers == NULL && el_stream_answers(el_pool_stream(pool, n), 1) != 0)
            return EL_ERROR_CAPACITY;
    }
    return EL_OK;
}

el_status el_pool_push(el_pool *pool, const float *frames, const uint8_t *mask, float *answers,
                       uint8_t *answered) {
    el_status status = check_push(pool, frames, mask, answers);
    if (status != EL_OK)
        return status;
    const el_model *model = pool->model;
    for (size_t n = 0; n < pool->streams; n++)
        if (has_frame(mask, n))
            (void)el_stream_read_input(el_pool_stream(pool, n), frames + n * model->features);
    uint32_t head = 0;
    for (; model->layers[head].kind == EL_LSTM; head++)
        step_layer(pool, mask, head);
    for (size_t n = 0; n < pool->streams; n++) {
        bool emitted = false;
        if (has_frame(mask, n)) {
            el_stream *stream = el_pool_stream(pool, n);
            const void *h = el_stream_part(stream, model->layers[head - 1].h_offset);
            float *answer = answers == NULL ? NULL : answers + n * model->outputs;
            emitted = el_stream_finish_frame(stream, h, head, answer);
        }
        if (answered != NULL)
            answered[n] = emitted;
    }
    return EL_OK;
}
