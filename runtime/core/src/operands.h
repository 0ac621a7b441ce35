/* What kernels work on: matrices and layers as their weights lie in a file. */
#ifndef EL_OPERANDS_H
#define EL_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without float32 layers there are none whose weights are bfloat16. */
/* Whether a kind of layer is there that gives float32 to others: of a library for int8 alone the
 * log-mel one, where it was asked for. */
#if !defined(EL_NO_FLOAT32) || defined(EL_LOGMEL)
#define EL_HAS_FLOATS
#endif
#if defined(EL_NO_FLOAT32) && !defined(EL_NO_BF16)
#define EL_NO_BF16
#endif

/* Rows of a weight block: 16 rows × 4 columns of int8, or 16 rows × 1 column of float32, are 64
 * bytes. A column of bfloat16 is 32: row 0, row 8, row 1, row 9 … */
#define EL_BLOCK_ROWS 16u
#define EL_BLOCK_COLUMNS 4u
/* Columns of int8 matrices are padded with zeros to a multiple of this. */
#define EL_COLUMN_PAD 8u
/* Columns of float32 matrices whose products are added up before they join the others: the errors
 * of long sums grow less so. */
#define EL_SEGMENT 64u
/* Gates of an LSTM: i, f, g, o; and of a GRU: z, r, n. */
#define EL_GATES 4u
#define EL_GRU_GATES 3u

/* What belongs to the 16 rows of an int8 weight block, as in the file: 24 bytes per row, field by
 * field, so that a vector register takes one field of all rows. */
typedef struct el_rows {
    int32_t bias[EL_BLOCK_ROWS];
    int32_t sum_w[EL_BLOCK_ROWS]; /* of the row's W */
    int32_t sum_r[EL_BLOCK_ROWS]; /* of the row's R where both lie in one block; else 0 */
    /* mantissas; multiplier_w of the last layer: the bits of the float32 score scale */
    int32_t multiplier_w[EL_BLOCK_ROWS];
    int32_t multiplier_r[EL_BLOCK_ROWS];
    int8_t shift_w[EL_BLOCK_ROWS];
    int8_t shift_r[EL_BLOCK_ROWS];
    int8_t padding[2 * EL_BLOCK_ROWS];
} el_rows;

/* The same of a block of 16-bit weights: 16 rows × 2 columns are 64 bytes. Behind it, for each
 * EL_SEGMENT columns, int32_t[16]: the crossed sums of its rows, w[4n]·w[4n + 2] +
 * w[4n + 1]·w[4n + 3] over all n, modulo 2^32. */
typedef struct el_rows16 {
    float scale[EL_BLOCK_ROWS]; /* from sums to real numbers */
    float bias[EL_BLOCK_ROWS];
} el_rows16;

#define EL_COLUMN_PAD_16 4u

/* Sizes of 16-bit weights, and of the codes that they meet, at most: two add up to an int16. */
#define EL_MOST_OF_16 16383

_Static_assert(sizeof(el_rows) == 24 * EL_BLOCK_ROWS, "rows take 24 bytes each in the file");

/* Which way the multipliers of a matrix's rows shift. */
typedef enum el_shifts {
    EL_SHIFTS_BOTH_WAYS, /* for all that is known */
    EL_SHIFTS_NOT_LEFT,
    EL_SHIFTS_RIGHT, /* by one bit at least */
} el_shifts;

/* Groups of 16 rows × columns, one block each. */
typedef struct el_matrix {
    const void *weights; /* int8_t, int16_t, float or the upper halves of floats, in blocks */
    const void *rows;    /* el_rows or el_rows16 of each block, or float biases */
    uint32_t columns;    /* padded for int8 and int16 */
    uint32_t used;       /* of them, without padding */
    uint32_t groups;
    int32_t zero_point; /* of what it is multiplied with */
} el_matrix;

static inline uint32_t el_segments(uint32_t columns) {
    return (columns + EL_SEGMENT - 1) / EL_SEGMENT;
}

/* Bytes of what belongs to a block of 16-bit weights. */
static inline size_t el_rows16_size(uint32_t columns) {
    return sizeof(el_rows16) + el_segments(columns) * EL_BLOCK_ROWS * sizeof(int32_t);
}

static inline const el_rows16 *el_rows16_of(const el_matrix *matrix, uint32_t group) {
    return (const void *)((const uint8_t *)matrix->rows + group * el_rows16_size(matrix->columns));
}

/* The crossed sums of a segment. */
static inline const int32_t *el_crossed_of(const el_rows16 *rows, uint32_t segment) {
    return (const int32_t *)(const void *)(rows + 1) + (size_t)segment * EL_BLOCK_ROWS;
}

/* An LSTM layer: W and R side by side in a block, four blocks (the gates) for a group of units. */
typedef struct el_lstm {
    const void *weights;
    const void *rows;
    uint32_t columns_w; /* inputs, padded for int8 */
    uint32_t columns_r; /* units, padded for int8 */
    uint32_t groups;    /* of EL_BLOCK_ROWS units */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t cell_exponent;
    int32_t output_multiplier; /* from o·tanh(c) to int8 h */
    int32_t output_shift;
    /* What W gives with a frame, biases included, where that is known before: (16·EL_GATES·groups,)
     * sums, of int32 or of float; else null. columns_w is 0 then. So it is with 16-bit inputs,
     * whose W lies apart with the blocks in the same order, and where several frames met W before,
     * which lies before R in each block: `skipped` columns. */
    const void *from_x;
    /* What R gives with h, where that is known before, too, as where weights have four bits:
     * (16·EL_GATES·groups,); columns_r is 0 then. */
    const int32_t *from_h;
    uint32_t skipped;
    el_matrix w;
    /* int8: no sum reaches 2^29, also after the left shift of its multiplier, no multiplier of R·h
     * has one, and right shifts are at most 15: kernels need no care about overflow */
    bool no_overflow;
    bool half;                    /* half of the last group is padding */
    el_shifts shifts_w, shifts_r; /* of int8 rows */
} el_lstm;

