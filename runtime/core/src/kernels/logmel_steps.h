/* From a window of samples to powers of frequencies, one value at a time: what every kernel set
 * gives in every bit. Its Python twin is edgelstm/layers/logmel_integers.py.
 *
 * The samples are a transform of half as many complex values, Stockham's of radix 4, where every
 * stage goes from one pair of arrays to the other; what is even is then parted from what is odd. */
#ifndef EL_LOGMEL_STEPS_H
#define EL_LOGMEL_STEPS_H

#include "operands.h"

#include <string.h>

/* Bits of a logarithm's fraction, of a power's and of a weight's; 1 in an energy is 2^ONE. */
#define EL_LOG_BITS 10
#define EL_LOGMEL_POWER_BITS 3
#define EL_LOGMEL_WEIGHT_BITS 12
#define EL_LOGMEL_ONE (EL_LOGMEL_POWER_BITS + EL_LOGMEL_WEIGHT_BITS)

/* Complex values. */
typedef struct el_complex {
    int32_t *re, *im;
} el_complex;

/* The upper half of 2ab, rounded; b is not -2^31. */
static inline int32_t el_times(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* Bits behind a sample's point. */
static inline int el_logmel_fraction(const el_logmel *logmel) {
    return logmel->size == 256 ? 6 : logmel->size == 512 ? 5 : 4;
}

/* The window over even and odd samples from `from` on, and zeros behind it. */
static inline void el_logmel_taper(const el_logmel *logmel, const int16_t *samples, uint32_t from,
                                   el_complex z) {
    const uint32_t pairs = logmel->window / 2, half = logmel->size / 2;
    const int32_t *even = logmel->taper, *odd = even + pairs;
    const int32_t point = 1 << el_logmel_fraction(logmel);
    for (uint32_t n = from; n < pairs; n++) {
        z.re[n] = el_times(samples[2 * n] * point, even[n]);
        z.im[n] = el_times(samples[2 * n + 1] * point, odd[n]);
    }
    memset(z.re + pairs, 0, (half - pairs) * sizeof *z.re);
    memset(z.im + pairs, 0, (half - pairs) * sizeof *z.im);
}

/* What four values become: their sum, and three others that are still to be turned. */
typedef struct el_quarters {
    int32_t re[4], im[4];
} el_quarters;

static inline el_quarters el_butterfly(el_complex x, uint32_t at, uint32_t block) {
    const int32_t a = x.re[at], b = x.re[at + block], c = x.re[at + 2 * block],
                  d = x.re[at + 3 * block];
    const int32_t e = x.im[at], f = x.im[at + block], g = x.im[at + 2 * block],
                  h = x.im[at + 3 * block];
    const int32_t j_re = h - f, j_im = b - d;
    return (el_quarters){{a + c + (b + d), a - c - j_re, a + c - (b + d), a - c + j_re},
                         {e + g + (f + h), e - g - j_im, e + g - (f + h), e - g + j_im}};
}

/* A stage of radix 4 over n values with `stride` transforms side by side; `turns` is its table. */
static inline void el_logmel_stage(uint32_t n, uint32_t stride, const int32_t *turns, el_complex x,
                                   el_complex y) {
    const uint32_t q = n / 4, block = q * stride;
    for (uint32_t p = 0; p < q; p++)
        for (uint32_t i = 0; i < stride; i++) {
            const el_quarters v = el_butterfly(x, p * stride + i, block);
            const uint32_t to = 4 * p * stride + i;
            y.re[to] = v.re[0];
            y.im[to] = v.im[0];
            for (uint32_t k = 1; k < 4; k++) {
                const uint32_t at = to + k * stride;
                y.re[at] = v.re[k];
                y.im[at] = v.im[k];
                if (p == 0)
                    continue; /* turned by nothing */
                const int32_t w_re = turns[2 * (k - 1) * q + p], w_im = turns[(2 * k - 1) * q + p];
                y.re[at] = el_times(v.re[k], w_re) - el_times(v.im[k], w_im);
                y.im[at] = el_times(v.re[k], w_im) + el_times(v.im[k], w_re);
            }
        }
}

/* The last stage where so many values are no power of 4. */
static inline void el_logmel_last_stage(uint32_t stride, el_complex x, el_complex y) {
    for (uint32_t i = 0; i < stride; i++) {
        y.re[i] = x.re[i] + x.re[i + stride];
        y.im[i] = x.im[i] + x.im[i + stride];
        y.re[i + stride] = x.re[i] - x.re[i + stride];
        y.im[i + stride] = x.im[i] - x.im[i + stride];
    }
}

static inline uint64_t el_square(int64_t value) {
    return (uint64_t)(value * value);
}

/* A sum of squares of twice the amplitudes, as eighths of a square of a sample's step. */
static inline uint64_t el_logmel_scaled(const el_logmel *logmel, uint64_t squares) {
    const int shift = 2 * (el_logmel_fraction(logmel) + 1) - EL_LOGMEL_POWER_BITS;
    return (squares + (UINT64_C(1) << (shift - 1))) >> shift;
}

/* The powers of frequencies k and size / 2 - k, for k from `from` on. */
static inline void el_logmel_part(const el_logmel *logmel, const int32_t *split, uint32_t from,
                                  el_complex z, uint64_t *power) {
    const uint32_t half = logmel->size / 2, quarter = half / 2;
    for (uint32_t k = from; k < quarter; k++) {
        const int32_t w_re = split[k], w_im = split[quarter + k];
        const int32_t e_re = z.re[k] + z.re[half - k], e_im = z.im[k] - z.im[half - k];
        const int32_t d_re = z.re[k] - z.re[half - k], d_im = z.im[k] + z.im[half - k];
        const int32_t t_re = el_times(d_im, w_re) - el_times(-d_re, w_im);
        const int32_t t_im = el_times(d_im, w_im) + el_times(-d_re, w_re);
        power[k] = el_logmel_scaled(logmel, el_square(e_re + t_re) + el_square(e_im + t_im));
        power[half - k] = el_logmel_scaled(logmel, el_square(e_re - t_re) + el_square(e_im - t_im));
    }
}

/* Those of the first, the middle and the last frequency. */
static inline void el_logmel_ends(const el_logmel *logmel, el_complex z, uint64_t *power) {
    const uint32_t half = logmel->size / 2, quarter = half / 2;
    const int64_t re = z.re[0], im = z.im[0], re_there = z.re[quarter], im_there = z.im[quarter];
    power[0] = el_logmel_scaled(logmel, el_square(2 * (re + im)));
    power[half] = el_logmel_scaled(logmel, el_square(2 * (re - im)));
    power[quarter] = el_logmel_scaled(logmel, el_square(2 * re_there) + el_square(2 * im_there));
}

/* Powers times weights, band by band. */
static inline void el_logmel_energies(const el_logmel *logmel, const uint64_t *power,
                                      uint64_t *energies) {
    const uint16_t *weights = logmel->filters + 2 * logmel->bands;
    for (uint32_t band = 0; band < logmel->bands; band++) {
        const uint64_t *of = power + logmel->filters[2 * band];
        const uint32_t count = logmel->filters[2 * band + 1];
        uint64_t energy = 0;
        for (uint32_t n = 0; n < count; n++)
            energy += of[n] * weights[n];
        weights += count;
        energies[band] = energy;
    }
}

/* `work` as kernels.h says. */
static inline void el_logmel_power(const el_logmel *logmel, const int16_t *samples, int32_t *work,
                                   uint64_t *power) {
    const uint32_t half = logmel->size / 2;
    const int32_t *turns = logmel->turns;
    el_complex x = {work, work + half}, y = {work + 2 * half, work + 3 * half};
    uint32_t n = half, stride = 1;
    el_logmel_taper(logmel, samples, 0, x);
    for (; n >= 4; n /= 4, stride *= 4) {
        const el_complex swap = x;
        el_logmel_stage(n, stride, turns, x, y);
        turns += n > 4 ? 6 * (n / 4) : 0;
        x = y;
        y = swap;
    }
    if (n == 2) {
        el_logmel_last_stage(stride, x, y);
        x = y;
    }
    el_logmel_part(logmel, turns, 1, x, power);
    el_logmel_ends(logmel, x, power);
}

#endif
