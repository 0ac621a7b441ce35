/* Powers of frequencies, of AVX2 and what is above it, and of NEON: logmel_steps.h, several values
 * at a time. Each step is exact, so the bits are the same. */
#ifndef EL_BODY_LOGMEL_H
#define EL_BODY_LOGMEL_H

#include "logmel_steps.h"
#include "vec_types.h"

#if defined(__AVX2__)
#include "vec_logmel_avx2.h"
#else
#include "vec_logmel_neon.h"
#endif

/* What four registers of values become: their sum, and three others that are still to be turned. */
typedef struct logmel_four {
    vq re[4], im[4];
} logmel_four;

INLINE logmel_four logmel_butterfly(el_complex x, uint32_t at, uint32_t block) {
    const vq a = load_q(x.re + at), b = load_q(x.re + at + block),
             c = load_q(x.re + at + 2 * block), d = load_q(x.re + at + 3 * block);
    const vq e = load_q(x.im + at), f = load_q(x.im + at + block),
             g = load_q(x.im + at + 2 * block), h = load_q(x.im + at + 3 * block);
    const vq s_re = a + c, s_im = e + g, d_re = a - c, d_im = e - g;
    const vq t_re = b + d, t_im = f + h, j_re = h - f, j_im = b - d;
    return (logmel_four){{s_re + t_re, d_re - j_re, s_re - t_re, d_re + j_re},
                         {s_im + t_im, d_im - j_im, s_im - t_im, d_im + j_im}};
}

INLINE void logmel_turn(logmel_four *v, int k, vq w_re, vq w_im) {
    const vq re = v->re[k], im = v->im[k];
    v->re[k] = times_q(re, w_re) - times_q(im, w_im);
    v->im[k] = times_q(re, w_im) + times_q(im, w_re);
}

/* A stage with one transform alone: n / 4 is a multiple of the lanes. */
INLINE void logmel_first_stage(uint32_t n, const int32_t *turns, el_complex x, el_complex y) {
    const uint32_t q = n / 4;
    for (uint32_t p = 0; p < q; p += LANES_Q) {
        logmel_four v = logmel_butterfly(x, p, q);
        for (int k = 1; k < 4; k++)
            logmel_turn(&v, k, load_q(turns + (2 * k - 2) * (int)q + p),
                        load_q(turns + (2 * k - 1) * (int)q + p));
        store_interleaved(y.re + 4 * p, v.re);
        store_interleaved(y.im + 4 * p, v.im);
    }
}

/* A stage with four transforms side by side: n / 4 is even. */
INLINE void logmel_second_stage(uint32_t n, const int32_t *turns, el_complex x, el_complex y) {
    const uint32_t q = n / 4;
    for (uint32_t p = 0; p < q; p += LANES_Q / 4) {
        logmel_four v = logmel_butterfly(x, 4 * p, 4 * q);
        for (int k = 1; k < 4; k++)
            logmel_turn(&v, k, load_of_fours(turns + (2 * k - 2) * (int)q + p),
                        load_of_fours(turns + (2 * k - 1) * (int)q + p));
        store_fours(y.re + 16 * p, v.re);
        store_fours(y.im + 16 * p, v.im);
    }
}

/* A stage with 16 transforms side by side, or more. */
INLINE void logmel_wide_stage(uint32_t n, uint32_t stride, const int32_t *turns, el_complex x,
                              el_complex y) {
    const uint32_t q = n / 4, block = q * stride;
    for (uint32_t p = 0; p < q; p++) {
        vq w[6];
        for (uint32_t k = 0; k < 6; k++)
            w[k] = all_q(p == 0 ? 0 : turns[k * q + p]);
        for (uint32_t i = 0; i < stride; i += LANES_Q) {
            logmel_four v = logmel_butterfly(x, p * stride + i, block);
            if (p != 0)
                for (int k = 1; k < 4; k++)
                    logmel_turn(&v, k, w[2 * k - 2], w[2 * k - 1]);
            for (uint32_t k = 0; k < 4; k++) {
                store_q(y.re + 4 * p * stride + k * stride + i, v.re[k]);
                store_q(y.im + 4 * p * stride + k * stride + i, v.im[k]);
            }
        }
    }
}

/* Of frequencies k and size / 2 - k. What lies at 0, in the middle and at the end is of no use. */
INLINE void logmel_parts(const el_logmel *logmel, const int32_t *split, el_complex z,
                         uint64_t *power) {
    const uint32_t half = logmel->size / 2, quarter = half / 2;
    const int shift = 2 * (el_logmel_fraction(logmel) + 1) - EL_LOGMEL_POWER_BITS;
    for (uint32_t k = 0; k < quarter; k += LANES_Q) {
        const uint32_t far = half - k - (LANES_Q - 1);
        const vq w_re = load_q(split + k), w_im = load_q(split + quarter + k);
        const vq a_re = load_q(z.re + k), a_im = load_q(z.im + k);
        const vq b_re = reversed_q(load_q(z.re + far)), b_im = reversed_q(load_q(z.im + far));
        const vq e_re = a_re + b_re, e_im = a_im - b_im, d_re = b_re - a_re, d_im = a_im + b_im;
        const vq t_re = times_q(d_im, w_re) - times_q(d_re, w_im);
        const vq t_im = times_q(d_im, w_im) + times_q(d_re, w_re);
        store_squares(power + k, e_re + t_re, e_im + t_im, shift);
        store_squares(power + far, reversed_q(e_re - t_re), reversed_q(e_im - t_im), shift);
    }
}

/* Exporters fill a band's weights up to fours. */
static void logmel_energies(const el_logmel *logmel, const uint64_t *power, uint64_t *energies) {
    const uint16_t *weights = logmel->filters + 2 * logmel->bands;
    for (uint32_t band = 0; band < logmel->bands; band++) {
        const uint64_t *of = power + logmel->filters[2 * band];
        const uint32_t count = logmel->filters[2 * band + 1], fours = count / 4 * 4;
        uint64_t energy = weighted_fours(of, weights, fours);
        for (uint32_t n = fours; n < count; n++)
            energy += of[n] * weights[n];
        weights += count;
        energies[band] = energy;
    }
}

static void logmel_power(const el_logmel *logmel, const int16_t *samples, int32_t *work,
                         uint64_t *power) {
    const uint32_t half = logmel->size / 2;
    const int32_t *turns = logmel->turns;
    const el_complex one = {work, work + half}, other = {work + 2 * half, work + 3 * half};
    el_complex x = one, y = other;
    uint32_t n = half, stride = 1;
    el_logmel_taper(logmel, samples, logmel_taper(logmel, samples, x), x);
    for (; n >= 4; n /= 4, stride *= 4) {
        if (stride == 1)
            logmel_first_stage(n, turns, x, y);
        else if (stride == 4)
            logmel_second_stage(n, turns, x, y);
        else
            logmel_wide_stage(n, stride, turns, x, y);
        turns += n > 4 ? 6 * (n / 4) : 0;
        const el_complex swap = x;
        x = y;
        y = swap;
    }
    if (n == 2) {
        el_logmel_last_stage(stride, x, y);
        x = y;
    }
    logmel_parts(logmel, turns, x, power);
    el_logmel_ends(logmel, x, power);
}

#endif
