/* Codes of a layer's values have a step that these values say, so that quiet ones keep their bits.
 * What files may hold sees to it that no sum of EL_SEGMENT columns leaves int32, that results are
 * finite, and that none is a denormal, which vectors of 32-bit ARM take for 0. */
#include "int16.h"

#include "fields.h"
#include "float_math.h"

/* Of a row's weights in a segment: with the largest code they stay below 2^31. */
#define MOST_OF_SEGMENT 131071u

#define LEAST_SCALE 8.8817842e-16f /* 2^-50 */
#define MOST_SCALE 16.0f
#define LEAST_VALUE 2.9103830e-11f /* 2^-35: smaller ones are as good as 0 */

/* Those of a row of padding are 0. */
static bool are_rows(const el_rows16 *rows) {
    bool valid = true;
    for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++) {
        float scale = rows->scale[n], bias = rows->bias[n], size = bias < 0 ? -bias : bias;
        valid = valid && (scale == 0.0f || (scale >= LEAST_SCALE && scale <= MOST_SCALE)) &&
                (size == 0.0f || (size >= EL_LEAST_STATE && size <= EL_MAX_FLOAT_WEIGHT));
    }
    return valid;
}

static int32_t weight_at(const int16_t *block, uint32_t row, uint32_t column) {
    return block[column / 2 * 2 * EL_BLOCK_ROWS + row * 2 + column % 2];
}

/* Columns `from` to `to` of a block and their crossed sums; columns from `used` on hold zeros. */
static bool is_segment(const int16_t *block, const int32_t *crossed, uint32_t from, uint32_t to,
                       uint32_t used) {
    bool valid = true;
    for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
        uint32_t sizes = 0, sum = 0;
        for (uint32_t column = from; column < to; column++) {
            int32_t weight = weight_at(block, row, column);
            uint32_t size = (uint32_t)(weight < 0 ? -weight : weight);
            sizes += size;
            valid = valid && (column < used || weight == 0) && size <= EL_MOST_OF_16;
            if (column % 4 < 2)
                sum += (uint32_t)(weight * weight_at(block, row, column + 2));
        }
        valid = valid && sizes <= MOST_OF_SEGMENT && sum == (uint32_t)crossed[row];
    }
    return valid;
}

__attribute__((cold)) el_status el_check_int16(const el_model *model, const el_entry *entry,
                                               el_tensor weights, el_tensor rows, uint32_t groups,
                                               uint32_t used, el_matrix *matrix) {
    uint32_t columns = el_round_up(used, EL_COLUMN_PAD_16);
    uint64_t elements = (uint64_t)groups * EL_BLOCK_ROWS * columns;
    el_status status = el_check_sized(model, entry->file_size, weights, elements * sizeof(int16_t));
    if (status == EL_OK)
        status = el_check_sized(model, entry->file_size, rows, groups * el_rows16_size(columns));
    if (status != EL_OK)
        return status;
    *matrix = (el_matrix){.weights = model->file + weights.offset,
                          .rows = model->file + rows.offset,
                          .columns = columns,
                          .used = used,
                          .groups = groups};
    const int16_t *block = matrix->weights;
    bool valid = true;
    for (uint32_t group = 0; group < groups; group++, block += EL_BLOCK_ROWS * columns) {
        const el_rows16 *records = el_rows16_of(matrix, group);
        valid = valid && are_rows(records);
        for (uint32_t from = 0; from < columns; from += EL_SEGMENT)
            valid = valid &&
                    is_segment(block, el_crossed_of(records, from / EL_SEGMENT), from,
                               columns - from < EL_SEGMENT ? columns : from + EL_SEGMENT, used);
    }
    return valid ? EL_OK : EL_ERROR_WEIGHTS;
}

float el_step_of(const float *values, uint32_t count) {
    int32_t largest = 0; /* bits of numbers without a sign come in their order */
    for (uint32_t n = 0; n < count; n++) {
        int32_t bits;
        memcpy(&bits, values + n, sizeof bits);
        bits &= INT32_MAX;
        largest = bits > largest ? bits : largest;
    }
    float size;
    memcpy(&size, &largest, sizeof size);
    return size < LEAST_VALUE ? 0.0f : size / EL_LARGEST_CODE;
}

void el_make_codes16(const float *restrict values, uint32_t count, float step,
                     int16_t *restrict codes) {
    const float inverse = step > 0.0f ? 1.0f / step : 0.0f;
    for (uint32_t n = 0; n < count; n++)
        codes[n] =
            (int16_t)el_round(el_clamp(values[n] * inverse, -EL_LARGEST_CODE, EL_LARGEST_CODE));
    for (uint32_t n = count; n % EL_COLUMN_PAD_16 != 0; n++)
        codes[n] = 0;
}
