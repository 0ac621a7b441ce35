/* Stockham's transform by radix 2: every stage goes from one pair of arrays to the other, so that
 * nothing is put in order afterwards, and reads and writes neighbours. */
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

/* A complex transform of size / 2 values from `x`, which it spoils; returns where the result is. */
static values transform(uint32_t size, const float *table, values x, values y) {
    uint32_t stride = 1;
    for (uint32_t n = size / 2; n > 1; n /= 2, stride *= 2) {
        stage(n / 2, stride, size / n, table, table + size / 2, x, y);
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

void el_transform(uint32_t size, const float *table, const float *samples, float *spectrum,
                  float *work) {
    uint32_t half = size / 2;
    const float *cosine = table, *sine = table + half;
    float *re = spectrum, *im = spectrum + half + 1;
    values x, y;
    part(size, work, &x, &y);
    for (uint32_t n = 0; n < half; n++) {
        x.re[n] = samples[2 * n];
        x.im[n] = samples[2 * n + 1];
    }
    values z = transform(size, table, x, y);
    re[0] = z.re[0] + z.im[0];
    re[half] = z.re[0] - z.im[0];
    im[0] = im[half] = 0.0f;
    for (uint32_t k = 1; k < half; k++) {
        /* Transforms of the samples with even and with odd numbers. */
        float even_re = 0.5f * (z.re[k] + z.re[half - k]);
        float even_im = 0.5f * (z.im[k] - z.im[half - k]);
        float odd_re = 0.5f * (z.im[k] + z.im[half - k]);
        float odd_im = 0.5f * (z.re[half - k] - z.re[k]);
        re[k] = even_re + (odd_re * cosine[k] + odd_im * sine[k]);
        im[k] = even_im + (odd_im * cosine[k] - odd_re * sine[k]);
    }
}

void el_transform_back(uint32_t size, const float *table, const float *spectrum, float *samples,
                       float *work) {
    uint32_t half = size / 2;
    const float *cosine = table, *sine = table + half;
    const float *re = spectrum, *im = spectrum + half + 1;
    values x, y;
    part(size, work, &x, &y);
    /* Conjugates throughout: the transform of these is the conjugate of the one back. */
    x.re[0] = re[0] + re[half];
    x.im[0] = -(re[0] - re[half]);
    for (uint32_t k = 1; k < half; k++) {
        float even_re = re[k] + re[half - k], even_im = im[k] - im[half - k];
        float turned_re = re[k] - re[half - k], turned_im = im[k] + im[half - k];
        float odd_re = turned_re * cosine[k] - turned_im * sine[k];
        float odd_im = turned_re * sine[k] + turned_im * cosine[k];
        x.re[k] = even_re - odd_im;
        x.im[k] = -(even_im + odd_re);
    }
    values z = transform(size, table, x, y);
    float scale = 1.0f / (float)size;
    for (uint32_t n = 0; n < half; n++) {
        samples[2 * n] = z.re[n] * scale;
        samples[2 * n + 1] = -z.im[n] * scale;
    }
}
