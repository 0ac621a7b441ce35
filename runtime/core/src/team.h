/* Steps of layers that several threads share: see el_team of edgelstm.h. */
#ifndef EL_TEAM_H
#define EL_TEAM_H

#include "model.h"

/* What a kind of layer knows more lies behind this, in a structure that begins with it. */
struct el_step {
    /* Do `groups` of the groups of rows from `first` on. Reads nothing that another part writes. */
    void (*take)(const el_step *step, uint32_t first, uint32_t groups);
    uint32_t groups; /* of all parts together */
    uint32_t parts;
};

/* A part is a multiple of so many groups: kernels take as many side by side, each set in an order
 * of its own that the last few groups may not have, and may write one behind an odd number. Codes
 * of as many are a line of 64 bytes, so that no two threads write to one. */
#define EL_PART_GROUPS 4u
/* Multiply-accumulates that are worth handing over: some microseconds on the slowest processors,
 * one on a fast one. */
#define EL_SHARED_MACS 32768u

/* Whether a step of so much work is for a team. */
static inline bool el_is_shared(const el_stream *stream, uint32_t groups, uint64_t macs) {
#ifdef EL_WITHOUT_TEAMS
    (void)stream, (void)groups, (void)macs;
    return false;
#else
    return stream->team != NULL && groups > EL_PART_GROUPS && macs >= EL_SHARED_MACS;
#endif
}

/* Let the team do the step, of which `take` and `groups` are known. */
#ifdef EL_WITHOUT_TEAMS
static inline void el_share(const el_stream *stream, el_step *step) {
    (void)stream;
    step->take(step, 0, step->groups);
}
#else
void el_share(const el_stream *stream, el_step *step);
#endif

#endif
