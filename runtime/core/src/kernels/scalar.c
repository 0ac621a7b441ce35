/* The kernels in portable C: what every other set must equal, and what a Pi Zero runs. */
#include "fixed_point.h"
#include "float_math.h"
#include "kernels.h"

/* So that what is a constant to a caller is one here. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Add a block's 16 rows × `columns` times x to the sums; returns where the next block starts. */
static const int8_t *add_products(const int8_t *weights, uint32_t columns, const int8_t *x,
                                  int32_t sums[EL_BLOCK_ROWS]) {
    for (uint32_t column = 0; column < columns; column += EL_BLOCK_COLUMNS) {
        int32_t x0 = x[column], x1 = x[column + 1], x2 = x[column + 2], x3 = x[column + 3];
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++, weights += EL_BLOCK_COLUMNS)
            sums[row] += weights[0] * x0 + weights[1] * x1 + weights[2] * x2 + weights[3] * x3;
    }
    return weights;
}

static void lstm_int8(const el_lstm *lstm, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    const int8_t *weights = lstm->weights;
    const el_rows *rows = lstm->rows;
    int cell_bits = 15 + lstm->cell_exponent; /* integer bits of c */
    for (uint32_t group = 0; group < lstm->groups; group++) {
        int32_t gates[EL_GATES][EL_BLOCK_ROWS];
        for (uint32_t gate = 0; gate < EL_GATES; gate++, rows++) {
            int32_t sums_w[EL_BLOCK_ROWS] = {0}, sums_r[EL_BLOCK_ROWS] = {0};
            const int32_t *bias = rows->bias, *given = lstm->from_x;
            int32_t input_zero_point = lstm->input_zero_point;
            if (given != NULL) { /* all that W gives */
                bias = given + (size_t)(group * EL_GATES + gate) * EL_BLOCK_ROWS;
                input_zero_point = 0;
            }
            weights += (size_t)EL_BLOCK_ROWS * lstm->skipped;
            weights = add_products(weights, lstm->columns_w, x, sums_w);
            weights = add_products(weights, lstm->columns_r, h, sums_r);
            for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++) {
                int32_t from_x = sums_w[n] + bias[n] - input_zero_point * rows->sum_w[n];
                int32_t from_h = sums_r[n] - lstm->output_zero_point * rows->sum_r[n];
#ifndef EL_NO_INT4
                if (lstm->from_h != NULL)
                    from_h = lstm->from_h[(group * EL_GATES + gate) * EL_BLOCK_ROWS + n];
#endif
                int32_t pre =
                    el_clip16(el_multiply(from_x, rows->multiplier_w[n], rows->shift_w[n]));
                /* |from_h| scaled may be as large as int32: clipping first keeps the sum inside */
                int32_t recurrent =
                    el_clip(el_multiply(from_h, rows->multiplier_r[n], rows->shift_r[n]),
                            -(1 << 20), 1 << 20);
                gates[gate][n] = el_clip16(pre + recurrent);
            }
        }
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++, c++, h_next++) {
            int32_t i = el_sigmoid16(gates[0][n]), f = el_sigmoid16(gates[1][n]);
            int32_t g = el_tanh16(gates[2][n], 3), o = el_sigmoid16(gates[3][n]);
            int32_t kept = el_rounding_shift_right(f * *c, 15);
            int32_t written = el_rounding_shift_right(i * g, 30 + lstm->cell_exponent);
            int32_t cell = el_clip16(kept + written);
            int32_t hidden = el_multiply(o * el_tanh16(cell, cell_bits), lstm->output_multiplier,
                                         lstm->output_shift);
            *c = (int16_t)cell;
            *h_next = (int8_t)el_clip8(hidden + lstm->output_zero_point);
        }
    }
}

#ifndef EL_NO_INT4
/* The sums of a packed block's rows, in sixteenths of weights; returns what lies behind it. */
static const uint8_t *packed_block(const uint8_t *line, uint32_t columns, const int8_t *x,
                                   int32_t *sums) {
    int32_t start = 0;
    for (uint32_t n = 0; n < columns; n++)
        start -= EL_INT4_ZERO * x[n];
    for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
        sums[n] = start;
    for (uint32_t column = 0; column < columns; column += EL_COLUMN_PAD)
        for (uint32_t n = 0; n < EL_BLOCK_ROWS * EL_BLOCK_COLUMNS; n++, line++) {
            const int8_t *at = x + column + n % EL_BLOCK_COLUMNS;
            sums[n / EL_BLOCK_COLUMNS] +=
                (*line & 15) * at[0] + (*line >> 4) * at[EL_BLOCK_COLUMNS];
        }
    return line;
}

