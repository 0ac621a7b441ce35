/* Last: the newest of a frame's rows. */
#include "floats.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    if (!el_gives(layer, 1, source.channels) || !el_is_bare(entry) || entry->own[0] != 0 ||
        entry->own[1] != 0 || entry->own[2] != 0)
        return EL_ERROR_FIELD;
    return EL_OK;
}

static void step(const el_stream *stream, const el_layer *layer) {
    memcpy(el_y(stream, layer), el_x(stream, layer) + layer->inputs - layer->channels,
           layer->channels * sizeof(float));
}

const el_layer_type el_layer_last = {
    .name = "last",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
