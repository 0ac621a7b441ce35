/* Convolution over the rows of its source, without a memory of its own: one product for each
 * position. With groups it computes in float32, and weights are no blocks: taps · channels of the
 * group for each output, one after the other. */
#include "conv.h"
#include "float_math.h"
#include "floats.h"
#include "int16.h"

#include <string.h>

static __attribute__((cold)) el_status check_sizes(const el_model *model, el_layer *layer,
                                                   const el_entry *entry) {
    el_shape source = el_source_shape(model, layer);
    el_conv *conv = el_conv_in(layer);
    for (size_t n = 0; n < 3; n++)
        if (entry->own[n] < 1 || entry->own[n] > EL_MAX_WIDTH)
            return EL_ERROR_LIMIT;
    if (entry->own[3] < 0 || !el_read_padding(entry, 4, source.rows, &conv->padding))
        return EL_ERROR_FIELD;
    uint64_t within = (uint64_t)conv->padding.before + source.rows + conv->padding.after;
    if ((uint32_t)entry->own[0] > within)
        return EL_ERROR_LIMIT;
    conv->taps = (uint32_t)entry->own[0];
    conv->stride = (uint32_t)entry->own[1];
    conv->dilation = (uint32_t)entry->own[2];
    conv->groups = entry->own[3] == 0 ? 1 : (uint32_t)entry->own[3];
    uint64_t reach = (uint64_t)(conv->taps - 1) * conv->dilation + 1;
    if (reach > within || layer->rows != (within - reach) / conv->stride + 1 ||
        ((el_has_int8(layer) || el_has_int16(layer)) && conv->groups != 1) ||
        source.channels % conv->groups != 0 || layer->channels % conv->groups != 0 ||
        entry->multiplier != 0 || entry->shift != 0 || entry->recurrent.size != 0 ||
        entry->recurrent_rows.size != 0)
        return EL_ERROR_FIELD;
    return (uint64_t)conv->taps * source.channels > EL_MAX_WIDTH ? EL_ERROR_LIMIT : EL_OK;
}

static __attribute__((cold)) el_status check_matrix(const el_model *model, el_layer *layer,
                                                    const el_entry *entry, uint32_t columns) {
    uint32_t groups = el_round_up(layer->channels, EL_BLOCK_ROWS) / EL_BLOCK_ROWS;
    el_matrix *matrix = &el_conv_in(layer)->matrix;
    el_status status = el_check_matrix(model, layer, entry, entry->weights, entry->row_records,
                                       groups, columns, el_gives_reals(layer), matrix);
    return status == EL_OK && layer->wide ? el_check_wide(matrix, columns) : status;
}

static __attribute__((cold)) el_status check(el_model *model, el_layer *layer,
                                             const el_entry *entry) {
    el_conv *conv = el_conv_in(layer);
    el_status status = check_sizes(model, layer, entry);
    if (status != EL_OK)
        return status;
    uint32_t columns = conv->taps * (el_source_shape(model, layer).channels / conv->groups);
    layer->macs = (uint64_t)columns * layer->channels * layer->rows;
    if (conv->groups == 1)
        return check_matrix(model, layer, entry, columns);
    const float *weights, *bias = NULL;
    conv->matrix.columns = columns;
    status = el_check_values(model, entry, entry->weights, (uint64_t)columns * layer->channels,
                             &weights);
    if (status == EL_OK)
        status = el_check_values(model, entry, entry->row_records, layer->channels, &bias);
    conv->matrix.weights = weights;
    conv->matrix.rows = bias;
    return status;
}

static bool has_groups(const el_layer *layer) {
    return !el_has_int8(layer) && el_conv_of(layer)->groups != 1;
}

/* Sums, and what their products need, then the rows of a window side by side. */
static uint64_t sums_size(const el_layer *layer) {
    const el_matrix *matrix = &el_conv_of(layer)->matrix;
    if (has_groups(layer))
        return 0;
    return el_matrix_work(matrix) + (layer->wide ? el_wide_work(matrix) : 0);
}

