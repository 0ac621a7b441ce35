/* NEON, on 32 and 64 bits: Cortex-A7, A8, A53, A72 and whatever has no dot products. */
#if !defined(__ARM_NEON)
#error "compile this file for aarch64, or for 32-bit ARM with -march=armv7-a -mfpu=neon"
#endif

#include "body.h"
#include "body_rows.h"

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
    .exact = EXACT,
    .bf16 = BF16,
};
