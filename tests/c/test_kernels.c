/* int8: every kernel set that runs here gives every bit of the scalar one; exhaustively over all
 * values that the functions of the gates and of the cell can meet.
 */
#include "check.h"
#include "counts.h"

#include "float_math.h"
#include "kernel_layers.h"

#include <stdlib.h>
#include <string.h>

static void learn_rows(el_lstm *lstm, uint32_t blocks) {
    el_lstm_forget_rows(lstm);
    for (uint32_t block = 0; block < blocks; block++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
            el_lstm_learn_row(lstm, rows + block, row, lstm->columns_w, EL_FURTHEST_8);
}

/* Shifts of every kind, also those that a layer that cannot overflow has not; those that it may
 * have; none to the left; all to the right. */
enum { SHIFTS_ANY, SHIFTS_USUAL, SHIFTS_NOT_LEFT, SHIFTS_RIGHT, SHIFTS_KINDS };

/* `extreme`: all weights at the ends of their range. */
static void fill_int8(layer *of, int extreme, int shifts) {
    static const int most_w[] = {4, 4, 0, -1}, most_r[] = {0, 0, 0, -1};
    int8_t *at = weights;
    memset(rows, 0, sizeof rows);
    for (uint32_t block = 0; block < of->blocks; block++)
        for (uint32_t column = 0; column < of->lstm.columns_w + of->lstm.columns_r; column += 4)
            for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++)
                for (uint32_t k = 0; k < 4; k++, at++) {
                    int is_w = column < of->lstm.columns_w;
                    uint32_t source = is_w ? column + k : column + k - of->lstm.columns_w;
                    *at = 0;
                    if (source < (is_w ? of->inputs : of->outputs))
                        *at = (int8_t)(extreme ? (row & 1 ? 127 : -127) : between(-127, 127));
                    *(is_w ? &rows[block].sum_w[row] : &rows[block].sum_r[row]) += *at;
                }
    for (uint32_t block = 0; block < of->blocks; block++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
            /* exact powers of two make ties; most shifts bring sums into the gates' range */
            int odd = shifts == SHIFTS_ANY && between(0, 7) == 0;
            rows[block].bias[row] = between(-100000, 100000);
            rows[block].multiplier_w[row] =
                between(0, 3) ? between(1 << 30, INT32_MAX) : between(2, 3) << 29;
            rows[block].multiplier_r[row] =
                between(0, 3) ? between(1 << 30, INT32_MAX) : between(2, 3) << 29;
            rows[block].shift_w[row] =
                (int8_t)(odd ? between(-31, 30) : between(-15, most_w[shifts]));
            rows[block].shift_r[row] =
                (int8_t)(odd ? between(-31, 30) : between(-15, most_r[shifts]));
        }
    learn_rows(&of->lstm, of->blocks);
    of->lstm.input_zero_point = between(-128, 127);
    of->lstm.output_zero_point = between(-128, 127);
    of->lstm.output_multiplier = between(1 << 30, INT32_MAX);
    of->lstm.output_shift = between(-24, -20);
}

/* One frame by every set, from `given`. */
static void compare_lstm_int8(const layer *of) {
    size_t units = of->lstm.groups * EL_BLOCK_ROWS;
    memcpy(expected.c, given.c, units * sizeof *given.c);
    el_kernels_scalar.lstm_int8(&of->lstm, given.x, given.h, expected.h_next, expected.c);
    for (size_t n = 0; n < n_sets; n++) {
        memset(got.c, 0xA5, sizeof got.c);
        memset(got.h_next, 0xA5, sizeof got.h_next);
        memcpy(got.c, given.c, units * sizeof *given.c);
        sets[n]->lstm_int8(&of->lstm, given.x, given.h, got.h_next, got.c);
        check_same(got.c, expected.c, units * sizeof *got.c, "c", sets[n], of);
        check_same(got.h_next, expected.h_next, units, "h", sets[n], of);
        check_guard(got.c, units * sizeof *got.c, sizeof got.c, sets[n]);
        check_guard(got.h_next, units, sizeof got.h_next, sets[n]);
    }
}

