/* Inverse spectrum: rows of size + 2 channels → rows of `size` samples. */
#include "floats.h"
#include "transform.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    el_spectrum *spectrum = el_spectrum_in(layer);
    if (entry->own[0] != 0 || entry->own[1] != 0 || entry->own[2] != 0 || entry->activation != 0 ||
        entry->row_records.size != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0 || source.channels < 2 ||
        !el_gives(layer, source.rows, source.channels - 2))
        return EL_ERROR_FIELD;
    spectrum->size = layer->channels;
    layer->macs = (uint64_t)layer->rows * el_transform_macs(spectrum->size);
    return el_check_transform(model, entry, spectrum->size, &spectrum->table);
}

static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    return sizeof(float) * (uint64_t)el_transform_work(el_spectrum_of(layer)->size);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_spectrum *spectrum = el_spectrum_of(layer);
    const float *x = el_x(stream, layer);
    float *y = el_y(stream, layer);
    for (uint32_t row = 0; row < layer->rows; row++, x += spectrum->size + 2) {
        el_transform_back(spectrum->size, spectrum->table, x, y, el_work(stream));
        for (uint32_t n = 0; n < spectrum->size; n++, y++)
            *y = el_held(*y);
    }
}

const el_layer_type el_layer_inverse_spectrum = {
    .name = "inverse_spectrum",
    .is_float = true,
    .check = check,
    .work = work,
    .step = step,
};
