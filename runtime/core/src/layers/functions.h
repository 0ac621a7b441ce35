/* Functions of one float32 value, as files number them. */
#ifndef EL_FUNCTIONS_H
#define EL_FUNCTIONS_H

#include "float_math.h"

typedef enum el_function {
    EL_F_LINEAR = 0,
    EL_F_RELU = 1,
    EL_F_TANH = 2,
    EL_F_SIGMOID = 3,
    EL_F_HARD_SIGMOID = 4,  /* clip(0.2·x + 0.5) */
    EL_F_HARD_SIGMOID6 = 5, /* clip(x/6 + 0.5) */
    EL_FUNCTIONS
} el_function;

static inline float el_apply(uint32_t function, float x) {
    switch (function) {
    case EL_F_RELU:
        return x > 0 ? x : 0;
    case EL_F_TANH:
        return el_tanh(x);
    case EL_F_SIGMOID:
        return el_sigmoid(x);
    case EL_F_HARD_SIGMOID:
        return el_clamp(0.2f * x + 0.5f, 0.0f, 1.0f);
    case EL_F_HARD_SIGMOID6:
        return el_clamp(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f);
    default:
        return x;
    }
}

#endif
