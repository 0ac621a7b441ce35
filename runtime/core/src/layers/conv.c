/* Convolution over the rows of its source, without a memory of its own: one product for each
 * position. */
#include "matrix.h"

#include <string.h>

static el_status check(el_model *model, el_layer *layer, const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    for (size_t n = 0; n < 3; n++)
        if (entry->own[n] < 1 || entry->own[n] > EL_MAX_WIDTH)
            return EL_ERROR_LIMIT;
    if ((uint32_t)entry->own[0] > source.rows)
        return EL_ERROR_LIMIT;
    el_conv *conv = &layer->conv;
    conv->taps = (uint32_t)entry->own[0];
    conv->stride = (uint32_t)entry->own[1];
    conv->dilation = (uint32_t)entry->own[2];
    uint64_t reach = (uint64_t)(conv->taps - 1) * conv->dilation + 1;
    if (reach > source.rows || layer->rows != (source.rows - reach) / conv->stride + 1 ||
        entry->multiplier != 0 || entry->shift != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0)
        return EL_ERROR_FIELD;
    uint64_t columns = (uint64_t)conv->taps * source.channels;
    if (columns > EL_MAX_WIDTH)
        return EL_ERROR_LIMIT;
    layer->macs = columns * layer->channels * layer->rows;
    return el_check_matrix(model, entry, entry->weights, entry->row_records,
                           el_round_up(layer->channels, EL_BLOCK_ROWS) / EL_BLOCK_ROWS,
                           (uint32_t)columns, false, &conv->matrix);
}

/* Sums, then the rows of a window side by side. */
static uint64_t work(const el_model *model, const el_layer *layer) {
    const el_matrix *matrix = &layer->conv.matrix;
    return el_matrix_work(matrix) + (uint64_t)matrix->columns * el_value_size(model);
}

static void step(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    const el_conv *conv = &layer->conv;
    uint32_t source_rows = el_source_shape(model, layer).rows;
    size_t value = el_value_size(model), row = layer->inputs / source_rows * value;
    const uint8_t *x = el_stream_part(stream, layer->x_offset);
    uint8_t *y = el_stream_part(stream, layer->y_offset);
    uint8_t *sums = el_stream_part(stream, model->work_offset);
    uint8_t *gathered = sums + el_matrix_work(&conv->matrix);
    /* A window of neighbours is contiguous, but the padding of its columns must not reach behind
     * what the source owns. */
    size_t window = conv->matrix.columns * value, owned = (size_t)el_align(source_rows * row);
    for (uint32_t n = 0; n < layer->rows; n++, y += layer->channels * value) {
        size_t start = (size_t)n * conv->stride * row;
        const uint8_t *from = x + start;
        if (conv->dilation > 1 || start + window > owned) {
            for (uint32_t tap = 0; tap < conv->taps; tap++)
                memcpy(gathered + tap * row, from + (size_t)tap * conv->dilation * row, row);
            from = gathered;
        }
        el_matrix_run(model, layer, &conv->matrix, from, sums, y);
    }
}

const el_layer_type el_layer_conv = {
    .name = "conv",
    .check = check,
    .work = work,
    .step = step,
};