/* Weights of a block, which is a gate of a group of units, and where its R begins. */
static inline size_t el_lstm_block(const el_lstm *lstm) {
    return (size_t)EL_BLOCK_ROWS * (lstm->skipped + lstm->columns_w + lstm->columns_r);
}

static inline size_t el_lstm_recurrent(const el_lstm *lstm) {
    return (size_t)EL_BLOCK_ROWS * (lstm->skipped + lstm->columns_w);
}

/* Blocks of weights of four bits, see layers/int4.h: the columns of W, behind them in the same
 * block those of R where there are any. */
typedef struct el_packed {
    const uint8_t *weights;
    const el_rows *rows;
    uint32_t blocks, columns_w, columns_r;
    int32_t zero_point_w, zero_point_r; /* of x and of h */
} el_packed;

/* What lies in a half of a byte for a weight of 0, and by what a half counts. */
#define EL_INT4_ZERO 8
#define EL_INT4_STEP 16

/* A GRU layer: two matrices whose rows are the gates z, r, n, each padded to whole groups. */
typedef struct el_gru {
    el_matrix w, r;
    uint32_t groups; /* of EL_BLOCK_ROWS units */
    bool before;     /* the reset gate acts before R's product, not after it */
    int32_t output_zero_point;
    int32_t output_multiplier; /* from Q0.15 to int8 h */
    int32_t output_shift;
} el_gru;

/* Bands of log-mel at most. */
#define EL_LOGMEL_BANDS 128u

/* Log-mel features. Values in the transform stay below 2^28 and a bit. */
typedef struct el_logmel {
    const int32_t *taper; /* (window,) Q31: of even samples, then of odd ones */
    /* Q31. For each stage of radix 4 but one over four values alone: (6, n / 4) cos and -sin of
     * 2πp / n, then of twice and of three times that; then (2, size / 4) of 2πk / size. */
    const int32_t *turns;
    const uint16_t *filters; /* first frequency and count of each band, then Q12 weights of all */
    const float *scale, *offset; /* (bands,) each */
    uint32_t size;               /* samples of a transform: 256, 512 or 1024 */
    uint32_t window;             /* of them that are none of the zeros behind, an even number */
    uint32_t bands;
    int32_t fall, reach; /* of a running level: in its steps a frame, and in steps of a logarithm */
    bool runs;           /* there is such a level */
} el_logmel;

/* Largest |x - zero point| of 8-bit and of 16-bit x. */
#define EL_FURTHEST_8 255
#define EL_FURTHEST_16 32768

/* Which way with a row besides; those of no rows shift right. */
static inline el_shifts el_shifts_with(el_shifts so_far, int8_t shift) {
    el_shifts own = shift < 0    ? EL_SHIFTS_RIGHT
                    : shift == 0 ? EL_SHIFTS_NOT_LEFT
                                 : EL_SHIFTS_BOTH_WAYS;
    return own < so_far ? own : so_far;
}

/* Whether a row of an int8 LSTM layer allows el_lstm.no_overflow. |w·(x - zero point)| ≤
 * 127·furthest_x. */
static inline bool el_row_cannot_overflow(const el_rows *rows, uint32_t row, uint32_t columns_w,
                                          int32_t furthest_x, uint32_t columns_r) {
    /* Asked before all fields are known to be right: a shift may be any int8. */
    int32_t bias = rows->bias[row], left = rows->shift_w[row] > 0 ? rows->shift_w[row] : 0;
    int64_t most_w = (int64_t)127 * furthest_x * columns_w + (bias < 0 ? -(int64_t)bias : bias);
    int64_t most_r = (int64_t)127 * EL_FURTHEST_8 * columns_r;
    return left < 29 && most_w < 1 << (29 - left) && most_r < 1 << 29 &&
           rows->shift_w[row] >= -15 && rows->shift_r[row] <= 0 && rows->shift_r[row] >= -15;
}

/* What a layer says of all its int8 rows, before the first one is known, */
static inline void el_lstm_forget_rows(el_lstm *lstm) {
    lstm->no_overflow = true;
    lstm->shifts_w = lstm->shifts_r = EL_SHIFTS_RIGHT;
}

/* and with one more. `columns_w`: of W, wherever it lies. */
static inline void el_lstm_learn_row(el_lstm *lstm, const el_rows *rows, uint32_t row,
                                     uint32_t columns_w, int32_t furthest_x) {
    lstm->no_overflow = lstm->no_overflow &&
                        el_row_cannot_overflow(rows, row, columns_w, furthest_x, lstm->columns_r);
    lstm->shifts_w = el_shifts_with(lstm->shifts_w, rows->shift_w[row]);
    lstm->shifts_r = el_shifts_with(lstm->shifts_r, rows->shift_r[row]);
}

#endif
