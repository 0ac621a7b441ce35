/* One signal through a model: memory layout, and the road of a frame. */
#include "stream.h"
#include "answer.h"
#include "fixed_point.h"
#include "float_math.h"
#include "kernels/kernels.h"

/* Raw inputs are held to this many standard deviations, so that a float32 sum cannot become
 * infinite. */
#define MAX_NORMALIZED 1e6f
/* … and so are activations inside a float32 head: the next layer adds at most 2^14 of them times
 * 1e6, the largest weight that a file may hold. */
#define MAX_HIDDEN 1e27f

#define MAX_STREAM_SIZE (UINT32_C(1) << 30)
#define SNAPSHOT_HEADER_SIZE 64u

/* Take `size` bytes at the next aligned offset. Total stays below 2^34 for any model: no overflow.
 */
static uint32_t take(uint64_t *total, uint64_t size) {
    uint64_t offset = *total;
    *total = (offset + size + EL_ALIGNMENT - 1u) / EL_ALIGNMENT * EL_ALIGNMENT;
    return (uint32_t)offset;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

el_status el_lay_out_stream(el_model *model) {
    bool int8 = el_is_int8(model);
    uint64_t value = int8 ? 1 : sizeof(float);              /* bytes of an activation */
    uint64_t cell = int8 ? sizeof(int16_t) : sizeof(float); /* bytes of a cell */
    uint64_t total = 0, snapshot = SNAPSHOT_HEADER_SIZE;
    uint32_t widest_flow = el_round_up(model->features, EL_BLOCK_ROWS);
    uint32_t widest_h = 0, widest_dense = 0;

    take(&total, sizeof(el_stream));
    for (uint32_t n = 0; n < model->n_layers; n++) {
        el_layer *layer = &model->layers[n];
        uint32_t width = layer->groups * EL_BLOCK_ROWS;
        if (layer->kind == EL_LSTM) {
            layer->h_offset = take(&total, width * value);
            layer->c_offset = take(&total, width * cell);
            snapshot += layer->outputs * (value + cell);
            widest_h = larger(widest_h, width);
        } else {
            widest_dense = larger(widest_dense, width);
            widest_flow = larger(widest_flow, width);
        }
    }
    if (model->pooling == EL_MEAN)
        model->sums_blocks = model->window ? model->window / model->hop : 1u;
    uint64_t sums_size = (uint64_t)model->sums_blocks * model->outputs * sizeof(double);
    if (sums_size > MAX_STREAM_SIZE)
        return EL_ERROR_LIMIT;
    model->sums_offset = take(&total, sums_size);
    snapshot += sums_size;
    model->flow_offset[0] = take(&total, widest_flow * value);
    model->flow_offset[1] = take(&total, widest_flow * value);
    model->h_next_offset = take(&total, widest_h * value);
    model->scores_offset = take(&total, (uint64_t)widest_dense * sizeof(float));
    if (total > MAX_STREAM_SIZE)
        return EL_ERROR_LIMIT;
    model->stream_size = (uint32_t)total;
    model->snapshot_size = (uint32_t)snapshot;
    return EL_OK;
}

el_status el_stream_init(void *memory, size_t memory_size, const el_model *model,
                         el_stream **stream) {
    if (memory == NULL || model == NULL || stream == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_is_aligned(memory))
        return EL_ERROR_ALIGNMENT;
    if (memory_size < model->stream_size)
        return EL_ERROR_MEMORY;
    memset(memory, 0, model->stream_size);
    el_stream *made = memory;
    made->model = model;
    *stream = made;
    return el_stream_reset(made);
}

el_status el_stream_reset(el_stream *stream) {
    if (stream == NULL)
        return EL_ERROR_ARGUMENT;
    const el_model *model = stream->model;
    bool int8 = el_is_int8(model);
    stream->frames = 0;
    for (uint32_t n = 0; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        if (layer->kind != EL_LSTM)
            continue;
        size_t width = (size_t)layer->groups * EL_BLOCK_ROWS;
        void *h = el_stream_part(stream, layer->h_offset);
        void *c = el_stream_part(stream, layer->c_offset);
        if (int8) {
            memset(h, (uint8_t)layer->output_zero_point, width);
            memset(c, 0, width * sizeof(int16_t));
        } else {
            memset(h, 0, width * sizeof(float));
            memset(c, 0, width * sizeof(float));
        }
    }
    if (model->pooling == EL_MEAN)
        memset(el_stream_part(stream, model->sums_offset), 0,
               (size_t)model->sums_blocks * model->outputs * sizeof(double));
    return EL_OK;
}

uint64_t el_stream_frames(const el_stream *stream) {
    return stream == NULL ? 0 : stream->frames;
}

size_t el_stream_answers(const el_stream *stream, size_t frames) {
    if (stream == NULL || stream->model->hop == 0)
        return 0;
    uint32_t hop = stream->model->hop;
    if (hop == 1) /* most models: two divisions less */
        return frames;
    return (size_t)((stream->frames % hop + frames) / hop);
}

bool el_frames_are_finite(const el_model *model, const float *frames, size_t count) {
    uint32_t others = 0; /* no early way out: so several are looked at together */
    for (size_t n = 0; n < count * model->features; n++)
        others |= !el_is_finite(frames[n]);
    return others == 0;
}

void *el_stream_read_input(const el_stream *stream, const float *frame) {
    const el_model *model = stream->model;
    const float *restrict scale = model->input_scale, *restrict offset = model->input_offset;
    const uint32_t features = model->features;
    void *flow = el_stream_part(stream, model->flow_offset[0]);
    if (el_is_int8(model)) {
        int8_t *restrict codes = flow;
        if (model->kernels->read_int8 != NULL && features >= EL_READ_LEAST) {
            model->kernels->read_int8(frame, scale, offset, features, codes);
            return flow;
        }
        for (uint32_t n = 0; n < features; n++) {
            float code = frame[n] * scale[n] + offset[n];
            codes[n] = (int8_t)el_round(el_clamp(code, -128.0f, 127.0f));
        }
    } else {
        float *restrict values = flow;
        for (uint32_t n = 0; n < features; n++)
            values[n] =
                el_clamp((frame[n] - offset[n]) * scale[n], -MAX_NORMALIZED, MAX_NORMALIZED);
    }
    return flow;
}

void *el_stream_accept_h(const el_stream *stream, uint32_t index) {
    const el_model *model = stream->model;
    const el_layer *layer = &model->layers[index];
    size_t value = el_is_int8(model) ? 1u : sizeof(float);
    void *h = el_stream_part(stream, layer->h_offset);
    memcpy(h, el_stream_part(stream, model->h_next_offset), layer->groups * EL_BLOCK_ROWS * value);
    return h;
}

/* One frame through the LSTM layers; returns where the last one's h lies. */
static void *step_lstms(el_stream *stream, void *flow, uint32_t *next_layer) {
    const el_model *model = stream->model;
    const el_kernels *kernels = model->kernels;
    void *h_next = el_stream_part(stream, model->h_next_offset);
    uint32_t n = 0;
    for (; model->layers[n].kind == EL_LSTM; n++) { /* a dense layer follows: checked on opening */
        const el_layer *layer = &model->layers[n];
        void *h = el_stream_part(stream, layer->h_offset);
        void *c = el_stream_part(stream, layer->c_offset);
        if (el_is_int8(model))
            kernels->lstm_int8(layer, flow, h, h_next, c);
        else
            kernels->lstm_float32(layer, flow, h, h_next, c);
        flow = el_stream_accept_h(stream, n);
    }
    *next_layer = n;
    return flow;
}

static void finish_hidden_int8(const el_layer *layer, const int32_t *sums, int8_t *y) {
    const el_rows *rows = layer->rows;
    int32_t low = layer->relu ? layer->output_zero_point : INT8_MIN;
    for (uint32_t n = 0; n < layer->outputs; n++) {
        /* Clipped first so that adding the zero point cannot overflow. */
        int32_t code =
            el_clip16(el_multiply(sums[n], rows[n / EL_BLOCK_ROWS].multiplier_w[n % EL_BLOCK_ROWS],
                                  rows[n / EL_BLOCK_ROWS].shift_w[n % EL_BLOCK_ROWS]));
        y[n] = (int8_t)el_clip(code + layer->output_zero_point, low, INT8_MAX);
    }
}

/* The last layer's int32 sums become float32 scores in place. */
static void finish_scores_int8(const el_layer *layer, void *sums_to_scores) {
    const el_rows *rows = layer->rows;
    unsigned char *at = sums_to_scores;
    for (uint32_t n = 0; n < layer->outputs; n++, at += sizeof(float)) {
        int32_t sum;
        float scale, score;
        memcpy(&sum, at, sizeof sum);
        memcpy(&scale, &rows[n / EL_BLOCK_ROWS].multiplier_w[n % EL_BLOCK_ROWS], sizeof scale);
        score = (float)sum * scale;
        memcpy(at, &score, sizeof score);
    }
}

/* The head over the last LSTM layer's h; returns the scores (outputs,). */
static const float *run_head(const el_stream *stream, const void *flow, uint32_t first) {
    const el_model *model = stream->model;
    const el_kernels *kernels = model->kernels;
    void *results = el_stream_part(stream, model->scores_offset);
    for (uint32_t n = first; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        bool is_last = n + 1 == model->n_layers;
        /* [0] held the input and is free by now; the layers take turns */
        void *y = el_stream_part(stream, model->flow_offset[(n - first) % 2]);
        if (el_is_int8(model)) {
            kernels->dense_int8(layer, flow, results);
            if (is_last)
                finish_scores_int8(layer, results);
            else
                finish_hidden_int8(layer, results, y);
        } else {
            kernels->dense_float32(layer, flow, results);
            const float *values = results;
            for (uint32_t k = 0; !is_last && k < layer->outputs; k++)
                ((float *)y)[k] = el_clamp(values[k], layer->relu ? 0.0f : -MAX_HIDDEN, MAX_HIDDEN);
        }
        flow = y;
    }
    return results;
}

/* Scores as of the newest frame, from the state alone. */
static const float *scores_of_state(const el_stream *stream) {
    const el_model *model = stream->model;
    uint32_t first = 0;
    while (model->layers[first].kind == EL_LSTM)
        first++;
    return run_head(stream, el_stream_part(stream, model->layers[first - 1].h_offset), first);
}

bool el_stream_finish_frame(el_stream *stream, const void *h, uint32_t head, float *answer) {
    const el_model *model = stream->model;
    bool emits = model->hop == 1 || (model->hop != 0 && (stream->frames + 1) % model->hop == 0);
    const float *scores = NULL;
    if (emits || model->pooling == EL_MEAN)
        scores = run_head(stream, h, head);
    if (model->pooling == EL_MEAN)
        el_answer_add(stream, scores);
    stream->frames++;
    if (emits)
        el_answer_read(stream, scores, answer);
    return emits;
}

el_status el_stream_push(el_stream *stream, const float *frames, size_t count, float *answers,
                         size_t capacity, size_t *n_answers) {
    if (stream == NULL || (frames == NULL && count != 0))
        return EL_ERROR_ARGUMENT;
    const el_model *model = stream->model;
    size_t due = el_stream_answers(stream, count);
    if (due > capacity)
        return EL_ERROR_CAPACITY;
    if (due != 0 && answers == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_frames_are_finite(model, frames, count))
        return EL_ERROR_NOT_FINITE;

    for (size_t n = 0; n < count; n++, frames += model->features) {
        uint32_t head;
        const void *h = step_lstms(stream, el_stream_read_input(stream, frames), &head);
        if (el_stream_finish_frame(stream, h, head, answers))
            answers += model->outputs;
    }
    if (n_answers != NULL)
        *n_answers = due;
    return EL_OK;
}

el_status el_stream_answer(el_stream *stream, float *answer) {
    if (stream == NULL || answer == NULL)
        return EL_ERROR_ARGUMENT;
    if (stream->frames == 0)
        return EL_ERROR_NO_FRAMES;
    const float *scores = stream->model->pooling == EL_LAST ? scores_of_state(stream) : NULL;
    el_answer_read(stream, scores, answer);
    return EL_OK;
}
