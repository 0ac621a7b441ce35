/* Layers of floats with 16-bit weights: codes of what these meet, and their products. */
#ifndef EL_INT16_H
#define EL_INT16_H

#include "kernels/kernels.h"
#include "matrix.h"

/* Codes are whole numbers of a step, from -EL_LARGEST_CODE to EL_LARGEST_CODE. */
#define EL_LARGEST_CODE ((float)EL_MOST_OF_16)

#ifdef EL_NO_FLOAT32
static inline el_status el_check_int16(const el_model *model, const el_entry *entry,
                                       el_tensor weights, el_tensor rows, uint32_t groups,
                                       uint32_t used, el_matrix *matrix) {
    (void)model, (void)entry, (void)weights, (void)rows, (void)groups, (void)used, (void)matrix;
    return EL_ERROR_PRECISION;
}

static inline uint64_t el_conv_int16_work(const el_model *model, const el_layer *layer) {
    (void)model, (void)layer;
    return 0;
}

static inline void el_conv_int16_step(const el_stream *stream, const el_layer *layer) {
    (void)stream, (void)layer;
}
#else
/* Check and fill a matrix of 16-bit weights, as el_check_matrix does. */
el_status el_check_int16(const el_model *model, const el_entry *entry, el_tensor weights,
                         el_tensor rows, uint32_t groups, uint32_t used, el_matrix *matrix);

/* A convolution: bytes of work, and a run. */
uint64_t el_conv_int16_work(const el_model *model, const el_layer *layer);
void el_conv_int16_step(const el_stream *stream, const el_layer *layer);
#endif

/* Bytes of so many codes. */
static inline size_t el_codes_size(uint32_t count) {
    return (size_t)el_align((uint64_t)count * sizeof(int16_t));
}

/* A step for `count` values: that of the largest; 0 where these are as good as 0. */
float el_step_of(const float *values, uint32_t count);

/* Values as codes of such a step, and zeros behind them up to a multiple of EL_COLUMN_PAD_16. */
void el_make_codes16(const float *values, uint32_t count, float step, int16_t *codes);

#endif
