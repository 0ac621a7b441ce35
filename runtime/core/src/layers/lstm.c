/* LSTM: gates i, f, g, o; the result is h. */
#include "lstm.h"

#include "functions.h"
#include "int16.h"
#include "int4.h"
#include "kernels/kernels.h"
#include "recurrence.h"
#include "turn.h"

static uint32_t parts(const el_model *model, const el_layer *layer, el_part out[EL_MAX_PARTS]) {
    const el_recurrence *recurrence = &layer->recurrence;
    if (recurrence->anew)
        return 0;
    (void)model;
    bool int8 = el_has_int8(layer);
    uint32_t padded = layer->lstm.groups * EL_BLOCK_ROWS;
    out[0] = (el_part){.name = "h",
                       .dtype = int8 ? EL_DTYPE_INT8 : EL_DTYPE_FLOAT32,
                       .rows = 1,
                       .channels = layer->channels,
                       .padded = padded,
                       .initial = layer->zero_point,
                       .limit = EL_MAX_STATE,
                       .first = recurrence->first_h};
    out[1] = out[0];
    out[1].name = "c";
    out[1].first = recurrence->first_c;
    out[1].dtype = int8 ? EL_DTYPE_INT16 : EL_DTYPE_FLOAT32;
    out[1].initial = 0;
    return 2;
}

/* What a layer of floats that is not plain needs: the next h; the sums of gates, a register
 * further; x and h side by side; states that begin anew. */
static uint64_t floats_work(const el_layer *layer) {
    const el_lstm *lstm = &layer->lstm;
    uint32_t padded = lstm->groups * EL_BLOCK_ROWS;
    return (uint64_t)padded * (1 + EL_GATES) + EL_BLOCK_ROWS + lstm->columns_w + lstm->columns_r +
           el_anew_work(layer, EL_LSTM_LETTERS, padded);
}

/* Of 16-bit weights: the codes of x, or of h. */
static size_t codes_size(const el_layer *layer) {
    const el_lstm *lstm = &layer->lstm;
    return el_codes_size(lstm->w.columns > lstm->columns_r ? lstm->w.columns : lstm->columns_r);
}

/* Of the sums of W, or of R. */
static uint64_t sums_bytes(const el_layer *layer) {
    return (uint64_t)layer->lstm.groups * EL_BLOCK_ROWS * EL_GATES * sizeof(int32_t);
}

/* h, while the one before is still read; then the sums of packed weights, or the sums of W and
 * 16-bit x, and what they need. */
static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    uint64_t h = (uint64_t)layer->lstm.groups * EL_BLOCK_ROWS * el_h_size(layer);
    const el_matrix *w = &layer->lstm.w;
    if (!el_is_plain(layer))
        return floats_work(layer) * sizeof(float);
    if (el_has_int16(layer))
        return el_align(h) + codes_size(layer) + el_matrix_work(w);
    if (el_is_packed(layer))
        return el_align(h) + 2 * sums_bytes(layer);
    return layer->wide ? el_align(h) + el_matrix_work(w) + el_wide_work(w) : h;
}

/* The result of a layer of integers that gives floats. */
static void recall(const el_stream *stream, const el_layer *layer) {
    if (el_has_int8(layer) && el_gives_floats(layer))
        el_codes_to_floats(layer, el_stream_part(stream, layer->part_offset[0]), layer->channels,
                           el_stream_part(stream, layer->y_offset));
}

/* What lies in `work` is the new h. */
static void accept_h(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    memcpy(el_stream_part(stream, layer->part_offset[0]),
           el_stream_part(stream, model->work_offset),
           (size_t)layer->lstm.groups * EL_BLOCK_ROWS * el_h_size(layer));
    recall(stream, layer);
}

/* Where the layer of a stream reads and writes. */
typedef struct places {
    void *x, *h, *h_next, *c;
} places;

static places places_of(const el_stream *stream, const el_layer *layer) {
    return (places){
        .x = el_stream_part(stream, layer->x_offset),
        .h = el_stream_part(stream, layer->part_offset[0]),
        .h_next = el_stream_part(stream, stream->model->work_offset),
        .c = el_stream_part(stream, layer->part_offset[1]),
    };
}

