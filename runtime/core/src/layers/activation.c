/* Activation: a function of each value by itself, or softmax over the channels of a row. */
#include "floats.h"
#include "functions.h"

/* Numbers beyond those of functions.h. */
enum { LEAKY_RELU = EL_FUNCTIONS, CLIP, SOFTMAX, KINDS };

typedef struct el_activate {
    const float *slope;
    uint32_t function;
    uint32_t slopes;
    float low, high;
} el_activate;

EL_RECORD(el_activate)

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    el_activate *activate = el_activate_in(layer);
    activate->function = (uint32_t)entry->own[0];
    activate->low = el_own_float(entry, 1);
    activate->high = el_own_float(entry, 2);
    bool clips = activate->function == CLIP, leaks = activate->function == LEAKY_RELU;
    if (!el_gives(layer, source.rows, source.channels) || entry->activation != 0 ||
        entry->row_records.size != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0 || activate->function >= KINDS ||
        (entry->weights.size != 0) != leaks)
        return EL_ERROR_FIELD;
    bool bounded = el_is_finite(activate->low) && el_is_finite(activate->high) &&
                   activate->low < activate->high;
    if (clips ? !bounded : entry->own[1] != 0 || entry->own[2] != 0)
        return EL_ERROR_FIELD;
    if (!leaks)
        return EL_OK;
    activate->slopes = entry->weights.size == sizeof(float) ? 1 : layer->channels;
    return el_check_values(model, entry, entry->weights, activate->slopes, &activate->slope);
}

static void leak(const el_layer *layer, const float *x, float *y) {
    const float *slope = el_activate_of(layer)->slope;
    uint32_t step = el_activate_of(layer)->slopes > 1;
    for (uint32_t row = 0; row < layer->rows; row++, x += layer->channels, y += layer->channels)
        for (uint32_t n = 0; n < layer->channels; n++)
            y[n] = x[n] > 0 ? x[n] : el_held(x[n] * slope[n * step]);
}

static void softmax(const el_layer *layer, const float *x, float *y) {
    const uint32_t width = layer->channels;
    for (uint32_t row = 0; row < layer->rows; row++, x += width, y += width) {
        float most = x[0];
        for (uint32_t n = 1; n < width; n++)
            most = x[n] > most ? x[n] : most;
        for (uint32_t n = 0; n < width; n++)
            y[n] = el_exp(x[n] - most);
        float sum = el_sum(y, width);
        for (uint32_t n = 0; n < width; n++)
            y[n] /= sum;
    }
}

static void sigmoid(const float *restrict x, uint32_t count, float *restrict y) {
    for (uint32_t n = 0; n < count; n++)
        y[n] = el_sigmoid(x[n]);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_activate *activate = el_activate_of(layer);
    const float *x = el_x(stream, layer);
    float *y = el_y(stream, layer);
    switch (activate->function) {
    case LEAKY_RELU:
        leak(layer, x, y);
        return;
    case CLIP:
        for (uint32_t n = 0; n < layer->inputs; n++)
            y[n] = el_clamp(x[n], activate->low, activate->high);
        return;
    case SOFTMAX:
        softmax(layer, x, y);
        return;
    case EL_F_RELU:
        for (uint32_t n = 0; n < layer->inputs; n++)
            y[n] = x[n] > 0 ? x[n] : 0;
        return;
    case EL_F_SIGMOID:
        sigmoid(x, layer->inputs, y);
        return;
    default:
        for (uint32_t n = 0; n < layer->inputs; n++)
            y[n] = el_apply(activate->function, x[n]);
    }
}

const el_layer_type el_layer_activation = {
    .name = "activation",
    .is_float = true,
    .check = check,
    .work = el_work_of_scores,
    .step = step,
};
