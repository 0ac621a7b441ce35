/* The state of a stream as a list of parts: those of its layers in their order, then the sums of
 * scores where answers are means, then the samples that fill no frame yet where a model takes
 * samples. Snapshots hold them in this order. */
#ifndef EL_PARTS_H
#define EL_PARTS_H

#include "layers/layer.h"

#define EL_SNAPSHOT_HEADER_SIZE 64u

typedef struct el_place {
    el_part part;
    uint32_t layer;  /* its index; model->n_layers for what is no layer's */
    uint32_t which;  /* of that layer's parts */
    uint32_t size;   /* bytes that count, without padding */
    uint32_t memory; /* bytes in a stream */
    uint32_t offset; /* in a stream, once that is laid out */
} el_place;

/* Where a walk over the parts stands; starts as zeros. */
typedef struct el_walk {
    uint32_t layer, which;
} el_walk;

/* Bytes of the samples that may wait; 0 where none do. */
static inline uint32_t el_waiting_size(const el_model *model) {
    return el_keeps_samples(model) ? model->features * (uint32_t)sizeof(float) : 0;
}

/* The next part of a stream's state with answers of `plan`; false behind the last. */
bool el_next_part(const el_model *model, const el_plan *plan, el_walk *walk, el_place *place);

#endif
