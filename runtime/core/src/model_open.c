/* Opening a model file: every field is bounded before it is used. The format is in
 * docs/file-format.md. */
#include "model_open.h"

#include "fields.h"
#include "kernels/kernels.h"
#include "layers/matrix.h"

#include <string.h>

#define FORMAT_VERSION 1u
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
    H_RESULTS_SIZE = 88,
    H_INPUT_PLACE = 92,
    H_MEAN = 96,
    H_WIDE = 100,
    H_ANEW = 104,
    H_RESERVED = 108
};

/* What H_WIDE says of an int8 file. */
enum { WIDE_INPUT = 1, FLOAT_INPUT = 2 };

#define MAX_FILE_SIZE 0x7FFFFFFFu
#define MAX_RESULTS_SIZE (UINT32_C(1) << 30)

static const uint8_t MAGIC[8] = {0x89, 'E', 'L', 'S', 'T', 'M', '\r', '\n'};

static el_status check_start(const uint8_t *file, size_t size, unsigned flags) {
    if (size < sizeof MAGIC || memcmp(file, MAGIC, sizeof MAGIC) != 0)
        return EL_ERROR_MAGIC;
    if (size < EL_HEADER_SIZE)
        return EL_ERROR_TRUNCATED;
    if (el_u32(file + H_VERSION) != FORMAT_VERSION)
        return EL_ERROR_VERSION;
    if (el_u32(file + H_SIZE) != size || el_u32(file + H_SIZE + 4) != 0)
        return EL_ERROR_TRUNCATED;
    if (size > MAX_FILE_SIZE)
        return EL_ERROR_LIMIT;
    if (!(flags & EL_SKIP_CHECKSUM) &&
        el_u32(file + H_CHECKSUM) != el_crc32(file + CHECKSUM_START, size - CHECKSUM_START))
        return EL_ERROR_CHECKSUM;
    return EL_OK;
}

/* As the file says: el_is_int8 knows what a library holds. */
static bool is_int8(const el_model *model) {
    return model->precision == EL_INT8 || model->precision == EL_INT4;
}

static el_status check_header(const el_model *model, size_t memory_size, size_t size) {
    if (el_u32(model->file + H_WIDE) > (is_int8(model) ? FLOAT_INPUT : 0u))
        return EL_ERROR_FIELD;
    if (model->precision > EL_INT4 || model->activation > EL_SIGMOID ||
        !el_all_zero(model->file + H_RESERVED, EL_HEADER_SIZE - H_RESERVED))
        return EL_ERROR_FIELD;
#ifdef EL_NO_FLOAT32
    if (!is_int8(model))
        return EL_ERROR_PRECISION;
#endif
#ifndef EL_HAS_FLOATS
    if (model->float_input)
        return EL_ERROR_PRECISION;
#endif
#ifdef EL_NO_BF16
    if (model->precision == EL_BF16)
        return EL_ERROR_PRECISION;
#endif
#ifdef EL_NO_INT4
    if (model->precision == EL_INT4)
        return EL_ERROR_PRECISION;
#endif
    if (model->features < 1 || model->features > EL_MAX_WIDTH || model->outputs < 1 ||
        model->outputs > EL_MAX_WIDTH || model->n_layers < 1 || model->n_layers > EL_MAX_LAYERS ||
        (model->wide_input && model->features > EL_MAX_WIDE_INPUTS) ||
        model->results_size > MAX_RESULTS_SIZE)
        return EL_ERROR_LIMIT;
    if (!(model->sample_rate >= 0 && model->sample_rate <= 1e9f) ||
        model->results_size % EL_ALIGNMENT != 0)
        return EL_ERROR_FIELD;
    if (size < EL_HEADER_SIZE + (size_t)EL_ENTRY_SIZE * model->n_layers)
        return EL_ERROR_BOUNDS;
    if (memory_size < EL_MODEL_SIZE_OF(model->n_layers))
        return EL_ERROR_MEMORY;
    return EL_OK;
}

