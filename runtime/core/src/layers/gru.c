/* GRU: gates z, r, n as two products and what follows element by element. An int8 layer's state is
 * h in Q0.15; its result, and what R meets, are codes of it. */
#include "fields.h"
#include "functions.h"
#include "int16.h"
#include "int4.h"
#include "kernels/kernels.h"
#include "recurrence.h"

#define LETTERS 1 /* h */

EL_RECORD(el_gru)

/* From Q0.15 to codes: more than 15 bits to the left would leave int32. */
static bool is_narrowing(int32_t mantissa, int32_t shift) {
    return mantissa != 0 && el_is_multiplier(mantissa, shift) && shift <= 15;
}

static __attribute__((cold)) el_status check(el_model *model, el_layer *layer,
                                             const el_entry *entry) {
    bool int8 = el_has_int8(layer);
    if (entry->activation != 0 || entry->own[0] < 0 || entry->own[0] > 1)
        return EL_ERROR_FIELD;
    el_status status = el_read_recurrence(model, layer, entry, LETTERS);
    if (status != EL_OK)
        return status;
    layer->keeps_result = !int8 && layer->recurrence.runs == 1 && !layer->recurrence.anew;
    if (int8 && el_gives_floats(layer) && !el_is_scale(layer->scale))
        return EL_ERROR_FIELD;
    if ((int8 && !is_narrowing(entry->multiplier, entry->shift)) ||
        (layer->keeps_result && entry->result != 0))
        return EL_ERROR_FIELD;
    uint32_t groups = el_round_up(layer->channels, EL_BLOCK_ROWS) / EL_BLOCK_ROWS;
    layer->macs = (uint64_t)layer->channels * EL_GRU_GATES * (layer->inputs + layer->channels) *
                  layer->recurrence.runs;
    el_gru *gru = el_gru_in(layer);
    *gru = (el_gru){
        .groups = groups,
        .before = entry->own[0] == 1,
        .output_zero_point = entry->output_zero_point,
        .output_multiplier = entry->multiplier,
        .output_shift = entry->shift,
    };
    status = el_check_matrix(model, layer, entry, entry->weights, entry->row_records,
                             EL_GRU_GATES * groups, layer->inputs, false, &gru->w);
    if (status == EL_OK)
        status = el_check_matrix(model, layer, entry, entry->recurrent, entry->recurrent_rows,
                                 EL_GRU_GATES * groups, layer->channels, false, &gru->r);
    gru->r.zero_point = entry->output_zero_point;
    if (el_has_int16(layer) && !el_is_plain(layer))
        return EL_ERROR_FIELD;
    if (status == EL_OK && layer->wide)
        status = el_check_wide(&gru->w, layer->inputs);
    return status;
}

static uint32_t parts(const el_model *model, const el_layer *layer, el_part out[EL_MAX_PARTS]) {
    (void)model;
    if (layer->recurrence.anew)
        return 0;
    out[0] = (el_part){.name = "h",
                       .dtype = el_has_int8(layer) ? EL_DTYPE_INT16 : EL_DTYPE_FLOAT32,
                       .rows = 1,
                       .channels = layer->channels,
                       .padded = el_gru_of(layer)->groups * EL_BLOCK_ROWS,
                       .limit = EL_MAX_STATE,
                       .first = layer->recurrence.first_h};
    return 1;
}

/* What a step needs of the work: the products with x and with h, then r·h, and codes of h where the
 * result is float32, or of x and h where weights have 16 bits; then what a product of 8-bit weights
 * with 16-bit x needs. */
typedef struct places {
    void *from_x, *from_h, *reset, *codes, *wide;
} places;

static size_t reset_size(const el_layer *layer) {
    return (size_t)el_align((uint64_t)el_gru_of(layer)->groups * EL_BLOCK_ROWS * sizeof(float));
}

static size_t codes_size(const el_layer *layer) {
    const el_gru *gru = el_gru_of(layer);
    bool apart = el_has_int8(layer) && el_gives_floats(layer);
    if (el_has_int16(layer))
        return el_codes_size(gru->w.columns > gru->r.columns ? gru->w.columns : gru->r.columns);
    return apart ? (size_t)el_align((uint64_t)gru->groups * EL_BLOCK_ROWS) : 0;
}

static places places_of(const el_layer *layer, void *work) {
    uint8_t *at = work;
    size_t products = (size_t)el_matrix_work(&el_gru_of(layer)->w);
    return (places){
        .from_x = at,
        .from_h = at + products,
        .reset = at + 2 * products,
        .codes = at + 2 * products + reset_size(layer),
        .wide = at + 2 * products + reset_size(layer) + codes_size(layer),
    };
}

