/* Mean over the rows of a frame, or over the channels of each row. */
#include "floats.h"

typedef struct el_mean {
    uint32_t over_channels;
} el_mean;

EL_RECORD(el_mean)

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    if (!el_is_bare(entry) || entry->own[0] < 0 || entry->own[0] > 1 || entry->own[1] != 0 ||
        entry->own[2] != 0)
        return EL_ERROR_FIELD;
    el_mean_in(layer)->over_channels = (uint32_t)entry->own[0];
    bool fits =
        entry->own[0] ? el_gives(layer, source.rows, 1) : el_gives(layer, 1, source.channels);
    return fits ? EL_OK : EL_ERROR_FIELD;
}

static void step(const el_stream *stream, const el_layer *layer) {
    const float *x = el_x(stream, layer);
    float *y = el_y(stream, layer);
    if (el_mean_of(layer)->over_channels) {
        uint32_t width = layer->inputs / layer->rows;
        for (uint32_t row = 0; row < layer->rows; row++, x += width)
            y[row] = el_held(el_sum(x, width) / (float)width);
        return;
    }
    uint32_t rows = layer->inputs / layer->channels;
    memset(y, 0, layer->channels * sizeof *y);
    for (uint32_t row = 0; row < rows; row++, x += layer->channels)
        for (uint32_t n = 0; n < layer->channels; n++)
            y[n] += x[n];
    for (uint32_t n = 0; n < layer->channels; n++)
        y[n] = el_held(y[n] / (float)rows);
}

const el_layer_type el_layer_mean = {
    .name = "mean",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
