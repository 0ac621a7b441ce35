/* LSTM: gates i, f, g, o; the result is h. */
#include "lstm.h"

#include "int16.h"
#include "int4.h"
#include "kernels/kernels.h"
#include "recurrence.h"
#include "team.h"
#include "turn.h"

#include <string.h>

static uint32_t parts(const el_model *model, const el_layer *layer, el_part out[EL_MAX_PARTS]) {
    const el_recurrence *recurrence = &layer->recurrence;
    if (recurrence->anew)
        return 0;
    (void)model;
    bool int8 = el_has_int8(layer);
    uint32_t padded = el_lstm_of(layer)->groups * EL_BLOCK_ROWS;
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

/* Of 16-bit weights: the codes of x, or of h. */
static size_t codes_size(const el_layer *layer) {
    const el_lstm *lstm = el_lstm_of(layer);
    return el_codes_size(lstm->w.columns > lstm->columns_r ? lstm->w.columns : lstm->columns_r);
}

/* Of the sums of W, or of R. */
static uint64_t sums_bytes(const el_layer *layer) {
    return (uint64_t)el_lstm_of(layer)->groups * EL_BLOCK_ROWS * EL_GATES * sizeof(int32_t);
}

/* h, while the one before is still read; then the sums of packed weights, or the sums of W and
 * 16-bit x, and what they need. */
static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    uint64_t h = (uint64_t)el_lstm_of(layer)->groups * EL_BLOCK_ROWS * el_h_size(layer);
    const el_matrix *w = &el_lstm_of(layer)->w;
#ifndef EL_NO_FLOAT32
    if (!el_is_plain(layer))
        return el_lstm_floats_work(layer) * sizeof(float);
#endif
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
           (size_t)el_lstm_of(layer)->groups * EL_BLOCK_ROWS * el_h_size(layer));
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

/* `groups` groups of units of `whole` from `first` on, as a layer of its own. */
static el_lstm slice(const el_layer *layer, const el_lstm *whole, uint32_t first, uint32_t groups) {
    el_lstm part = *whole;
    size_t blocks = (size_t)first * EL_GATES, rows = blocks * EL_BLOCK_ROWS;
    size_t weights = blocks * el_lstm_block(whole);
    part.groups = groups;
    part.half = whole->half && first + groups == whole->groups;
    part.weights = (const uint8_t *)whole->weights + el_weights_size(layer, weights);
    part.rows = (const uint8_t *)whole->rows +
                (el_has_int8(layer) ? blocks * sizeof(el_rows) : rows * sizeof(float));
    if (whole->from_x != NULL)
        part.from_x = (const uint8_t *)whole->from_x + rows * sizeof(int32_t); /* or float */
    return part;
}

/* What a slice writes. */
static places places_from(const el_layer *layer, const places *at, uint32_t first) {
    size_t units = (size_t)first * EL_BLOCK_ROWS;
    places part = *at;
    part.h_next = (uint8_t *)at->h_next + units * el_h_size(layer);
    part.c = (uint8_t *)at->c + units * (el_has_int8(layer) ? sizeof(int16_t) : sizeof(float));
    return part;
}

static void run(const el_model *model, const el_layer *layer, const el_lstm *lstm,
                const places *at) {
    if (el_has_int8(layer))
        model->kernels->lstm_int8(lstm, at->x, at->h, at->h_next, at->c);
    else
        el_float_kernels(model)->lstm_float32(lstm, at->x, at->h, at->h_next, at->c);
}

#ifndef EL_NO_INT4
/* Both products of a slice from group `first` on, which give its `from_x` and `from_h`. `sums` are
 * those of all groups. */
static void multiply_packed(const el_model *model, const el_layer *layer, el_lstm *part,
                            uint32_t first, const places *at, int32_t *sums) {
    size_t rows = (size_t)first * EL_GATES * EL_BLOCK_ROWS;
    int32_t *from_x = sums + rows, *from_h = from_x + sums_bytes(layer) / sizeof *sums;
    const el_packed packed = {.weights = part->weights,
                              .rows = part->rows,
                              .blocks = part->groups * EL_GATES,
                              .columns_w = part->columns_w,
                              .columns_r = part->columns_r,
                              .zero_point_w = part->input_zero_point,
                              .zero_point_r = part->output_zero_point};
    model->kernels->packed_int4(&packed, at->x, at->h, from_x, from_h);
    part->from_x = from_x;
    part->from_h = from_h;
    part->columns_w = part->columns_r = 0;
}
#endif

/* What is behind the next h in the work. */
static void *behind_h(const el_layer *layer, const places *at) {
    uint64_t h = (uint64_t)el_lstm_of(layer)->groups * EL_BLOCK_ROWS * el_h_size(layer);
    return (uint8_t *)at->h_next + el_align(h);
}

typedef struct lstm_step {
    el_step step;
    const el_model *model;
    const el_layer *layer;
    const el_lstm *lstm;
    const places *at;
} lstm_step;

static void take_groups(const el_step *step, uint32_t first, uint32_t groups) {
    const lstm_step *of = (const void *)step;
    el_lstm part = slice(of->layer, of->lstm, first, groups);
    places at = places_from(of->layer, of->at, first);
#ifndef EL_NO_INT4
    if (el_is_packed(of->layer))
        multiply_packed(of->model, of->layer, &part, first, &at, behind_h(of->layer, of->at));
#endif
    run(of->model, of->layer, &part, &at);
}