static void packed_int4(const el_packed *packed, const int8_t *x, const int8_t *h, int32_t *from_x,
                        int32_t *from_h) {
    const uint8_t *line = packed->weights;
    const el_rows *rows = packed->rows;
    for (uint32_t block = 0; block < packed->blocks; block++, rows++, from_x += EL_BLOCK_ROWS) {
        line = packed_block(line, packed->columns_w, x, from_x);
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
            from_x[n] =
                EL_INT4_STEP * from_x[n] + rows->bias[n] - packed->zero_point_w * rows->sum_w[n];
        if (packed->columns_r == 0)
            continue;
        line = packed_block(line, packed->columns_r, h, from_h);
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
            from_h[n] = EL_INT4_STEP * from_h[n] - packed->zero_point_r * rows->sum_r[n];
        from_h += EL_BLOCK_ROWS;
    }
}
#endif

static void dense_int8(const el_matrix *matrix, const int8_t *x, int32_t *sums) {
    const int8_t *weights = matrix->weights;
    const el_rows *rows = matrix->rows;
    for (uint32_t group = 0; group < matrix->groups; group++, rows++) {
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
            sums[n] = rows->bias[n] - matrix->zero_point * rows->sum_w[n];
        weights = add_products(weights, matrix->columns, x, sums);
        sums += EL_BLOCK_ROWS;
    }
}

#ifndef EL_WITHOUT_CHUNKS
static void dense_int8_batch(const el_matrix *matrix, size_t block, const int8_t *const *x,
                             int32_t *const *sums) {
    const int8_t *weights = matrix->weights;
    const el_rows *rows = matrix->rows;
    for (uint32_t group = 0; group < matrix->groups; group++, rows++, weights += block)
        for (uint32_t frame = 0; frame < EL_BATCH; frame++) {
            int32_t *to = sums[frame] + (size_t)group * EL_BLOCK_ROWS;
            for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++)
                to[n] = rows->bias[n] - matrix->zero_point * rows->sum_w[n];
            add_products(weights, matrix->columns, x[frame], to);
        }
}
#endif

static void codes_int8(const el_matrix *matrix, const int32_t *sums, uint32_t count,
                       int32_t zero_point, int32_t low, int8_t *codes) {
    const el_rows *rows = matrix->rows;
    for (uint32_t n = 0; n < count; n++) {
        const el_rows *record = rows + n / EL_BLOCK_ROWS;
        uint32_t row = n % EL_BLOCK_ROWS;
        /* Clipped first so that adding the zero point cannot overflow. */
        int32_t code =
            el_clip16(el_multiply(sums[n], record->multiplier_w[row], record->shift_w[row]));
        codes[n] = (int8_t)el_clip(code + zero_point, low, INT8_MAX);
    }
}

/* Gate `gate` of unit n before its function, Q3.12: what x gives, and what h gives beside it. */
static int32_t from_input(const el_gru *gru, const int32_t *from_x, uint32_t gate, uint32_t n) {
    const el_rows *rows = (const el_rows *)gru->w.rows + gate * gru->groups + n / EL_BLOCK_ROWS;
    uint32_t row = n % EL_BLOCK_ROWS;
    int32_t sum = from_x[gate * gru->groups * EL_BLOCK_ROWS + n];
    return el_clip16(el_multiply(sum, rows->multiplier_w[row], rows->shift_w[row]));
}

static int32_t from_state(const el_gru *gru, const int32_t *from_h, uint32_t gate, uint32_t n) {
    const el_rows *rows = (const el_rows *)gru->r.rows + gate * gru->groups + n / EL_BLOCK_ROWS;
    uint32_t row = n % EL_BLOCK_ROWS;
    int32_t sum = from_h[gate * gru->groups * EL_BLOCK_ROWS + n];
    /* clipped so that a sum of two stays inside int32 */
    return el_clip(el_multiply(sum, rows->multiplier_w[row], rows->shift_w[row]), -(1 << 20),
                   1 << 20);
}

static int32_t gru_gate(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                        uint32_t gate, uint32_t n) {
    return el_sigmoid16(
        el_clip16(from_input(gru, from_x, gate, n) + from_state(gru, from_h, gate, n)));
}

static int8_t gru_code(const el_gru *gru, int32_t h) {
    /* Clipped first so that adding the zero point cannot overflow. */
    int32_t code = el_clip16(el_multiply(h, gru->output_multiplier, gru->output_shift));
    return (int8_t)el_clip8(code + gru->output_zero_point);
}

static void gru_codes_int8(const el_gru *gru, const int16_t *h, int8_t *codes) {
    for (uint32_t n = 0; n < gru->groups * EL_BLOCK_ROWS; n++)
        codes[n] = gru_code(gru, h[n]);
}

static void gru_reset_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                           const int16_t *h, int8_t *reset) {
    for (uint32_t n = 0; n < gru->groups * EL_BLOCK_ROWS; n++) {
        int32_t r = gru_gate(gru, from_x, from_h, 1, n);
        reset[n] = gru_code(gru, el_rounding_shift_right(r * h[n], 15));
    }
}