static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    return 2 * el_matrix_work(&el_gru_of(layer)->w) + reset_size(layer) + codes_size(layer) +
           (layer->wide ? el_wide_work(&el_gru_of(layer)->w) : 0) +
           sizeof(float) * el_anew_work(layer, LETTERS, el_gru_of(layer)->groups * EL_BLOCK_ROWS);
}

/* Where an int8 layer has the codes of h: its result, or in the work where that is float32. */
static int8_t *codes_of(const el_stream *stream, const el_layer *layer) {
    if (!el_gives_floats(layer))
        return el_stream_part(stream, layer->y_offset);
    return places_of(layer, el_stream_part(stream, stream->model->work_offset)).codes;
}

static void give_floats(const el_stream *stream, const el_layer *layer, const int8_t *codes) {
    if (el_gives_floats(layer))
        el_codes_to_floats(layer, codes, layer->channels, el_stream_part(stream, layer->y_offset));
}

/* Codes of h, or what they stand for. */
static void recall(const el_stream *stream, const el_layer *layer) {
    const int16_t *h = el_stream_part(stream, layer->part_offset[0]);
    int8_t *codes = codes_of(stream, layer);
    if (!el_has_int8(layer))
        return;
    stream->model->kernels->gru_codes_int8(el_gru_of(layer), h, codes);
    give_floats(stream, layer, codes);
}

/* W·x */
static void multiply_int8(const el_stream *stream, const el_layer *layer, const void *x,
                          const places *at) {
    const el_gru *gru = el_gru_of(layer);
    if (layer->wide)
        el_wide_product(stream->model, &gru->w, x, layer->inputs, at->from_x, at->wide);
    else
        el_multiply(stream, layer, &gru->w, x, at->from_x);
}

/* What follows. */
static void step_int8(const el_stream *stream, const el_layer *layer, int16_t *h,
                      const places *at) {
    const el_kernels *kernels = stream->model->kernels;
    const el_gru *gru = el_gru_of(layer);
    int8_t *codes = codes_of(stream, layer);
    kernels->gru_codes_int8(gru, h, codes);
    if (gru->before) {
        el_matrix gates = el_matrix_slice(layer, &gru->r, 0, 2 * gru->groups);
        el_matrix candidate = el_matrix_slice(layer, &gru->r, 2 * gru->groups, gru->groups);
        int32_t *from_h = at->from_h;
        el_multiply(stream, layer, &gates, codes, from_h);
        kernels->gru_reset_int8(gru, at->from_x, from_h, h, at->reset);
        el_multiply(stream, layer, &candidate, at->reset, from_h + 2 * gru->groups * EL_BLOCK_ROWS);
    } else {
        el_multiply(stream, layer, &gru->r, codes, at->from_h);
    }
    kernels->gru_int8(gru, at->from_x, at->from_h, h, codes);
    give_floats(stream, layer, codes);
}

/* r·h, with a gate of any kind. */
static void reset_floats(const el_layer *layer, const float *from_x, const float *from_h,
                         const float *h, float *reset) {
    uint32_t units = el_gru_of(layer)->groups * EL_BLOCK_ROWS;
    for (uint32_t n = 0; n < units; n++)
        reset[n] = el_apply(layer->recurrence.gate, from_x[units + n] + from_h[units + n]) * h[n];
}

/* The new h, with functions of any kind. */
static void update_floats(const el_layer *layer, const float *from_x, const float *from_h,
                          float *h) {
    const uint32_t gate = layer->recurrence.gate, candidate = layer->recurrence.candidate;
    uint32_t units = el_gru_of(layer)->groups * EL_BLOCK_ROWS;
    for (uint32_t n = 0; n < units; n++) {
        float z = el_apply(gate, from_x[n] + from_h[n]), r = 1.0f;
        if (!el_gru_of(layer)->before)
            r = el_apply(gate, from_x[units + n] + from_h[units + n]);
        float let_in = el_apply(candidate, from_x[2 * units + n] + r * from_h[2 * units + n]);
        h[n] = el_held_state(z * h[n] + (1.0f - z) * let_in);
    }
}

/* A part of R times h, or r·h. */
static void multiply_state(const el_stream *stream, const el_layer *layer, const el_matrix *r,
                           const float *h, const places *at, float *y) {
#ifndef EL_NO_FLOAT32
    if (el_has_int16(layer)) {
        el_make_codes16(h, r->columns, layer->h_step, at->codes);
        stream->model->kernels->dense_int16(r, at->codes, layer->h_step, NULL, y);
        return;
    }
#endif
    (void)at;
    el_multiply(stream, layer, r, h, y);
}

