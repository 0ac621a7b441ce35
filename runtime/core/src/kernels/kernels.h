/* What an instruction set has to provide. Every set gives the same int8 integers as the scalar one.
 */
#ifndef EL_KERNELS_H
#define EL_KERNELS_H

#include "model.h"

/* Streams that a batched kernel takes at once. */
#define EL_BATCH 4

/* What lstm_int8 takes, for each of them. */
typedef struct el_batch {
    const int8_t *x[EL_BATCH];
    const int8_t *h[EL_BATCH];
    int8_t *h_next[EL_BATCH];
    int16_t *c[EL_BATCH];
} el_batch;

/* Values that read_int8 wants at least. */
#define EL_READ_LEAST 32u

struct el_kernels {
    const char *name;
    /* Raw frame → codes, as el_stream_read_input says; null where a compiler does it as well. */
    void (*read_int8)(const float *frame, const float *scale, const float *offset, uint32_t count,
                      int8_t *codes);
    /* One frame through an int8 LSTM layer.
     *   x       (columns_w,) input, padding included
     *   h       (columns_r,) the layer's state, as it is before the frame
     *   h_next  (16·groups,) out: the state after it; not h
     *   c       (16·groups,) cell state at scale 2^cell_exponent, updated in place */
    void (*lstm_int8)(const el_layer *layer, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c);
    /* The same for EL_BATCH streams, each as lstm_int8 would have it; null where a set has none. */
    void (*lstm_int8_batch)(const el_layer *layer, const el_batch *batch);
    /* The int32 sums of a dense layer, zero points and bias included: (16·groups,). */
    void (*dense_int8)(const el_layer *layer, const int8_t *x, int32_t *sums);
    /* The same in float32; `y` is the dense layer before its activation. */
    void (*lstm_float32)(const el_layer *layer, const float *x, const float *h, float *h_next,
                         float *c);
    void (*dense_float32)(const el_layer *layer, const float *x, float *y);
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