static void step_wide(const el_stream *stream, const el_layer *layer, const places *at) {
    const el_model *model = stream->model;
    el_lstm lstm = layer->lstm;
    uint8_t *sums = (uint8_t *)at->h_next + el_align((uint64_t)lstm.groups * EL_BLOCK_ROWS);
    lstm.from_x = sums;
    el_wide_product(model, &lstm.w, at->x, layer->inputs, (void *)sums,
                    sums + el_matrix_work(&lstm.w));
    model->kernels->lstm_int8(&lstm, at->x, at->h, at->h_next, at->c);
}

#ifndef EL_NO_FLOAT32
static void step_int16(const el_stream *stream, const el_layer *layer, const places *at) {
    const el_model *model = stream->model;
    el_lstm lstm = layer->lstm;
    const el_matrix r = {.weights = lstm.weights,
                         .rows = lstm.rows,
                         .columns = lstm.columns_r,
                         .groups = lstm.w.groups};
    uint8_t *work = (uint8_t *)at->h_next + el_align(lstm.groups * EL_BLOCK_ROWS * sizeof(float));
    int16_t *codes = (void *)work;
    float *sums = (void *)(work + codes_size(layer)), step = el_step_of(at->x, layer->inputs);
    codes[lstm.w.columns - 1] = 0; /* padding, or overwritten */
    el_make_codes16(at->x, layer->inputs, step, codes);
    model->kernels->dense_int16(&lstm.w, codes, step, NULL, sums);
    el_make_codes16(at->h, r.columns, layer->h_step, codes);
    model->kernels->dense_int16(&r, codes, layer->h_step, sums, sums);
    lstm.from_x = sums;
    lstm.columns_r = 0;
    el_float_kernels(model)->lstm_float32(&lstm, at->x, at->h, at->h_next, at->c);
}
#endif

#ifndef EL_NO_INT4
/* Both products first, then what follows them. */
static void step_packed(const el_stream *stream, const el_layer *layer, const places *at) {
    const el_kernels *kernels = stream->model->kernels;
    el_lstm lstm = layer->lstm;
    uint8_t *sums = (uint8_t *)at->h_next + el_align((uint64_t)lstm.groups * EL_BLOCK_ROWS);
    int32_t *from_x = (void *)sums, *from_h = (void *)(sums + sums_bytes(layer));
    const el_packed packed = {.weights = lstm.weights,
                              .rows = lstm.rows,
                              .blocks = lstm.groups * EL_GATES,
                              .columns_w = lstm.columns_w,
                              .columns_r = lstm.columns_r,
                              .zero_point_w = lstm.input_zero_point,
                              .zero_point_r = lstm.output_zero_point};
    kernels->packed_int4(&packed, at->x, at->h, from_x, from_h);
    lstm.from_x = from_x;
    lstm.from_h = from_h;
    lstm.columns_w = lstm.columns_r = 0;
    kernels->lstm_int8(&lstm, at->x, at->h, at->h_next, at->c);
}
#endif

/* One run with functions of any kind: rare, and long where these are inlined. `work` is that of
 * floats_work behind the next h. */
static __attribute__((cold, noinline)) void run_floats(const el_model *model, const el_layer *layer,
                                                       const float *x, float *h, float *c,
                                                       float *work) {
    const el_lstm *lstm = &layer->lstm;
    const uint32_t gate = layer->recurrence.gate, candidate = layer->recurrence.candidate;
    const el_matrix matrix = {.weights = lstm->weights,
                              .rows = lstm->rows,
                              .columns = lstm->columns_w + lstm->columns_r,
                              .groups = lstm->groups * EL_GATES};
    float *sums = work, *both = work + (size_t)matrix.groups * EL_BLOCK_ROWS + EL_BLOCK_ROWS;
    memcpy(both, x, lstm->columns_w * sizeof *both);
    memcpy(both + lstm->columns_w, h, lstm->columns_r * sizeof *both);
    el_float_kernels(model)->dense_float32(&matrix, both, sums);
    for (uint32_t group = 0; group < lstm->groups; group++, sums += EL_GATES * EL_BLOCK_ROWS)
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++, c++, h++) {
            const float *of = sums + n;
            float in = el_apply(gate, of[0]), kept = el_apply(gate, of[EL_BLOCK_ROWS]);
            float cell = el_apply(candidate, of[2 * EL_BLOCK_ROWS]);
            *c = el_held_state(kept * *c + in * cell);
            *h = el_held_state(el_apply(gate, of[3 * EL_BLOCK_ROWS]) * el_apply(candidate, *c));
        }
}

