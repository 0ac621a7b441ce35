/* All arrays of a model in chunks of a fixed size, which threads share: sums do not depend on their
 * number. */
#ifndef EL_CHUNKS_H
#define EL_CHUNKS_H

#include "pool.h"
#include "training.h"

enum {
    CHUNK = 1 << 13,
    SHARED = 1 << 16, /* numbers from which on threads pay */
};

struct steps {
    size_t count;
    const uint64_t *sizes;
    float *const *values;
    const uint8_t *decays;
    const float *const *others;
    float *const *firsts, *const *seconds;
    const struct el_adam *adam;
    const struct el_momentum *momentum;
    float factor;
    double *sums; /* of chunks */
};

struct chunk {
    size_t array, from, size;
};

static inline size_t chunks_of(size_t size) {
    return (size_t)((size + CHUNK - 1) / CHUNK);
}

static inline size_t all_chunks(const struct steps *steps) {
    size_t chunks = 0;
    for (size_t n = 0; n < steps->count; n++)
        chunks += chunks_of(steps->sizes[n]);
    return chunks;
}

static inline struct chunk find_chunk(const struct steps *steps, size_t number) {
    size_t array = 0;
    for (; number >= chunks_of(steps->sizes[array]); array++)
        number -= chunks_of(steps->sizes[array]);
    const size_t from = number * CHUNK, left = steps->sizes[array] - from;
    return (struct chunk){array, from, left < CHUNK ? left : CHUNK};
}

static inline void share_chunks(struct steps *steps, size_t threads, el_work *work) {
    size_t all = 0;
    for (size_t n = 0; n < steps->count; n++)
        all += steps->sizes[n];
    el_share(all_chunks(steps), all < SHARED ? 1 : threads, work, steps);
}

#endif
