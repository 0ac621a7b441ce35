/* Spectrum: transforms of `size` samples, every `hop` of them, tapered and padded. */
#include "floats.h"
#include "padding.h"
#include "transform.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_spectrum *spectrum = el_spectrum_in(layer);
    if (entry->own[0] < 0 || entry->own[1] < 1 || entry->own[1] > EL_MAX_WIDTH ||
        entry->own[2] != 0 || entry->activation != 0 || entry->row_records.size != 0 ||
        entry->recurrent.size != 0 || entry->recurrent_rows.size != 0)
        return EL_ERROR_FIELD;
    spectrum->size = (uint32_t)entry->own[0];
    spectrum->hop = (uint32_t)entry->own[1];
    el_status status = el_check_transform(model, entry, spectrum->size, &spectrum->table);
    if (status != EL_OK)
        return status;
    if (!el_read_padding(entry, 3, layer->inputs, &spectrum->padding))
        return EL_ERROR_FIELD;
    uint64_t samples = (uint64_t)spectrum->padding.before + layer->inputs + spectrum->padding.after;
    if (samples < spectrum->size ||
        !el_gives(layer, (samples - spectrum->size) / spectrum->hop + 1, spectrum->size + 2))
        return EL_ERROR_FIELD;
    layer->macs = (uint64_t)layer->rows * el_transform_macs(spectrum->size);
    if (entry->further.size == 0)
        return EL_OK;
    return el_check_values(model, entry, entry->further, spectrum->size, &spectrum->taper);
}

/* The samples of a transform, then what it needs. */
static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    return sizeof(float) *
           ((uint64_t)el_spectrum_of(layer)->size + el_transform_work(el_spectrum_of(layer)->size));
}

static void gather(const el_layer *layer, const float *x, uint32_t start, float *samples) {
    const el_spectrum *spectrum = el_spectrum_of(layer);
    const el_padding *padding = &spectrum->padding;
    uint32_t size = spectrum->size;
    if (start >= padding->before && start - padding->before + size <= layer->inputs)
        memcpy(samples, x + (start - padding->before), size * sizeof *samples);
    else
        for (uint32_t n = 0; n < size; n++) {
            int32_t row = el_padded_row(padding, layer->inputs, start + n);
            samples[n] = row < 0 ? 0.0f : x[row];
        }
    if (spectrum->taper != NULL)
        for (uint32_t n = 0; n < size; n++)
            samples[n] *= spectrum->taper[n];
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_spectrum *spectrum = el_spectrum_of(layer);
    float *samples = el_work(stream), *y = el_y(stream, layer);
    for (uint32_t row = 0; row < layer->rows; row++, y += layer->channels) {
        gather(layer, el_x(stream, layer), row * spectrum->hop, samples);
        el_transform(spectrum->size, spectrum->table, samples, y, samples + spectrum->size);
        for (uint32_t n = 0; n < layer->channels; n++)
            y[n] = el_held(y[n]);
    }
}

const el_layer_type el_layer_spectrum = {
    .name = "spectrum",
    .is_float = true,
    .hears = true,
    .may_go_further = true,
    .own_fields = 6,
    .check = check,
    .work = work,
    .step = step,
};