/* The layer as `lstm` has it, which may be shared. */
static void run_shared(const el_stream *stream, const el_layer *layer, const el_lstm *lstm,
                       const places *at) {
    bool shared = el_is_shared(stream, lstm->groups, layer->macs);
    if (!shared && !el_is_packed(layer)) {
        run(stream->model, layer, lstm, at);
        return;
    }
    lstm_step of = {.step = {.take = take_groups, .groups = lstm->groups},
                    .model = stream->model,
                    .layer = layer,
                    .lstm = lstm,
                    .at = at};
    if (shared)
        el_share(stream, &of.step);
    else
        take_groups(&of.step, 0, lstm->groups);
}

static void step_wide(const el_stream *stream, const el_layer *layer, const places *at) {
    const el_model *model = stream->model;
    el_lstm lstm = *el_lstm_of(layer);
    uint8_t *sums = behind_h(layer, at);
    lstm.from_x = sums;
    el_wide_product(model, &lstm.w, at->x, layer->inputs, (void *)sums,
                    sums + el_matrix_work(&lstm.w));
    run_shared(stream, layer, &lstm, at);
}

#ifndef EL_NO_FLOAT32
static void step_int16(const el_stream *stream, const el_layer *layer, const places *at) {
    const el_model *model = stream->model;
    el_lstm lstm = *el_lstm_of(layer);
    const el_matrix r = {.weights = lstm.weights,
                         .rows = lstm.rows,
                         .columns = lstm.columns_r,
                         .groups = lstm.w.groups};
    uint8_t *work = behind_h(layer, at);
    int16_t *codes = (void *)work;
    float *sums = (void *)(work + codes_size(layer)), step = el_step_of(at->x, layer->inputs);
    el_make_codes16(at->x, layer->inputs, step, codes);
    model->kernels->dense_int16(&lstm.w, codes, step, NULL, sums);
    el_make_codes16(at->h, r.columns, layer->h_step, codes);
    model->kernels->dense_int16(&r, codes, layer->h_step, sums, sums);
    lstm.from_x = sums;
    lstm.columns_r = 0;
    el_float_kernels(model)->lstm_float32(&lstm, at->x, at->h, at->h_next, at->c);
}
#endif

static void step(const el_stream *stream, const el_layer *layer) {
    places at = places_of(stream, layer);
#ifndef EL_NO_FLOAT32
    if (!el_is_plain(layer)) {
        el_lstm_step_floats(stream, layer);
        return;
    }
    if (el_has_int16(layer)) {
        step_int16(stream, layer, &at);
        accept_h(stream, layer);
        return;
    }
#endif
    if (layer->wide)
        step_wide(stream, layer, &at);
    else
        run_shared(stream, layer, el_lstm_of(layer), &at);
    accept_h(stream, layer);
}

#ifndef EL_WITHOUT_CHUNKS
static uint64_t sums_size(const el_layer *layer) {
    bool may = el_is_plain(layer) && !layer->wide && !el_has_int16(layer) && !el_is_packed(layer);
    return may ? sums_bytes(layer) : 0;
}

static void multiply_frames(const el_stream *stream, const el_layer *layer, const void *const *x,
                            void *const *sums, uint32_t frames) {
    const el_lstm *lstm = el_lstm_of(layer);
    const el_matrix w = {.weights = lstm->weights,
                         .rows = lstm->rows,
                         .columns = lstm->columns_w,
                         .groups = lstm->groups * EL_GATES,
                         .zero_point = lstm->input_zero_point};
    el_multiply_frames(stream, layer, &w, el_lstm_block(lstm), x, sums, frames);
}

static void step_from(const el_stream *stream, const el_layer *layer, void *sums) {
    places at = places_of(stream, layer);
    el_lstm lstm = *el_lstm_of(layer);
    lstm.from_x = sums;
    lstm.skipped = lstm.columns_w;
    lstm.columns_w = 0;
    run_shared(stream, layer, &lstm, &at);
    accept_h(stream, layer);
}
#endif

/* Bytes of weights that stay in the first-level cache beside the streams' states. */
#define SLICE_SIZE 32768u

/* The units of `part` alone, which start at group `first` of the layer, for `count` streams. */
static void step_slice(const el_model *model, const el_layer *layer, const el_lstm *part,
                       uint32_t first, const places *at, size_t count) {
    const el_kernels *kernels = model->kernels;
    places to[EL_BATCH];
    for (size_t n = 0; n < count; n++)
        to[n] = places_from(layer, &at[n], first);
    if (el_has_int8(layer) && count == EL_BATCH && kernels->lstm_int8_batch != NULL) {
        el_batch batch;
        for (size_t n = 0; n < EL_BATCH; n++) {
            batch.x[n] = to[n].x;
            batch.h[n] = to[n].h;
            batch.h_next[n] = to[n].h_next;
            batch.c[n] = to[n].c;
        }
        kernels->lstm_int8_batch(part, &batch);
    } else {
        for (size_t n = 0; n < count; n++)
            run(model, layer, part, &to[n]);
    }
}

/* A slice of the weights is read once for all streams, while it lies in the cache. */
static void step_together(const el_turn *turn, const el_layer *layer) {
    const el_model *model = turn->model;
    const el_lstm *lstm = el_lstm_of(layer);
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
        el_lstm part = slice(layer, lstm, first, left < groups ? left : groups);
        places at[EL_BATCH];
        size_t count = 0;
        for (size_t n = 0; (stream = el_turn_next(turn, layer, &n)) != NULL;) {
            at[count++] = places_of(stream, layer);
            if (count == EL_BATCH) {
                step_slice(model, layer, &part, first, at, count);
                count = 0;
            }
        }
        step_slice(model, layer, &part, first, at, count);
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
