/* The layer table of a model file: what holds for layers of every kind. */
#include "fields.h"
#include "layers/layer.h"
#include "layers/matrix.h"
#include "model_open.h"

#include <string.h>

/* Offsets of fields in an entry. */
enum {
    L_KIND = 0,
    L_SOURCE = 4,
    L_OTHER_SOURCE = 8,
    L_ACTIVATION = 12,
    L_RESULT_ROWS = 16,
    L_CHANNELS = 20,
    L_RESULT = 24,
    L_ARITHMETIC = 28,
    L_WEIGHTS = 32,
    L_ROWS = 40,
    L_RECURRENT = 48,
    L_RECURRENT_ROWS = 56,
    L_INPUT_ZERO_POINT = 64,
    L_OUTPUT_ZERO_POINT = 68,
    L_OUTPUT_SCALE = 72, /* tells codes as real numbers */
    L_MULTIPLIER = 76,
    L_SHIFT = 80,
    L_OWN = 84,
    L_FURTHER = 96,
    L_MORE_OWN = 104
};

/* Bits at L_ARITHMETIC, all 0 in float32 files and where an int8 file has integers alone. */
enum {
    GIVES_FLOATS = 1,
    ROUNDS_TO_8 = 2, /* makes codes of a source in float32, own[INVERSE] of a unit, */
    ROUNDS_TO_16 = 4,
    IN_FLOATS = 8,   /* no integers compute it, */
    IN_16_BITS = 16, /* but for its products */
    PACKED = 32      /* its weights have four bits, in int4 files */
};
#define INVERSE 7
#define H_STEP 7                  /* of a layer with a state whose products are of 16 bits */
#define LEAST_STEP 8.8817842e-16f /* 2^-50 */
#define MOST_STEP 1024.0f
#define MOST_INVERSE 3e38f

#define FIRST_OWN 3 /* fields at L_OWN; the others are at L_MORE_OWN */

static el_tensor tensor(const uint8_t *at) {
    return (el_tensor){el_u32(at), el_u32(at + 4)};
}

static el_entry read_entry(const uint8_t *at, size_t file_size) {
    el_entry entry = {
        .file_size = file_size,
        .activation = el_u32(at + L_ACTIVATION),
        .result = el_u32(at + L_RESULT),
        .weights = tensor(at + L_WEIGHTS),
        .row_records = tensor(at + L_ROWS),
        .recurrent = tensor(at + L_RECURRENT),
        .recurrent_rows = tensor(at + L_RECURRENT_ROWS),
        .input_zero_point = el_i32(at + L_INPUT_ZERO_POINT),
        .output_zero_point = el_i32(at + L_OUTPUT_ZERO_POINT),
        .output_scale = el_f32(at + L_OUTPUT_SCALE),
        .multiplier = el_i32(at + L_MULTIPLIER),
        .shift = el_i32(at + L_SHIFT),
        .further = tensor(at + L_FURTHER),
    };
    for (size_t n = 0; n < EL_OWN; n++)
        entry.own[n] =
            el_i32(n < FIRST_OWN ? at + L_OWN + 4 * n : at + L_MORE_OWN + 4 * (n - FIRST_OWN));
    return entry;
}

/* What this kind has no use for is 0. */
static bool is_of_kind(const el_layer *layer, const el_entry *entry) {
    const el_layer_type *type = layer->type;
    uint32_t used = type->own_fields > FIRST_OWN ? type->own_fields : FIRST_OWN;
    bool valid = true;
    for (uint32_t n = used; n < EL_OWN; n++)
        valid = valid && (entry->own[n] == 0 || (layer->rounds && n == INVERSE) ||
                          (layer->h_step != 0 && n == H_STEP));
    return valid && (entry->further.size == 0 || type->may_go_further);
}

static bool has_no_integers(const el_entry *entry) {
    return entry->input_zero_point == 0 && entry->output_zero_point == 0 &&
           entry->multiplier == 0 && entry->shift == 0;
}

