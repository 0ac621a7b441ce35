/* float32: every kernel set that runs here is within a bound of the scalar one; the exact sets,
 * which layers of floats in int8 files have, in every bit.
 */
#include "check.h"
#include "counts.h"
#include "kernel_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(64) float weights_float[MAX_BLOCKS * EL_BLOCK_ROWS * 2 * MAX_COLUMNS];
static _Alignas(64) float biases[MAX_BLOCKS * EL_BLOCK_ROWS];

/* EL_BATCH inputs at once, and a frame whose W·x is known: the bits of the same set alone. */
static void compare_batch_float32(const el_kernels *set, const layer *of) {
    static _Alignas(64) float x[EL_BATCH][MAX_COLUMNS], h[MAX_UNITS + GUARD], c[MAX_UNITS + GUARD];
    static _Alignas(64) float y[EL_BATCH][MAX_BLOCKS * EL_BLOCK_ROWS + GUARD];
    const float *inputs[EL_BATCH];
    float *to[EL_BATCH];
    size_t units = of->lstm.groups * EL_BLOCK_ROWS, block = el_lstm_block(&of->lstm);
    el_matrix matrix = matrix_of(of);
    for (size_t k = 0; k < EL_BATCH; k++) {
        inputs[k] = x[k];
        to[k] = y[k];
        for (uint32_t n = 0; n < MAX_COLUMNS; n++)
            x[k][n] = given.x_float[(n + 7 * k) % MAX_COLUMNS];
    }
    set->dense_float32_batch(&matrix, (size_t)EL_BLOCK_ROWS * matrix.columns, inputs, to);
    for (size_t k = 0; k < EL_BATCH; k++) {
        set->dense_float32(&matrix, x[k], h);
        check_same(y[k], h, units * sizeof *h, "y of several", set, of);
    }
    matrix.groups = of->blocks;
    set->dense_float32_batch(&matrix, block, inputs, to);
    el_lstm known = of->lstm;
    known.skipped = known.columns_w;
    known.columns_w = 0;
    for (size_t k = 0; k < EL_BATCH; k++) {
        memcpy(c, given.c_float, sizeof c);
        memcpy(got.c_float, given.c_float, sizeof c);
        set->lstm_float32(&of->lstm, x[k], given.h_float, h, c);
        known.from_x = y[k];
        set->lstm_float32(&known, x[k], given.h_float, got.h_next_float, got.c_float);
        check_same(got.c_float, c, units * sizeof *c, "c with W·x known", set, of);
        check_same(got.h_next_float, h, units * sizeof *h, "h with W·x known", set, of);
    }
}

/* |a - b| ≤ bound for every value. */
static void check_close(const float *a, const float *b, size_t count, double bound,
                        const char *part, const el_kernels *set, const layer *of) {
    for (size_t n = 0; n < count; n++)
        if (!(fabs((double)a[n] - (double)b[n]) <= bound)) {
            fprintf(stderr, "%s is %g off scalar in %s, more than %g: %u inputs, %u outputs\n",
                    set->name, fabs((double)a[n] - (double)b[n]), part, bound, of->inputs,
                    of->outputs);
            exit(1);
        }
}

/* What layers of floats in int8 files give: every bit of the scalar set's. */
static void test_exact(const el_kernels *set, const layer *of, const el_matrix *dense,
                       const float *y, size_t width) {
    memset(got.h_next_float, 0xA5, sizeof got.h_next_float);
    memcpy(got.c_float, given.c_float, sizeof given.c_float);
    set->lstm_float32(&of->lstm, given.x_float, given.h_float, got.h_next_float, got.c_float);
    check_same(got.c_float, expected.c_float, width * sizeof(float), "exact c", set, of);
    check_same(got.h_next_float, expected.h_next_float, width * sizeof(float), "exact h", set, of);
    set->dense_float32(dense, given.x_float, got.h_next_float);
    check_same(got.h_next_float, y, width * sizeof(float), "exact y", set, of);
    check_guard(got.h_next_float, width * sizeof(float), sizeof got.h_next_float, set);
}

/* Where half of the last group is padding, its units have the bits that they have in a whole one,
 * and padding is 0. */
static void compare_half(const el_kernels *set, const layer *of) {
    static _Alignas(64) float h[MAX_UNITS + GUARD], c[MAX_UNITS + GUARD];
    size_t padded = of->lstm.groups * EL_BLOCK_ROWS, units = of->outputs;
    el_lstm half = of->lstm;
    half.half = true;
    memcpy(c, given.c_float, sizeof given.c_float);
    memcpy(got.c_float, given.c_float, sizeof given.c_float);
    memset(c + units, 0, (padded - units) * sizeof *c);
    memset(got.c_float + units, 0, (padded - units) * sizeof *c);
    set->lstm_float32(&of->lstm, given.x_float, given.h_float, h, c);
    memset(got.h_next_float, 0xA5, sizeof got.h_next_float);
    set->lstm_float32(&half, given.x_float, given.h_float, got.h_next_float, got.c_float);
    check_same(got.c_float, c, padded * sizeof *c, "c of half a group", set, of);
    check_same(got.h_next_float, h, padded * sizeof *h, "h of half a group", set, of);
    check_guard(got.h_next_float, padded * sizeof *h, sizeof got.h_next_float, set);
}

