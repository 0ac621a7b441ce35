/* Opening a model file: every field is bounded before it is used. The format is in
 * docs/file-format.md. */
#include "kernels/kernels.h"
#include "model.h"

#include <string.h>

#define FORMAT_VERSION 0u
#define HEADER_SIZE 128u
#define ENTRY_SIZE 64u
#define CHECKSUM_START 16u

/* Offsets of header fields. */
enum {
    H_VERSION = 8,
    H_CHECKSUM = 12,
    H_SIZE = 16,
    H_IDENTITY = 24,
    H_PRECISION = 40,
    H_FEATURES = 44,
    H_OUTPUTS = 48,
    H_LAYERS = 52,
    H_ACTIVATION = 56,
    H_POOLING = 60,
    H_WINDOW = 64,
    H_HOP = 68,
    H_SAMPLE_RATE = 72,
    H_INPUT = 76,
    H_METADATA = 80,
    H_METADATA_SIZE = 84,
    H_RESERVED = 88
};

/* Offsets of fields in an entry of the layer table. */
enum {
    L_KIND = 0,
    L_INPUTS = 4,
    L_OUTPUTS = 8,
    L_ACTIVATION = 12,
    L_WEIGHTS = 16,
    L_WEIGHTS_SIZE = 20,
    L_ROWS = 24,
    L_ROWS_SIZE = 28,
    L_INPUT_ZERO_POINT = 32,
    L_OUTPUT_ZERO_POINT = 36,
    L_CELL_EXPONENT = 40,
    L_OUTPUT_MULTIPLIER = 44,
    L_OUTPUT_SHIFT = 48,
    L_OUTPUT_SCALE = 52, /* tells h as a real number; not needed to compute */
    L_RESERVED = 56
};

#define MAX_FILE_SIZE 0x7FFFFFFFu
#define MAX_WINDOW (1u << 20)
/* With |bias| ≤ 2^30 and at most 2^14 columns of |weight| ≤ 127 times |x - zero point| ≤ 255, a sum
 * stays below 2^30 + 2^29: int32 cannot overflow. */
#define MAX_BIAS (1 << 30)
/* float32 weights beyond this are no model; the bound keeps every LSTM sum finite. */
#define MAX_FLOAT_WEIGHT 1e6f

static const uint8_t MAGIC[8] = {0x89, 'E', 'L', 'S', 'T', 'M', '\r', '\n'};

