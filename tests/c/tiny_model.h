/* Small model files made in memory, independent of the Python exporter. Weights are a fixed
 * pseudo-random sequence. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "edgelstm.h"

#define TINY_FEATURES 3
#define TINY_OUTPUTS 2
#define TINY_MAX_SIZE (1 << 20)
/* Where the layer table lies, and in it the fields that tests change. */
#define TINY_TABLE 128
#define TINY_ENTRY 128
#define TINY_WEIGHTS 32
#define TINY_ROWS 40

typedef struct tiny_model {
    _Alignas(EL_ALIGNMENT) unsigned char file[TINY_MAX_SIZE];
    size_t size;
    _Alignas(EL_ALIGNMENT) unsigned char memory[EL_MODEL_SIZE];
    el_model *model;
} tiny_model;

typedef enum tiny_kind {
    TINY_LSTM = 1,
    TINY_DENSE = 2,
    TINY_CONTEXT = 3,
    TINY_CONV = 4,
    TINY_GRU = 5,
    TINY_SPECTRUM = 15 /* in float32 alone */
} tiny_kind;

/* A layer that reads the one before. */
typedef struct tiny_layer {
    tiny_kind kind;
    uint32_t width; /* units, outputs, channels of the result; not for a context */
    int relu;
    uint32_t own[3]; /* context: rows, hop; conv: taps, stride, dilation; GRU: reset before;
                        spectrum: size, hop */
} tiny_layer;

typedef struct tiny_answer {
    el_pooling pooling;
    uint32_t window, hop;
} tiny_answer;

/* Write a file of `n` layers whose last one gives the scores; does not open it. */
void tiny_build(tiny_model *tiny, el_precision precision, tiny_answer answer, uint32_t features,
                const tiny_layer *layers, uint32_t n);

/* The same in int8, over an input of 16 bits. */
void tiny_build_wide(tiny_model *tiny, tiny_answer answer, uint32_t features,
                     const tiny_layer *layers, uint32_t n);

/* As tiny_build: LSTM 5 → LSTM 3 → dense 4 (ReLU) → dense 2 over three features. */
void tiny_make(tiny_model *tiny, el_precision precision, el_pooling pooling, uint32_t window,
               uint32_t hop);

/* Make the checksum right again after a change. */
void tiny_seal(tiny_model *tiny);

el_status tiny_open(tiny_model *tiny);

/* With flags of el_model_open. */
el_status tiny_open_with(tiny_model *tiny, unsigned flags);

/* Frame `n` of a fixed signal. */
void tiny_frame(unsigned n, float frame[TINY_FEATURES]);

#endif
