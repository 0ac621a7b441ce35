/* What the optimizer does to one chunk of all arrays. */
#ifndef EL_OPTIMIZER_H
#define EL_OPTIMIZER_H

#include "chunks.h"

static void square_chunk(void *context, size_t number) {
    const struct steps *steps = context;
    const struct chunk at = find_chunk(steps, number);
    const float *values = steps->others[at.array] + at.from;
    double sums[8] = {0};
    size_t n = 0;
    for (; n + 8 <= at.size; n += 8)
        for (size_t l = 0; l < 8; l++)
            sums[l] += (double)values[n + l] * values[n + l];
    double sum = 0;
    for (; n < at.size; n++)
        sum += (double)values[n] * values[n];
    for (size_t l = 0; l < 8; l++)
        sum += sums[l];
    steps->sums[number] = sum;
}

static void scale_chunk(void *context, size_t number) {
    const struct steps *steps = context;
    const struct chunk at = find_chunk(steps, number);
    float *values = steps->values[at.array] + at.from;
    for (size_t n = 0; n < at.size; n++)
        values[n] *= steps->factor;
}

static void adam_chunk(void *context, size_t number) {
    const struct steps *steps = context;
    const struct chunk at = find_chunk(steps, number);
    const struct el_adam adam = *steps->adam;
    const float keep = steps->decays[at.array] ? adam.keep : 1.0f;
    float *restrict value = steps->values[at.array] + at.from;
    float *restrict first = steps->firsts[at.array] + at.from;
    float *restrict second = steps->seconds[at.array] + at.from;
    const float *restrict gradient = steps->others[at.array] + at.from;
    for (size_t n = 0; n < at.size; n++) {
        const float g = gradient[n];
        const float m = first[n] + adam.first * (g - first[n]);
        const float q = second[n] + adam.second * (g * g - second[n]);
        first[n] = m;
        second[n] = q;
        value[n] =
            value[n] * keep - adam.rate * m / (__builtin_sqrtf(q * adam.unbias) + adam.epsilon);
    }
}

static void momentum_chunk(void *context, size_t number) {
    const struct steps *steps = context;
    const struct chunk at = find_chunk(steps, number);
    const struct el_momentum settings = *steps->momentum;
    const float keep = steps->decays[at.array] ? settings.keep : 1.0f;
    float *restrict value = steps->values[at.array] + at.from;
    float *restrict velocity = steps->firsts[at.array] + at.from;
    const float *restrict gradient = steps->others[at.array] + at.from;
    for (size_t n = 0; n < at.size; n++) {
        const float v = settings.momentum * velocity[n] + gradient[n];
        velocity[n] = v;
        const float move = settings.nesterov ? gradient[n] + settings.momentum * v : v;
        value[n] = value[n] * keep - settings.rate * move;
    }
}

static void average_chunk(void *context, size_t number) {
    const struct steps *steps = context;
    const struct chunk at = find_chunk(steps, number);
    float *restrict average = steps->values[at.array] + at.from;
    const float *restrict value = steps->others[at.array] + at.from;
    for (size_t n = 0; n < at.size; n++)
        average[n] += steps->factor * (value[n] - average[n]);
}

#endif
