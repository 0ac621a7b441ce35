/* Add another result, or subtract it. */
#include "joining.h"

typedef struct el_add {
    uint32_t subtracts;
} el_add;

EL_RECORD(el_add)

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_add_in(layer)->subtracts = entry->own[0] == 1;
    return el_check_spread(model, layer, entry, 2);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const uint32_t width = el_other_shape(stream->model, layer).channels;
    const float *x = el_x(stream, layer), *other = el_other(stream, layer);
    float *y = el_y(stream, layer), sign = el_add_of(layer)->subtracts ? -1.0f : 1.0f;
    for (uint32_t row = 0; row < layer->rows; row++) {
        const float *further = el_spread_row(stream->model, layer, other, row);
        for (uint32_t from = 0; from < layer->channels; from += width, x += width, y += width)
            for (uint32_t n = 0; n < width; n++)
                y[n] = el_held(x[n] + sign * further[n]);
    }
}

const el_layer_type el_layer_add = {
    .name = "add",
    .is_float = true,
    .joins = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