static el_status read_header(el_model *model, size_t memory_size, const uint8_t *file,
                             size_t size) {
    memset(model, 0, offsetof(el_model, layers));
    model->file = file;
    model->precision = el_u32(file + H_PRECISION);
    model->features = el_u32(file + H_FEATURES);
    model->outputs = el_u32(file + H_OUTPUTS);
    model->n_layers = el_u32(file + H_LAYERS);
    model->activation = el_u32(file + H_ACTIVATION);
    model->own.answer = (el_answer){.pooling = el_u32(file + H_POOLING),
                                    .window = el_u32(file + H_WINDOW),
                                    .hop = el_u32(file + H_HOP)};
    model->anew = el_u32(file + H_ANEW);
    model->sample_rate = el_f32(file + H_SAMPLE_RATE);
    model->results_size = el_u32(file + H_RESULTS_SIZE);
    model->input_place = el_u32(file + H_INPUT_PLACE);
    uint32_t input = el_u32(file + H_WIDE);
    model->wide_input = input == WIDE_INPUT;
    model->float_input = input == FLOAT_INPUT || !is_int8(model);
    memcpy(model->identity, file + H_IDENTITY, EL_IDENTITY_SIZE);
    el_status status = check_header(model, memory_size, size);
    if (status == EL_OK)
        memset(model->layers, 0, model->n_layers * sizeof *model->layers);
    return status;
}

/* `count` floats of the input transform at `offset` in the file. */
static el_status read_floats(const el_model *model, size_t size, uint32_t offset, uint32_t count,
                             const float **floats) {
    el_status status = el_check_tensor(model, size, offset, sizeof(float) * (uint64_t)count);
    if (status != EL_OK)
        return status;
    *floats = (const float *)(const void *)(model->file + offset);
    for (uint32_t n = 0; n < count; n++)
        if (!el_is_finite_up_to((*floats)[n], 3e38f))
            return EL_ERROR_WEIGHTS;
    return EL_OK;
}

static el_status read_input(el_model *model, size_t size) {
    uint32_t mean = el_u32(model->file + H_MEAN);
    el_status status = read_floats(model, size, el_u32(model->file + H_INPUT), 2 * model->features,
                                   &model->input_scale);
    if (status != EL_OK)
        return status;
    model->input_offset = model->input_scale + model->features;
    if (mean == 0)
        return model->wide_input ? EL_ERROR_FIELD : EL_OK;
    return model->float_input ? EL_ERROR_FIELD
                              : read_floats(model, size, mean, model->features, &model->input_mean);
}

static el_status read_metadata(el_model *model, size_t size) {
    model->metadata_offset = el_u32(model->file + H_METADATA);
    model->metadata_size = el_u32(model->file + H_METADATA_SIZE);
    if (model->metadata_size == 0)
        return model->metadata_offset == 0 ? EL_OK : EL_ERROR_BOUNDS;
    return el_check_tensor(model, size, model->metadata_offset, model->metadata_size);
}

static el_status check_anew(const el_model *model) {
    if (model->anew > EL_MAX_STRIDE)
        return EL_ERROR_LIMIT;
    return model->anew % model->stride == 0 ? EL_OK : EL_ERROR_FIELD;
}

/* Who opens a file may know what no layer of it tells. */
static el_status read_samples(el_model *model, unsigned flags) {
    if ((flags & EL_SAMPLES) == 0 || model->features == 1)
        return EL_OK;
    model->keeps_samples = true;
    return el_keeps_samples(model) ? EL_OK : EL_ERROR_PRECISION;
}

el_status el_model_open(void *memory, size_t memory_size, const void *bytes, size_t size,
                        unsigned flags, el_model **model) {
    if (memory == NULL || bytes == NULL || model == NULL)
        return EL_ERROR_ARGUMENT;
    if (!el_is_aligned(memory) || !el_is_aligned(bytes))
        return EL_ERROR_ALIGNMENT;
    if (memory_size < EL_MODEL_SIZE_OF(1))
        return EL_ERROR_MEMORY;
    const el_kernels *kernels = el_kernels_choose();
    if (kernels == NULL)
        return EL_ERROR_KERNEL;
    el_model *opened = memory;
    el_status status = check_start(bytes, size, flags);
    if (status == EL_OK)
        status = read_header(opened, memory_size, bytes, size);
    if (status == EL_OK)
        status = read_input(opened, size);
    if (status == EL_OK)
        status = read_metadata(opened, size);
    if (status == EL_OK)
        status = el_read_layers(opened, size);
    if (status == EL_OK)
        status = check_anew(opened);
    if (status == EL_OK)
        status = read_samples(opened, flags);
    if (status == EL_OK)
        status = el_lay_out_stream(opened, flags);
    if (status == EL_OK) {
        opened->kernels = kernels;
        *model = opened;
    }
    return status;
}