static void compare_dense_int8(const layer *of) {
    size_t outputs = of->lstm.groups * EL_BLOCK_ROWS;
    el_matrix matrix = matrix_of(of);
    el_kernels_scalar.dense_int8(&matrix, given.x, expected.sums);
    for (size_t n = 0; n < n_sets; n++) {
        memset(got.sums, 0xA5, sizeof got.sums);
        sets[n]->dense_int8(&matrix, given.x, got.sums);
        check_same(got.sums, expected.sums, outputs * sizeof *got.sums, "sums", sets[n], of);
        check_guard(got.sums, outputs * sizeof *got.sums, sizeof got.sums, sets[n]);
    }
}

/* EL_BATCH inputs at once: what each has alone. Blocks one behind the other, and, where these come
 * in fours, with R between. */
static void compare_batch_int8(const layer *of, uint32_t blocks) {
    static _Alignas(64) int8_t x[EL_BATCH][MAX_COLUMNS];
    static _Alignas(64) int32_t wanted[EL_BATCH][MAX_BLOCKS * EL_BLOCK_ROWS + GUARD];
    static _Alignas(64) int32_t sums[EL_BATCH][MAX_BLOCKS * EL_BLOCK_ROWS + GUARD];
    const int8_t *inputs[EL_BATCH];
    int32_t *to[EL_BATCH];
    el_matrix matrix = matrix_of(of), one = matrix;
    size_t block = el_lstm_block(&of->lstm);
    matrix.groups = blocks;
    one.groups = 1;
    for (size_t k = 0; k < EL_BATCH; k++) {
        inputs[k] = x[k];
        to[k] = sums[k];
        for (uint32_t n = 0; n < MAX_COLUMNS; n++)
            x[k][n] = (int8_t)(k == 0 ? given.x[n] : between(-128, 127));
        for (uint32_t n = 0; n < blocks; n++) {
            one.weights = weights + n * block;
            one.rows = rows + n;
            el_kernels_scalar.dense_int8(&one, x[k], wanted[k] + (size_t)n * EL_BLOCK_ROWS);
        }
    }
    for (size_t n = 0; n <= n_sets; n++) {
        const el_kernels *set = n < n_sets ? sets[n] : &el_kernels_scalar;
        size_t size = blocks * EL_BLOCK_ROWS * sizeof **sums;
        memset(sums, 0xA5, sizeof sums);
        set->dense_int8_batch(&matrix, block, inputs, to);
        for (size_t k = 0; k < EL_BATCH; k++) {
            check_same(sums[k], wanted[k], size, "sums of several", set, of);
            check_guard(sums[k], size, sizeof sums[k], set);
        }
    }
}

/* A frame whose W·x is known ends where it does with W. */
static void compare_known_int8(const layer *of) {
    static _Alignas(64) int32_t sums[EL_BATCH][MAX_BLOCKS * EL_BLOCK_ROWS];
    const int8_t *x[EL_BATCH] = {given.x, given.x, given.x, given.x};
    int32_t *to[EL_BATCH] = {sums[0], sums[1], sums[2], sums[3]};
    size_t units = of->lstm.groups * EL_BLOCK_ROWS;
    el_matrix matrix = matrix_of(of);
    matrix.groups = of->blocks;
    el_kernels_scalar.dense_int8_batch(&matrix, el_lstm_block(&of->lstm), x, to);
    el_lstm known = of->lstm;
    known.from_x = sums[0];
    known.skipped = known.columns_w;
    known.columns_w = 0;
    for (size_t n = 0; n <= n_sets; n++) { /* `expected` holds the scalar set's */
        const el_kernels *set = n < n_sets ? sets[n] : &el_kernels_scalar;
        memcpy(got.c, given.c, units * sizeof *given.c);
        set->lstm_int8(&known, given.x, given.h, got.h_next, got.c);
        check_same(got.c, expected.c, units * sizeof *got.c, "c with W·x known", set, of);
        check_same(got.h_next, expected.h_next, units, "h with W·x known", set, of);
    }
}

/* The sums just compared, as codes: of all outputs, or of some of the last group's. */
static void compare_codes_int8(const layer *of) {
    el_matrix matrix = matrix_of(of);
    int32_t zero_point = between(-128, 127), low = between(0, 1) ? zero_point : INT8_MIN;
    el_kernels_scalar.codes_int8(&matrix, expected.sums, of->outputs, zero_point, low,
                                 expected.h_next);
    for (size_t n = 0; n < n_sets; n++) {
        memset(got.h_next, 0xA5, sizeof got.h_next);
        sets[n]->codes_int8(&matrix, expected.sums, of->outputs, zero_point, low, got.h_next);
        check_same(got.h_next, expected.h_next, of->outputs, "codes", sets[n], of);
        check_guard(got.h_next, of->outputs, sizeof got.h_next, sets[n]);
    }
}

