/* Vectors of float32 of the width that the compiler's flags give, and what the layers need of them.
 */
#ifndef EL_VEC_H
#define EL_VEC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* TILE: sums that a product keeps in registers at a time, beside weights and a factor. NEAR: floats
 * of weights that its tiles go through at a time. To begin and end a tile costs more than to read
 * the second-level cache ahead; boards' processors, which read ahead less, stay in the first. */
#if defined(__AVX512F__)
#define LANES 16
#define TILE 24
#define NEAR 32768
#elif defined(__AVX2__)
#define LANES 8
#define TILE 12
#define NEAR 32768
#elif defined(__aarch64__)
#define LANES 4
#define TILE 24
#define NEAR 4096
#else
#define LANES 4
#define TILE 12
#define NEAR 4096
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t vec_int __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vec splat(float a) {
    return a - (vec){0};
}

INLINE vec load(const float *from) {
    return *(const vec *)from;
}

INLINE void store(float *to, vec a) {
    *(vec *)to = a;
}

INLINE vec choose(vec_int where, vec yes, vec no) {
    return (vec)((where & (vec_int)yes) | (~where & (vec_int)no));
}

/* A NaN stays one: x86's least and most of two are the second of them then. */
INLINE vec clamp(vec a, float low, float high) {
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)splat(high), _mm512_max_ps((__m512)splat(low), (__m512)a));
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps((__m256)splat(high), _mm256_max_ps((__m256)splat(low), (__m256)a));
#else
    a = choose(a < splat(low), splat(low), a);
    return choose(a > splat(high), splat(high), a);
#endif
}

/* tanh with an error of at most 5 units in the last place. A rational minimax approximation of
 * tanh(a) / a in a², whose own relative error is 2.1e-8 up to 9, where float32 has no number
 * between tanh and 1. All coefficients are positive, so that nothing cancels out. */
INLINE vec tanh_of(vec a) {
    const vec one = splat(1.0f);
    a = clamp(a, -9.0f, 9.0f);
    vec z = a * a;
    vec over = splat(1.3354648e-8f);
    over = over * z + splat(2.0609070e-5f);
    over = over * z + splat(3.4955873e-3f);
    over = over * z + splat(0.13381025f);
    over = over * z + one;
    vec under = splat(7.7765520e-7f);
    under = under * z + splat(3.2856336e-4f);
    under = under * z + splat(2.5876978e-2f);
    under = under * z + splat(0.46714342f);
    under = under * z + one;
    return a * over / under;
}

/* 1 / (1 + exp(-2a)): the argument is half of the gate's, because its weights were halved. */
INLINE vec sigmoid_of_half(vec a) {
    const vec half = splat(0.5f);
    return tanh_of(a) * half + half;
}

/* Bring near what will soon be read or written there. */
INLINE void fetch(const float *at) {
    __builtin_prefetch(at, 0, 2);
}

/* The next multiple of LANES. */
static inline size_t padded(size_t values) {
    return (values + LANES - 1) / LANES * LANES;
}

#endif