static uint64_t work(const el_model *model, const el_layer *layer) {
    if (el_has_int16(layer))
        return el_conv_int16_work(model, layer);
    el_shape source = el_source_shape(model, layer);
    uint64_t window = (uint64_t)el_conv_of(layer)->taps * source.channels;
    uint64_t columns = el_conv_of(layer)->matrix.columns;
    return sums_size(layer) + (window > columns ? window : columns) * el_taken_size(layer);
}

/* One result of a convolution with groups from its window. */
static void run_groups(const el_layer *layer, const float *window, uint32_t channels, float *y) {
    const el_conv *conv = el_conv_of(layer);
    const float *weights = conv->matrix.weights, *bias = conv->matrix.rows;
    uint32_t each = layer->channels / conv->groups, width = channels / conv->groups;
    for (uint32_t n = 0; n < layer->channels; n++) {
        const float *x = window + n / each * width;
        float sum = bias[n];
        for (uint32_t tap = 0; tap < conv->taps; tap++, x += channels)
            for (uint32_t k = 0; k < width; k++)
                sum += *weights++ * x[k];
        y[n] = el_clamp(sum, layer->relu ? 0.0f : -EL_MAX_HIDDEN, EL_MAX_HIDDEN);
    }
}

/* The rows that the taps of result `n` meet. */
static void gather(const el_layer *layer, const uint8_t *x, uint32_t rows, size_t row, uint32_t n,
                   uint8_t *to) {
    const el_conv *conv = el_conv_of(layer);
    for (uint32_t tap = 0; tap < conv->taps; tap++, to += row) {
        int32_t at = el_padded_row(&conv->padding, rows, n * conv->stride + tap * conv->dilation);
        if (at < 0)
            memset(to, layer->input_zero_point, row); /* 0 but for codes of 8 bits */
        else
            memcpy(to, x + (size_t)at * row, row);
    }
}

static void step(const el_stream *stream, const el_layer *layer) {
    if (el_has_int16(layer)) {
        el_conv_int16_step(stream, layer);
        return;
    }
    const el_model *model = stream->model;
    const el_conv *conv = el_conv_of(layer);
    const el_padding *padding = &conv->padding;
    el_shape source = el_source_shape(model, layer);
    size_t value = el_taken_size(layer), row = source.channels * value;
    const uint8_t *x = el_stream_part(stream, layer->x_offset);
    uint8_t *y = el_stream_part(stream, layer->y_offset);
    uint8_t *sums = el_stream_part(stream, model->work_offset);
    uint8_t *gathered = sums + sums_size(layer);
    /* A window of neighbours is contiguous, but the padding of its columns must not reach behind
     * what the source owns. */
    size_t window = conv->matrix.columns * value, owned = (size_t)el_align(source.rows * row);
    bool direct = conv->dilation == 1 && !has_groups(layer);
    for (uint32_t n = 0; n < layer->rows; n++, y += layer->channels * el_given_size(layer)) {
        uint32_t first = n * conv->stride;
        const uint8_t *from = gathered;
        if (direct && first >= padding->before &&
            first + conv->taps <= padding->before + source.rows &&
            (first - padding->before) * row + window <= owned)
            from = x + (first - padding->before) * row;
        else
            gather(layer, x, source.rows, row, n, gathered);
        if (has_groups(layer))
            run_groups(layer, (const float *)(const void *)from, source.channels,
                       (float *)(void *)y);
        else
            el_matrix_run(stream, layer, &conv->matrix, from, sums, y);
    }
}

const el_layer_type el_layer_conv = {
    .name = "conv",
    .may_be_wide = true,
    .may_be_packed = true,
    .may_be_float = true,
    .own_fields = 7,
    .check = check,
    .work = work,
    .step = step,
};
