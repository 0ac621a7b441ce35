/* Stockham's transform by radix 2: every stage goes from one pair of arrays to the other, so that
 * nothing is put in order afterwards, and reads and writes neighbours. Two stages are one pass.
 * Loops have neither branches nor overlaps: compilers make vectors of them. */
#include "transform.h"

#include "fields.h"
#include "floats.h"

/* cos and sin of a file: no larger than 1. */
static bool is_table(const float *table, uint32_t count) {
    bool valid = true;
    for (uint32_t n = 0; n < count; n++)
        valid = valid && el_is_finite_up_to(table[n], 1.0f);
    return valid;
}

el_status el_check_transform(const el_model *model, const el_entry *entry, uint32_t size,
                             const float **table) {
    if (size < EL_TRANSFORM_LEAST || size > EL_TRANSFORM_MOST || (size & (size - 1)) != 0)
        return EL_ERROR_LIMIT;
    el_status status = el_check_values(model, entry, entry->weights, size, table);
    if (status != EL_OK)
        return status;
    return is_table(*table, size) ? EL_OK : EL_ERROR_WEIGHTS;
}

typedef struct values {
    float *re, *im;
} values;

/* One stage over `half` pairs with `stride` transforms side by side: `step` entries of the table
 * lie between two of its angles. */
static void stage(uint32_t half, uint32_t stride, uint32_t step, const float *cosine,
                  const float *sine, values x, values y) {
    for (uint32_t p = 0; p < half; p++) {
        float c = cosine[p * step], s = sine[p * step];
        const float *a_re = x.re + stride * p, *a_im = x.im + stride * p;
        const float *b_re = a_re + stride * half, *b_im = a_im + stride * half;
        float *sum_re = y.re + stride * 2 * p, *sum_im = y.im + stride * 2 * p;
        float *turned_re = sum_re + stride, *turned_im = sum_im + stride;
        for (uint32_t q = 0; q < stride; q++) {
            float re = a_re[q] - b_re[q], im = a_im[q] - b_im[q];
            sum_re[q] = a_re[q] + b_re[q];
            sum_im[q] = a_im[q] + b_im[q];
            turned_re[q] = re * c + im * s;
            turned_im[q] = im * c - re * s;
        }
    }
}

/* Two stages in one pass where the processor has instructions for four values side by side;
 * elsewhere that would be code alone. The bits are those of one after another. */
#if defined(__SSE2__) || defined(__aarch64__)
#define HAS_FOURS true
#else
#define HAS_FOURS false
#endif

typedef float v4 __attribute__((vector_size(16)));

