/* Convolutions with 16-bit weights: a step for all rows of the frame, whose codes lie padded, so
 * that windows of neighbours need no copies. */
#include "conv.h"
#include "int16.h"

#include <string.h>

static uint32_t padded_rows(const el_layer *layer, uint32_t rows) {
    const el_padding *padding = &el_conv_of(layer)->padding;
    return padding->before + rows + padding->after;
}

/* What a step needs: sums of EL_BATCH windows, these where they are gathered, codes of the frame
 * and of a column further. */
typedef struct places {
    uint8_t *sums, *windows;
    int16_t *codes;
    size_t of_sums, of_window; /* bytes */
    uint32_t row;              /* codes */
} places;

static places places_of(const el_model *model, const el_layer *layer, void *work) {
    const el_matrix *matrix = &el_conv_of(layer)->matrix;
    size_t of_sums = (size_t)el_matrix_work(matrix), of_window = el_codes_size(matrix->columns);
    uint8_t *windows = (uint8_t *)work + EL_BATCH * of_sums;
    return (places){
        .sums = work,
        .windows = windows,
        .codes = (void *)(windows + EL_BATCH * of_window),
        .of_sums = of_sums,
        .of_window = of_window,
        .row = el_source_shape(model, layer).channels,
    };
}

uint64_t el_conv_int16_work(const el_model *model, const el_layer *layer) {
    el_shape source = el_source_shape(model, layer);
    const el_matrix *matrix = &el_conv_of(layer)->matrix;
    uint64_t codes = (uint64_t)padded_rows(layer, source.rows) * source.channels + EL_COLUMN_PAD_16;
    return EL_BATCH * (el_matrix_work(matrix) + el_codes_size(matrix->columns)) +
           el_align(codes * sizeof(int16_t));
}

/* Codes of the frame with its padding. */
static void fill(const el_layer *layer, const float *x, uint32_t rows, float step,
                 const places *at) {
    const el_padding *padding = &el_conv_of(layer)->padding;
    const uint32_t every = padded_rows(layer, rows);
    const size_t size = at->row * sizeof *at->codes;
    int16_t *frame = at->codes + (size_t)padding->before * at->row;
    el_make_codes16(x, rows * at->row, step, frame);
    /* met by columns of padding */
    memset(at->codes + (size_t)every * at->row, 0, (EL_COLUMN_PAD_16 - 1) * sizeof *at->codes);
    for (uint32_t n = 0; n < every; n++) {
        int32_t from = el_padded_row(padding, rows, n);
        int16_t *to = at->codes + (size_t)n * at->row;
        if (from < 0)
            memset(to, 0, size);
        else if (n < padding->before || n >= padding->before + rows)
            memcpy(to, frame + (size_t)from * at->row, size);
    }
}

/* The window of result `n`, gathered in the `place`-th place where its rows are no neighbours. */
static const int16_t *window_of(const el_layer *layer, const places *at, uint32_t n,
                                uint32_t place) {
    const el_conv *conv = el_conv_of(layer);
    const int16_t *from = at->codes + (size_t)n * conv->stride * at->row;
    int16_t *window = (void *)(at->windows + place * at->of_window), *to = window;
    if (conv->dilation == 1)
        return from;
    for (uint32_t tap = 0; tap < conv->taps; tap++, to += at->row)
        memcpy(to, from + (size_t)tap * conv->dilation * at->row, at->row * sizeof *to);
    memset(to, 0, (size_t)(window + conv->matrix.columns - to) * sizeof *to); /* padding */
    return window;
}

void el_conv_int16_step(const el_stream *stream, const el_layer *layer) {
    const el_model *model = stream->model;
    const el_matrix *matrix = &el_conv_of(layer)->matrix;
    el_shape source = el_source_shape(model, layer);
    places at = places_of(model, layer, el_stream_part(stream, model->work_offset));
    const float *x = el_stream_part(stream, layer->x_offset);
    float *y = el_stream_part(stream, layer->y_offset);
    float step = el_step_of(x, source.rows * source.channels);
    fill(layer, x, source.rows, step, &at);
    for (uint32_t first = 0; first < layer->rows; first += EL_BATCH) {
        uint32_t left = layer->rows - first, count = left < EL_BATCH ? left : EL_BATCH;
        const int16_t *windows[EL_BATCH];
        float *sums[EL_BATCH];
        for (uint32_t n = 0; n < count; n++) {
            windows[n] = window_of(layer, &at, first + n, n);
            sums[n] = (void *)(at.sums + n * at.of_sums);
        }
        if (count == EL_BATCH)
            model->kernels->dense_int16_batch(matrix, windows, step, sums);
        for (uint32_t n = 0; n < count; n++, y += layer->channels) {
            if (count < EL_BATCH)
                model->kernels->dense_int16(matrix, windows[n], step, NULL, sums[n]);
            el_finish_floats(layer, sums[n], y);
        }
    }
}
