/* Transforms of real samples, `size` of them, a power of two: by complex ones of half the size. */
#ifndef EL_TRANSFORM_H
#define EL_TRANSFORM_H

#include "padding.h"

#define EL_TRANSFORM_LEAST 4u
#define EL_TRANSFORM_MOST 4096u

/* What a layer with transforms keeps. */
typedef struct el_spectrum {
    const float *table; /* cos, then sin, of 2πk/size, (size / 2,) each */
    const float *taper; /* (size,), or null */
    el_padding padding;
    uint32_t size, hop;
} el_spectrum;

EL_RECORD(el_spectrum)

/* Floats of work for a transform. */
static inline uint32_t el_transform_work(uint32_t size) {
    return 2 * size;
}

/* Check a table of a file for a size that a file names. */
el_status el_check_transform(const el_model *model, const el_entry *entry, uint32_t size,
                             const float **table);

/* Multiply-accumulates of one: a product of complex numbers, of 4, for each pair of each stage;
 * then a stage more, which parts what is even from what is odd. */
static inline uint64_t el_transform_macs(uint32_t size) {
    uint64_t stages = 0;
    for (uint32_t n = size; n > 2; n /= 2)
        stages++;
    return size * stages + 2 * (uint64_t)size;
}

/* `table`: cos, then sin, of 2πk/size, (size / 2,) each. samples (size,) → spectrum (size + 2,):
 * the real parts, then the imaginary ones. */
void el_transform(uint32_t size, const float *table, const float *samples, float *spectrum,
                  float *work);

/* And back. Imaginary parts of the first and the last frequency count for nothing. */
void el_transform_back(uint32_t size, const float *table, const float *spectrum, float *samples,
                       float *work);

#endif