/* A tensor that is not there has neither offset nor size; a float32 file has no integers. */
static bool is_plausible(const el_model *model, const el_entry *entry) {
    const el_tensor tensors[] = {entry->weights, entry->row_records, entry->recurrent,
                                 entry->recurrent_rows, entry->further};
    for (size_t n = 0; n < sizeof tensors / sizeof *tensors; n++)
        if (tensors[n].size == 0 && tensors[n].offset != 0)
            return false;
    if (el_is_int8(model))
        return el_is_code(entry->input_zero_point) && el_is_code(entry->output_zero_point);
    return has_no_integers(entry);
}

static uint32_t stride_of(const el_model *model, uint32_t source) {
    return source == 0 ? 1 : model->layers[source - 1].stride;
}

#ifndef EL_HAS_FLOATS
static el_status read_mixture(const el_model *model, el_layer *layer, const el_entry *entry,
                              uint32_t bits) {
    (void)model;
    (void)entry;
    layer->int8 = true;
    return bits == 0 ? EL_OK : EL_ERROR_PRECISION;
}
#else
static bool gives_floats(const el_model *model, uint32_t source) {
    return source == 0 ? model->float_input : model->layers[source - 1].gives_floats;
}

/* The factor that a layer rounds by: 0 where the field holds none. */
static float read_inverse(const el_entry *entry) {
    float inverse;
    memcpy(&inverse, &entry->own[INVERSE], sizeof inverse);
    return inverse > 0 && inverse <= MOST_INVERSE ? inverse : 0;
}

/* A layer of floats, whose products may be of 16 bits. */
static el_status read_floats(el_layer *layer, const el_entry *entry, uint32_t bits, bool floats) {
    const el_layer_type *type = layer->type;
    layer->int16 = (bits & IN_16_BITS) != 0;
    if ((bits & ~(uint32_t)IN_16_BITS) != (IN_FLOATS | GIVES_FLOATS) || !floats ||
        !has_no_integers(entry) || !(type->may_be_float || (type->is_float && !layer->int16)))
        return EL_ERROR_FIELD;
    if (!layer->int16 || type->parts == NULL)
        return EL_OK;
    memcpy(&layer->h_step, &entry->own[H_STEP], sizeof layer->h_step);
    return layer->h_step >= LEAST_STEP && layer->h_step <= MOST_STEP ? EL_OK : EL_ERROR_FIELD;
}

/* In which numbers a layer of an int8 file computes, and what it does between them: its sources are
 * known, and its type. */
static el_status read_mixture(const el_model *model, el_layer *layer, const el_entry *entry,
                              uint32_t bits) {
    const el_layer_type *type = layer->type;
    bool floats = gives_floats(model, layer->source);
    if (layer->other != 0 && gives_floats(model, layer->other - 1) != floats)
        return EL_ERROR_FIELD;
    layer->gives_floats = (bits & GIVES_FLOATS) != 0;
    layer->int8 = (bits & IN_FLOATS) == 0;
#ifdef EL_NO_FLOAT32
    if (layer->int8 && layer->gives_floats && !type->only_moves) /* to what this library lacks */
        return EL_ERROR_PRECISION;
#endif
    if (!layer->int8)
        return read_floats(layer, entry, bits, floats);
    if (type->only_moves)
        return bits == (floats ? GIVES_FLOATS : 0u) ? EL_OK : EL_ERROR_FIELD;
    uint32_t rounding = bits & (ROUNDS_TO_8 | ROUNDS_TO_16);
    if (type->is_float || bits > 7 || rounding == (ROUNDS_TO_8 | ROUNDS_TO_16) ||
        (rounding != 0) != floats || (layer->gives_floats && layer->gives_scores))
        return EL_ERROR_FIELD;
    layer->rounds = floats;
    layer->wide = rounding == ROUNDS_TO_16 || layer->wide;
    if (layer->rounds && (layer->inverse = read_inverse(entry)) == 0)
        return EL_ERROR_FIELD;
    layer->scale = entry->output_scale;
    return EL_OK;
}
#endif

