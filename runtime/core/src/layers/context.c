/* Context: the newest rows of its source side by side, one result after every `hop` of them. */
#include "matrix.h"
#include "model_open.h"

#include <string.h>

typedef struct el_context {
    uint32_t rows;    /* that are kept */
    uint32_t hop;     /* results of the source between two of its own */
    uint32_t brought; /* rows that a result of the source brings */
} el_context;

EL_RECORD(el_context)

static __attribute__((cold)) el_status check(el_model *model, el_layer *layer,
                                             const el_entry *entry) {
    (void)model;
    if (entry->own[0] < 1 || entry->own[0] > (int32_t)EL_MAX_ROWS || entry->own[1] < 1 ||
        entry->own[1] > entry->own[0])
        return EL_ERROR_LIMIT;
    if ((uint64_t)layer->period * (uint32_t)entry->own[1] > EL_MAX_STRIDE)
        return EL_ERROR_LIMIT;
    if (entry->own[2] < 0 || entry->own[2] > entry->own[0] ||
        (entry->own[2] != 0 && entry->own[1] != 1))
        return EL_ERROR_LIMIT;
    uint32_t brought = entry->own[2] == 0 ? 1 : (uint32_t)entry->own[2];
    el_context *context = el_context_in(layer);
    *context = (el_context){(uint32_t)entry->own[0], (uint32_t)entry->own[1], brought};
    if (layer->rows != context->rows || (uint64_t)layer->channels * brought != layer->inputs ||
        entry->activation != 0 || entry->result != 0 || entry->multiplier != 0 ||
        entry->shift != 0 || entry->input_zero_point != entry->output_zero_point ||
        (el_gives_floats(layer) && entry->input_zero_point != 0) || entry->weights.size != 0 ||
        entry->row_records.size != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0)
        return EL_ERROR_FIELD;
    layer->keeps_result = true;
    layer->stride = layer->period * context->hop;
    return EL_OK;
}

static uint32_t parts(const el_model *model, const el_layer *layer, el_part out[EL_MAX_PARTS]) {
    (void)model;
    out[0] = (el_part){.name = "past",
                       .dtype = el_gives_floats(layer) ? EL_DTYPE_FLOAT32 : EL_DTYPE_INT8,
                       .rows = layer->rows,
                       .channels = layer->channels,
                       .padded = layer->rows * layer->channels,
                       .initial = layer->zero_point,
                       .limit = EL_MAX_HIDDEN};
    if (el_context_of(layer)->hop == 1)
        return 1;
    out[1] = out[0];
    out[1].name = "pending";
    out[1].rows = el_context_of(layer)->hop - 1;
    out[1].padded = out[1].rows * layer->channels;
    return 2;
}

static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    (void)layer;
    return 0;
}

/* Rows that have come since the last result wait in `pending`; with the one that completes the hop
 * they become the newest of `past`. */
static void step(const el_stream *stream, const el_layer *layer) {
    const el_context *context = el_context_of(layer);
    size_t row = (size_t)layer->channels * el_given_size(layer);
    const void *x = el_stream_part(stream, layer->x_offset);
    uint8_t *past = el_stream_part(stream, layer->part_offset[0]);
    uint8_t *pending = NULL;
    uint32_t waiting = 0;
    if (context->hop > 1) {
        pending = el_stream_part(stream, layer->part_offset[1]);
        waiting = (uint32_t)((stream->frames / layer->period - 1) % context->hop);
        if (waiting + 1 < context->hop) {
            memcpy(pending + waiting * row, x, row);
            return;
        }
    }
    size_t kept = (context->rows - context->hop * context->brought) * row;
    memmove(past, past + context->hop * context->brought * row, kept);
    if (pending != NULL) {
        memcpy(past + kept, pending, waiting * row);
        memset(pending, layer->zero_point, waiting * row);
    }
    memcpy(past + kept + waiting * row, x, context->brought * row);
}

const el_layer_type el_layer_context = {
    .name = "context",
    .only_moves = true,
    .check = check,
    .parts = parts,
    .work = work,
    .step = step,
};
