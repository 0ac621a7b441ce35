/* Multiply by another result. */
#include "joining.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    return el_check_spread(model, layer, entry, 1);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const uint32_t width = el_other_shape(stream->model, layer).channels;
    const float *x = el_x(stream, layer), *other = el_other(stream, layer);
    float *y = el_y(stream, layer);
    for (uint32_t row = 0; row < layer->rows; row++) {
        const float *further = el_spread_row(stream->model, layer, other, row);
        for (uint32_t from = 0; from < layer->channels; from += width, x += width, y += width)
            for (uint32_t n = 0; n < width; n++)
                y[n] = el_held(x[n] * further[n]);
    }
}

const el_layer_type el_layer_multiply = {
    .name = "multiply",
    .is_float = true,
    .joins = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