static el_status read_arithmetic(const el_model *model, el_layer *layer, const el_entry *entry,
                                 uint32_t bits) {
#ifndef EL_NO_INT4
    layer->packed = (bits & PACKED) != 0;
    if (layer->packed && (model->precision != EL_INT4 || !layer->type->may_be_packed))
        return EL_ERROR_FIELD;
    bits &= ~(uint32_t)PACKED;
#endif
    layer->wide = layer->source == 0 && model->wide_input;
    layer->input_zero_point = entry->input_zero_point;
    layer->zero_point = entry->output_zero_point;
    el_status status = bits == 0 ? EL_OK : EL_ERROR_FIELD;
    if (el_is_int8(model))
        status = read_mixture(model, layer, entry, bits);
    else
        layer->gives_floats = true;
    layer->bf16 = model->precision == EL_BF16;
    if (status != EL_OK)
        return status;
    if (el_is_packed(layer) && (layer->wide || !el_has_int8(layer)))
        return EL_ERROR_FIELD;
    return layer->wide && !layer->type->may_be_wide ? EL_ERROR_FIELD : EL_OK;
}

/* Every layer reads the input or one before it; two where its kind joins them, which come as often.
 */
static el_status read_source(el_model *model, uint32_t index, uint32_t source, uint32_t other) {
    el_layer *layer = &model->layers[index];
    if (source > index || other > index + 1 || (other != 0) != layer->type->joins)
        return EL_ERROR_FIELD;
    layer->source = source;
    layer->other = other;
    layer->period = stride_of(model, source);
    layer->stride = layer->period;
    if (other != 0 && stride_of(model, other - 1) != layer->period)
        return EL_ERROR_FIELD;
    el_shape shape = el_source_shape(model, layer);
    layer->inputs = shape.rows * shape.channels;
    return EL_OK;
}

/* A result that is no state: its place among the results, which holds whole lines of 64 bytes. */
static el_status read_place(const el_model *model, el_layer *layer, uint32_t offset) {
    uint64_t size = el_align((uint64_t)layer->rows * layer->channels * el_given_size(layer));
    if (layer->keeps_result || layer->gives_scores)
        return offset == 0 ? EL_OK : EL_ERROR_FIELD;
    if (offset % EL_ALIGNMENT != 0 || offset + size > model->results_size)
        return EL_ERROR_BOUNDS;
    layer->y_offset = offset;
    return EL_OK;
}

static el_status read_layer(el_model *model, size_t file_size, uint32_t index) {
    const uint8_t *at = model->file + EL_HEADER_SIZE + EL_ENTRY_SIZE * index;
    el_layer *layer = &model->layers[index];
    el_entry entry = read_entry(at, file_size);
    layer->type = el_layer_type_of(el_u32(at + L_KIND));
#ifdef EL_NO_FLOAT32
    const bool is_there = layer->type != NULL && layer->type->is_float;
    if ((el_u32(at + L_ARITHMETIC) & IN_FLOATS) != 0 && !is_there) /* what this library lacks */
        return EL_ERROR_PRECISION;
#endif
    if (layer->type == NULL || entry.activation > 1 || !is_plausible(model, &entry))
        return EL_ERROR_FIELD;
    layer->rows = el_u32(at + L_RESULT_ROWS);
    layer->channels = el_u32(at + L_CHANNELS);
    if (layer->rows < 1 || layer->rows > EL_MAX_ROWS || layer->channels < 1 ||
        layer->channels > EL_MAX_WIDTH)
        return EL_ERROR_LIMIT;
    el_status status =
        read_source(model, index, el_u32(at + L_SOURCE), el_u32(at + L_OTHER_SOURCE));
    if (status != EL_OK)
        return status;
    layer->relu = entry.activation == 1;
    layer->gives_scores = index + 1 == model->n_layers;
    layer->weights_size = entry.weights.size + entry.row_records.size + entry.recurrent.size +
                          entry.recurrent_rows.size + entry.further.size;
    if (layer->gives_scores && (!layer->type->may_give_scores || layer->relu || layer->rows != 1 ||
                                layer->channels != model->outputs))
        return EL_ERROR_FIELD;
    status = read_arithmetic(model, layer, &entry, el_u32(at + L_ARITHMETIC));
    if (status != EL_OK)
        return status;
    if (!is_of_kind(layer, &entry))
        return EL_ERROR_FIELD;
    model->keeps_samples = model->keeps_samples || (layer->type->hears && model->features > 1);
    status = layer->type->check(model, layer, &entry);
    return status == EL_OK ? read_place(model, layer, entry.result) : status;
}

