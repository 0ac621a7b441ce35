/* AVX2 with FMA: Haswell, Zen and later. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile this file with -mavx2 -mfma"
#endif

#include "body.h"
#include "body_capture.h"
#include "body_rows.h"
#include "body_wide.h"

const el_kernels el_kernels_avx2 = {
    .name = "avx2",
    .read_int8 = read_int8,
    .lstm_int8 = lstm_int8,
    .dense_int8 = dense_int8,
    .wide_int8 = wide_int8,
    .codes_int8 = codes_int8,
    .gru_codes_int8 = gru_codes_int8,
    .gru_reset_int8 = gru_reset_int8,
    .gru_int8 = gru_int8,
    .lstm_float32 = lstm_float32,
    .dense_float32 = dense_float32,
    .capture_float32 = capture_float32,
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
