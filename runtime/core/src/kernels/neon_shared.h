/* The kernels without an int8 product: neon.c has them for the set with dot products as well. What
 * they take is in kernels.h. */
#ifndef EL_NEON_SHARED_H
#define EL_NEON_SHARED_H

#include "kernels.h"

void el_neon_read_int8(const float *frame, const float *mean, const float *scale,
                       const float *offset, uint32_t count, int8_t *codes);
void el_neon_codes_int8(const el_matrix *matrix, const int32_t *sums, uint32_t count,
                        int32_t zero_point, int32_t low, int8_t *codes);
void el_neon_gru_codes_int8(const el_gru *gru, const int16_t *h, int8_t *codes);
void el_neon_gru_reset_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h,
                            const int16_t *h, int8_t *reset);
void el_neon_gru_int8(const el_gru *gru, const int32_t *from_x, const int32_t *from_h, int16_t *h,
                      int8_t *codes);
void el_neon_lstm_float32(const el_lstm *lstm, const float *x, const float *h, float *h_next,
                          float *c);
void el_neon_dense_float32(const el_matrix *matrix, const float *x, float *y);
void el_neon_gru_reset_float32(const el_gru *gru, const float *from_x, const float *from_h,
                               const float *h, float *reset);
void el_neon_gru_float32(const el_gru *gru, const float *from_x, const float *from_h, float *h);
void el_neon_dense_int16(const el_matrix *matrix, const int16_t *x, float step, const float *behind,
                         float *y);
void el_neon_dense_int16_batch(const el_matrix *matrix, const int16_t *const *x, float step,
                               float *const *y);
void el_neon_dense_float32_batch(const el_matrix *matrix, size_t block, const float *const *x,
                                 float *const *y);
void el_neon_logmel_power(const el_logmel *logmel, const int16_t *samples, int32_t *work,
                          uint64_t *power);
void el_neon_logmel_energies(const el_logmel *logmel, const uint64_t *power, uint64_t *energies);

/* el_kernels.exact, and .bf16 */
extern const el_kernels el_neon_exact;
#ifndef EL_NO_BF16
extern const el_kernels el_neon_bf16;
#endif

#endif
