/* GRU layers, element by element; their products are those of dense layers. */
#ifndef EL_BODY_GRU_H
#define EL_BODY_GRU_H

#include "body_float.h"
#include "body_gates.h"

/* Registers of a gate that are worked on together: at least a group of 16 units. */
#define GRU_V16 (LANES < 16 ? 16 / LANES : 1)
#define GRU_V32 (GRU_V16 * 2)
#define GRU_UNITS (GRU_V16 * LANES)

/* The sums of `gate` of the units from `first` on, scaled to Q3.12, not clipped. Behind the last
 * group of an odd number the last one's records serve again: what comes of it is padding. */
INLINE void gru_scale(const el_gru *gru, const el_matrix *matrix, const int32_t *sums,
                      uint32_t gate, uint32_t first, v32 *scaled) {
    const el_rows *rows = (const el_rows *)matrix->rows + gate * gru->groups;
    sums += gate * gru->groups * 16 + first;
    for (int n = 0; n < GRU_V32; n++) {
        uint32_t unit = first + (uint32_t)n * LANES32, group = unit / 16, row = unit % 16;
        const el_rows *record = rows + (group < gru->groups ? group : gru->groups - 1);
        scaled[n] = multiply(load32(sums + n * LANES32), load32(record->multiplier_w + row),
                             widen_int8(record->shift_w + row));
    }
}

INLINE void gru_narrow(const v32 *wide, v16 *gate) {
    for (int n = 0; n < GRU_V16; n++)
        gate[n] = narrow(wide[2 * n], wide[2 * n + 1]);
}

/* Gate z or r before its function. */
INLINE void gru_gate(const el_gru *gru, const int32_t *from_x, const int32_t *from_h, uint32_t gate,
                     uint32_t first, v16 *values) {
    v32 x[GRU_V32], h[GRU_V32];
    gru_scale(gru, &gru->w, from_x, gate, first, x);
    gru_scale(gru, &gru->r, from_h, gate, first, h);
    for (int n = 0; n < GRU_V32; n++) /* clipped so that the sum stays inside int32 */
        x[n] = clamp32(x[n], INT16_MIN, INT16_MAX) + clamp32(h[n], -(1 << 20), 1 << 20);
    gru_narrow(x, values);
}

/* sigmoid of `count` registers, in place */
INLINE void gru_sigmoids(v16 *values, const int count) {
    v16 work[2 * GRU_V16];
    int bits[2 * GRU_V16];
    EACH(count) {
        work[n] = minus_abs(values[n]);
        bits[n] = 3;
    }
    exp_of_negatives(work, bits, count, NULL);
    reciprocals_of_one_plus(work, count, NULL);
    EACH(count) values[n] = sigmoid_of(work[n], values[n]);
}

INLINE void gru_store(const el_gru *gru, v16 h, int8_t *codes) {
    v32 mantissa = splat32(gru->output_multiplier), shift = splat32(gru->output_shift);
    v16 code =
        narrow(multiply(widen_low(h), mantissa, shift), multiply(widen_high(h), mantissa, shift));
    store_int8(codes, add_saturating(code, splat16(gru->output_zero_point)));
}

static void gru_codes_int8(const el_gru *gru, const int16_t *h, int8_t *codes) {
    for (uint32_t first = 0; first < gru->groups * 16; first += LANES)
        gru_store(gru, load16(h + first), codes + first);
}

static void gru_reset_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                           const int16_t *h, int8_t *reset) {
    for (uint32_t first = 0; first < gru->groups * 16; first += GRU_UNITS) {
        v16 r[GRU_V16];
        gru_gate(gru, from_x, from_h, 1, first, r);
        gru_sigmoids(r, GRU_V16);
        for (int n = 0; n < GRU_V16; n++)
            gru_store(gru, keep(r[n], load16(h + first + n * LANES)), reset + first + n * LANES);
    }
}

/* z, and what goes into the candidate's tanh */
INLINE void gru_gates(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                      uint32_t first, v16 *z, v16 *candidate, const bool before) {
    v16 gates[2 * GRU_V16], recurrent[GRU_V16];
    v32 wide[GRU_V32];
    gru_gate(gru, from_x, from_h, 0, first, gates);
    if (!before)
        gru_gate(gru, from_x, from_h, 1, first, gates + GRU_V16);
    gru_sigmoids(gates, before ? GRU_V16 : 2 * GRU_V16);
    gru_scale(gru, &gru->r, from_h, 2, first, wide);
    gru_narrow(wide, recurrent);
    gru_scale(gru, &gru->w, from_x, 2, first, wide);
    gru_narrow(wide, candidate);
    for (int n = 0; n < GRU_V16; n++) {
        z[n] = gates[n];
        v16 added = before ? recurrent[n] : keep(gates[GRU_V16 + n], recurrent[n]);
        candidate[n] = add_saturating(candidate[n], added);
    }
}

INLINE void gru_int8_layer(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                           int16_t *h, int8_t *codes, const bool before) {
    for (uint32_t first = 0; first < gru->groups * 16; first += GRU_UNITS) {
        v16 z[GRU_V16], candidate[GRU_V16], work[GRU_V16];
        gru_gates(gru, from_x, from_h, first, z, candidate, before);
        exp_of_cells_of(candidate, work, GRU_V16, 3, NULL);
        finish_tanh(candidate, work, GRU_V16, NULL);
        for (int n = 0; n < GRU_V16; n++) {
            int16_t *at = h + first + n * LANES;
            /* z is at least 1, so that 2^15 - z is an int16 */
            v16 open = (v16)((vu16)splat16(INT16_MIN) - (vu16)z[n]);
            v16 next = add_saturating(keep(z[n], load16(at)), keep(open, candidate[n]));
            memcpy(at, &next, sizeof next);
            gru_store(gru, next, codes + first + n * LANES);
        }
    }
}

static void gru_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h, int16_t *h,
                     int8_t *codes) {
    if (gru->before)
        gru_int8_layer(gru, from_x, from_h, h, codes, true);
    else
        gru_int8_layer(gru, from_x, from_h, h, codes, false);
}

static void gru_reset_float32(const el_gru *gru, const float *from_x, const float *from_h,
                              const float *h, float *reset) {
    uint32_t units = gru->groups * 16;
    for (uint32_t n = 0; n < units; n += LANES32) {
        vf r = sigmoid_float(load_float(from_x + units + n) + load_float(from_h + units + n));
        vf product = r * load_float(h + n);
        memcpy(reset + n, &product, sizeof product);
    }
}

static void gru_float32(const el_gru *gru, const float *from_x, const float *from_h, float *h) {
    uint32_t units = gru->groups * 16;
    for (uint32_t n = 0; n < units; n += LANES32) {
        vf z = sigmoid_float(load_float(from_x + n) + load_float(from_h + n));
        vf recurrent = load_float(from_h + 2 * units + n);
        if (!gru->before)
            recurrent *=
                sigmoid_float(load_float(from_x + units + n) + load_float(from_h + units + n));
        vf candidate = tanh_float(load_float(from_x + 2 * units + n) + recurrent);
        vf next = state_float(z * load_float(h + n) + (1.0f - z) * candidate);
        memcpy(h + n, &next, sizeof next);
    }
}

#endif
