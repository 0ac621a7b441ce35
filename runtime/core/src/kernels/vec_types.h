/* The vector types of a kernel set, and what needs no instruction of its own. LANES is the int16
 * lanes of a register; which, the flags say with which a set is compiled. */
#ifndef EL_VEC_TYPES_H
#define EL_VEC_TYPES_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__) && defined(__AVX512VNNI__)
#define LANES 32
#elif defined(__AVX2__)
#define LANES 16
#else
#define LANES 8
#endif

#define LANES32 (LANES / 2)
#define PARTS (16 / LANES32) /* v32, or vf, that hold a block's 16 rows */

#define INLINE static inline __attribute__((always_inline))

typedef int16_t v16 __attribute__((vector_size(LANES * 2)));
typedef uint16_t vu16 __attribute__((vector_size(LANES * 2)));
typedef int32_t v32 __attribute__((vector_size(LANES * 2)));
typedef uint32_t vu32 __attribute__((vector_size(LANES * 2)));
typedef float vf __attribute__((vector_size(LANES * 2)));

/* What the steps of exp and of reciprocals multiply with: exp(-1/4), exp(-1/2) … exp(-8), a third,
 * and -32/17 in Q2.13. */
static const int16_t gate_factors[8] = {25520, 19875, 12055, 4435, 600, 11, 10923, -15420};
enum { A_THIRD = 6, MINUS_32_17THS = 7 };

INLINE v16 splat16(int value) {
    return (v16){0} + (int16_t)value;
}

INLINE v32 splat32(int32_t value) {
    return (v32){0} + value;
}

INLINE v16 choose16(v16 mask, v16 yes, v16 no) {
    return (mask & yes) | (~mask & no);
}

INLINE v32 choose32(v32 mask, v32 yes, v32 no) {
    return (mask & yes) | (~mask & no);
}

INLINE v32 load32(const int32_t *from) {
    v32 value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE v16 load16(const int16_t *from) {
    v16 value;
    memcpy(&value, from, sizeof value);
    return value;
}

#endif