/* W·x */
static void multiply_floats(const el_stream *stream, const el_layer *layer, const float *x,
                            const places *at) {
    const el_matrix *w = &el_gru_of(layer)->w;
#ifndef EL_NO_FLOAT32
    if (el_has_int16(layer)) {
        int16_t *codes = at->codes;
        float step = el_step_of(x, layer->inputs);
        el_make_codes16(x, layer->inputs, step, codes);
        stream->model->kernels->dense_int16(w, codes, step, NULL, at->from_x);
        return;
    }
#endif
    el_multiply(stream, layer, w, x, at->from_x);
}

/* What follows W·x. */
static void run_float32(const el_stream *stream, const el_layer *layer, float *h,
                        const places *at) {
    const el_kernels *kernels = el_float_kernels(stream->model);
    const el_gru *gru = el_gru_of(layer);
    bool usual = layer->recurrence.gate == EL_F_SIGMOID && layer->recurrence.candidate == EL_F_TANH;
    if (gru->before) {
        el_matrix gates = el_matrix_slice(layer, &gru->r, 0, 2 * gru->groups);
        el_matrix candidate = el_matrix_slice(layer, &gru->r, 2 * gru->groups, gru->groups);
        float *from_h = at->from_h;
        multiply_state(stream, layer, &gates, h, at, from_h);
        if (usual)
            kernels->gru_reset_float32(gru, at->from_x, from_h, h, at->reset);
        else
            reset_floats(layer, at->from_x, from_h, h, at->reset);
        multiply_state(stream, layer, &candidate, at->reset, at,
                       from_h + 2 * gru->groups * EL_BLOCK_ROWS);
    } else {
        multiply_state(stream, layer, &gru->r, h, at, at->from_h);
    }
    if (usual)
        kernels->gru_float32(gru, at->from_x, at->from_h, h);
    else
        update_floats(layer, at->from_x, at->from_h, h);
}

static void step_float32(const el_stream *stream, const el_layer *layer, const float *x, float *h,
                         const places *at) {
    const uint32_t padded = el_gru_of(layer)->groups * EL_BLOCK_ROWS;
    float *y = el_stream_part(stream, layer->y_offset);
    if (layer->recurrence.anew) {
        h = at->wide; /* which only int8 layers need otherwise */
        el_begin_anew(layer, LETTERS, padded, h);
    }
    for (uint32_t run = 0; run < layer->recurrence.runs; run++) {
        multiply_floats(stream, layer, x, at);
        run_float32(stream, layer, h, at);
        x += layer->inputs;
        if (!layer->keeps_result) {
            memcpy(y, h, layer->channels * sizeof *y);
            y += layer->channels;
        }
    }
}

static void step(const el_stream *stream, const el_layer *layer) {
    const void *x = el_stream_part(stream, layer->x_offset);
    void *h = el_stream_part(stream, layer->part_offset[0]);
    places at = places_of(layer, el_stream_part(stream, stream->model->work_offset));
    if (!el_has_int8(layer)) {
        step_float32(stream, layer, x, h, &at);
        return;
    }
    multiply_int8(stream, layer, x, &at);
    step_int8(stream, layer, h, &at);
}

#ifndef EL_WITHOUT_CHUNKS
static uint64_t sums_size(const el_layer *layer) {
    bool may = el_is_plain(layer) && !layer->wide && !el_has_int16(layer) && !el_is_packed(layer);
    return may ? el_matrix_work(&el_gru_of(layer)->w) : 0;
}

static void multiply_frames(const el_stream *stream, const el_layer *layer, const void *const *x,
                            void *const *sums, uint32_t frames) {
    const el_matrix *w = &el_gru_of(layer)->w;
    el_multiply_frames(stream, layer, w, (size_t)EL_BLOCK_ROWS * w->columns, x, sums, frames);
}

static void step_from(const el_stream *stream, const el_layer *layer, void *sums) {
    void *h = el_stream_part(stream, layer->part_offset[0]);
    places at = places_of(layer, el_stream_part(stream, stream->model->work_offset));
    at.from_x = sums;
    if (el_has_int8(layer))
        step_int8(stream, layer, h, &at);
    else
        run_float32(stream, layer, h, &at);
}
#endif

const el_layer_type el_layer_gru = {
    .name = "gru",
    .may_be_wide = true,
    .may_be_packed = true,
    .may_be_float = true,
    .may_go_further = true,
    .check = check,
    .parts = parts,
    .work = work,
    .step = step,
#ifndef EL_WITHOUT_CHUNKS
    .sums_size = sums_size,
    .multiply_frames = multiply_frames,
    .step_from = step_from,
#endif
    .recall = recall,
};
