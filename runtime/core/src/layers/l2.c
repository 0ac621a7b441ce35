/* L2: each row divided by its length over channels. */
#include "floats.h"

#define SHORTEST 1e-12f

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    if (!el_gives(layer, source.rows, source.channels) || !el_is_bare(entry) ||
        entry->own[0] != 0 || entry->own[1] != 0 || entry->own[2] != 0)
        return EL_ERROR_FIELD;
    return EL_OK;
}

static void step(const el_stream *stream, const el_layer *layer) {
    const uint32_t width = layer->channels;
    const float *x = el_x(stream, layer);
    float *y = el_y(stream, layer);
    for (uint32_t row = 0; row < layer->rows; row++, x += width, y += width) {
        float length = el_sqrt(el_clamp(el_sum_of_squares(x, width, 0.0f), 0.0f, 1e37f));
        length = length > SHORTEST ? length : SHORTEST;
        for (uint32_t n = 0; n < width; n++)
            y[n] = el_held(x[n] / length);
    }
}

const el_layer_type el_layer_l2 = {
    .name = "l2",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