static void gru_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h, int16_t *h,
                     int8_t *codes) {
    for (uint32_t n = 0; n < gru->groups * EL_BLOCK_ROWS; n++) {
        int32_t z = gru_gate(gru, from_x, from_h, 0, n);
        int32_t recurrent = el_clip16(from_state(gru, from_h, 2, n));
        if (!gru->before)
            recurrent =
                el_rounding_shift_right(gru_gate(gru, from_x, from_h, 1, n) * recurrent, 15);
        int32_t candidate = el_tanh16(el_clip16(from_input(gru, from_x, 2, n) + recurrent), 3);
        int32_t kept = el_rounding_shift_right(z * h[n], 15);
        int32_t written = el_rounding_shift_right(((1 << 15) - z) * candidate, 15);
        h[n] = (int16_t)el_clip16(kept + written);
        codes[n] = gru_code(gru, h[n]);
    }
}

#ifndef EL_NO_FLOAT32
/* The column of a block that is `count` columns further: of float32, or of bfloat16. */
static inline const void *further(const void *weights, size_t count, bool bf16) {
    size_t size = bf16 ? sizeof(uint16_t) : sizeof(float);
    return (const uint8_t *)weights + count * EL_BLOCK_ROWS * size;
}

/* The weight of a row in a column. A bfloat16 is the upper half of a float, and lies beside that of
 * the row that is eight further. */
static inline float weight_of(const void *weights, uint32_t row, bool bf16) {
    if (!bf16)
        return ((const float *)weights)[row];
    uint32_t bits = (uint32_t)((const uint16_t *)weights)[row % 8 * 2 + row / 8] << 16;
    float weight;
    memcpy(&weight, &bits, sizeof weight);
    return weight;
}

/* Returns what lies behind the block. `bf16` is a constant to all callers. */
static ALWAYS_INLINE const void *add_products_floats(const void *weights, uint32_t columns,
                                                     const float *x, float sums[EL_BLOCK_ROWS],
                                                     bool bf16) {
    for (uint32_t from = 0; from < columns; from += EL_SEGMENT) {
        uint32_t to = columns - from < EL_SEGMENT ? columns : from + EL_SEGMENT;
        float totals[EL_BLOCK_ROWS] = {0};
        for (uint32_t column = from; column < to; column++, weights = further(weights, 1, bf16))
            for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
                totals[row] += weight_of(weights, row, bf16) * x[column];
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            sums[row] += totals[row];
    }
    return weights;
}

static ALWAYS_INLINE void lstm_floats(const el_lstm *lstm, const float *x, const float *h,
                                      float *h_next, float *c, bool bf16) {
    const void *weights = lstm->weights;
    const float *bias = lstm->from_x != NULL ? lstm->from_x : lstm->rows;
    for (uint32_t group = 0; group < lstm->groups; group++) {
        float gates[EL_GATES][EL_BLOCK_ROWS];
        for (uint32_t gate = 0; gate < EL_GATES; gate++, bias += EL_BLOCK_ROWS) {
            memcpy(gates[gate], bias, sizeof gates[gate]);
            weights = further(weights, lstm->skipped, bf16);
            weights = add_products_floats(weights, lstm->columns_w, x, gates[gate], bf16);
            weights = add_products_floats(weights, lstm->columns_r, h, gates[gate], bf16);
        }
        for (uint32_t n = 0; n < EL_BLOCK_ROWS; n++, c++, h_next++) {
            *c = el_state(el_sigmoid(gates[1][n]) * *c +
                          el_sigmoid(gates[0][n]) * el_tanh(gates[2][n]));
            *h_next = el_state(el_sigmoid(gates[3][n]) * el_tanh(*c));
        }
    }
}

static ALWAYS_INLINE void dense_floats(const el_matrix *matrix, const float *x, float *y,
                                       bool bf16) {
    const void *weights = matrix->weights;
    memcpy(y, matrix->rows, matrix->groups * EL_BLOCK_ROWS * sizeof *y);
    for (uint32_t group = 0; group < matrix->groups; group++, y += EL_BLOCK_ROWS)
        weights = add_products_floats(weights, matrix->columns, x, y, bf16);
}

#ifndef EL_WITHOUT_CHUNKS
static ALWAYS_INLINE void dense_floats_batch(const el_matrix *matrix, size_t block,
                                             const float *const *x, float *const *y, bool bf16) {
    const float *bias = matrix->rows;
    const size_t columns = block / EL_BLOCK_ROWS;
    for (uint32_t group = 0; group < matrix->groups; group++)
        for (uint32_t frame = 0; frame < EL_BATCH; frame++) {
            float *to = y[frame] + (size_t)group * EL_BLOCK_ROWS;
            memcpy(to, bias + (size_t)group * EL_BLOCK_ROWS, EL_BLOCK_ROWS * sizeof *to);
            add_products_floats(further(matrix->weights, group * columns, bf16), matrix->columns,
                                x[frame], to, bf16);
        }
}
#endif

