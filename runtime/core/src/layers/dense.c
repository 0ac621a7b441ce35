/* Dense: one product, then an activation. The last layer's results are scores. */
#include "int16.h"

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    if (layer->rows != 1 || entry->own[0] != 0 || entry->own[1] != 0 || entry->own[2] != 0 ||
        entry->multiplier != 0 || entry->shift != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0)
        return EL_ERROR_FIELD;
    layer->macs = (uint64_t)layer->inputs * layer->channels;
    uint32_t groups = el_round_up(layer->channels, EL_BLOCK_ROWS) / EL_BLOCK_ROWS;
    el_matrix *matrix = el_matrix_in(layer);
    el_status status = el_check_matrix(model, layer, entry, entry->weights, entry->row_records,
                                       groups, layer->inputs, el_gives_reals(layer), matrix);
    if (status == EL_OK && layer->wide)
        status = el_check_wide(matrix, layer->inputs);
    return status;
}

static uint64_t work(const el_model *model, const el_layer *layer) {
    (void)model;
    const el_matrix *matrix = el_matrix_of(layer);
    uint64_t sums = el_matrix_work(matrix);
    if (el_has_int16(layer))
        return sums + el_codes_size(matrix->columns);
    return sums + (layer->wide ? el_wide_work(matrix) : 0);
}

#ifndef EL_NO_FLOAT32
static void step_int16(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    const el_matrix *matrix = el_matrix_of(layer);
    const float *x = el_stream_part(stream, layer->x_offset);
    float *sums = el_stream_part(stream, model->work_offset);
    int16_t *codes = (void *)((uint8_t *)sums + el_matrix_work(matrix));
    float step = el_step_of(x, layer->inputs);
    el_make_codes16(x, layer->inputs, step, codes);
    model->kernels->dense_int16(matrix, codes, step, NULL, sums);
    if (!layer->gives_scores) /* which are as they are, where they are */
        el_finish_floats(layer, sums, el_stream_part(stream, layer->y_offset));
}
#endif

static void step(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
#ifndef EL_NO_FLOAT32
    if (el_has_int16(layer)) {
        step_int16(stream, layer);
        return;
    }
#endif
    el_matrix_run(stream, layer, el_matrix_of(layer), el_stream_part(stream, layer->x_offset),
                  el_stream_part(stream, model->work_offset),
                  el_stream_part(stream, layer->y_offset));
}

const el_layer_type el_layer_dense = {
    .name = "dense",
    .may_give_scores = true,
    .may_be_wide = true,
    .may_be_packed = true,
    .may_be_float = true,
    .check = check,
    .work = work,
    .step = step,
};
