#include "training.h"

#include "chunks.h"
#include "cpu.h"
#include "set.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The best first. */
static const struct {
    bool (*runs)(void);
    const struct el_set *set;
} sets[] = {
#if defined(EL_TRAINING_AVX512)
    {el_runs_avx512, &el_set_avx512},
#endif
#if defined(EL_TRAINING_AVX2)
    {el_runs_avx2, &el_set_avx2},
#endif
#if defined(EL_TRAINING_NEON)
    {el_runs_neon, &el_set_neon},
#endif
#if defined(EL_TRAINING_PLAIN)
    {el_runs_plain, &el_set_plain},
#endif
};

static const struct el_set *chosen;

static void choose_set(void) {
    const char *asked = getenv("EDGELSTM_TRAINING_SET");
    for (size_t n = 0; n < sizeof sets / sizeof *sets; n++) {
        if (!sets[n].runs())
            continue;
        if (!chosen || (asked && strcmp(asked, sets[n].set->name) == 0))
            chosen = sets[n].set;
    }
}

static const struct el_set *set(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose_set);
    return chosen;
}

const char *el_training_set(void) {
    return set()->name;
}

int32_t el_kind(const char *name) {
    return set()->kind(name);
}

el_network *el_network_open(const struct el_sizes *layers, uint64_t count) {
    return set()->open(layers, count);
}

void el_network_close(el_network *network) {
    set()->close(network);
}

int el_network_learn(el_network *network, const float *const *weights, const struct el_batch *batch,
                     const struct el_objective *objective, float *const *gradients, double *loss,
                     uint32_t threads) {
    return set()->learn(network, weights, batch, objective, gradients, loss, threads);
}

int el_network_forward(el_network *network, const float *const *weights,
                       const struct el_batch *batch, const struct el_array *scores,
                       uint32_t threads) {
    return set()->forward(network, weights, batch, scores, threads);
}

void el_network_backward(el_network *network, const struct el_array *dscores,
                         float *const *gradients, uint32_t threads) {
    set()->backward(network, dscores, gradients, threads);
}

void el_tanh(uint64_t count, const float *from, float *to) {
    set()->tanh(count, from, to);
}

double el_squares(uint64_t count, const float *const *values, const uint64_t *sizes,
                  uint32_t threads) {
    struct steps steps = {.count = count, .others = values, .sizes = sizes};
    const size_t chunks = all_chunks(&steps);
    steps.sums = malloc(chunks * sizeof *steps.sums);
    if (!steps.sums)
        return -1;
    share_chunks(&steps, threads, set()->squares);
    double sum = 0;
    for (size_t n = 0; n < chunks; n++)
        sum += steps.sums[n];
    free(steps.sums);
    return sum;
}

void el_scale(uint64_t count, float *const *values, const uint64_t *sizes, float factor,
              uint32_t threads) {
    struct steps steps = {.count = count, .values = values, .sizes = sizes, .factor = factor};
    share_chunks(&steps, threads, set()->scale);
}

void el_adam(uint64_t count, float *const *values, const uint64_t *sizes, const uint8_t *decays,
             const float *const *gradients, float *const *firsts, float *const *seconds,
             const struct el_adam *settings, uint32_t threads) {
    struct steps steps = {.count = count,
                          .sizes = sizes,
                          .values = values,
                          .decays = decays,
                          .others = gradients,
                          .firsts = firsts,
                          .seconds = seconds,
                          .adam = settings};
    share_chunks(&steps, threads, set()->adam);
}

void el_momentum(uint64_t count, float *const *values, const uint64_t *sizes, const uint8_t *decays,
                 const float *const *gradients, float *const *velocities,
                 const struct el_momentum *settings, uint32_t threads) {
    struct steps steps = {.count = count,
                          .sizes = sizes,
                          .values = values,
                          .decays = decays,
                          .others = gradients,
                          .firsts = velocities,
                          .momentum = settings};
    share_chunks(&steps, threads, set()->momentum);
}

void el_average(uint64_t count, float *const *averages, const float *const *values,
                const uint64_t *sizes, float share, uint32_t threads) {
    struct steps steps = {
        .count = count, .values = averages, .others = values, .sizes = sizes, .factor = share};
    share_chunks(&steps, threads, set()->average);
}
