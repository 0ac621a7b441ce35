/* One signal through a model: the road of a frame. */
#include "stream.h"
#include "answer.h"
#include "chunk.h"
#include "float_math.h"
#include "kernels/kernels.h"
#include "layers/capture.h"
#include "parts.h"

/* Raw inputs are held to this many standard deviations, so that a float32 sum cannot become
 * infinite. */
#define MAX_NORMALIZED 1e6f

size_t el_stream_size(const el_model *model, const el_answer *answer) {
    el_plan plan;
    return model != NULL && el_answer_choose(model, answer, &plan) == EL_OK ? plan.stream_size : 0;
}

size_t el_stream_save_size(const el_model *model, const el_answer *answer) {
    el_plan plan;
    return model != NULL && el_answer_choose(model, answer, &plan) == EL_OK ? plan.snapshot_size
                                                                            : 0;
}

el_status el_stream_init(void *memory, size_t memory_size, const el_model *model,
                         const el_answer *answer, el_stream **stream) {
    el_plan plan;
    if (memory == NULL || model == NULL || stream == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_is_aligned(memory))
        return EL_ERROR_ALIGNMENT;
    el_status status = el_answer_choose(model, answer, &plan);
    if (status != EL_OK)
        return status;
    if (memory_size < plan.stream_size)
        return EL_ERROR_MEMORY;
    el_stream_make(memory, model, &plan);
    *stream = memory;
    return EL_OK;
}

void el_stream_make(void *memory, const el_model *model, const el_plan *plan) {
    el_stream *made = memory;
    memset(memory, 0, plan->stream_size);
    made->model = model;
    made->plan = *plan;
    el_stream_reset(made);
}

/* The layers' parts of the state, and with `sums` what answers need as well. */
static void begin_parts(const el_stream *stream, bool sums) {
    el_walk walk = {0, 0};
    el_place place;
    while (el_next_part(stream->model, &stream->plan, &walk, &place)) {
        if (place.layer == stream->model->n_layers && !sums)
            return;
        void *part = el_stream_part(stream, place.offset);
        memset(part, place.part.initial, place.memory);
        if (place.part.first != NULL)
            memcpy(part, place.part.first, place.size);
    }
}

el_status el_stream_reset(el_stream *stream) {
    if (stream == NULL)
        return EL_ERROR_ARGUMENT;
    stream->frames = 0;
    stream->waiting = 0;
    begin_parts(stream, true);
    el_answer_add_up(stream);
    return EL_OK;
}

uint64_t el_stream_frames(const el_stream *stream) {
    return stream == NULL ? 0 : stream->frames;
}

size_t el_stream_answers(const el_stream *stream, size_t frames) {
    uint32_t hop = stream == NULL ? 0 : stream->plan.answer.hop;
    if (hop == 0)
        return 0;
    uint64_t next = el_answer_is_in(hop, stream->frames);
    if (frames < next)
        return 0;
    size_t others = frames - (size_t)next;
    return 1 + (others == 0 ? 0 : others / hop);
}

bool el_are_finite(const float *values, size_t count) {
    uint32_t others = 0; /* no early way out: so several are looked at together */
    for (size_t n = 0; n < count; n++)
        others |= !el_is_finite(values[n]);
    return others == 0;
}

/* (x - mean)·scale + offset as codes. A mean of zeros changes nothing: x - 0 = x. */
static void read_codes(const el_model *model, const float *restrict frame, int8_t *restrict codes) {
    const float *restrict mean = model->input_mean;
    const float *restrict scale = model->input_scale, *restrict offset = model->input_offset;
    const uint32_t features = model->features;
    if (mean != NULL && model->kernels->read_int8 != NULL && features >= EL_READ_LEAST) {
        model->kernels->read_int8(frame, mean, scale, offset, features, codes);
        return;
    }
    for (uint32_t n = 0; n < features; n++) {
        float centred = mean == NULL ? frame[n] : frame[n] - mean[n];
        codes[n] = (int8_t)el_round(el_clamp(centred * scale[n] + offset[n], -128.0f, 127.0f));
    }
}

/* The same in 16 bits, for models that have a mean. */
static void read_wide(const el_model *model, const float *restrict frame, int16_t *restrict codes) {
    const float *restrict mean = model->input_mean;
    const float *restrict scale = model->input_scale, *restrict offset = model->input_offset;
    for (uint32_t n = 0; n < model->features; n++) {
        float code = (frame[n] - mean[n]) * scale[n] + offset[n];
        codes[n] = (int16_t)el_round(el_clamp(code, -32768.0f, 32767.0f));
    }
}

static bool has_float_input(const el_model *model) {
#ifndef EL_HAS_FLOATS
    (void)model;
    return false;
#else
    return model->float_input;
#endif
}

void el_stream_read(const el_stream *stream, const float *frame, void *values) {
    const el_model *model = stream->model;
    if (model->wide_input) {
        read_wide(model, frame, values);
        return;
    }
    if (!has_float_input(model)) {
        read_codes(model, frame, values);
        return;
    }
    const float *restrict scale = model->input_scale, *restrict offset = model->input_offset;
    float *restrict reals = values;
    for (uint32_t n = 0; n < model->features; n++)
        reals[n] = el_clamp((frame[n] - offset[n]) * scale[n], -MAX_NORMALIZED, MAX_NORMALIZED);
}

/* Where the layers begin anew with the next frame. Not before: answers as of the frame before are
 * still asked. */
