/* What an instruction set provides: the same functions, compiled with its flags. */
#ifndef EL_SET_H
#define EL_SET_H

#include "pool.h"
#include "training.h"

struct el_set {
    const char *name;
    int (*kind)(const char *name);
    el_network *(*open)(const struct el_sizes *layers, size_t count);
    void (*close)(el_network *network);
    int (*learn)(el_network *network, const float *const *weights, const struct el_batch *batch,
                 const struct el_objective *objective, float *const *gradients, double *loss,
                 size_t threads);
    int (*forward)(el_network *network, const float *const *weights, const struct el_batch *batch,
                   const struct el_array *scores, size_t threads);
    void (*backward)(el_network *network, const struct el_array *dscores, float *const *gradients,
                     size_t threads);
    el_work *squares, *scale, *adam, *momentum, *average; /* of chunks */
    void (*tanh)(size_t count, const float *from, float *to);
};

extern const struct el_set el_set_plain, el_set_neon, el_set_avx2, el_set_avx512;

#endif
