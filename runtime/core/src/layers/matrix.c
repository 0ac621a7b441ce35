#include "matrix.h"

#include "fields.h"
#include "float_math.h"
#include "int16.h"
#include "int4.h"
#include "kernels/kernels.h"
#include "model_open.h"
#include "team.h"

#include <float.h>

const el_kernels *el_float_kernels(const el_model *model) {
#ifndef EL_NO_BF16
    if (model->precision == EL_BF16)
        return model->kernels->bf16;
#endif
    return el_is_int8(model) ? model->kernels->exact : model->kernels;
}

el_status el_check_tensor(const el_model *model, size_t file_size, uint32_t offset,
                          uint64_t wanted) {
    uint32_t tables_end = EL_HEADER_SIZE + EL_ENTRY_SIZE * model->n_layers;
    if (offset % EL_ALIGNMENT != 0 || offset < tables_end || offset > file_size ||
        wanted > file_size - offset)
        return EL_ERROR_BOUNDS;
    return EL_OK;
}

el_status el_check_sized(const el_model *model, size_t file_size, el_tensor tensor,
                         uint64_t wanted) {
    if (tensor.size != wanted)
        return EL_ERROR_BOUNDS;
    return el_check_tensor(model, file_size, tensor.offset, wanted);
}

el_status el_check_floats(const float *values, uint64_t count) {
    for (uint64_t n = 0; n < count; n++)
        if (!el_is_finite_up_to(values[n], EL_MAX_FLOAT_WEIGHT))
            return EL_ERROR_WEIGHTS;
    return EL_OK;
}

el_status el_check_weights(const el_layer *layer, const void *weights, uint64_t count) {
    if (!el_has_bf16(layer))
        return el_check_floats(weights, count);
    const uint16_t *halves = weights;
    for (uint64_t n = 0; n < count; n++) {
        uint32_t bits = (uint32_t)halves[n] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!el_is_finite_up_to(value, EL_MAX_FLOAT_WEIGHT))
            return EL_ERROR_WEIGHTS;
    }
    return EL_OK;
}

