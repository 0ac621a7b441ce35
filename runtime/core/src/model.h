/* A model after opening: the file's fields, checked, and where each part of a stream lies. */
#ifndef EL_MODEL_H
#define EL_MODEL_H

#include "edgelstm.h"

#include <stdbool.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are little-endian and used in place; a big-endian machine cannot run them"
#endif

/* Rows of a weight block: 16 rows × 4 columns of int8, or 16 rows × 1 column of float32, are 64
 * bytes. */
#define EL_BLOCK_ROWS 16u
#define EL_BLOCK_COLUMNS 4u
/* Columns of int8 matrices are padded with zeros to a multiple of this. */
#define EL_COLUMN_PAD 8u
#define EL_GATES 4u

typedef enum el_kind { EL_LSTM = 1, EL_DENSE = 2 } el_kind;

/* What belongs to the 16 rows of an int8 weight block, as in the file: 24 bytes per row, field by
 * field, so that a vector register takes one field of all rows. */
typedef struct el_rows {
    int32_t bias[EL_BLOCK_ROWS];
    int32_t sum_w[EL_BLOCK_ROWS]; /* of the row's W */
    int32_t sum_r[EL_BLOCK_ROWS]; /* of the row's R; 0 for dense layers */
    /* mantissas; multiplier_w of the last dense layer: the bits of the float32 score scale */
    int32_t multiplier_w[EL_BLOCK_ROWS];
    int32_t multiplier_r[EL_BLOCK_ROWS];
    int8_t shift_w[EL_BLOCK_ROWS];
    int8_t shift_r[EL_BLOCK_ROWS];
    int8_t padding[2 * EL_BLOCK_ROWS];
} el_rows;

_Static_assert(sizeof(el_rows) == 24 * EL_BLOCK_ROWS, "rows take 24 bytes each in the file");

typedef struct el_layer {
    uint32_t kind; /* el_kind */
    uint32_t inputs;
    uint32_t outputs;
    uint32_t columns_w; /* inputs, padded for int8 */
    uint32_t columns_r; /* units, padded for int8; 0 for dense layers */
    uint32_t groups;    /* of EL_BLOCK_ROWS outputs */
    bool relu;
    /* int8 LSTM layers: no sum reaches 2^29, also after the left shift of its multiplier, no
     * multiplier of R·h has one, and right shifts are at most 15: kernels need no care about
     * overflow */
    bool no_overflow;
    const void *weights; /* int8_t or float, in blocks */
    const void *rows;    /* el_rows of each block, or float biases */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t cell_exponent;
    int32_t output_multiplier; /* from o·tanh(c) to int8 h */
    int32_t output_shift;
    uint32_t h_offset; /* in a stream: state of an LSTM layer */
    uint32_t c_offset;
} el_layer;

/* Whether a row of an int8 LSTM layer allows el_layer.no_overflow. |w·(x - zero point)| ≤ 127·255.
 */
static inline bool el_row_cannot_overflow(const el_rows *rows, uint32_t row, uint32_t columns_w,
                                          uint32_t columns_r) {
    /* Asked before all fields are known to be right: a shift may be any int8. */
    int32_t bias = rows->bias[row], left = rows->shift_w[row] > 0 ? rows->shift_w[row] : 0;
    int64_t most_w = (int64_t)127 * 255 * columns_w + (bias < 0 ? -(int64_t)bias : bias);
    int64_t most_r = (int64_t)127 * 255 * columns_r;
    return left < 29 && most_w < 1 << (29 - left) && most_r < 1 << 29 &&
           rows->shift_w[row] >= -15 && rows->shift_r[row] <= 0 && rows->shift_r[row] >= -15;
}

typedef struct el_kernels el_kernels;

struct el_model {
    const uint8_t *file;
    const el_kernels *kernels;
    uint32_t precision;
    uint32_t features;
    uint32_t outputs;
    uint32_t n_layers;
    uint32_t activation;
    uint32_t pooling;
    uint32_t window;
    uint32_t hop;
    float sample_rate;
    uint32_t metadata_offset;
    uint32_t metadata_size;
    const float *input_scale;  /* int8: x·scale + offset; float32: (x - offset)·scale */
    const float *input_offset; /* both (features,) */
    /* Where the parts of a stream lie, in bytes from its start. */
    uint32_t sums_blocks; /* blocks of `outputs` float64 score sums; 0 when pooling is `last` */
    uint32_t sums_offset;
    uint32_t flow_offset[2]; /* activations between layers, in turn */
    uint32_t h_next_offset;  /* a layer's new h while its old one is still read */
    uint32_t scores_offset;  /* float32 (outputs, padded to blocks) */
    uint32_t stream_size;
    uint32_t snapshot_size;
    uint64_t frame_macs;
    uint8_t identity[EL_IDENTITY_SIZE];
    el_layer layers[EL_MAX_LAYERS];
};

_Static_assert(sizeof(struct el_model) <= EL_MODEL_SIZE, "EL_MODEL_SIZE is too small");

struct el_stream {
    const el_model *model;
    uint64_t frames; /* since the initial state */
};

/* With one precision built in, what serves the other is dead code that a compiler drops. */
static inline bool el_is_int8(const el_model *model) {
#ifdef EL_NO_FLOAT32
    (void)model; /* opening refused all others */
    return true;
#else
    return model->precision == EL_INT8;
#endif
}

static inline uint32_t el_round_up(uint32_t value, uint32_t multiple) {
    return (value + multiple - 1u) / multiple * multiple;
}

static inline bool el_is_aligned(const void *pointer) {
    return ((uintptr_t)pointer & (EL_ALIGNMENT - 1u)) == 0;
}

static inline void *el_stream_part(const el_stream *stream, uint32_t offset) {
    return (void *)((uintptr_t)stream + offset);
}

/* Lay out a stream of `model`, whose layers are known: fills the offsets, stream_size and
 * snapshot_size. */
el_status el_lay_out_stream(el_model *model);

/* CRC-32 (IEEE 802.3, as zlib's) of `size` bytes. */
uint32_t el_crc32(const uint8_t *bytes, size_t size);

#endif