static inline v4 load(const float *from) {
    v4 value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Every `step`-th of the table. */
static inline v4 pick(const float *from, uint32_t step) {
    return (v4){from[0], from[step], from[2 * step], from[3 * step]};
}

/* cos and sin of two angles of the first of two stages, and of one of the second. */
typedef struct turns {
    v4 c[3], s[3];
} turns;

static inline turns turns_at(const float *cosine, const float *sine, const uint32_t at[3],
                             const uint32_t steps[3]) {
    turns by;
    for (int n = 0; n < 3; n++) {
        by.c[n] = pick(cosine + at[n], steps[n]);
        by.s[n] = pick(sine + at[n], steps[n]);
    }
    return by;
}

static inline void add_and_turn(v4 *a_re, v4 *a_im, v4 *b_re, v4 *b_im, v4 c, v4 s) {
    v4 re = *a_re - *b_re, im = *a_im - *b_im;
    *a_re += *b_re;
    *a_im += *b_im;
    *b_re = re * c + im * s;
    *b_im = im * c - re * s;
}

/* Two stages over pieces that lie `apart`: what is between stays in registers. */
static inline void two_stages(const float *x_re, const float *x_im, uint32_t apart, turns by,
                              v4 re[4], v4 im[4]) {
    for (uint32_t n = 0; n < 4; n++) {
        re[n] = load(x_re + n * apart);
        im[n] = load(x_im + n * apart);
    }
    add_and_turn(re, im, re + 2, im + 2, by.c[0], by.s[0]);
    add_and_turn(re + 1, im + 1, re + 3, im + 3, by.c[1], by.s[1]);
    add_and_turn(re, im, re + 1, im + 1, by.c[2], by.s[2]);
    add_and_turn(re + 2, im + 2, re + 3, im + 3, by.c[2], by.s[2]);
}

/* Where the pieces come to lie, in their order. */
static const uint32_t places[4] = {0, 2, 1, 3};

/* Lane by lane: those of one place first. */
static inline void store_lanes(const v4 of[4], float *to) {
    for (int lane = 0; lane < 4; lane++)
        for (int n = 0; n < 4; n++)
            to[4 * lane + n] = of[places[n]][lane];
}

/* The first two stages of 4·quarter values, quarter a multiple of 4. */
static void first_stages(uint32_t quarter, const float *cosine, const float *sine, values x,
                         values y) {
    for (uint32_t p = 0; p < quarter; p += 4) {
        v4 re[4], im[4];
        turns by = turns_at(cosine, sine, (uint32_t[]){2 * p, 2 * (p + quarter), 4 * p},
                            (uint32_t[]){2, 2, 4});
        two_stages(x.re + p, x.im + p, quarter, by, re, im);
        store_lanes(re, y.re + 4 * p);
        store_lanes(im, y.im + 4 * p);
    }
}

/* Two stages with `stride` transforms of 4·quarter values side by side, stride a multiple of 4. */
static void later_stages(uint32_t quarter, uint32_t stride, uint32_t step, const float *cosine,
                         const float *sine, values x, values y) {
    for (uint32_t p = 0; p < quarter; p++) {
        const uint32_t from = stride * p, to = 4 * from;
        turns by =
            turns_at(cosine, sine, (uint32_t[]){p * step, (p + quarter) * step, 2 * p * step},
                     (uint32_t[]){0, 0, 0});
        for (uint32_t q = 0; q < stride; q += 4) {
            v4 re[4], im[4];
            two_stages(x.re + from + q, x.im + from + q, stride * quarter, by, re, im);
            for (uint32_t n = 0; n < 4; n++) {
                memcpy(y.re + to + places[n] * stride + q, &re[n], sizeof re[n]);
                memcpy(y.im + to + places[n] * stride + q, &im[n], sizeof im[n]);
            }
        }
    }
}

/* A complex transform of size / 2 values from `x`, which it spoils; returns where the result is. */
static values transform(uint32_t size, const float *table, values x, values y) {
    const float *cosine = table, *sine = table + size / 2;
    for (uint32_t n = size / 2, stride = 1; n > 1;) {
        const uint32_t step = size / n;
        bool pair = HAS_FOURS && (n >= 16 || (n >= 4 && stride >= 4));
        if (!pair)
            stage(n / 2, stride, step, cosine, sine, x, y);
        else if (stride == 1)
            first_stages(n / 4, cosine, sine, x, y);
        else
            later_stages(n / 4, stride, step, cosine, sine, x, y);
        n /= pair ? 4 : 2;
        stride *= pair ? 4 : 2;
        values turned = x;
        x = y;
        y = turned;
    }
    return x;
}

static void part(uint32_t size, float *work, values *x, values *y) {
    uint32_t half = size / 2;
    *x = (values){work, work + half};
    *y = (values){work + 2 * half, work + 3 * half};
}

/* Samples with even and with odd numbers, as the real and the imaginary parts. */
static void split(uint32_t half, const float *restrict samples, float *restrict re,
                  float *restrict im) {
    for (uint32_t n = 0; n < half; n++) {
        re[n] = samples[2 * n];
        im[n] = samples[2 * n + 1];
    }
}

/* Frequencies 1 to half - 1 of the samples, of the transform z of such values. */
static void finish(uint32_t half, const float *restrict cosine, const float *restrict sine,
                   const float *restrict z_re, const float *restrict z_im, float *restrict re,
                   float *restrict im) {
    for (uint32_t k = 1; k < half; k++) {
        /* Transforms of the samples with even and with odd numbers. */
        float even_re = 0.5f * (z_re[k] + z_re[half - k]);
        float even_im = 0.5f * (z_im[k] - z_im[half - k]);
        float odd_re = 0.5f * (z_im[k] + z_im[half - k]);
        float odd_im = 0.5f * (z_re[half - k] - z_re[k]);
        re[k] = even_re + (odd_re * cosine[k] + odd_im * sine[k]);
        im[k] = even_im + (odd_im * cosine[k] - odd_re * sine[k]);
    }
}

/* And back: conjugates throughout, for the transform of these is the conjugate of the one back. */
static void begin_back(uint32_t half, const float *restrict cosine, const float *restrict sine,
                       const float *restrict re, const float *restrict im, float *restrict x_re,
                       float *restrict x_im) {
    for (uint32_t k = 1; k < half; k++) {
        float even_re = re[k] + re[half - k], even_im = im[k] - im[half - k];
        float turned_re = re[k] - re[half - k], turned_im = im[k] + im[half - k];
        float odd_re = turned_re * cosine[k] - turned_im * sine[k];
        float odd_im = turned_re * sine[k] + turned_im * cosine[k];
        x_re[k] = even_re - odd_im;
        x_im[k] = -(even_im + odd_re);
    }
}

static void join(uint32_t half, float scale, const float *restrict re, const float *restrict im,
                 float *restrict samples) {
    for (uint32_t n = 0; n < half; n++) {
        samples[2 * n] = re[n] * scale;
        samples[2 * n + 1] = -im[n] * scale;
    }
}

void el_transform(uint32_t size, const float *table, const float *samples, float *spectrum,
                  float *work) {
    uint32_t half = size / 2;
    float *re = spectrum, *im = spectrum + half + 1;
    values x, y;
    part(size, work, &x, &y);
    split(half, samples, x.re, x.im);
    values z = transform(size, table, x, y);
    re[0] = z.re[0] + z.im[0];
    re[half] = z.re[0] - z.im[0];
    im[0] = im[half] = 0.0f;
    finish(half, table, table + half, z.re, z.im, re, im);
}

void el_transform_back(uint32_t size, const float *table, const float *spectrum, float *samples,
                       float *work) {
    uint32_t half = size / 2;
    const float *re = spectrum, *im = spectrum + half + 1;
    values x, y;
    part(size, work, &x, &y);
    x.re[0] = re[0] + re[half];
    x.im[0] = -(re[0] - re[half]);
    begin_back(half, table, table + half, re, im, x.re, x.im);
    values z = transform(size, table, x, y);
    join(half, 1.0f / (float)size, z.re, z.im, samples);
}