/* Inputs and state of int8 layers: anything, the ends that saturate, or codes of which four
 * products with the largest weights are just about to leave int16. */
static int8_t code_of(int extreme) {
    static const int8_t low[] = {-128, -128, 127, 63}, high[] = {127, -128, 127, 66};
    return (int8_t)between(low[extreme], high[extreme]);
}

static void fill_given(int extreme) {
    for (uint32_t n = 0; n < MAX_COLUMNS; n++)
        given.x[n] = code_of(extreme);
    for (uint32_t n = 0; n < MAX_UNITS; n++) {
        given.h[n] = code_of(extreme);
        given.c[n] =
            (int16_t)(extreme ? (n & 1 ? INT16_MIN : INT16_MAX) : between(INT16_MIN, INT16_MAX));
    }
}

static void test_int8(uint32_t inputs, uint32_t units, int cell_exponent) {
    for (int extreme = 0; extreme < (units < 100 ? 4 : 3); extreme++) {
        fill_given(extreme);
        layer of = layer_of(inputs, units, EL_GATES, EL_COLUMN_PAD);
        for (int shifts = 0; shifts < SHIFTS_KINDS; shifts++) {
            fill_int8(&of, extreme, shifts);
            of.lstm.cell_exponent = cell_exponent;
            CHECK(of.lstm.no_overflow || shifts == SHIFTS_ANY);
            CHECK(of.lstm.shifts_w == EL_SHIFTS_RIGHT || shifts != SHIFTS_RIGHT);
            compare_lstm_int8(&of);
            compare_known_int8(&of);
        }
        compare_batch_int8(&of, of.blocks);
        of = layer_of(inputs, units, 1, EL_COLUMN_PAD);
        fill_int8(&of, extreme, SHIFTS_ANY);
        compare_dense_int8(&of);
        compare_batch_int8(&of, of.blocks);
        compare_codes_int8(&of);
    }
}

/* Raw values to codes: ties, numbers beyond the codes, infinite products. */
static void test_read_int8(void) {
    static float frame[100], mean[100], scale[100], offset[100];
    static int8_t codes[100 + 64], wanted[100];
    for (uint32_t count = EL_READ_LEAST; count <= 100; count++) {
        for (uint32_t n = 0; n < count; n++) {
            int tie = between(0, 1), huge = between(0, 9) == 0;
            frame[n] = tie ? (float)between(-600, 600) / 2.0f : random_float(huge ? 3e38f : 9.0f);
            scale[n] = tie ? 1.0f : random_float(30.0f);
            offset[n] = tie ? (float)between(-3, 3) : random_float(100.0f);
            mean[n] = tie ? (float)between(-300, 300) / 2.0f : random_float(huge ? 3e38f : 1e3f);
            float code = (frame[n] - mean[n]) * scale[n] + offset[n];
            wanted[n] = (int8_t)el_round(el_clamp(code, -128.0f, 127.0f));
        }
        for (size_t n = 0; n < n_sets; n++) {
            if (sets[n]->read_int8 == NULL)
                continue;
            memset(codes, 0x55, sizeof codes);
            sets[n]->read_int8(frame, mean, scale, offset, count, codes);
            CHECK(memcmp(codes, wanted, count) == 0);
            CHECK(codes[count] == 0x55);
        }
    }
}

/* A layer without inputs whose gates are its biases, so that the test decides every gate. */
static layer layer_of_biases(void) {
    layer of = layer_of(1, MAX_UNITS, EL_GATES, EL_COLUMN_PAD);
    of.lstm.columns_r = EL_COLUMN_PAD;
    fill_int8(&of, 0, SHIFTS_ANY);
    memset(weights, 0, sizeof weights);
    memset(rows, 0, sizeof rows);
    for (uint32_t block = 0; block < MAX_BLOCKS; block++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
            rows[block].multiplier_w[row] = 1 << 30;
            rows[block].shift_w[row] = 1;
        }
    of.lstm.no_overflow = false;
    of.lstm.input_zero_point = of.lstm.output_zero_point = 0;
    of.lstm.output_multiplier = 1 << 30;
    return of;
}

