/* Natural logarithm of scale·x + floor. */
#include "floats.h"

#define LEAST 1e-30f

typedef struct el_logarithm {
    float scale, floor;
} el_logarithm;

EL_RECORD(el_logarithm)

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    el_logarithm *logarithm = el_logarithm_in(layer);
    *logarithm = (el_logarithm){el_own_float(entry, 0), el_own_float(entry, 1)};
    if (!el_gives(layer, source.rows, source.channels) || !el_is_bare(entry) ||
        entry->own[2] != 0 || !(logarithm->scale > 0 && logarithm->scale <= 1e9f) ||
        !(logarithm->floor >= 0 && logarithm->floor <= 1e6f))
        return EL_ERROR_FIELD;
    return EL_OK;
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_logarithm *logarithm = el_logarithm_of(layer);
    const float *x = el_x(stream, layer), scale = logarithm->scale, floor = logarithm->floor;
    float *y = el_y(stream, layer);
    for (uint32_t n = 0; n < layer->inputs; n++)
        y[n] = el_log(el_clamp(x[n] * scale + floor, LEAST, 3e38f));
}

const el_layer_type el_layer_log = {
    .name = "log",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
