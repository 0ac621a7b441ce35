/* Layer normalization: each row by its own mean and spread, then a gain and an offset per channel.
 */
#include "floats.h"

#define LEAST_EPSILON 1e-13f

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    el_channels *channel = el_channels_in(layer);
    channel->epsilon = el_own_float(entry, 0);
    if (!el_gives(layer, source.rows, source.channels) || entry->activation != 0 ||
        entry->recurrent.size != 0 || entry->recurrent_rows.size != 0 || entry->own[1] != 0 ||
        entry->own[2] != 0 || !(channel->epsilon >= LEAST_EPSILON && channel->epsilon <= 1.0f))
        return EL_ERROR_FIELD;
    el_status status =
        el_check_values(model, entry, entry->weights, layer->channels, &channel->scale);
    if (status != EL_OK)
        return status;
    return el_check_values(model, entry, entry->row_records, layer->channels, &channel->offset);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_channels *channel = el_channels_of(layer);
    const uint32_t width = layer->channels;
    const float *x = el_x(stream, layer), *scale = channel->scale, *offset = channel->offset;
    float *y = el_y(stream, layer), count = (float)width;
    for (uint32_t row = 0; row < layer->rows; row++, x += width, y += width) {
        float mean = el_held(el_sum(x, width) / count);
        float variance = el_clamp(el_sum_of_squares(x, width, mean) / count, 0.0f, 1e37f);
        float spread = el_sqrt(variance + channel->epsilon);
        for (uint32_t n = 0; n < width; n++)
            y[n] = el_held((x[n] - mean) / spread * scale[n] + offset[n]);
    }
}

const el_layer_type el_layer_layer_norm = {
    .name = "layer_norm",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
