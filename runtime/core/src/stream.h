/* The road of a frame in parts: a stream takes them one after another, a pool each for many
 * streams. */
#ifndef EL_STREAM_H
#define EL_STREAM_H

#include "model.h"

/* Make a stream at `memory`, which is aligned and has plan->stream_size bytes. */
void el_stream_make(void *memory, const el_model *model, const el_plan *plan);

/* Whether none of `count` values is NaN or infinity. */
bool el_are_finite(const float *values, size_t count);

/* Normalize a frame: raw → float32, or int8 codes (ties to even; see docs/integer-arithmetic.md).
 */
void el_stream_read(const el_stream *stream, const float *frame, void *values);

/* Take `count` frames, which are finite. `answers` has room for the `due` that they bring. Returns
 * how many were written. */
size_t el_stream_take(el_stream *stream, const float *frames, size_t count, float *answers,
                      size_t due);

/* Count a frame, and normalize it where layers read it: behind samples that wait, if there are
 * some. */
void el_stream_begin_frame(el_stream *stream, const float *frame);

/* The layers up to the last one with a state have taken the frame. Returns whether an answer was
 * written to `answer` (outputs,); where that is null, none is. */
bool el_stream_finish_frame(el_stream *stream, float *answer);

#endif
