/* Frames of one push that go through the layers together: all through one layer before the next, so
 * that its weights stay in the cache, and W·x of several at once. Every bit is as if they had come
 * one by one. */
#ifndef EL_CHUNK_H
#define EL_CHUNK_H

#include "model.h"

/* Frames of a chunk at most, and at least: a frame alone is faster without. */
#define EL_MOST_TOGETHER 16u
#define EL_LEAST_TOGETHER 2u

/* Find out which layers take frames together and what memory a stream needs for it, which is none
 * where that would gain little. `flags` are those of el_model_open. The layers are laid out. */
void el_plan_chunks(el_model *model, unsigned flags);

/* Take `count` frames, EL_LEAST_TOGETHER to EL_MOST_TOGETHER. `answers` has room for those that are
 * due, and is null where none are wanted. Returns how many were written. */
size_t el_chunk_push(el_stream *stream, const float *frames, uint32_t count, float *answers);

#endif
