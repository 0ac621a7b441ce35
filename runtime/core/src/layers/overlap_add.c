/* Overlap-add: pieces laid over one another; the state is the sums as of the newest one, first
 * those that are whole, which are the result. */
#include "floats.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    (void)model;
    if (layer->rows != 1 || layer->channels > layer->inputs || layer->inputs > EL_MAX_WIDTH ||
        !el_is_bare(entry) || entry->result != 0 || entry->own[0] != 0 || entry->own[1] != 0 ||
        entry->own[2] != 0)
        return EL_ERROR_FIELD;
    layer->keeps_result = true;
    return EL_OK;
}

static uint32_t parts(const el_model *model, const el_layer *layer, el_part out[EL_MAX_PARTS]) {
    (void)model;
    out[0] = (el_part){.name = "overlap",
                       .dtype = EL_DTYPE_FLOAT32,
                       .rows = 1,
                       .channels = layer->inputs,
                       .padded = layer->inputs,
                       .limit = EL_MAX_HIDDEN};
    return 1;
}

static void step(const el_stream *stream, const el_layer *layer) {
    const uint32_t hop = layer->channels, kept = layer->inputs - hop;
    const float *x = el_x(stream, layer);
    float *sums = el_stream_part(stream, layer->part_offset[0]);
    memmove(sums, sums + hop, kept * sizeof *sums);
    for (uint32_t n = 0; n < kept; n++)
        sums[n] = el_held(sums[n] + x[n]);
    memcpy(sums + kept, x + kept, hop * sizeof *sums);
}

const el_layer_type el_layer_overlap_add = {
    .name = "overlap_add",
    .is_float = true,
    .check = check,
    .parts = parts,
    .work = el_work_of_scores,
    .step = step,
};
