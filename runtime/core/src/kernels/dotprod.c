/* NEON with dot products: Cortex-A55, A76 and later, 64 bits. */
#if !defined(__aarch64__) || !defined(__ARM_FEATURE_DOTPROD)
#error "compile this file for aarch64 with -march=armv8.2-a+dotprod"
#endif

/* What the body has beside products is left to neon.c: half of the code of this set. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#include "body.h"
#include "body_rows.h"
#include "neon_shared.h"

const el_kernels el_kernels_dotprod = {
    .name = "dotprod",
    .read_int8 = el_neon_read_int8,
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .codes_int8 = el_neon_codes_int8,
    .gru_codes_int8 = el_neon_gru_codes_int8,
    .gru_reset_int8 = el_neon_gru_reset_int8,
    .gru_int8 = el_neon_gru_int8,
    .lstm_float32 = el_neon_lstm_float32,
    .dense_float32 = el_neon_dense_float32,
    .gru_reset_float32 = el_neon_gru_reset_float32,
    .gru_float32 = el_neon_gru_float32,
    .logmel_power = el_neon_logmel_power,
    .logmel_energies = el_neon_logmel_energies,
    .dense_int8_batch = dense_int8_batch,
    .dense_float32_batch = el_neon_dense_float32_batch,
    .dense_int16 = el_neon_dense_int16,
    .dense_int16_batch = el_neon_dense_int16_batch,
    .exact = &el_neon_exact,
#ifndef EL_NO_BF16
    .bf16 = &el_neon_bf16,
#endif
    .packed_int4 = PACKED_INT4,
};