/* Columns `used` to `columns` - 1 of a block hold zeros. */
static bool is_padded_with_zeros(const int8_t *block, uint32_t used, uint32_t columns) {
    for (uint32_t column = used; column < columns; column++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            if (block[column / EL_BLOCK_COLUMNS * EL_BLOCK_COLUMNS * EL_BLOCK_ROWS +
                      row * EL_BLOCK_COLUMNS + column % EL_BLOCK_COLUMNS] != 0)
                return false;
    return true;
}

bool el_sum_rows(const int8_t *block, uint32_t used, uint32_t columns,
                 int32_t sums[EL_BLOCK_ROWS]) {
    bool valid = is_padded_with_zeros(block, used, columns);
    memset(sums, 0, EL_BLOCK_ROWS * sizeof *sums);
    for (uint32_t column = 0; column < columns; column += EL_BLOCK_COLUMNS)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            for (uint32_t k = 0; k < EL_BLOCK_COLUMNS; k++, block++) {
                valid = valid && *block != -128;
                sums[row] += *block;
            }
    return valid;
}

bool el_sum_block(const el_layer *layer, const void *block, uint32_t used, uint32_t columns,
                  int32_t sums[EL_BLOCK_ROWS]) {
#ifndef EL_NO_INT4
    if (el_is_packed(layer))
        return el_sum_packed_rows(block, used, columns, sums);
#endif
    (void)layer;
    return el_sum_rows(block, used, columns, sums);
}

/* Row `n` of a record, the sum of its weights known. */
static bool is_row(const el_rows *rows, uint32_t n, int32_t sum, bool gives_reals) {
    float scale;
    memcpy(&scale, &rows->multiplier_w[n], sizeof scale);
    bool scaled = gives_reals ? el_is_finite_up_to(scale, EL_MAX_FLOAT_WEIGHT)
                              : el_is_multiplier(rows->multiplier_w[n], rows->shift_w[n]);
    return scaled && rows->sum_w[n] == sum && rows->sum_r[n] == 0 &&
           rows->bias[n] >= -EL_MAX_BIAS && rows->bias[n] <= EL_MAX_BIAS &&
           el_is_multiplier(rows->multiplier_r[n], rows->shift_r[n]);
}

static el_status check_int8(const el_layer *layer, const el_matrix *matrix, uint32_t used,
                            bool gives_reals) {
    const uint8_t *weights = matrix->weights;
    const el_rows *rows = matrix->rows;
    for (uint32_t group = 0; group < matrix->groups; group++, rows++) {
        int32_t sums[EL_BLOCK_ROWS];
        bool valid = el_sum_block(layer, weights, used, matrix->columns, sums);
        weights += el_weights_size(layer, (uint64_t)EL_BLOCK_ROWS * matrix->columns);
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
            valid = valid && is_row(rows, n, sums[n], gives_reals);
        if (!valid)
            return EL_ERROR_WEIGHTS;
    }
    return EL_OK;
}

el_status el_check_matrix(const el_model *model, const el_layer *layer, const el_entry *entry,
                          el_tensor weights, el_tensor rows, uint32_t groups, uint32_t used,
                          bool gives_reals, el_matrix *matrix) {
    bool int8 = el_has_int8(layer);
    if (used < 1 || used > EL_MAX_WIDTH)
        return EL_ERROR_LIMIT;
    if (el_has_int16(layer))
        return el_check_int16(model, entry, weights, rows, groups, used, matrix);
    matrix->columns = int8 ? el_round_up(used, EL_COLUMN_PAD) : used;
    matrix->used = used;
    matrix->groups = groups;
    matrix->zero_point = entry->input_zero_point;
    uint64_t n_rows = (uint64_t)groups * EL_BLOCK_ROWS, elements = n_rows * matrix->columns;
    uint64_t rows_size = n_rows * (int8 ? sizeof(el_rows) / EL_BLOCK_ROWS : sizeof(float));
    el_status status =
        el_check_sized(model, entry->file_size, weights, el_weights_size(layer, elements));
    if (status == EL_OK)
        status = el_check_sized(model, entry->file_size, rows, rows_size);
    if (status != EL_OK)
        return status;
    matrix->weights = model->file + weights.offset;
    matrix->rows = model->file + rows.offset;
    if (int8)
        return check_int8(layer, matrix, used, gives_reals);
    status = el_check_weights(layer, matrix->weights, elements);
    return status == EL_OK ? el_check_floats(matrix->rows, n_rows) : status;
}

el_matrix el_matrix_slice(const el_layer *layer, const el_matrix *matrix, uint32_t first,
                          uint32_t groups) {
    el_matrix part = *matrix;
    size_t rows = (size_t)first * EL_BLOCK_ROWS;
    part.groups = groups;
    if (el_has_int16(layer)) {
        part.weights = (const int16_t *)matrix->weights + rows * matrix->columns;
        part.rows = el_rows16_of(matrix, first);
        return part;
    }
    part.weights =
        (const uint8_t *)matrix->weights + el_weights_size(layer, (uint64_t)rows * matrix->columns);
    part.rows = (const uint8_t *)matrix->rows +
                (el_has_int8(layer) ? first * sizeof(el_rows) : rows * sizeof(float));
    return part;
}

#ifndef EL_WITHOUT_CHUNKS
/* Bytes of weights that stay in a near cache while all frames meet them. */
#define SLICE_SIZE 65536u

/* EL_BATCH frames by some groups, whose sums come `first` values behind the beginning. */
static void multiply_slice(const el_model *model, const el_layer *layer, const el_matrix *slice,
                           size_t block, const void *const *x, void *const *sums, size_t first) {
    if (el_has_int8(layer)) {
        const int8_t *codes[EL_BATCH];
        int32_t *to[EL_BATCH];
        for (uint32_t n = 0; n < EL_BATCH; n++) {
            codes[n] = x[n];
            to[n] = (int32_t *)sums[n] + first;
        }
        model->kernels->dense_int8_batch(slice, block, codes, to);
        return;
    }
    const float *values[EL_BATCH];
    float *to[EL_BATCH];
    for (uint32_t n = 0; n < EL_BATCH; n++) {
        values[n] = x[n];
        to[n] = (float *)sums[n] + first;
    }
    el_float_kernels(model)->dense_float32_batch(slice, block, values, to);
}

typedef struct frames_step {
    el_step step;
    const el_stream *stream;
    const el_layer *layer;
    const el_matrix *matrix;
    size_t block;
    const void *const *x;
    void *const *sums;
    uint32_t frames;
} frames_step;

static void take_frames(const el_step *step, uint32_t from, uint32_t groups) {
    const frames_step *of = (const void *)step;
    const el_layer *layer = of->layer;
    const size_t block_size = of->block * el_weight_size(layer);
    const size_t rows_size = el_has_int8(layer) ? sizeof(el_rows) : EL_BLOCK_ROWS * sizeof(float);
    uint32_t fours = (uint32_t)(SLICE_SIZE / (4 * block_size)), behind = from + groups;
    uint32_t most = 4 * (fours == 0 ? 1u : fours); /* kernels take four at a time */
    for (uint32_t first = from; first < behind; first += most) {
        uint32_t left = behind - first;
        el_matrix slice = *of->matrix;
        slice.groups = left < most ? left : most;
        slice.weights = (const uint8_t *)of->matrix->weights + first * block_size;
        slice.rows = (const uint8_t *)of->matrix->rows + first * rows_size;
        for (uint32_t n = 0; n < of->frames; n += EL_BATCH)
            multiply_slice(of->stream->model, layer, &slice, of->block, of->x + n, of->sums + n,
                           (size_t)first * EL_BLOCK_ROWS);
    }
}

void el_multiply_frames(const el_stream *stream, const el_layer *layer, const el_matrix *matrix,
                        size_t block, const void *const *x, void *const *sums, uint32_t frames) {
    frames_step of = {.step = {.take = take_frames, .groups = matrix->groups},
                      .stream = stream,
                      .layer = layer,
                      .matrix = matrix,
                      .block = block,
                      .x = x,
                      .sums = sums,
                      .frames = frames};
    if (el_is_shared(stream, matrix->groups, (uint64_t)matrix->groups * of.block * frames))
        el_share(stream, &of.step);
    else
        take_frames(&of.step, 0, matrix->groups);
}
#endif

static void multiply(const el_model *model, const el_layer *layer, const el_matrix *matrix,
                     const void *x, void *sums) {
    if (el_has_int8(layer))
        el_int8_sums(model->kernels, layer, matrix, x, sums);
    else
        el_float_kernels(model)->dense_float32(matrix, x, sums);
}

typedef struct product_step {
    el_step step;
    const el_model *model;
    const el_layer *layer;
    const el_matrix *matrix;
    const void *x;
    void *sums;
} product_step;

static void take_groups(const el_step *step, uint32_t first, uint32_t groups) {
    const product_step *of = (const void *)step;
    const el_matrix slice = el_matrix_slice(of->layer, of->matrix, first, groups);
    const size_t before = (size_t)first * EL_BLOCK_ROWS * sizeof(int32_t); /* or float */
    multiply(of->model, of->layer, &slice, of->x, (uint8_t *)of->sums + before);
}

void el_multiply(const el_stream *stream, const el_layer *layer, const el_matrix *matrix,
                 const void *x, void *sums) {
    const uint64_t macs = (uint64_t)matrix->groups * EL_BLOCK_ROWS * matrix->columns;
    if (!el_is_shared(stream, matrix->groups, macs)) {
        multiply(stream->model, layer, matrix, x, sums);
        return;
    }
    product_step of = {.step = {.take = take_groups, .groups = matrix->groups},
                       .model = stream->model,
                       .layer = layer,
                       .matrix = matrix,
                       .x = x,
                       .sums = sums};
    el_share(stream, &of.step);
}

/* A register further: kernels read whole ones. */
static size_t sums_size(const el_matrix *matrix) {
    return (size_t)matrix->groups * EL_BLOCK_ROWS * sizeof(int32_t) + EL_ALIGNMENT; /* or float */
}

uint64_t el_matrix_work(const el_matrix *matrix) {
    return el_align((uint64_t)sums_size(matrix) + (uint64_t)matrix->groups * EL_BLOCK_ROWS);
}

/* The codes come behind the sums first: kernels write whole lines, and y may end before. */
static void finish_codes(const el_kernels *kernels, const el_layer *layer, const el_matrix *matrix,
                         void *work, int8_t *y) {
    int8_t *codes = (int8_t *)work + sums_size(matrix);
    kernels->codes_int8(matrix, work, layer->channels, layer->zero_point,
                        layer->relu ? layer->zero_point : INT8_MIN, codes);
    memcpy(y, codes, layer->channels);
}

/* int32 sums become float32 scores, or results; `sums` may be `y`. */
static void finish_reals(const el_layer *layer, const el_rows *rows, const void *sums, void *y) {
    const unsigned char *from = sums;
    unsigned char *to = y;
    const float low = layer->relu ? 0.0f : -FLT_MAX;
    for (uint32_t n = 0; n < layer->channels; n += EL_BLOCK_ROWS, rows++) {
        int32_t block[EL_BLOCK_ROWS];
        float scales[EL_BLOCK_ROWS], reals[EL_BLOCK_ROWS];
        memcpy(block, from + n * sizeof *block, sizeof block);
        memcpy(scales, rows->multiplier_w, sizeof scales);
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
            float real = (float)block[row] * scales[row];
            reals[row] = real > low ? real : low;
        }
        uint32_t left = layer->channels - n;
        memcpy(to + n * sizeof *reals, reals,
               (left < EL_BLOCK_ROWS ? left : EL_BLOCK_ROWS) * sizeof *reals);
    }
}

void el_matrix_run(const el_stream *stream, const el_layer *layer, const el_matrix *matrix,
                   const void *x, void *work, void *y) {
    const el_model *model = stream->model;
    if (layer->wide)
        el_wide_product(model, matrix, x, matrix->used, work,
                        (uint8_t *)work + el_matrix_work(matrix));
    else
        el_multiply(stream, layer, matrix, x, work);
    if (el_has_int8(layer)) {
        if (el_gives_reals(layer))
            finish_reals(layer, matrix->rows, work, y);
        else
            finish_codes(model->kernels, layer, matrix, work, y);
        return;
    }
    if (!layer->gives_scores) /* which are as they are, where they are */
        el_finish_floats(layer, work, y);
}

void el_finish_floats(const el_layer *layer, const float *values, float *y) {
    const float low = layer->relu ? 0.0f : -EL_MAX_HIDDEN;
    for (uint32_t n = 0; n < layer->channels; n++)
        y[n] = el_clamp(values[n], low, EL_MAX_HIDDEN);
}
