/* An int8 LSTM layer whose gates are worked on during products: while the gates of two groups of
 * units take their steps, R·h of the next two goes on beside them, four columns at each step.
 * Products of large layers wait for weights from the second-level cache, gates for one another: a
 * processor that looks a hundred instructions ahead does one while the other waits. For a
 * set with registers enough, whose register holds the units of two groups. */
#ifndef EL_BODY_OVERLAP_H
#define EL_BODY_OVERLAP_H

#include "body_int8.h"

_Static_assert(LANES == 32, "a register holds the units of two groups");

#define PAIR_BLOCKS (2 * (int)EL_GATES)

typedef struct pair_sums {
    v32 w[PAIR_BLOCKS][PARTS], r[PAIR_BLOCKS][PARTS];
} pair_sums;

INLINE void multiply_inputs(const el_lstm *lstm, const el_rows *rows, const int8_t *weights,
                            const int8_t *x, pair_sums *sums) {
    size_t block_size = el_lstm_block(lstm);
    for (int block = 0; block < PAIR_BLOCKS; block++)
        start_sums(lstm, rows + block, sums->w[block], sums->r[block]);
    if (lstm->columns_w != 0)
        add_products(weights, block_size, PAIR_BLOCKS, lstm->columns_w, x, sums->w);
}

/* At least two groups. */
static void lstm_int8_overlapped(const el_lstm *lstm, const int8_t *x, const int8_t *h,
                                 int8_t *h_next, int16_t *c) {
    const int8_t *weights = lstm->weights;
    const el_rows *rows = lstm->rows;
    size_t block_size = el_lstm_block(lstm), recurrent = el_lstm_recurrent(lstm);
    uint32_t pairs = lstm->groups / 2;
    pair_sums both[2], *sums = &both[0], *next = &both[1];
    multiply_inputs(lstm, rows, weights, x, sums);
    add_products(weights + recurrent, block_size, PAIR_BLOCKS, lstm->columns_r, h, sums->r);
    for (uint32_t pair = 0; pair < pairs; pair++) {
        weights += PAIR_BLOCKS * block_size;
        if (pair + 1 < pairs) {
            multiply_inputs(lstm, rows + PAIR_BLOCKS, weights, x, next);
            product_beside beside = {
                .weights = weights + recurrent,
                .x = h,
                .block_size = block_size,
                .steps = lstm->columns_r / 4,
            };
            memcpy(beside.sums, next->r, sizeof beside.sums);
            lstm_int8_finish(lstm, rows, sums->w, sums->r, h_next, c, 2, true, &beside);
            memcpy(next->r, beside.sums, sizeof next->r);
            add_products(beside.weights, block_size, PAIR_BLOCKS, 4 * beside.steps, beside.x,
                         next->r);
            pair_sums *done = sums;
            sums = next;
            next = done;
        } else {
            lstm_int8_finish(lstm, rows, sums->w, sums->r, h_next, c, 2, true, NULL);
        }
        rows += PAIR_BLOCKS;
        h_next += 32;
        c += 32;
    }
    if (lstm->groups % 2 != 0)
        lstm_int8_tile(lstm, x, h, weights, rows, h_next, c, 1, true);
}

#endif
