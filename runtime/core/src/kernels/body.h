/* The kernels for instruction sets with vectors: one body, compiled once per set over the
 * primitives of vec.h and product.h. Integers equal those of scalar.c in every bit. Reading and
 * writing a whole register behind the last group of an odd number stays inside the stream's parts:
 * they are padded to 64 bytes. */
#ifndef EL_BODY_H
#define EL_BODY_H

#include "body_bf16.h"
#include "body_exact.h"
#include "body_gru.h"
#include "body_int16.h"
#include "body_int4.h"
#include "body_int8.h"
#include "body_logmel.h"

/* Where tiles are small, code is dear, and the one branch in a tile costs little. */
#if LANES == 8
static void lstm_int8(const el_lstm *lstm, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    lstm_int8_layer(lstm, x, h, h_next, c, lstm->no_overflow);
}
#else
static void lstm_int8(const el_lstm *lstm, const int8_t *x, const int8_t *h, int8_t *h_next,
                      int16_t *c) {
    if (lstm->no_overflow)
        lstm_int8_layer(lstm, x, h, h_next, c, true);
    else
        lstm_int8_layer(lstm, x, h, h_next, c, false);
}
#endif

#endif
