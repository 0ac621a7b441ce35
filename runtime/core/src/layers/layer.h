/* A kind of layer: how it is checked, what it remembers, how it takes a frame. Everything else in
 * the core knows layers by this alone; layers.c has the table of kinds. */
#ifndef EL_LAYER_H
#define EL_LAYER_H

#include "model.h"

/* An entry of the layer table, as docs/file-format.md says. */
typedef struct el_tensor {
    uint32_t offset; /* in the file; 0 where there is none */
    uint32_t size;   /* bytes */
} el_tensor;

#define EL_OWN 9

typedef struct el_entry {
    size_t file_size;
    uint32_t activation;
    uint32_t result; /* offset in the results of a stream */
    el_tensor weights, row_records;
    el_tensor recurrent, recurrent_rows;
    int32_t input_zero_point;
    int32_t output_zero_point;
    float output_scale;
    int32_t multiplier;
    int32_t shift;
    el_tensor further;   /* first states; the taper of a spectrum */
    int32_t own[EL_OWN]; /* what only this kind has */
} el_entry;

/* For the files of a kind: `type` is what it keeps of a layer, which `check` fills by
 * type_in(layer) and all others read by type_of(layer). */
#define EL_RECORD(type)                                                                            \
    _Static_assert(sizeof(type) <= EL_RECORD_SIZE, "EL_RECORD_SIZE is too small for " #type);      \
    _Static_assert(_Alignof(type) <= _Alignof(void *), #type " has to lie elsewhere");             \
    static inline type *type##_in(el_layer *layer) {                                               \
        return (void *)layer->record;                                                              \
    }                                                                                              \
    static inline const type *type##_of(const el_layer *layer) {                                   \
        return (const void *)layer->record;                                                        \
    }

/* A part of a layer's state: rows × channels values. */
typedef struct el_part {
    const char *name;
    el_dtype dtype;
    uint32_t rows;
    uint32_t channels;
    uint32_t padded;   /* values in memory, whole groups of units */
    int32_t initial;   /* value of every byte in the initial state */
    float limit;       /* largest size of a float32 value */
    const void *first; /* (rows · channels,) of its dtype in the initial state; null for zeros */
} el_part;

/* Frames that several streams of a pool take together. */
typedef struct el_turn el_turn;

struct el_layer_type {
    const char *name;
    /* May be the last layer: its results are scores. */
    bool may_give_scores;
    /* May take codes of 16 bits. */
    bool may_be_wide;
    /* May have weights of four bits. */
    bool may_be_packed;
    /* It computes in float32 alone. */
    bool is_float;
    /* It takes samples of one signal, as they follow one another. */
    bool hears;
    /* It has int8 weights, or float32 ones in int8 files too. */
    bool may_be_float;
    /* Its result is of the type of its source. */
    bool only_moves;
    /* Reads a second result. */
    bool joins;
    /* May have a tensor beyond the four that all may have. */
    bool may_go_further;
    /* How many of its own fields are not the same for all: three, or more. */
    uint32_t own_fields;
    /* The result's rows and channels, `source` and `inputs` are known; model->layers holds the
     * layers before. Checks the entry and fills the rest, but for offsets in streams. */
    el_status (*check)(el_model *model, el_layer *layer, const el_entry *entry);
    /* Fills `parts`; returns how many there are. Null for a kind without a state. */
    uint32_t (*parts)(const el_model *model, const el_layer *layer, el_part parts[EL_MAX_PARTS]);
    /* Bytes of stream->work that a run needs. */
    uint64_t (*work)(const el_model *model, const el_layer *layer);
    /* Take the source's result; every layer->stride frames leave one. */
    void (*step)(const el_stream *stream, const el_layer *layer);
    /* The same for all streams of a turn; null where each is stepped alone. */
    void (*step_together)(const el_turn *turn, const el_layer *layer);
    /* For layers that may take several frames together, W·x of some at once: bytes for what W gives
     * with a frame, 0 where this layer may not; W·x of `frames`, a multiple of EL_BATCH; a step
     * that takes W·x for the source's result. Null for kinds that never may. */
    uint64_t (*sums_size)(const el_layer *layer);
    void (*multiply_frames)(const el_stream *stream, const el_layer *layer, const void *const *x,
                            void *const *sums, uint32_t frames);
    void (*step_from)(const el_stream *stream, const el_layer *layer, void *sums);
    /* Make the newest result anew from the state; null where the state is the result. */
    void (*recall)(const el_stream *stream, const el_layer *layer);
};

/* `x`, a result of the layer's source, as the codes that it takes. Only where it rounds. */
#ifndef EL_HAS_FLOATS
static inline void el_make_codes(const el_layer *layer, const void *x, void *codes) {
    (void)layer; /* none rounds */
    (void)x;
    (void)codes;
}
#else
void el_make_codes(const el_layer *layer, const void *x, void *codes);
#endif

/* The layer takes its source's result, of which it makes codes where it rounds. */
void el_layer_step(const el_stream *stream, const el_layer *layer);

/* `count` codes of h as the float32 results of a layer that gives these. */
void el_codes_to_floats(const el_layer *layer, const int8_t *codes, uint32_t count, float *values);

/* The kind with that number in files; null for none. */
const el_layer_type *el_layer_type_of(uint32_t number);

/* Rows of what `layer` reads, and their width. */
typedef struct el_shape {
    uint32_t rows, channels;
} el_shape;

el_shape el_source_shape(const el_model *model, const el_layer *layer);

/* The same of the second result; {0, 0} where there is none. */
el_shape el_other_shape(const el_model *model, const el_layer *layer);

/* Whether the layer takes its source's newest result at the stream's newest frame. */
static inline bool el_layer_is_due(const el_layer *layer, uint64_t frames) {
    return layer->period == 1 || frames % layer->period == 0;
}

#endif
