/* NEON with dot products: Cortex-A55, A76 and later, 64 bits. */
#if !defined(__aarch64__) || !defined(__ARM_FEATURE_DOTPROD)
#error "compile this file for aarch64 with -march=armv8.2-a+dotprod"
#endif

#include "body.h"
#include "body_rows.h"

const el_kernels el_kernels_dotprod = {
    .name = "dotprod",
    .read_int8 = read_int8,
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
    .exact = EXACT,
    .bf16 = BF16,
};
