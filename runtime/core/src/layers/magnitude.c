/* Magnitude of each frequency of a spectrum. */
#include "floats.h"

#define MOST 1e18f /* whose square is no infinity */

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    if (source.channels % 2 != 0 || !el_gives(layer, source.rows, source.channels / 2) ||
        !el_is_bare(entry) || entry->own[0] != 0 || entry->own[1] != 0 || entry->own[2] != 0)
        return EL_ERROR_FIELD;
    return EL_OK;
}

static void magnitudes(const float *restrict re, const float *restrict im, uint32_t count,
                       float *restrict y) {
    for (uint32_t n = 0; n < count; n++) {
        float a = el_clamp(re[n], -MOST, MOST), b = el_clamp(im[n], -MOST, MOST);
        y[n] = el_sqrt(a * a + b * b);
    }
}

static void step(const el_stream *stream, const el_layer *layer) {
    const uint32_t half = layer->channels;
    const float *re = el_x(stream, layer);
    float *y = el_y(stream, layer);
    for (uint32_t row = 0; row < layer->rows; row++, re += 2 * half, y += half)
        magnitudes(re, re + half, half, y);
}

const el_layer_type el_layer_magnitude = {
    .name = "magnitude",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
