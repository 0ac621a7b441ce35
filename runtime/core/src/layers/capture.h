/* Captures of amplifiers and pedals: one LSTM layer of floats, few units, a dense layer with one
 * output, and an answer for every frame, which is a sample or little more. Blocks of frames go
 * through both layers at once, where the kernel set can. Every bit is as if they had come one by
 * one. */
#ifndef EL_CAPTURE_H
#define EL_CAPTURE_H

#include "model.h"

#if defined(EL_NO_FLOAT32) || defined(EL_WITHOUT_CHUNKS)
static inline bool el_is_capture(const el_model *model) {
    (void)model;
    return false;
}

static inline bool el_captures(const el_stream *stream, size_t left) {
    (void)stream, (void)left;
    return false;
}

static inline void el_capture_push(el_stream *stream, const float *frames, size_t count,
                                   float *answers) {
    (void)stream, (void)frames, (void)count, (void)answers;
}
#else
/* Whether its layers are such ones. They are laid out, and so are chunks. */
bool el_is_capture(const el_model *model);

/* Whether a stream takes the frames that are left of a push in blocks. */
bool el_captures(const el_stream *stream, size_t left);

/* Take `count` frames of such a stream. `answers` has room for as many. */
void el_capture_push(el_stream *stream, const float *frames, size_t count, float *answers);
#endif

#endif
