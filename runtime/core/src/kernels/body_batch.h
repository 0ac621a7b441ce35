/* An int8 LSTM layer for EL_BATCH streams at once: a weight is loaded once for all. For a set with
 * registers enough. */
#ifndef EL_BODY_BATCH_H
#define EL_BODY_BATCH_H

#include "body_int8.h"

INLINE void lstm_int8_batch_tile(const el_lstm *lstm, const el_batch *batch, uint32_t first,
                                 const int groups, const bool no_overflow) {
    uint32_t columns_w = lstm->columns_w, columns_r = lstm->columns_r;
    size_t block_size = el_lstm_block(lstm);
    const int8_t *weights = (const int8_t *)lstm->weights + first * EL_GATES * block_size;
    const el_rows *rows = (const el_rows *)lstm->rows + first * EL_GATES;
    v32 sums_w[EL_BATCH][EL_GATES * TILE_GROUPS][PARTS],
        sums_r[EL_BATCH][EL_GATES * TILE_GROUPS][PARTS];
    for (int group = 0; group < groups; group++, weights += EL_GATES * block_size) {
        int block = group * (int)EL_GATES;
        for (int gate = 0; gate < (int)EL_GATES; gate++) {
            start_sums(lstm, rows + block + gate, sums_w[0][block + gate], sums_r[0][block + gate]);
            for (int n = 1; n < EL_BATCH; n++)
                for (int part = 0; part < PARTS; part++) {
                    sums_w[n][block + gate][part] = sums_w[0][block + gate][part];
                    sums_r[n][block + gate][part] = sums_r[0][block + gate][part];
                }
        }
        add_products_batch(weights, block_size, columns_w, batch->x, sums_w, block);
        add_products_batch(weights + el_lstm_recurrent(lstm), block_size, columns_r, batch->h,
                           sums_r, block);
    }
    for (int n = 0; n < EL_BATCH; n++)
        lstm_int8_finish(lstm, rows, sums_w[n], sums_r[n], batch->h_next[n] + first * 16,
                         batch->c[n] + first * 16, groups, no_overflow, NULL);
}

INLINE void lstm_int8_batch_layer(const el_lstm *lstm, const el_batch *batch,
                                  const bool no_overflow) {
    uint32_t group = 0;
    for (; group + TILE_GROUPS <= lstm->groups; group += TILE_GROUPS)
        lstm_int8_batch_tile(lstm, batch, group, TILE_GROUPS, no_overflow);
#if TILE_GROUPS > 2
    for (; group + 2 <= lstm->groups; group += 2)
        lstm_int8_batch_tile(lstm, batch, group, 2, no_overflow);
#endif
#if TILE_GROUPS > 1
    for (; group < lstm->groups; group++)
        lstm_int8_batch_tile(lstm, batch, group, 1, no_overflow);
#endif
}

static void lstm_int8_batch(const el_lstm *lstm, const el_batch *batch) {
    if (lstm->no_overflow)
        lstm_int8_batch_layer(lstm, batch, true);
    else
        lstm_int8_batch_layer(lstm, batch, false);
}

#endif
