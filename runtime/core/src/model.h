/* A model after opening: the file's fields, checked, and where each part of a stream lies. */
#ifndef EL_MODEL_H
#define EL_MODEL_H

#include "edgelstm.h"
#include "operands.h"

#include <stdbool.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are little-endian and used in place; a big-endian machine cannot run them"
#endif

typedef struct el_layer_type el_layer_type;
typedef struct el_kernels el_kernels;

/* Parts of the state of one layer. */
#define EL_MAX_PARTS 2

/* Bytes for what a kind keeps of a layer: the largest is that of an LSTM. */
#define EL_RECORD_SIZE (64u + 7u * sizeof(void *))

/* What an LSTM or GRU has beyond the plain one. */
typedef struct el_recurrence {
    const void *first_h, *first_c; /* (units,) of the state's dtype after a reset; null for zeros */
    uint32_t runs;                 /* rows that it takes one after another in a frame */
    uint8_t gate, candidate;       /* functions, see layers/functions.h */
    bool anew;                     /* it begins every frame with the first state */
    bool plain;                    /* one run, sigmoid, tanh, and a state that lasts */
} el_recurrence;

typedef struct el_layer {
    const el_layer_type *type;
    uint32_t source;       /* 0 = the normalized input, else 1 + index of the layer that it reads */
    uint32_t other;        /* 0 = none, else 1 + the same of the second one that it reads */
    uint32_t inputs;       /* values of the source's result */
    uint32_t rows;         /* of the result, */
    uint32_t channels;     /* and their width */
    uint32_t period;       /* frames between two results of the source: it takes each of them */
    uint32_t stride;       /* frames between two results of its own */
    uint32_t x_offset;     /* in a stream: the source's result, or codes of it, */
    uint32_t other_offset; /* and the other one's */
    uint32_t from_offset;  /* where it rounds: the source's result */
    uint32_t y_offset;     /* in a stream: the result */
    uint32_t part_offset[EL_MAX_PARTS]; /* in a stream: the state */
    uint32_t weights_size;              /* bytes in the file, row records included */
    int32_t input_zero_point;           /* of the codes that it takes */
    int32_t zero_point;                 /* of the result */
    float inverse;                      /* where it rounds: codes of a unit of its source */
    float h_step;                       /* of 16-bit weights: of codes of h, where there is one */
    float scale;                        /* a recurrent one of integers that gives floats: of h */
    bool int8;                          /* computes in integers: see el_has_int8 */
    bool packed;                        /* int8, but for weights of four bits: see int4.h */
    bool bf16;                          /* float32, but for the weights of its blocks */
    bool int16;                         /* its products are of 16 bits: see el_has_int16 */
    bool rounds;                        /* makes codes of a source in float32 */
    bool gives_floats;                  /* the result is float32, and no scores */
    bool relu;
    bool gives_scores; /* the last layer: its results are float32 scores */
    bool keeps_result; /* the result is the first part of the state */
    bool wide;         /* takes codes of 16 bits */
    bool together;     /* takes frames of a chunk together */
    bool feeds_head;   /* a layer behind the last one with a state reads the result */
#ifndef EL_WITHOUT_CHUNKS
    uint32_t slot;       /* of the result in a chunk's rows, */
    uint32_t read_until; /* and 1 + the last layer that reads it there; 0 where it is in none */
#endif
    uint64_t macs; /* multiply-accumulates of one run */
    el_recurrence recurrence;
    _Alignas(void *) unsigned char record[EL_RECORD_SIZE]; /* the kind's own: see EL_RECORD */
} el_layer;

/* How scores become answers, and the memory that this takes. */
typedef struct el_plan {
    el_answer answer;
    uint32_t sums_blocks;   /* rows of float64 score sums; 0 when pooling is `last` */
    uint32_t sums_values;   /* of a row: `outputs` sums; with `mean + max` as many maxima behind */
    uint32_t totals_offset; /* in a stream: what follows from the sums, see answer.c, */
    uint32_t chunk_offset;  /* and rows and sums of frames that go together; 0 where none do */
    uint32_t stream_size;
    uint32_t snapshot_size;
} el_plan;

struct el_model {
    const uint8_t *file;
    const el_kernels *kernels;
    uint32_t precision;
    uint32_t features;
    uint32_t outputs;
    uint32_t n_layers;
    uint32_t head;   /* first of the layers behind the last one that has a state */
    uint32_t stride; /* frames between two results of the last layer */
    uint32_t anew;   /* frames after which the layers begin anew; 0 = never */
    uint32_t activation;
    float sample_rate;
    uint32_t metadata_offset;
    uint32_t metadata_size;
    bool wide_input;           /* int8: the normalized input has 16 bits, */
    bool float_input;          /* or is float32, as in float32 files */
    const float *input_mean;   /* int8: (x - mean)·scale + offset; float32: (x - offset)·scale */
    const float *input_scale;  /* each (features,) */
    const float *input_offset; /* no mean in float32 files, nor in int8 ones that have zeros */
    uint32_t results_size;     /* bytes of the results that are no state */
    uint32_t input_place;      /* the normalized input's place among them */
    /* Where the parts of a stream lie, in bytes from its start. What answers need comes last, so
     * that all others lie where they do whatever a stream's answers are. */
    uint32_t flow_offset; /* the normalized input */
    uint32_t results_offset;
    uint32_t codes_offset;   /* what the layer that runs has rounded */
    uint32_t work_offset;    /* what a layer needs while it runs; then the scores */
    uint32_t waiting_offset; /* samples that fill no frame yet: see samples.c */
    uint32_t sums_offset;
#ifndef EL_WITHOUT_CHUNKS
    /* Of frames that go together: slot and read_until of the input, and bytes of a frame, whose row
     * comes first; where in these codes are of what a layer reads, and what W gives. */
    uint32_t input_slot, input_read_until;
    uint32_t chunk_frame, chunk_codes, chunk_sums;
#endif
    uint64_t chunk_size;   /* of all frames of a chunk; 0 where they go one by one */
    uint32_t layers_parts; /* parts of the state without the sums, */
    uint32_t layers_size;  /* and bytes of a snapshot up to them */
    bool is_capture;       /* see layers/capture.h */
    bool keeps_samples;    /* that fill no frame yet: a frame is several of them */
    el_plan own;           /* of a stream that is asked for no other answers */
    uint64_t frame_macs;
    uint8_t identity[EL_IDENTITY_SIZE];
    el_layer layers[EL_MAX_LAYERS]; /* of which there are n_layers */
};

