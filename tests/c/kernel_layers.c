#include "kernel_layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

buffers given, expected, got;
_Alignas(64) int8_t weights[MAX_BLOCKS * EL_BLOCK_ROWS * 2 * MAX_COLUMNS];
_Alignas(64) el_rows rows[MAX_BLOCKS];

static uint32_t round_up(uint32_t value, uint32_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

layer layer_of(uint32_t inputs, uint32_t outputs, uint32_t gates, uint32_t pad) {
    layer made = {.inputs = inputs, .outputs = outputs};
    made.lstm.weights = weights;
    made.lstm.rows = rows;
    made.lstm.columns_w = round_up(inputs, pad);
    made.lstm.columns_r = gates > 1 ? round_up(outputs, pad) : 0;
    made.lstm.groups = round_up(outputs, EL_BLOCK_ROWS) / EL_BLOCK_ROWS;
    made.blocks = made.lstm.groups * gates;
    return made;
}

el_matrix matrix_of(const layer *of) {
    const el_lstm *lstm = &of->lstm;
    return (el_matrix){lstm->weights,   lstm->rows,   lstm->columns_w,
                       lstm->columns_w, lstm->groups, lstm->input_zero_point};
}

void check_same(const void *a, const void *b, size_t size, const char *part, const el_kernels *set,
                const layer *of) {
    if (memcmp(a, b, size) != 0) {
        fprintf(stderr, "%s differs from scalar in %s: %u inputs, %u outputs\n", set->name, part,
                of->inputs, of->outputs);
        exit(1);
    }
}

/* Bytes of `used` values that a kernel may write: a part of a stream is a multiple of 64 bytes. */
static size_t part_size(size_t used) {
    return (used + 63) / 64 * 64;
}

void check_guard(const void *part, size_t used, size_t size, const el_kernels *set) {
    const unsigned char *at = part;
    for (size_t n = part_size(used); n < part_size(used) + GUARD && n < size; n++)
        if (at[n] != 0xA5) {
            fprintf(stderr, "%s writes behind a part of the stream\n", set->name);
            exit(1);
        }
}
