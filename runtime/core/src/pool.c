/* Many streams over one model. Each is an el_stream like any other; what they share is the walk
 * through the layers: each takes the frames of all streams before the next does. */
#include "answer.h"
#include "layers/turn.h"
#include "stream.h"

#include <string.h>

struct el_pool {
    const el_model *model;
    size_t streams;
    size_t stream_size; /* bytes of each */
};

#define HEADER_SIZE EL_ALIGNMENT
_Static_assert(sizeof(struct el_pool) <= HEADER_SIZE, "streams lie aligned behind the header");

/* That of each stream: it has no memory for frames that go together, a pool is together already. */
static el_status plan_each(const el_model *model, const el_answer *answer, el_plan *plan) {
    el_status status = el_answer_choose(model, answer, plan);
    if (status == EL_OK && plan->chunk_offset != 0) {
        plan->stream_size = plan->chunk_offset;
        plan->chunk_offset = 0;
    }
    return status;
}

static size_t size_of(size_t each, size_t streams) {
    if (streams == 0 || streams > (SIZE_MAX - HEADER_SIZE) / each)
        return 0;
    return HEADER_SIZE + streams * each;
}

size_t el_pool_size(const el_model *model, const el_answer *answer, size_t streams) {
    el_plan plan;
    if (model == NULL || plan_each(model, answer, &plan) != EL_OK)
        return 0;
    return size_of(plan.stream_size, streams);
}

el_status el_pool_init(void *memory, size_t memory_size, const el_model *model,
                       const el_answer *answer, size_t streams, el_pool **pool) {
    if (memory == NULL || model == NULL || pool == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_is_aligned(memory))
        return EL_ERROR_ALIGNMENT;
    el_plan plan;
    el_status status = plan_each(model, answer, &plan);
    if (status != EL_OK)
        return status;
    size_t size = size_of(plan.stream_size, streams);
    if (size == 0)
        return EL_ERROR_LIMIT;
    if (memory_size < size)
        return EL_ERROR_MEMORY;
    el_pool *made = memory;
    memset(made, 0, HEADER_SIZE);
    made->model = model;
    made->streams = streams;
    made->stream_size = plan.stream_size;
    for (size_t n = 0; n < streams; n++)
        el_stream_make(el_pool_stream(made, n), model, &plan);
    *pool = made;
    return EL_OK;
}

el_stream *el_pool_stream(el_pool *pool, size_t index) {
    if (pool == NULL || index >= pool->streams)
        return NULL;
    return (void *)((uintptr_t)pool + HEADER_SIZE + index * pool->stream_size);
}

static bool has_frame(const uint8_t *mask, size_t index) {
    return mask == NULL || mask[index] != 0;
}

static void step_layer(const el_turn *turn, const el_layer *layer) {
    const el_stream *stream;
    if (layer->type->step_together != NULL && !el_rounds(layer))
        layer->type->step_together(turn, layer);
    else
        for (size_t n = 0; (stream = el_turn_next(turn, layer, &n)) != NULL;)
            el_layer_step(stream, layer);
}

static el_status check_push(el_pool *pool, const float *frames, const uint8_t *mask,
                            const float *answers) {
    if (pool == NULL || frames == NULL)
        return EL_ERROR_ARGUMENT;
    const el_model *model = pool->model;
    for (size_t n = 0; n < pool->streams; n++) {
        if (!has_frame(mask, n))
            continue;
        if (!el_are_finite(frames + n * model->features, model->features))
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
    el_turn turn = {
        .model = model,
        .streams = (uint8_t *)pool + HEADER_SIZE,
        .stream_size = pool->stream_size,
        .count = pool->streams,
        .mask = mask,
    };
    for (size_t n = 0; n < pool->streams; n++)
        if (has_frame(mask, n))
            el_stream_begin_frame(el_pool_stream(pool, n), frames + n * model->features);
    for (uint32_t n = 0; n < model->head; n++)
        step_layer(&turn, &model->layers[n]);
    for (size_t n = 0; n < pool->streams; n++) {
        bool emitted = false;
        if (has_frame(mask, n)) {
            float *answer = answers == NULL ? NULL : answers + n * model->outputs;
            emitted = el_stream_finish_frame(el_pool_stream(pool, n), answer);
        }
        if (answered != NULL)
            answered[n] = emitted;
    }
    return EL_OK;
}