static void set_gate(uint32_t unit, uint32_t gate, int32_t value) {
    rows[unit / EL_BLOCK_ROWS * EL_GATES + gate].bias[unit % EL_BLOCK_ROWS] = value;
}

/* h is 8 bits of o·tanh(c): its upper ones, or, by left shifts that wrap, the sign shows any bit of
 * it. */
static const int32_t windows[] = {-22, 8, 14};
#define WINDOWS (sizeof windows / sizeof *windows)

/* All 65,536 values of each gate, the other gates open. */
static void test_all_gates(void) {
    layer of = layer_of_biases();
    of.lstm.cell_exponent = -15;
    for (uint32_t gate = 0; gate < EL_GATES; gate++)
        for (int32_t first = INT16_MIN; first <= INT16_MAX; first += (int32_t)MAX_UNITS)
            for (size_t window = 0; window < (gate == 3 ? WINDOWS : 1); window++) {
                of.lstm.output_shift = windows[window];
                for (uint32_t unit = 0; unit < MAX_UNITS; unit++) {
                    for (uint32_t other = 0; other < EL_GATES; other++)
                        set_gate(unit, other, INT16_MAX);
                    if (gate == 1)
                        set_gate(unit, 2, 0); /* nothing is written: c becomes f·c */
                    set_gate(unit, gate, first + (int32_t)unit);
                    given.c[unit] = gate == 1 || gate == 3 ? INT16_MAX : 0;
                }
                compare_lstm_int8(&of);
            }
}

/* tanh of all 65,536 cell values at the smallest, a middle and the largest cell scale, in full at
 * every one. What the gates keep and write is chosen so
 * that every value comes up: f is 0.9997 at most, which leaves gaps that the `written` units fill.
 */
static void test_all_cells(void) {
    static unsigned char seen[1 << 16];
    static const int32_t quarters_written[] = {0, 1, 8, -8};
    layer of = layer_of_biases();
    const int32_t step = (int32_t)counted(10, 5, 1);
    for (of.lstm.cell_exponent = -15; of.lstm.cell_exponent <= -5; of.lstm.cell_exponent += step) {
        memset(seen, 0, sizeof seen);
        for (size_t pass = 0; pass < 4; pass++)
            for (int32_t first = INT16_MIN; first <= INT16_MAX; first += (int32_t)MAX_UNITS)
                for (size_t window = 0; window < (pass == 0 ? WINDOWS : 1); window++) {
                    of.lstm.output_shift = windows[window];
                    for (uint32_t unit = 0; unit < MAX_UNITS; unit++) {
                        set_gate(unit, 0, 0); /* i = 1/2 */
                        set_gate(unit, 1, INT16_MAX);
                        set_gate(unit, 2,
                                 quarters_written[pass] * (1 << (15 + of.lstm.cell_exponent)));
                        set_gate(unit, 3, INT16_MAX);
                        given.c[unit] = (int16_t)(first + (int32_t)unit);
                    }
                    compare_lstm_int8(&of);
                    for (uint32_t unit = 0; unit < MAX_UNITS; unit++)
                        seen[(uint16_t)expected.c[unit]] = 1;
                }
        for (size_t n = 0; n < sizeof seen; n++)
            CHECK(seen[n]);
    }
}

int main(void) {
    static const uint32_t sizes[] = {1, 3, 7, 13, 17, 63, 65, 64, 129, 512};
    const size_t n = sizeof sizes / sizeof *sizes, step = counted(2, 1, 1);
    find_sets();
    for (size_t a = 0; a < n; a += step)
        for (size_t b = 0; b < n; b += step)
            test_int8(sizes[a], sizes[b], -15 + (int)(a + b) % 11);
    for (int cell_exponent = -15; cell_exponent <= -5; cell_exponent++)
        for (unsigned trial = 0; trial < counted(4, 20, 20); trial++)
            test_int8((uint32_t)between(1, 40), (uint32_t)between(1, 40), cell_exponent);
    for (int trial = 0; trial < 20; trial++)
        test_read_int8();
    test_all_gates();
    test_all_cells();
    return 0;
}
