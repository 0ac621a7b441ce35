/* The two terms of a cell and the input on x86, whatever the width of registers. */
#ifndef EL_CELL_X86_H
#define EL_CELL_X86_H

#include "vec_types.h"

#if LANES == 32
#include "vec_avx512.h"
#else
#include "vec_avx2.h"
#endif

/* The high half of 2a·2|b| is a·|b| / 2^14; one more halving rounds ties up. */
static inline v16 scale_product(v16 a, v16 b, int bits) {
    reg magnitude = DO(abs_epi16)((reg)b);
    reg product = DO(mulhi_epu16)(DO(slli_epi16)((reg)a, 1), DO(slli_epi16)(magnitude, 1));
    reg quotient = DO(srl_epi16)(product, _mm_cvtsi32_si128(bits - 15));
    return with_sign(average((v16)quotient, (v16){0}), b);
}

/* -f·-|c|: the product is positive, and -32768 is a number where 32768 is not. */
static inline v16 keep(v16 f, v16 c) {
    reg minus_f = DO(sub_epi16)((reg)(v16){0}, (reg)f);
    return with_sign((v16)DO(mulhrs_epi16)(minus_f, (reg)minus_abs(c)), c);
}

/* count ≥ LANES; the last codes may be read twice */
static void read_int8(const float *frame, const float *mean, const float *scale,
                      const float *offset, uint32_t count, int8_t *codes) {
    for (uint32_t n = 0; n < count; n += LANES) {
        uint32_t at = n + LANES <= count ? n : count - LANES, half = at + LANES / 2;
        v32 low = read_codes(frame + at, mean + at, scale + at, offset + at);
        v32 high = read_codes(frame + half, mean + half, scale + half, offset + half);
        store_int8(codes + at, narrow(low, high));
    }
}

#endif