/* A layer of floats that is not plain: row after row, from the state or anew. */
static void step_floats(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    const el_recurrence *recurrence = &layer->recurrence;
    const el_lstm *lstm = &layer->lstm;
    const uint32_t padded = lstm->groups * EL_BLOCK_ROWS, units = layer->channels;
    const float *x = el_stream_part(stream, layer->x_offset);
    float *h_next = el_stream_part(stream, model->work_offset), *work = h_next + padded;
    float *anew = h_next + floats_work(layer) - el_anew_work(layer, EL_LSTM_LETTERS, padded);
    float *h = el_stream_part(stream, layer->part_offset[0]);
    float *c = el_stream_part(stream, layer->part_offset[1]);
    float *y = el_stream_part(stream, layer->y_offset);
    if (recurrence->anew) {
        el_begin_anew(layer, EL_LSTM_LETTERS, padded, anew);
        h = anew;
        c = anew + padded;
    }
    bool usual = recurrence->gate == EL_F_SIGMOID && recurrence->candidate == EL_F_TANH;
    for (uint32_t run = 0; run < recurrence->runs; run++, x += layer->inputs, y += units) {
        if (usual) {
            el_float_kernels(model)->lstm_float32(lstm, x, h, h_next, c);
            memcpy(h, h_next, padded * sizeof *h);
        } else {
            run_floats(model, layer, x, h, c, work);
        }
        if (!layer->keeps_result)
            memcpy(y, h, units * sizeof *y);
    }
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_kernels *kernels = stream->model->kernels;
    places at = places_of(stream, layer);
    if (!el_is_plain(layer)) {
        step_floats(stream, layer);
        return;
    }
#ifndef EL_NO_FLOAT32
    if (el_has_int16(layer)) {
        step_int16(stream, layer, &at);
        accept_h(stream, layer);
        return;
    }
#endif
    if (layer->wide)
        step_wide(stream, layer, &at);
#ifndef EL_NO_INT4
    else if (el_is_packed(layer))
        step_packed(stream, layer, &at);
#endif
    else if (el_has_int8(layer))
        kernels->lstm_int8(&layer->lstm, at.x, at.h, at.h_next, at.c);
    else
        el_float_kernels(stream->model)->lstm_float32(&layer->lstm, at.x, at.h, at.h_next, at.c);
    accept_h(stream, layer);
}

#ifndef EL_WITHOUT_CHUNKS
static uint64_t sums_size(const el_layer *layer) {
    bool may = el_is_plain(layer) && !layer->wide && !el_has_int16(layer) && !el_is_packed(layer);
    return may ? sums_bytes(layer) : 0;
}

static void multiply_frames(const el_model *model, const el_layer *layer, const void *const *x,
                            void *const *sums, uint32_t frames) {
    const el_lstm *lstm = &layer->lstm;
    const el_matrix w = {.weights = lstm->weights,
                         .rows = lstm->rows,
                         .columns = lstm->columns_w,
                         .groups = lstm->groups * EL_GATES,
                         .zero_point = lstm->input_zero_point};
    el_multiply_frames(model, layer, &w, el_lstm_block(lstm), x, sums, frames);
}