static uint32_t u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static int32_t i32(const uint8_t *at) {
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static float f32(const uint8_t *at) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static bool is_finite_up_to(float value, float limit) {
    return value >= -limit && value <= limit;
}

static bool all_zero(const uint8_t *bytes, size_t size) {
    for (size_t n = 0; n < size; n++)
        if (bytes[n] != 0)
            return false;
    return true;
}

/* A tensor of exactly `wanted` bytes at an aligned `offset` behind the header. */
static el_status check_tensor(const el_model *model, size_t file_size, uint32_t offset,
                              uint64_t wanted) {
    uint32_t tables_end = HEADER_SIZE + ENTRY_SIZE * model->n_layers;
    if (offset % EL_ALIGNMENT != 0 || offset < tables_end || offset > file_size ||
        wanted > file_size - offset)
        return EL_ERROR_BOUNDS;
    return EL_OK;
}

static bool is_multiplier(int32_t mantissa, int32_t shift) {
    if (mantissa == 0)
        return shift == 0;
    return mantissa >= (1 << 30) && shift >= -31 && shift <= 30;
}

/* The sums of each of the 16 rows of a block of `columns`, and whether all weights are in [-127,
 * 127]. */
static bool sum_rows(const int8_t *block, uint32_t columns, int32_t sums[EL_BLOCK_ROWS]) {
    bool valid = true;
    memset(sums, 0, EL_BLOCK_ROWS * sizeof *sums);
    for (uint32_t column = 0; column < columns; column += EL_BLOCK_COLUMNS)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            for (uint32_t k = 0; k < EL_BLOCK_COLUMNS; k++, block++) {
                valid = valid && *block != -128;
                sums[row] += *block;
            }
    return valid;
}

/* Columns of padding hold zeros: they meet the h of units of padding, which are no part of the
 * state. */
static bool is_padded_with_zeros(const int8_t *block, uint32_t used, uint32_t columns) {
    for (uint32_t column = used; column < columns; column++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            if (block[column / EL_BLOCK_COLUMNS * EL_BLOCK_COLUMNS * EL_BLOCK_ROWS +
                      row * EL_BLOCK_COLUMNS + column % EL_BLOCK_COLUMNS] != 0)
                return false;
    return true;
}

static el_status check_int8_rows(el_layer *layer, bool is_last) {
    const int8_t *weights = layer->weights;
    const el_rows *rows = layer->rows;
    uint32_t blocks = layer->groups * (layer->kind == EL_LSTM ? EL_GATES : 1u);
    layer->no_overflow = true;
    for (uint32_t block = 0; block < blocks; block++, rows++) {
        int32_t sums_w[EL_BLOCK_ROWS], sums_r[EL_BLOCK_ROWS];
        bool valid = sum_rows(weights, layer->columns_w, sums_w) &&
                     is_padded_with_zeros(weights, layer->inputs, layer->columns_w);
        weights += EL_BLOCK_ROWS * layer->columns_w;
        valid = sum_rows(weights, layer->columns_r, sums_r) && valid;
        if (layer->kind == EL_LSTM)
            valid = is_padded_with_zeros(weights, layer->outputs, layer->columns_r) && valid;
        weights += EL_BLOCK_ROWS * layer->columns_r;
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++) {
            valid = valid && rows->sum_w[n] == sums_w[n] && rows->sum_r[n] == sums_r[n] &&
                    rows->bias[n] >= -MAX_BIAS && rows->bias[n] <= MAX_BIAS;
            if (is_last) {
                float scale;
                memcpy(&scale, &rows->multiplier_w[n], sizeof scale);
                valid = valid && is_finite_up_to(scale, MAX_FLOAT_WEIGHT);
            } else {
                valid = valid && is_multiplier(rows->multiplier_w[n], rows->shift_w[n]);
            }
            valid = valid && is_multiplier(rows->multiplier_r[n], rows->shift_r[n]);
            layer->no_overflow =
                layer->no_overflow &&
                el_row_cannot_overflow(rows, n, layer->columns_w, layer->columns_r);
        }
        if (!valid)
            return EL_ERROR_WEIGHTS;
    }
    return EL_OK;
}

static el_status check_floats(const float *values, uint64_t count) {
    for (uint64_t n = 0; n < count; n++)
        if (!is_finite_up_to(values[n], MAX_FLOAT_WEIGHT))
            return EL_ERROR_WEIGHTS;
    return EL_OK;
}

static bool is_int8(int32_t value) {
    return value >= -128 && value <= 127;
}

static el_status check_int8_fields(el_layer *layer, bool is_last) {
    if (!is_int8(layer->input_zero_point) || !is_int8(layer->output_zero_point))
        return EL_ERROR_FIELD;
    if (layer->kind == EL_LSTM) {
        if (layer->cell_exponent < -15 || layer->cell_exponent > -9)
            return EL_ERROR_FIELD;
        if (layer->output_multiplier == 0 ||
            !is_multiplier(layer->output_multiplier, layer->output_shift) ||
            layer->output_shift > 0)
            return EL_ERROR_FIELD;
    }
    return check_int8_rows(layer, is_last);
}

/* `entry`: the layer's 64 bytes in the table. */
static el_status read_layer(el_model *model, size_t file_size, uint32_t index,
                            const uint8_t *entry) {
    el_layer *layer = &model->layers[index];
    bool is_last = index + 1 == model->n_layers;
    layer->kind = u32(entry + L_KIND);
    layer->inputs = u32(entry + L_INPUTS);
    layer->outputs = u32(entry + L_OUTPUTS);
    uint32_t activation = u32(entry + L_ACTIVATION);
    if ((layer->kind != EL_LSTM && layer->kind != EL_DENSE) || activation > 1 ||
        !all_zero(entry + L_RESERVED, ENTRY_SIZE - L_RESERVED))
        return EL_ERROR_FIELD;
    if (layer->kind == EL_LSTM && activation != 0)
        return EL_ERROR_FIELD;
    if (layer->outputs < 1 || layer->outputs > EL_MAX_WIDTH)
        return EL_ERROR_LIMIT;
    /* The road is straight: LSTM layers, then dense ones, each as wide as the one before gives. */
    uint32_t width = index == 0 ? model->features : model->layers[index - 1].outputs;
    if (layer->inputs != width)
        return EL_ERROR_FIELD;
    if (index == 0 ? layer->kind != EL_LSTM
                   : layer->kind == EL_LSTM && model->layers[index - 1].kind != EL_LSTM)
        return EL_ERROR_FIELD;
    if (is_last && (layer->kind != EL_DENSE || layer->outputs != model->outputs || activation != 0))
        return EL_ERROR_FIELD;

    bool int8 = el_is_int8(model);
    layer->relu = activation == 1;
    layer->columns_w = int8 ? el_round_up(layer->inputs, EL_COLUMN_PAD) : layer->inputs;
    layer->columns_r = 0;
    if (layer->kind == EL_LSTM)
        layer->columns_r = int8 ? el_round_up(layer->outputs, EL_COLUMN_PAD) : layer->outputs;
    layer->groups = el_round_up(layer->outputs, EL_BLOCK_ROWS) / EL_BLOCK_ROWS;

    uint64_t rows =
        (uint64_t)layer->groups * EL_BLOCK_ROWS * (layer->kind == EL_LSTM ? EL_GATES : 1u);
    uint64_t elements = rows * (layer->columns_w + layer->columns_r);
    uint64_t weights_size = int8 ? elements : elements * sizeof(float);
    uint64_t rows_size = rows * (int8 ? sizeof(el_rows) / EL_BLOCK_ROWS : sizeof(float));
    uint32_t weights = u32(entry + L_WEIGHTS), row_table = u32(entry + L_ROWS);
    if (u32(entry + L_WEIGHTS_SIZE) != weights_size || u32(entry + L_ROWS_SIZE) != rows_size)
        return EL_ERROR_BOUNDS;
    el_status status = check_tensor(model, file_size, weights, weights_size);
    if (status == EL_OK)
        status = check_tensor(model, file_size, row_table, rows_size);
    if (status != EL_OK)
        return status;
    layer->weights = model->file + weights;
    layer->rows = model->file + row_table;
    model->frame_macs +=
        (uint64_t)layer->outputs * (layer->kind == EL_LSTM
                                        ? EL_GATES * (uint64_t)(layer->inputs + layer->outputs)
                                        : layer->inputs);

    layer->input_zero_point = i32(entry + L_INPUT_ZERO_POINT);
    layer->output_zero_point = i32(entry + L_OUTPUT_ZERO_POINT);
    layer->cell_exponent = i32(entry + L_CELL_EXPONENT);
    layer->output_multiplier = i32(entry + L_OUTPUT_MULTIPLIER);
    layer->output_shift = i32(entry + L_OUTPUT_SHIFT);
    if (int8) {
        /* What one layer writes is what the next reads. */
        if (index > 0 && layer->input_zero_point != model->layers[index - 1].output_zero_point)
            return EL_ERROR_FIELD;
        return check_int8_fields(layer, is_last);
    }
    status = check_floats(layer->weights, elements);
    return status == EL_OK ? check_floats(layer->rows, rows) : status;
}

static el_status read_header(el_model *model, const uint8_t *file, size_t size, unsigned flags) {
    if (size < sizeof MAGIC || memcmp(file, MAGIC, sizeof MAGIC) != 0)
        return EL_ERROR_MAGIC;
    if (size < HEADER_SIZE)
        return EL_ERROR_TRUNCATED;
    if (u32(file + H_VERSION) != FORMAT_VERSION)
        return EL_ERROR_VERSION;
    if (u32(file + H_SIZE) != size || u32(file + H_SIZE + 4) != 0)
        return EL_ERROR_TRUNCATED;
    if (size > MAX_FILE_SIZE)
        return EL_ERROR_LIMIT;
    if (!(flags & EL_SKIP_CHECKSUM) &&
        u32(file + H_CHECKSUM) != el_crc32(file + CHECKSUM_START, size - CHECKSUM_START))
        return EL_ERROR_CHECKSUM;

    memset(model, 0, sizeof *model);
    model->file = file;
    model->precision = u32(file + H_PRECISION);
    model->features = u32(file + H_FEATURES);
    model->outputs = u32(file + H_OUTPUTS);
    model->n_layers = u32(file + H_LAYERS);
    model->activation = u32(file + H_ACTIVATION);
    model->pooling = u32(file + H_POOLING);
    model->window = u32(file + H_WINDOW);
    model->hop = u32(file + H_HOP);
    model->sample_rate = f32(file + H_SAMPLE_RATE);
    memcpy(model->identity, file + H_IDENTITY, EL_IDENTITY_SIZE);
    if (model->precision > EL_INT8 || model->activation > EL_SIGMOID || model->pooling > EL_MEAN ||
        !all_zero(file + H_RESERVED, HEADER_SIZE - H_RESERVED))
        return EL_ERROR_FIELD;
#ifdef EL_NO_FLOAT32
    if (model->precision != EL_INT8)
        return EL_ERROR_PRECISION;
#endif
    if (model->features < 1 || model->features > EL_MAX_WIDTH || model->outputs < 1 ||
        model->outputs > EL_MAX_WIDTH || model->n_layers < 2 || model->n_layers > EL_MAX_LAYERS ||
        model->window > MAX_WINDOW || model->hop > MAX_WINDOW)
        return EL_ERROR_LIMIT;
    if (model->window != 0 &&
        (model->pooling != EL_MEAN || model->hop == 0 || model->window % model->hop != 0))
        return EL_ERROR_FIELD;
    if (!(model->sample_rate >= 0 && model->sample_rate <= 1e9f))
        return EL_ERROR_FIELD;
    if (size < HEADER_SIZE + (size_t)ENTRY_SIZE * model->n_layers)
        return EL_ERROR_BOUNDS;
    return EL_OK;
}

static el_status read_input_and_metadata(el_model *model, size_t size) {
    uint32_t offset = u32(model->file + H_INPUT);
    el_status status =
        check_tensor(model, size, offset, 2u * sizeof(float) * (uint64_t)model->features);
    if (status != EL_OK)
        return status;
    model->input_scale = (const float *)(const void *)(model->file + offset);
    model->input_offset = model->input_scale + model->features;
    for (uint32_t n = 0; n < 2 * model->features; n++)
        if (!is_finite_up_to(model->input_scale[n], 3e38f))
            return EL_ERROR_WEIGHTS;
    model->metadata_offset = u32(model->file + H_METADATA);
    model->metadata_size = u32(model->file + H_METADATA_SIZE);
    if (model->metadata_size == 0)
        return model->metadata_offset == 0 ? EL_OK : EL_ERROR_BOUNDS;
    return check_tensor(model, size, model->metadata_offset, model->metadata_size);
}

el_status el_model_open(void *memory, size_t memory_size, const void *bytes, size_t size,
                        unsigned flags, el_model **model) {
    if (memory == NULL || bytes == NULL || model == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_is_aligned(memory) || !el_is_aligned(bytes))
        return EL_ERROR_ALIGNMENT;
    if (memory_size < EL_MODEL_SIZE)
        return EL_ERROR_MEMORY;
    const el_kernels *kernels = el_kernels_choose();
    if (kernels == NULL)
        return EL_ERROR_KERNEL;
    el_model *opened = memory;
    el_status status = read_header(opened, bytes, size, flags);
    if (status == EL_OK)
        status = read_input_and_metadata(opened, size);
    for (uint32_t n = 0; status == EL_OK && n < opened->n_layers; n++)
        status = read_layer(opened, size, n, opened->file + HEADER_SIZE + ENTRY_SIZE * n);
    if (status == EL_OK)
        status = el_lay_out_stream(opened);
    if (status == EL_OK) {
        opened->kernels = kernels;
        *model = opened;
    }
    return status;
}

el_status el_model_info(const el_model *model, el_info *info) {
    if (model == NULL || info == NULL)
        return EL_ERROR_ARGUMENT;
    memset(info, 0, sizeof *info);
    info->precision = model->precision;
    info->features = model->features;
    info->outputs = model->outputs;
    info->layers = model->n_layers;
    info->activation = model->activation;
    info->pooling = model->pooling;
    info->window = model->window;
    info->hop = model->hop;
    info->sample_rate = model->sample_rate;
    info->stream_size = model->stream_size;
    info->snapshot_size = model->snapshot_size;
    info->frame_macs = model->frame_macs;
    if (model->metadata_size != 0)
        info->metadata = (const char *)(model->file + model->metadata_offset);
    info->metadata_size = model->metadata_size;
    memcpy(info->identity, model->identity, EL_IDENTITY_SIZE);
    return EL_OK;
}

size_t el_stream_size(const el_model *model) {
    return model == NULL ? 0 : model->stream_size;
}
