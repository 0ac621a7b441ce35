/* Opening a model file, in its steps. */
#ifndef EL_MODEL_OPEN_H
#define EL_MODEL_OPEN_H

#include "model.h"

#define EL_HEADER_SIZE 128u
#define EL_ENTRY_SIZE 128u
/* Largest number of rows of a result. */
#define EL_MAX_ROWS 4096u
/* Largest number of 16-bit inputs: their products with weights, 512·127·2^15, leave 2^24 of int32
 * to a bias. */
#define EL_MAX_WIDE_INPUTS 512u
/* Largest stride, window and hop, in frames. */
#define EL_MAX_STRIDE (1u << 20)
/* Largest stream, in bytes. */
#define EL_MAX_STREAM_SIZE (UINT32_C(1) << 30)

/* Read and check the layer table of a model whose header is known. */
el_status el_read_layers(el_model *model, size_t file_size);

/* Lay out a stream of `model`, whose layers are known: fills the offsets, the number of parts, what
 * frames need that go together, as the flags of el_model_open have it, and the plan of the model's
 * own answers. */
el_status el_lay_out_stream(el_model *model, unsigned flags);

#endif