static void step_from(const el_stream *stream, const el_layer *layer, void *sums) {
    const el_kernels *kernels = stream->model->kernels;
    places at = places_of(stream, layer);
    el_lstm lstm = layer->lstm;
    lstm.from_x = sums;
    lstm.skipped = lstm.columns_w;
    lstm.columns_w = 0;
    if (el_has_int8(layer))
        kernels->lstm_int8(&lstm, at.x, at.h, at.h_next, at.c);
    else
        el_float_kernels(stream->model)->lstm_float32(&lstm, at.x, at.h, at.h_next, at.c);
    accept_h(stream, layer);
}
#endif

/* Bytes of weights that stay in the first-level cache beside the streams' states. */
#define SLICE_SIZE 32768u

/* `groups` groups of a layer from `first` on, as a layer of its own. */
static el_lstm slice(const el_layer *layer, uint32_t first, uint32_t groups) {
    const el_lstm *lstm = &layer->lstm;
    el_lstm part = *lstm;
    size_t rows = (size_t)first * EL_GATES * EL_BLOCK_ROWS;
    size_t weights = rows * (lstm->columns_w + lstm->columns_r);
    part.groups = groups;
    part.weights = (const uint8_t *)lstm->weights + weights * el_weight_size(layer);
    part.rows =
        (const uint8_t *)lstm->rows +
        (el_has_int8(layer) ? rows / EL_BLOCK_ROWS * sizeof(el_rows) : rows * sizeof(float));
    return part;
}

/* The units of `part` alone, which start at unit `first` of the layer, for `count` streams. */
static void step_slice(const el_model *model, const el_layer *layer, const el_lstm *part,
                       uint32_t first, const places *at, size_t count) {
    const el_kernels *kernels = model->kernels;
    if (!el_has_int8(layer)) {
        for (size_t n = 0; n < count; n++)
            el_float_kernels(model)->lstm_float32(
                part, at[n].x, at[n].h, (float *)at[n].h_next + first, (float *)at[n].c + first);
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

/* A slice of the weights is read once for all streams, while it lies in the cache. */
static void step_together(const el_turn *turn, const el_layer *layer) {
    const el_model *model = turn->model;
    const el_lstm *lstm = &layer->lstm;
    const el_stream *stream;
    size_t group_size = (size_t)EL_GATES * EL_BLOCK_ROWS * (lstm->columns_w + lstm->columns_r) *
                        el_weight_size(layer);
    /* Whole tiles: kernels take up to four groups at a time, and may write one beyond an odd
     * number. */
    uint32_t tiles = (uint32_t)(SLICE_SIZE / (4 * group_size));
    uint32_t groups = 4 * (tiles == 0 ? 1u : tiles);
    if (layer->wide || el_has_int16(layer) || el_is_packed(layer) || !el_is_plain(layer)) {
        for (size_t n = 0; (stream = el_turn_next(turn, layer, &n)) != NULL;)
            step(stream, layer);
        return;
    }
    for (uint32_t first = 0; first < lstm->groups; first += groups) {
        uint32_t left = lstm->groups - first;
        el_lstm part = slice(layer, first, left < groups ? left : groups);
        places at[EL_BATCH];
        size_t count = 0;
        for (size_t n = 0; (stream = el_turn_next(turn, layer, &n)) != NULL;) {
            at[count++] = places_of(stream, layer);
            if (count == EL_BATCH) {
                step_slice(model, layer, &part, first * EL_BLOCK_ROWS, at, count);
                count = 0;
            }
        }
        step_slice(model, layer, &part, first * EL_BLOCK_ROWS, at, count);
    }
    for (size_t n = 0; (stream = el_turn_next(turn, layer, &n)) != NULL;)
        accept_h(stream, layer);
}

const el_layer_type el_layer_lstm = {
    .name = "lstm",
    .may_be_wide = true,
    .may_be_packed = true,
    .may_be_float = true,
    .may_go_further = true,
    .check = el_check_lstm,
    .parts = parts,
    .work = work,
    .step = step,
    .step_together = step_together,
#ifndef EL_WITHOUT_CHUNKS
    .sums_size = sums_size,
    .multiply_frames = multiply_frames,
    .step_from = step_from,
#endif
    .recall = recall,
};