static void dense_int16(const el_matrix *matrix, const int16_t *x, float step, const float *behind,
                        float *y) {
    const int16_t *weights = matrix->weights;
    for (uint32_t group = 0; group < matrix->groups; group++, y += EL_BLOCK_ROWS) {
        const el_rows16 *rows = el_rows16_of(matrix, group);
        float totals[EL_BLOCK_ROWS] = {0};
        for (uint32_t from = 0; from < matrix->columns; from += EL_SEGMENT) {
            uint32_t left = matrix->columns - from;
            uint32_t to = left < EL_SEGMENT ? matrix->columns : from + EL_SEGMENT;
            int32_t sums[EL_BLOCK_ROWS] = {0};
            for (uint32_t column = from; column < to; column += 2)
                for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++, weights += 2)
                    sums[row] += weights[0] * x[column] + weights[1] * x[column + 1];
            for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
                totals[row] += (float)sums[row];
        }
        const float *start = behind == NULL ? rows->bias : behind + (size_t)group * EL_BLOCK_ROWS;
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            y[row] = totals[row] * rows->scale[row] * step + start[row];
    }
}

static void dense_int16_batch(const el_matrix *matrix, const int16_t *const *x, float step,
                              float *const *y) {
    for (uint32_t n = 0; n < EL_BATCH; n++)
        dense_int16(matrix, x[n], step, NULL, y[n]);
}

static void gru_reset_float32(const el_gru *gru, const float *from_x, const float *from_h,
                              const float *h, float *reset) {
    uint32_t units = gru->groups * EL_BLOCK_ROWS;
    for (uint32_t n = 0; n < units; n++)
        reset[n] = el_sigmoid(from_x[units + n] + from_h[units + n]) * h[n];
}

static void gru_float32(const el_gru *gru, const float *from_x, const float *from_h, float *h) {
    uint32_t units = gru->groups * EL_BLOCK_ROWS;
    for (uint32_t n = 0; n < units; n++) {
        float z = el_sigmoid(from_x[n] + from_h[n]);
        float r = gru->before ? 1.0f : el_sigmoid(from_x[units + n] + from_h[units + n]);
        float candidate = el_tanh(from_x[2 * units + n] + r * from_h[2 * units + n]);
        h[n] = el_state(z * h[n] + (1.0f - z) * candidate);
    }
}

static void lstm_float32(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                         float *c) {
    lstm_floats(lstm, x, h, h_next, c, false);
}

static void dense_float32(const el_matrix *matrix, const float *x, float *y) {
    dense_floats(matrix, x, y, false);
}

#ifndef EL_WITHOUT_CHUNKS
static void dense_float32_batch(const el_matrix *matrix, size_t block, const float *const *x,
                                float *const *y) {
    dense_floats_batch(matrix, block, x, y, false);
}
#endif
#endif

#ifndef EL_NO_BF16
static void lstm_bf16(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                      float *c) {
    lstm_floats(lstm, x, h, h_next, c, true);
}

static void dense_bf16(const el_matrix *matrix, const float *x, float *y) {
    dense_floats(matrix, x, y, true);
}

#ifndef EL_WITHOUT_CHUNKS
static void dense_batch_bf16(const el_matrix *matrix, size_t block, const float *const *x,
                             float *const *y) {
    dense_floats_batch(matrix, block, x, y, true);
}
#endif

static const el_kernels bf16_kernels = {
    .name = "bf16",
    .lstm_float32 = lstm_bf16,
    .dense_float32 = dense_bf16,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
#ifndef EL_WITHOUT_CHUNKS
    .dense_float32_batch = dense_batch_bf16,
#endif
    .bf16 = &bf16_kernels,
};
#endif

const el_kernels el_kernels_scalar = {
    .name = "scalar",
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .codes_int8 = codes_int8,
    .gru_codes_int8 = gru_codes_int8,
    .gru_reset_int8 = gru_reset_int8,
    .gru_int8 = gru_int8,
#ifndef EL_WITHOUT_CHUNKS
    .dense_int8_batch = dense_int8_batch,
#ifndef EL_NO_FLOAT32
    .dense_float32_batch = dense_float32_batch,
#endif
#endif
#ifndef EL_NO_FLOAT32
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
    .dense_int16 = dense_int16,
    .dense_int16_batch = dense_int16_batch,
#endif
    .exact = &el_kernels_scalar,
#ifndef EL_NO_INT4
    .packed_int4 = packed_int4,
#endif
#ifndef EL_NO_BF16
    .bf16 = &bf16_kernels,
#endif
};
