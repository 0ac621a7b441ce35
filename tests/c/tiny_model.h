/* A small model file made in memory, independent of the Python exporter: LSTM 5 → LSTM 3 → dense 4
 * (ReLU) → dense 2, three features. Weights are a fixed pseudo-random sequence. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "edgelstm.h"

#define TINY_FEATURES 3
#define TINY_OUTPUTS 2
#define TINY_MAX_SIZE 16384

typedef struct tiny_model {
    _Alignas(EL_ALIGNMENT) unsigned char file[TINY_MAX_SIZE];
    size_t size;
    _Alignas(EL_ALIGNMENT) unsigned char memory[EL_MODEL_SIZE];
    el_model *model;
} tiny_model;

/* Write the file; does not open it. */
void tiny_make(tiny_model *tiny, el_precision precision, el_pooling pooling, uint32_t window,
               uint32_t hop);

/* Make the checksum right again after a change. */
void tiny_seal(tiny_model *tiny);

el_status tiny_open(tiny_model *tiny);

/* Frame `n` of a fixed signal. */
void tiny_frame(unsigned n, float frame[TINY_FEATURES]);

#endif
