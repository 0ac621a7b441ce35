/* NEON, on 32 and 64 bits: Cortex-A7, A8, A53, A72 and whatever has no dot products. */
#if !defined(__ARM_NEON)
#error "compile this file for aarch64, or for 32-bit ARM with -march=armv7-a -mfpu=neon"
#endif

#include "body.h"
#include "body_rows.h"
#include "neon_shared.h"

const el_kernels el_kernels_neon = {
    .name = "neon",
#if defined(__aarch64__)
    .read_int8 = read_int8,
#endif
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .codes_int8 = codes_int8,
    .gru_codes_int8 = gru_codes_int8,
    .gru_reset_int8 = gru_reset_int8,
    .gru_int8 = gru_int8,
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
    .logmel_power = logmel_power,
    .logmel_energies = logmel_energies,
    .dense_int8_batch = dense_int8_batch,
    .dense_float32_batch = dense_float32_batch,
    .dense_int16 = dense_int16,
    .dense_int16_batch = dense_int16_batch,
    .exact = EXACT,
    .bf16 = BF16,
    .packed_int4 = PACKED_INT4,
};

#if defined(__aarch64__)
void el_neon_read_int8(const float *frame, const float *mean, const float *scale,
                       const float *offset, uint32_t count, int8_t *codes) {
    read_int8(frame, mean, scale, offset, count, codes);
}

void el_neon_codes_int8(const el_matrix *matrix, const int32_t *sums, uint32_t count,
                        int32_t zero_point, int32_t low, int8_t *codes) {
    codes_int8(matrix, sums, count, zero_point, low, codes);
}

void el_neon_gru_codes_int8(const el_gru *gru, const int16_t *h, int8_t *codes) {
    gru_codes_int8(gru, h, codes);
}

void el_neon_gru_reset_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                            const int16_t *h, int8_t *reset) {
    gru_reset_int8(gru, from_x, from_h, h, reset);
}

void el_neon_gru_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h, int16_t *h,
                      int8_t *codes) {
    gru_int8(gru, from_x, from_h, h, codes);
}

void el_neon_lstm_float32(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                          float *c) {
    lstm_float32(lstm, x, h, h_next, c);
}

void el_neon_dense_float32(const el_matrix *matrix, const float *x, float *y) {
    dense_float32(matrix, x, y);
}

void el_neon_gru_reset_float32(const el_gru *gru, const float *from_x, const float *from_h,
                               const float *h, float *reset) {
    gru_reset_float32(gru, from_x, from_h, h, reset);
}

void el_neon_gru_float32(const el_gru *gru, const float *from_x, const float *from_h, float *h) {
    gru_float32(gru, from_x, from_h, h);
}

void el_neon_dense_int16(const el_matrix *matrix, const int16_t *x, float step, const float *behind,
                         float *y) {
    dense_int16(matrix, x, step, behind, y);
}

void el_neon_dense_int16_batch(const el_matrix *matrix, const int16_t *const *x, float step,
                               float *const *y) {
    dense_int16_batch(matrix, x, step, y);
}

void el_neon_dense_float32_batch(const el_matrix *matrix, size_t block, const float *const *x,
                                 float *const *y) {
    dense_float32_batch(matrix, block, x, y);
}

void el_neon_logmel_power(const el_logmel *logmel, const int16_t *samples, int32_t *work,
                          uint64_t *power) {
    logmel_power(logmel, samples, work, power);
}

void el_neon_logmel_energies(const el_logmel *logmel, const uint64_t *power, uint64_t *energies) {
    logmel_energies(logmel, power, energies);
}

const el_kernels el_neon_exact = {
    .name = "exact",
    .lstm_float32 = lstm_exact,
    .dense_float32 = dense_exact,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
    .dense_float32_batch = dense_batch_exact,
    .exact = &el_neon_exact,
};

#ifndef EL_NO_BF16
const el_kernels el_neon_bf16 = {
    .name = "bf16",
    .lstm_float32 = lstm_bf16,
    .dense_float32 = dense_bf16,
    .gru_reset_float32 = gru_reset_float32,
    .gru_float32 = gru_float32,
    .dense_float32_batch = dense_batch_bf16,
    .bf16 = &el_neon_bf16,
};
#endif
#endif
