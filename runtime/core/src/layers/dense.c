/* Dense: one product, then an activation. The last layer's results are scores. */
#include "matrix.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    if (layer->rows != 1 || entry->own[0] != 0 || entry->own[1] != 0 || entry->own[2] != 0 ||
        entry->multiplier != 0 || entry->shift != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0)
        return EL_ERROR_FIELD;
    layer->macs = (uint64_t)layer->inputs * layer->channels;
    uint32_t groups = el_round_up(layer->channels, EL_BLOCK_ROWS) / EL_BLOCK_ROWS;
    el_status status = el_check_matrix(model, layer, entry, entry->weights, entry->row_records,
                                       groups, layer->inputs, el_gives_reals(layer), &layer->dense);
    if (status == EL_OK && layer->wide)
        status = el_check_wide(&layer->dense, layer->inputs);
    return status;
}

static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    return el_matrix_work(&layer->dense) + (layer->wide ? el_wide_work(&layer->dense) : 0);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    el_matrix_run(model, layer, &layer->dense, el_stream_part(stream, layer->x_offset),
                  el_stream_part(stream, model->work_offset),
                  el_stream_part(stream, layer->y_offset));
}

const el_layer_type el_layer_dense = {
    .name = "dense",
    .may_give_scores = true,
    .may_be_wide = true,
    .may_be_float = true,
    .check = check,
    .work = work,
    .step = step,
};