/* A result, from when it is written to when it is read last, in steps: the input comes in step 0,
 * layer n runs in step n + 1. */
typedef struct life {
    uint32_t from, to;
    uint64_t start, end; /* bytes */
} life;

static uint32_t last_reader(const el_model *model, uint32_t source) {
    uint32_t last = source;
    for (uint32_t n = source; n < model->n_layers; n++)
        if (model->layers[n].source == source || model->layers[n].other == source + 1)
            last = n + 1;
    return last;
}

/* Of the input (0) or of layer index - 1; empty where it is no such result. */
static life life_of(const el_model *model, uint32_t index) {
    uint64_t start = model->input_place, size = (uint64_t)model->features * el_input_size(model);
    if (index != 0) {
        const el_layer *layer = &model->layers[index - 1];
        if (layer->keeps_result || layer->gives_scores)
            return (life){0};
        start = layer->y_offset;
        size = (uint64_t)layer->rows * layer->channels * el_given_size(layer);
    }
    return (life){index, last_reader(model, index), start, start + el_align(size)};
}

static bool results_overlap(const el_model *model) {
    for (uint32_t n = 0; n <= model->n_layers; n++) {
        life a = life_of(model, n);
        for (uint32_t k = 0; k < n; k++) {
            life b = life_of(model, k);
            if (a.from <= b.to && b.from <= a.to && a.start < b.end && b.start < a.end)
                return true;
        }
    }
    return false;
}

static bool has_state(const el_model *model, const el_layer *layer) {
    el_part parts[EL_MAX_PARTS];
    return layer->type->parts != NULL && layer->type->parts(model, layer, parts) != 0;
}

/* Whether the head may read this result: it is made there, or a state has it. */
static bool feed_head(el_model *model, uint32_t head, uint32_t source) {
    if (source > head)
        return true;
    if (source == 0)
        return false;
    el_layer *layer = &model->layers[source - 1];
    layer->feeds_head = true;
    return layer->keeps_result || (layer->type->recall != NULL && el_has_int8(layer));
}

/* Behind the last layer that has a state, layers run only where scores are wanted; then they are
 * made from the state, so they may read nothing else of before. */
static bool find_head(el_model *model) {
    uint32_t head = 0;
    for (uint32_t n = 0; n < model->n_layers; n++)
        if (has_state(model, &model->layers[n]))
            head = n + 1;
    model->head = head;
    bool valid = head != 0;
    for (uint32_t n = head; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        valid = valid && feed_head(model, head, layer->source) &&
                (layer->other == 0 || feed_head(model, head, layer->other - 1));
    }
    return valid;
}

/* Multiply-accumulates of a frame, averaged over a stride and rounded up. */
static bool find_macs(el_model *model) {
    uint64_t parts = 0; /* over the stride */
    for (uint32_t n = 0; n < model->n_layers; n++) {
        const el_layer *layer = &model->layers[n];
        uint32_t runs_at = layer->stride;
        if (model->stride % runs_at != 0)
            return false;
        model->frame_macs += layer->macs / runs_at;
        parts += layer->macs % runs_at * (model->stride / runs_at);
    }
    model->frame_macs += (parts + model->stride - 1) / model->stride;
    return true;
}

el_status el_read_layers(el_model *model, size_t file_size) {
    for (uint32_t n = 0; n < model->n_layers; n++) {
        el_status status = read_layer(model, file_size, n);
        if (status != EL_OK)
            return status;
    }
    model->stride = model->layers[model->n_layers - 1].stride;
    if (!find_head(model) || !find_macs(model))
        return EL_ERROR_FIELD;
    uint64_t input_end =
        model->input_place + el_align((uint64_t)model->features * el_input_size(model));
    if (model->input_place % EL_ALIGNMENT != 0 || input_end > model->results_size)
        return EL_ERROR_BOUNDS;
    return results_overlap(model) ? EL_ERROR_BOUNDS : EL_OK;
}
