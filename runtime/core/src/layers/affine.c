/* Affine: each channel times a number, and one added. As the last layer its results are scores. */
#include "floats.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    if (!el_gives(layer, source.rows, source.channels) || entry->activation != 0 ||
        entry->recurrent.size != 0 || entry->recurrent_rows.size != 0 || entry->own[0] != 0 ||
        entry->own[1] != 0 || entry->own[2] != 0)
        return EL_ERROR_FIELD;
    el_channels *channel = el_channels_in(layer);
    el_status status =
        el_check_values(model, entry, entry->weights, layer->channels, &channel->scale);
    if (status != EL_OK)
        return status;
    return el_check_values(model, entry, entry->row_records, layer->channels, &channel->offset);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const float *x = el_x(stream, layer);
    const el_channels *channel = el_channels_of(layer);
    const float *scale = channel->scale, *offset = channel->offset;
    float *y = el_y(stream, layer), limit = layer->gives_scores ? 3e38f : EL_MAX_HIDDEN;
    for (uint32_t row = 0; row < layer->rows; row++, x += layer->channels, y += layer->channels)
        for (uint32_t n = 0; n < layer->channels; n++)
            y[n] = el_clamp(x[n] * scale[n] + offset[n], -limit, limit);
}

const el_layer_type el_layer_affine = {
    .name = "affine",
    .is_float = true,
    .may_give_scores = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
