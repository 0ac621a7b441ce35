#include "int4.h"

#include <string.h>

#ifndef EL_NO_INT4
bool el_sum_packed_rows(const uint8_t *block, uint32_t used, uint32_t columns,
                        int32_t sums[EL_BLOCK_ROWS]) {
    bool valid = true;
    memset(sums, 0, EL_BLOCK_ROWS * sizeof *sums);
    for (uint32_t first = 0; first < columns; first += EL_COLUMN_PAD)
        for (uint32_t n = 0; n < EL_BLOCK_ROWS * EL_BLOCK_COLUMNS; n++, block++) {
            uint32_t column = first + n % EL_BLOCK_COLUMNS;
            uint32_t low = *block & 15u, high = *block >> 4;
            valid = valid && low != 0 && high != 0 && (column < used || low == EL_INT4_ZERO) &&
                    (column + EL_BLOCK_COLUMNS < used || high == EL_INT4_ZERO);
            sums[n / EL_BLOCK_COLUMNS] += EL_INT4_STEP * ((int32_t)(low + high) - 2 * EL_INT4_ZERO);
        }
    return valid;
}

void el_int8_sums(const el_kernels *kernels, const el_layer *layer, const el_matrix *matrix,
                  const int8_t *x, int32_t *sums) {
    if (!el_is_packed(layer)) {
        kernels->dense_int8(matrix, x, sums);
        return;
    }
    const el_packed packed = {.weights = matrix->weights,
                              .rows = matrix->rows,
                              .blocks = matrix->groups,
                              .columns_w = matrix->columns,
                              .zero_point_w = matrix->zero_point};
    kernels->packed_int4(&packed, x, NULL, sums, NULL);
}
#endif
