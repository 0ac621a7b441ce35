/* What an instruction set has to provide. Every set gives the same int8 integers as the scalar one.
 */
#ifndef EL_KERNELS_H
#define EL_KERNELS_H

#include "operands.h"

#include <stddef.h>

typedef struct el_kernels el_kernels;

/* Streams, or frames of one stream, that a batched kernel takes at once. */
#define EL_BATCH 4

/* What lstm_int8 takes, for each of them. */
typedef struct el_batch {
    const int8_t *x[EL_BATCH];
    const int8_t *h[EL_BATCH];
    int8_t *h_next[EL_BATCH];
    int16_t *c[EL_BATCH];
} el_batch;

/* Frames of one stream, for a layer and a row of weights behind it. */
typedef struct el_frames {
    const float *x; /* (count, columns_w) */
    float *h;       /* (16·groups,) the state before them, then behind them */
    float *c;
    float *work; /* (16·groups,) */
    float *y;    /* (count,) out: what the row gives */
    uint32_t count;
} el_frames;

/* Values that read_int8 wants at least. */
#define EL_READ_LEAST 32u

struct el_kernels {
    const char *name;
    /* Raw frame → codes, as el_stream_read_input says; null where a compiler does it as well. */
    void (*read_int8)(const float *frame, const float *mean, const float *scale,
                      const float *offset, uint32_t count, int8_t *codes);
    /* One frame through an int8 LSTM layer.
     *   x       (columns_w,) input, padding included
     *   h       (columns_r,) the layer's state, as it is before the frame
     *   h_next  (16·groups,) out: the state after it; not h
     *   c       (16·groups,) cell state at scale 2^cell_exponent, updated in place */
    void (*lstm_int8)(const el_lstm *lstm, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c);
    /* The same for EL_BATCH streams, each as lstm_int8 would have it; null where a set has none. */
    void (*lstm_int8_batch)(const el_lstm *lstm, const el_batch *batch);
    /* The int32 sums of a matrix times x, zero points and bias included: (16·groups,). */
    void (*dense_int8)(const el_matrix *matrix, const int8_t *x, int32_t *sums);
    /* The same with 16-bit x (columns,), of which the zero point is 0, where no sum leaves int32;
     * what x has for columns of padding counts for nothing. Null where a set has none: then
     * dense_int8 does it in two. */
    void (*wide_int8)(const el_matrix *matrix, const int16_t *x, int32_t *sums);
    /* Sums of a matrix as int8 codes: scaled row by row, the zero point added, at least `low`.
     * Writes `count` codes, and may write whole lines of 64 bytes. */
    void (*codes_int8)(const el_matrix *matrix, const int32_t *sums, uint32_t count,
                       int32_t zero_point, int32_t low, int8_t *codes);
    /* int8 GRU, element by element. `from_x` and `from_h` are the sums of W and R: (3·16·groups,),
     * gate after gate. A set may read a register behind the last gate, and write codes and h in
     * whole lines of 64 bytes.
     *   codes  (16·groups,) out: h as the next layer and R read it
     *   reset  (16·groups,) out: codes of r·h
     *   h      (16·groups,) the state in Q0.15; gru_int8 updates it */
    void (*gru_codes_int8)(const el_gru *gru, const int16_t *h, int8_t *codes);
    void (*gru_reset_int8)(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                           const int16_t *h, int8_t *reset);
    void (*gru_int8)(const el_gru *gru, const int32_t *from_x, const int32_t *from_h, int16_t *h,
                     int8_t *codes);
    /* The window of samples as powers of frequencies, see logmel_steps.h; null where a set has none
     * of its own.
     *   samples  (window,)
     *   work     (2·size,), and 4 bytes behind it that may be read
     *   power    (size / 2 + 1,) out: in eighths of a square of a sample's step */
    void (*logmel_power)(const el_logmel *logmel, const int16_t *samples, int32_t *work,
                         uint64_t *power);
    /* The energies of bands (bands,) of such powers, by el_logmel_energies; null as above. */
    void (*logmel_energies)(const el_logmel *logmel, const uint64_t *power, uint64_t *energies);
    /* The same in float32; `y` is the product with its bias. */
    void (*lstm_float32)(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                         float *c);
    void (*dense_float32)(const el_matrix *matrix, const float *x, float *y);
    /* lstm_float32, then the first row of dense_float32, for each of several frames, with the same
     * bits; of at most EL_SEGMENT units. Null where a set has none. */
    void (*capture_float32)(const el_lstm *lstm, const el_matrix *head, const el_frames *frames);
    void (*gru_reset_float32)(const el_gru *gru, const float *from_x, const float *from_h,
                              const float *h, float *reset);
    void (*gru_float32)(const el_gru *gru, const float *from_x, const float *from_h, float *h);
    /* dense_int8 and dense_float32 for EL_BATCH inputs at once: the same bits for each. `block` is
     * how many weights a block is behind the one before; a matrix whose blocks are not one behind
     * the other has groups in fours. `sums` and `y` of inputs that are one may not be one. */
    void (*dense_int8_batch)(const el_matrix *matrix, size_t block, const int8_t *const *x,
                             int32_t *const *sums);
    void (*dense_float32_batch)(const el_matrix *matrix, size_t block, const float *const *x,
                                float *const *y);
    /* Products of 16-bit weights with 16-bit codes x: the int32 sums of EL_SEGMENT columns, of
     * which none overflows, as float added up from 0 on, times the row's scale, times `step`,
     * behind the biases, or behind what `behind` has: (16·groups,). The same bits from every set. y
     * may be `behind`. */
    void (*dense_int16)(const el_matrix *matrix, const int16_t *x, float step, const float *behind,
                        float *y);
    /* The same for EL_BATCH inputs, behind the biases. */
    void (*dense_int16_batch)(const el_matrix *matrix, const int16_t *const *x, float step,
                              float *const *y);
    /* The set whose layers of floats are those of int8 files: the same bits from every set.
     * Products are rounded before they are added, column after column, EL_SEGMENT of them from 0 on
     * before they join the others, as the scalar set has it. */
    const el_kernels *exact;
    /* The set's layers of floats whose weights are bfloat16, the upper halves of floats, in the
     * same blocks: the bits of its float32 layers with these floats. Null in libraries without. */
    const el_kernels *bf16;
    /* The (16·blocks,) sums of packed weights with x, as dense_int8 gives those of int8 weights
     * that are as large, and those of R with h, which have no bias. Null in libraries without. */
    void (*packed_int4)(const el_packed *packed, const int8_t *x, const int8_t *h, int32_t *from_x,
                        int32_t *from_h);
};

extern const el_kernels el_kernels_scalar;
extern const el_kernels el_kernels_avx2;
extern const el_kernels el_kernels_avxvnni;
extern const el_kernels el_kernels_avx512vnni;
extern const el_kernels el_kernels_neon;
extern const el_kernels el_kernels_dotprod;

/* The set to use on this machine: the best that runs, or the one that EDGELSTM_KERNEL names. Null
 * when that one is unknown or cannot run here. */
const el_kernels *el_kernels_choose(void);

#endif