static void begin_anew(const el_stream *stream) {
    const uint32_t anew = stream->model->anew;
    if (anew != 0 && stream->frames != 0 && stream->frames % anew == 0)
        begin_parts(stream, false);
}

/* A frame behind samples that wait: these are its first ones, and its last ones wait then. */
static void read_behind(const el_stream *stream, const float *frame, void *values) {
    float *waiting = el_stream_part(stream, stream->model->waiting_offset);
    const size_t count = stream->waiting, fit = stream->model->features - count;
    memcpy(waiting + count, frame, fit * sizeof *frame);
    el_stream_read(stream, waiting, values);
    memcpy(waiting, frame + fit, count * sizeof *frame);
}

void el_stream_begin_frame(el_stream *stream, const float *frame) {
    void *values = el_stream_part(stream, stream->model->flow_offset);
    begin_anew(stream);
    stream->frames++;
    if (el_keeps_samples(stream->model) && stream->waiting != 0)
        read_behind(stream, frame, values);
    else
        el_stream_read(stream, frame, values);
}

/* The frame through the layers that have a state, and those between. */
static void step_layers(const el_stream *stream) {
    const el_model *model = stream->model;
    for (uint32_t n = 0; n < model->head; n++) {
        const el_layer *layer = &model->layers[n];
        if (el_layer_is_due(layer, stream->frames))
            el_layer_step(stream, layer);
    }
}

/* The layers behind; returns the scores (outputs,). */
static const float *run_head(const el_stream *stream) {
    const el_model *model = stream->model;
    for (uint32_t n = model->head; n < model->n_layers; n++)
        el_layer_step(stream, &model->layers[n]);
    return el_stream_part(stream, model->work_offset);
}

/* Scores as of the newest run, from the state alone. */
static const float *scores_of_state(const el_stream *stream) {
    const el_model *model = stream->model;
    for (uint32_t n = 0; n < model->head; n++) {
        const el_layer *layer = &model->layers[n];
        if (layer->feeds_head && layer->type->recall != NULL)
            layer->type->recall(stream, layer);
    }
    return run_head(stream);
}

bool el_stream_finish_frame(el_stream *stream, float *answer) {
    const el_model *model = stream->model;
    if (model->stride != 1 && stream->frames % model->stride != 0)
        return false; /* hop is a multiple of the stride */
    bool emits =
        answer != NULL && el_answer_is_in(stream->plan.answer.hop, stream->frames - 1) == 1;
    const float *scores = NULL;
    bool sums = stream->plan.sums_blocks != 0;
    if (emits || sums)
        scores = run_head(stream);
    if (sums)
        el_answer_add(stream, scores);
    if (emits)
        el_answer_read(stream, scores, answer);
    return emits;
}

/* Frames that are taken together where `left` are left of a push. */
static uint32_t frames_together(const el_stream *stream, size_t left) {
#ifdef EL_WITHOUT_CHUNKS
    (void)stream;
    (void)left;
    return 1;
#else
    if (left < EL_LEAST_TOGETHER || stream->plan.chunk_offset == 0 || stream->waiting != 0)
        return 1;
    const uint32_t anew = stream->model->anew;
    uint64_t most = anew == 0 ? left : anew - stream->frames % anew;
    most = most < left ? most : left;
    return most < EL_MOST_TOGETHER ? (uint32_t)most : EL_MOST_TOGETHER;
#endif
}

/* Returns how many answers were written to `answers`, where that is not null. */
static size_t take_frames(el_stream *stream, const float *frames, uint32_t count, float *answers) {
#ifndef EL_WITHOUT_CHUNKS
    if (count > 1) {
        begin_anew(stream);
        return el_chunk_push(stream, frames, count, answers);
    }
#endif
    (void)count;
    el_stream_begin_frame(stream, frames);
    step_layers(stream);
    return el_stream_finish_frame(stream, answers);
}

size_t el_stream_take(el_stream *stream, const float *frames, size_t count, float *answers,
                      size_t due) {
    const el_model *model = stream->model;
    size_t written = 0;
    for (size_t n = 0; n < count;) {
        float *answer = written < due ? answers + written * model->outputs : NULL;
        if (answer != NULL && el_captures(stream, count - n)) {
            el_capture_push(stream, frames, count - n, answer);
            return written + count - n;
        }
        uint32_t taken = frames_together(stream, count - n);
        written += take_frames(stream, frames, taken, answer);
        frames += (size_t)taken * model->features;
        n += taken;
    }
    return written;
}

el_status el_stream_push(el_stream *stream, const float *frames, size_t count, float *answers,
                         size_t capacity, size_t *n_answers) {
    if (stream == NULL || (frames == NULL && count != 0))
        return EL_ERROR_ARGUMENT;
    size_t due = el_stream_answers(stream, count);
    if (due > capacity)
        return EL_ERROR_CAPACITY;
    if (due != 0 && answers == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_are_finite(frames, count * stream->model->features))
        return EL_ERROR_NOT_FINITE;
    size_t written = el_stream_take(stream, frames, count, answers, due);
    if (n_answers != NULL)
        *n_answers = written;
    return EL_OK;
}

el_status el_stream_answer(el_stream *stream, float *answer) {
    if (stream == NULL || answer == NULL)
        return EL_ERROR_ARGUMENT;
    if (stream->frames < stream->model->stride)
        return EL_ERROR_NO_FRAMES;
    const float *scores = stream->plan.sums_blocks == 0 ? scores_of_state(stream) : NULL;
    el_answer_read(stream, scores, answer);
    return EL_OK;
}