/* Weights and biases of padding are 0, as in files. */
static void clear_padding(const layer *of) {
    size_t columns = of->lstm.columns_w + of->lstm.columns_r;
    for (size_t unit = of->outputs; unit < of->lstm.groups * EL_BLOCK_ROWS; unit++)
        for (size_t gate = 0; gate < EL_GATES; gate++) {
            size_t block = unit / EL_BLOCK_ROWS * EL_GATES + gate, row = unit % EL_BLOCK_ROWS;
            biases[block * EL_BLOCK_ROWS + row] = 0;
            for (size_t column = 0; column < columns; column++)
                weights_float[(block * columns + column) * EL_BLOCK_ROWS + row] = 0;
        }
}

/* Sums of n products in any order, with or without fused multiply-adds, are within n·2^-23·Σ|w·x|
 * of each other; the gates' functions, whose slope is at most 1, add 1e-6. */
static void test_float32(uint32_t inputs, uint32_t units) {
    layer of = layer_of(inputs, units, EL_GATES, 1);
    uint32_t columns = of.lstm.columns_w + of.lstm.columns_r;
    size_t width = of.lstm.groups * EL_BLOCK_ROWS;
    float limit = 4.0f / sqrtf((float)columns);
    for (size_t n = 0; n < (size_t)of.blocks * EL_BLOCK_ROWS * columns; n++)
        weights_float[n] = random_float(limit);
    for (size_t n = 0; n < of.blocks * EL_BLOCK_ROWS; n++)
        biases[n] = random_float(1.0f);
    for (size_t n = 0; n < MAX_COLUMNS; n++)
        given.x_float[n] = random_float(2.0f);
    for (size_t n = 0; n < MAX_UNITS; n++) {
        given.h_float[n] = random_float(1.0f);
        given.c_float[n] = random_float(3.0f);
    }
    of.lstm.weights = weights_float;
    of.lstm.rows = biases;
    double largest = 1.0 + (double)limit * (2.0 * inputs + units);
    double sums_bound = (columns + 1) * 0x1p-23 * largest;
    memcpy(expected.c_float, given.c_float, sizeof given.c_float);
    el_kernels_scalar.lstm_float32(&of.lstm, given.x_float, given.h_float, expected.h_next_float,
                                   expected.c_float);
    el_matrix dense = matrix_of(&of);
    static _Alignas(64) float y[MAX_UNITS];
    el_kernels_scalar.dense_float32(&dense, given.x_float, y);
    for (size_t n = 0; n < n_sets; n++) {
        memset(got.h_next_float, 0xA5, sizeof got.h_next_float);
        memcpy(got.c_float, given.c_float, sizeof given.c_float);
        sets[n]->lstm_float32(&of.lstm, given.x_float, given.h_float, got.h_next_float,
                              got.c_float);
        /* c changes by f·c, i and g: slopes 3/4, 1/4 and 1; h by o and c */
        check_close(got.c_float, expected.c_float, width, 2 * sums_bound + 1e-6, "c", sets[n], &of);
        check_close(got.h_next_float, expected.h_next_float, width, 3 * sums_bound + 1e-6, "h",
                    sets[n], &of);
        check_guard(got.h_next_float, width * sizeof(float), sizeof got.h_next_float, sets[n]);
        sets[n]->dense_float32(&dense, given.x_float, got.h_next_float);
        check_close(got.h_next_float, y, width, sums_bound, "y", sets[n], &of);
        check_guard(got.h_next_float, width * sizeof(float), sizeof got.h_next_float, sets[n]);
        compare_batch_float32(sets[n], &of);
        test_exact(sets[n]->exact, &of, &dense, y, width);
        compare_batch_float32(sets[n]->exact, &of);
    }
    compare_batch_float32(&el_kernels_scalar, &of);
    if ((units - 1) % EL_BLOCK_ROWS >= EL_BLOCK_ROWS / 2)
        return;
    clear_padding(&of);
    for (size_t n = 0; n < n_sets; n++) {
        compare_half(sets[n], &of);
        compare_half(sets[n]->exact, &of);
    }
}

int main(void) {
    static const uint32_t sizes[] = {1, 3, 7, 13, 17, 63, 65, 64, 129, 512};
    const size_t n = sizeof sizes / sizeof *sizes, step = counted(2, 1, 1);
    find_sets();
    for (size_t a = 0; a < n; a += step)
        for (size_t b = 0; b < n; b += step)
            test_float32(sizes[a], sizes[b]);
    return 0;
}
