/* A set's functions, in the order of its table, as the flags make them of the file that includes
 * this. */
#ifndef EL_BODY_H
#define EL_BODY_H

#include "learn.h"
#include "network.h"
#include "optimizer.h"
#include "set.h"

static void tanh_all(size_t count, const float *from, float *to) {
    for (size_t n = 0; n < count; n += LANES)
        store(to + n, tanh_of(load(from + n)));
}

#define EL_FUNCTIONS                                                                               \
    kind_number, network_open, network_close, network_learn, network_forward, network_backward,    \
        square_chunk, scale_chunk, adam_chunk, momentum_chunk, average_chunk, tanh_all

#endif
