/* What LSTM and GRU layers may have beyond the plain ones: states to begin with; in float32 files
 * other functions, rows within a frame one after another, frames that begin anew. */
#ifndef EL_RECURRENCE_H
#define EL_RECURRENCE_H

#include "matrix.h"

/* |h| ≤ 1 in plain layers; |c| grows by at most 1 a frame and no longer at 2^24, where float32
 * cannot add 1. Others are held to that. */
#define EL_MAX_STATE 16777216.0f

/* Bits of own[2]. */
enum { EL_GATE_BITS = 15, EL_CANDIDATE_SHIFT = 4, EL_ANEW_BIT = 256 };

/* Read own[1], 1 where the layer takes rows one after another, own[2], and the first states,
 * `letters` of them: fills layer->recurrence, and makes layer->inputs those of one run. The
 * result's shape must follow. */
el_status el_read_recurrence(const el_model *model, el_layer *layer, const el_entry *entry,
                             uint32_t letters);

/* One row a frame, sigmoid and tanh, from the state: as all of int8 models are. */
static inline bool el_is_plain(const el_layer *layer) {
#ifdef EL_NO_FLOAT32
    (void)layer;
    return true;
#else
    return layer->recurrence.plain;
#endif
}

/* Floats of work for the states of a layer that begins anew, and these states: parts of `padded`
 * values. */
uint64_t el_anew_work(const el_layer *layer, uint32_t letters, uint32_t padded);
void el_begin_anew(const el_layer *layer, uint32_t letters, uint32_t padded, float *states);

/* What codes of h may be multiplied with to be float32 results. */
static inline bool el_is_scale(float scale) {
    return scale > 0 && scale <= 1e6f;
}

/* Held to what a state may be; what is almost 0 is 0. */
float el_held_state(float value);

#endif
