/* Concat: the channels of another result behind one's own, row for row. */
#include "joining.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer), other = el_other_shape(model, layer);
    if (source.rows != other.rows || !el_is_bare(entry) || entry->own[0] != 0 ||
        entry->own[1] != 0 || entry->own[2] != 0 ||
        !el_gives(layer, source.rows, (uint64_t)source.channels + other.channels))
        return EL_ERROR_FIELD;
    return EL_OK;
}

static void step(const el_stream *stream, const el_layer *layer) {
    const uint32_t first = el_source_shape(stream->model, layer).channels;
    const uint32_t second = layer->channels - first;
    const float *x = el_x(stream, layer), *other = el_other(stream, layer);
    float *y = el_y(stream, layer);
    for (uint32_t row = 0; row < layer->rows; row++, x += first, other += second) {
        memcpy(y, x, first * sizeof *y);
        memcpy(y + first, other, second * sizeof *y);
        y += layer->channels;
    }
}

const el_layer_type el_layer_concat = {
    .name = "concat",
    .is_float = true,
    .joins = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