_Static_assert(sizeof(struct el_model) <= EL_MODEL_SIZE, "EL_MODEL_SIZE is too small");
_Static_assert(offsetof(struct el_model, layers) + sizeof(el_layer) <= EL_MODEL_SIZE_OF(1) &&
                   sizeof(el_layer) <= EL_MODEL_SIZE_OF(2) - EL_MODEL_SIZE_OF(1),
               "EL_MODEL_SIZE_OF is too small");

struct el_stream {
    const el_model *model;
    uint64_t frames; /* since the initial state, with the one that is on its way */
    el_plan plan;
    uint32_t waiting; /* samples that fill no frame yet, fewer than a frame has */
#ifndef EL_WITHOUT_TEAMS
    const el_team *team; /* the caller's; null for none */
#endif
};

/* With one precision built in, what serves the other is dead code that a compiler drops. */
static inline bool el_is_int8(const el_model *model) {
#ifdef EL_NO_FLOAT32
    (void)model; /* opening refused all others */
    return true;
#else
    return model->precision == EL_INT8 || model->precision == EL_INT4;
#endif
}

/* Whether samples that fill no frame yet wait in the streams of a model. */
static inline bool el_keeps_samples(const el_model *model) {
#ifndef EL_HAS_FLOATS
    (void)model; /* no kind of layer here takes samples */
    return false;
#else
    return model->keeps_samples;
#endif
}

/* Whether the layer's weights are int8, and its sums integers. */
static inline bool el_has_int8(const el_layer *layer) {
#ifdef EL_NO_FLOAT32
    (void)layer;
    return true;
#else
    return layer->int8;
#endif
}

/* Whether a layer of floats has 16-bit weights: see layers/int16.c. */
static inline bool el_has_int16(const el_layer *layer) {
#ifdef EL_NO_FLOAT32
    (void)layer;
    return false;
#else
    return layer->int16;
#endif
}

static inline bool el_gives_floats(const el_layer *layer) {
#ifndef EL_HAS_FLOATS
    (void)layer;
    return false;
#else
    return layer->gives_floats;
#endif
}

static inline bool el_rounds(const el_layer *layer) {
#ifndef EL_HAS_FLOATS
    (void)layer;
    return false;
#else
    return layer->rounds;
#endif
}

/* Whether the weights of a float32 layer's blocks are bfloat16. */
static inline bool el_has_bf16(const el_layer *layer) {
#ifdef EL_NO_BF16
    (void)layer;
    return false;
#else
    return layer->bf16;
#endif
}

/* Whether the weights of an int8 layer's blocks have four bits. */
static inline bool el_is_packed(const el_layer *layer) {
#ifdef EL_NO_INT4
    (void)layer;
    return false;
#else
    return layer->packed;
#endif
}

/* Bytes of a weight in a block that is not packed. */
static inline uint32_t el_weight_size(const el_layer *layer) {
    return el_has_int8(layer) ? 1u : el_has_bf16(layer) ? 2u : (uint32_t)sizeof(float);
}

/* Bytes of `count` weights in blocks, a multiple of 16; */
static inline uint64_t el_weights_size(const el_layer *layer, uint64_t count) {
    return el_is_packed(layer) ? count / 2 : count * el_weight_size(layer);
}

/* of a value of h, */
static inline uint32_t el_h_size(const el_layer *layer) {
    return el_has_int8(layer) ? 1u : (uint32_t)sizeof(float);
}

/* of a value that the layer's arithmetic takes, */
static inline uint32_t el_taken_size(const el_layer *layer) {
    return el_has_int8(layer) ? (layer->wide ? 2u : 1u) : (uint32_t)sizeof(float);
}

/* of one of its result, */
static inline uint32_t el_given_size(const el_layer *layer) {
    return el_gives_floats(layer) ? (uint32_t)sizeof(float) : 1u;
}

/* and of one of the normalized input. */
static inline uint32_t el_input_size(const el_model *model) {
    return model->wide_input ? 2u : model->float_input ? (uint32_t)sizeof(float) : 1u;
}

static inline uint32_t el_round_up(uint32_t value, uint32_t multiple) {
    return (value + multiple - 1u) / multiple * multiple;
}

static inline uint64_t el_align(uint64_t size) {
    return (size + EL_ALIGNMENT - 1u) / EL_ALIGNMENT * EL_ALIGNMENT;
}

static inline bool el_is_aligned(const void *pointer) {
    return ((uintptr_t)pointer & (EL_ALIGNMENT - 1u)) == 0;
}

static inline void *el_stream_part(const el_stream *stream, uint32_t offset) {
    return (void *)((uintptr_t)stream + offset);
}

/* CRC-32 (IEEE 802.3, as zlib's) of `size` bytes. */
uint32_t el_crc32(const uint8_t *bytes, size_t size);

#endif
