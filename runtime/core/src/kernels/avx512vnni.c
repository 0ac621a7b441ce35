/* AVX-512 with VNNI: Ice Lake, Zen 4 and later. */
#if !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512VNNI__)
#error "compile this file with -mavx512bw -mavx512vl -mavx512vnni"
#endif

#include "body_batch.h"
#include "body_bf16.h"
#include "body_exact.h"
#include "body_gru.h"
#include "body_int16.h"
#include "body_int4.h"
#include "body_logmel.h"
#include "body_overlap.h"
#include "body_rows.h"
#include "body_wide.h"

/* Up to 64 units the gates of all fill the registers better than two products beside each other. */
static void lstm_int8(const el_lstm *lstm, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    if (!lstm->no_overflow)
        lstm_int8_layer(lstm, x, h, h_next, c, false);
    else if (lstm->groups <= TILE_GROUPS)
        lstm_int8_layer(lstm, x, h, h_next, c, true);
    else
        lstm_int8_overlapped(lstm, x, h, h_next, c);
}

const el_kernels el_kernels_avx512vnni = {
    .name = "avx512vnni",
    .read_int8 = read_int8,
    .lstm_int8 = lstm_int8,
    .lstm_int8_batch = lstm_int8_batch,
    .dense_int8 = dense_int8,
    .wide_int8 = wide_int8,
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
