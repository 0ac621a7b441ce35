/* The road of a frame in parts: a stream takes them one after another, a pool each for many
 * streams. */
#ifndef EL_STREAM_H
#define EL_STREAM_H

#include "model.h"

/* Whether `count` frames hold neither NaN nor infinity. */
bool el_frames_are_finite(const el_model *model, const float *frames, size_t count);

/* Raw frame → normalized float32, or int8 codes (ties to even; see docs/integer-arithmetic.md).
 * Returns where they lie in the stream: the first layer's input. */
void *el_stream_read_input(const el_stream *stream, const float *frame);

/* Layer `index`, an LSTM layer, has written the stream's h_next: make it the state. Returns h, the
 * next layer's input. */
void *el_stream_accept_h(const el_stream *stream, uint32_t index);

/* The LSTM layers are done and the last one's h lies at `h`; layer `head` is the first dense one.
 * Count the frame. Returns whether an answer was due: then `answer` (outputs,) holds it. */
bool el_stream_finish_frame(el_stream *stream, const void *h, uint32_t head, float *answer);

#endif
