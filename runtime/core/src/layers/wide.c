/* Products of int8 weights with 16-bit inputs: two products of 8 bits, so that every kernel set has
 * them, and all the same integers. x = 256·high + low, of which low is 0 to 255. */
#include "fields.h"
#include "kernels/kernels.h"
#include "matrix.h"
#include "model_open.h"

#define LOW_OFFSET 128 /* takes low to the codes of int8, as a zero point brings it back */

el_status el_check_wide(const el_matrix *matrix, uint32_t inputs) {
    const el_rows *rows = matrix->rows;
    if (inputs > EL_MAX_WIDE_INPUTS)
        return EL_ERROR_LIMIT;
    if (matrix->zero_point != 0)
        return EL_ERROR_FIELD;
    int32_t left = INT32_MAX - (int32_t)inputs * 127 * EL_FURTHEST_16;
    for (uint32_t group = 0; group < matrix->groups; group++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            if (rows[group].bias[row] < -left || rows[group].bias[row] > left)
                return EL_ERROR_WEIGHTS;
    return EL_OK;
}

/* The two halves of x as codes, and the sums with one of them. */
typedef struct places {
    int8_t *low, *high;
    int32_t *sums;
} places;

/* A register further: kernels read whole ones. */
static size_t sums_size(const el_matrix *matrix) {
    return (size_t)matrix->groups * EL_BLOCK_ROWS * sizeof(int32_t) + EL_ALIGNMENT;
}

static places places_of(const el_matrix *matrix, void *work) {
    size_t half = (size_t)el_align(matrix->columns);
    int8_t *low = work;
    return (places){low, low + half, (void *)(low + 2 * half)};
}

uint64_t el_wide_work(const el_matrix *matrix) {
    return 2 * el_align(matrix->columns) + el_align(sums_size(matrix));
}

static void split(const int16_t *x, uint32_t inputs, uint32_t columns, const places *at) {
    memset(at->low, 0, columns); /* of padding, too, something must be known */
    memset(at->high, 0, columns);
    for (uint32_t n = 0; n < inputs; n++) {
        at->low[n] = (int8_t)((x[n] & 255) - LOW_OFFSET);
        at->high[n] = (int8_t)(x[n] >> 8);
    }
}

void el_wide_product(const el_model *model, const el_matrix *matrix, const int16_t *x,
                     uint32_t inputs, int32_t *sums, void *work) {
    const el_rows *rows = matrix->rows;
    if (model->kernels->wide_int8 != NULL) {
        model->kernels->wide_int8(matrix, x, sums);
        return;
    }
    places at = places_of(matrix, work);
    el_matrix low = *matrix, high = *matrix;
    low.zero_point = -LOW_OFFSET;
    high.zero_point = 0;
    split(x, inputs, matrix->columns, &at);
    model->kernels->dense_int8(&low, at.low, sums);
    model->kernels->dense_int8(&high, at.high, at.sums);
    for (uint32_t group = 0; group < matrix->groups; group++, sums += EL_BLOCK_ROWS) {
        const int32_t *of_high = at.sums + group * EL_BLOCK_ROWS;
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++) /* each has the bias, one is enough */
            sums[n] += (of_high[n] - rows[group].bias[n]) * 256;
    }
}
