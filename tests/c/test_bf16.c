/* Weights of bfloat16 give the bits of the floats that they are, in every kernel set by itself: an
 * LSTM, a matrix, and a matrix with several frames at once. */
#include "check.h"

#include "kernel_sets.h"

#include <string.h>

#define MAX_COLUMNS 200u
#define MAX_BLOCKS 32u
#define MAX_UNITS (MAX_BLOCKS * EL_BLOCK_ROWS)

static _Alignas(64) float plain[MAX_BLOCKS * EL_BLOCK_ROWS * 2 * MAX_COLUMNS];
static _Alignas(64) uint16_t halves[MAX_BLOCKS * EL_BLOCK_ROWS * 2 * MAX_COLUMNS];
static _Alignas(64) float biases[MAX_UNITS], x[EL_BATCH][MAX_COLUMNS], h[MAX_UNITS];

/* `count` columns of 16 rows: as a file of each kind has them. */
static void fill(size_t count) {
    for (size_t n = 0; n < count; n++)
        for (size_t row = 0; row < EL_BLOCK_ROWS; row++) {
            float value = between(0, 9) ? random_float(1.0f) : random_float(1e-36f);
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            bits &= 0xFFFF0000u;
            memcpy(plain + n * EL_BLOCK_ROWS + row, &bits, sizeof bits);
            halves[n * EL_BLOCK_ROWS + row % 8 * 2 + row / 8] = (uint16_t)(bits >> 16);
        }
    for (size_t n = 0; n < MAX_UNITS; n++) {
        biases[n] = random_float(0.5f);
        h[n] = random_float(1.0f);
    }
    for (size_t frame = 0; frame < EL_BATCH; frame++)
        for (size_t n = 0; n < MAX_COLUMNS; n++)
            x[frame][n] = random_float(2.0f);
}

static void check_lstm(const el_kernels *set, uint32_t inputs, uint32_t units) {
    static _Alignas(64) float given[2][2][MAX_UNITS];
    uint32_t groups = (units + 15) / 16;
    fill((size_t)groups * EL_GATES * (inputs + units));
    memset(given, 0, sizeof given);
    for (int of = 0; of < 2; of++) {
        el_lstm lstm = {.weights = of ? (const void *)halves : plain,
                        .rows = biases,
                        .columns_w = inputs,
                        .columns_r = units,
                        .groups = groups};
        const el_kernels *kernels = of ? set->bf16 : set;
        memcpy(given[of][1], h, groups * 16 * sizeof *h);
        kernels->lstm_float32(&lstm, x[0], h, given[of][0], given[of][1]);
    }
    CHECK(memcmp(given[0], given[1], sizeof given[0]) == 0);
}

static void check_matrix(const el_kernels *set, uint32_t columns, uint32_t groups) {
    static _Alignas(64) float y[2][1 + EL_BATCH][MAX_UNITS];
    const float *frames[EL_BATCH];
    fill((size_t)groups * columns);
    memset(y, 0, sizeof y);
    for (int of = 0; of < 2; of++) {
        el_matrix matrix = {.weights = of ? (const void *)halves : plain,
                            .rows = biases,
                            .columns = columns,
                            .used = columns,
                            .groups = groups};
        const el_kernels *kernels = of ? set->bf16 : set;
        float *to[EL_BATCH];
        for (size_t n = 0; n < EL_BATCH; n++) {
            frames[n] = x[n];
            to[n] = y[of][1 + n];
        }
        kernels->dense_float32(&matrix, x[0], y[of][0]);
        if (set->dense_float32_batch != NULL)
            kernels->dense_float32_batch(&matrix, (size_t)EL_BLOCK_ROWS * columns, frames, to);
    }
    CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0);
}

int main(void) {
    find_sets();
    sets[n_sets++] = &el_kernels_scalar;
    for (size_t n = 0; n < n_sets; n++) {
        for (uint32_t units = 1; units <= 128; units = units * 2 + 1)
            check_lstm(sets[n], (uint32_t)between(1, 130), units);
        for (uint32_t groups = 1; groups <= 11; groups++)
            check_matrix(sets[n], (uint32_t)between(1, MAX_COLUMNS), groups);
    }
    return 0;
}
