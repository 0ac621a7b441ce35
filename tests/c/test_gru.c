/* The GRU's kernels of every set that runs here against the scalar ones: int8 in every bit, over
 * all values of a gate and at the ends that saturate; float32 within a bound. */
#include "check.h"
#include "fixed_point.h"
#include "kernel_sets.h"

#include <math.h>
#include <string.h>

#define MAX_GROUPS 9u
#define MAX_UNITS (MAX_GROUPS * EL_BLOCK_ROWS)
#define SUMS (EL_GRU_GATES * MAX_UNITS + 16)
#define GUARD 64

static _Alignas(64) el_rows rows_w[3 * MAX_GROUPS], rows_r[3 * MAX_GROUPS];
static _Alignas(64) int32_t from_x[SUMS], from_h[SUMS];
static _Alignas(64) float from_x_float[SUMS], from_h_float[SUMS];
static _Alignas(64) int16_t h[MAX_UNITS + GUARD], h_wanted[MAX_UNITS + GUARD],
    h_got[MAX_UNITS + GUARD];
static _Alignas(64) int8_t codes_wanted[MAX_UNITS + GUARD], codes_got[MAX_UNITS + GUARD];
static _Alignas(64) float h_float[MAX_UNITS], wanted_float[MAX_UNITS], got_float[MAX_UNITS];

static void fill_rows(el_rows *rows, uint32_t blocks, int any) {
    for (uint32_t block = 0; block < blocks; block++)
        for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
            int odd = any && between(0, 7) == 0;
            rows[block].multiplier_w[row] =
                between(0, 3) ? between(1 << 30, INT32_MAX) : between(2, 3) << 29;
            rows[block].shift_w[row] = (int8_t)(odd ? between(-31, 30) : between(-15, 4));
        }
}

static el_gru gru_of(uint32_t groups, bool before) {
    return (el_gru){
        .w = {.rows = rows_w, .groups = 3 * groups},
        .r = {.rows = rows_r, .groups = 3 * groups},
        .groups = groups,
        .before = before,
        .output_zero_point = between(-128, 127),
        .output_multiplier = between(1 << 30, INT32_MAX),
        .output_shift = between(-20, 15),
    };
}

/* Codes and h of padding may differ in what lies behind the last group, but no further. */
static void check_int8(const el_kernels *set, uint32_t units) {
    size_t codes_end = (units + 63) / 64 * 64, h_end = (2 * units + 63) / 64 * 32;
    CHECK(memcmp(codes_got, codes_wanted, units) == 0);
    CHECK(memcmp(h_got, h_wanted, units * sizeof *h) == 0);
    for (size_t n = 0; n < GUARD; n++)
        if ((codes_end + n < sizeof codes_got && codes_got[codes_end + n] != 0x55) ||
            (h_end + n < sizeof h_got / 2 && h_got[h_end + n] != 0x5555)) {
            fprintf(stderr, "%s writes behind a part of the stream\n", set->name);
            exit(1);
        }
}

static void start(uint32_t units) {
    memset(codes_got, 0x55, sizeof codes_got);
    memset(h_got, 0x55, sizeof h_got);
    memcpy(h_got, h, units * sizeof *h);
    memcpy(h_wanted, h, units * sizeof *h);
}

static void compare_int8(const el_gru *gru) {
    uint32_t units = gru->groups * EL_BLOCK_ROWS;
    for (size_t n = 0; n < n_sets; n++) {
        start(units);
        el_kernels_scalar.gru_codes_int8(gru, h, codes_wanted);
        sets[n]->gru_codes_int8(gru, h_got, codes_got);
        check_int8(sets[n], units);
        start(units);
        el_kernels_scalar.gru_reset_int8(gru, from_x, from_h, h, codes_wanted);
        sets[n]->gru_reset_int8(gru, from_x, from_h, h_got, codes_got);
        check_int8(sets[n], units);
        start(units);
        el_kernels_scalar.gru_int8(gru, from_x, from_h, h_wanted, codes_wanted);
        sets[n]->gru_int8(gru, from_x, from_h, h_got, codes_got);
        check_int8(sets[n], units);
    }
}

static void fill_sums(int32_t limit) {
    for (size_t n = 0; n < SUMS; n++) {
        from_x[n] = between(-limit, limit);
        from_h[n] = between(-limit, limit);
    }
    for (size_t n = 0; n < MAX_UNITS; n++)
        h[n] = (int16_t)(between(0, 3)   ? between(INT16_MIN, INT16_MAX)
                         : between(0, 1) ? INT16_MIN
                                         : INT16_MAX);
}

static void test_random(void) {
    static const int32_t limits[] = {1000, 100000, 1 << 24, 1 << 30};
    for (int trial = 0; trial < 400; trial++) {
        el_gru gru = gru_of((uint32_t)between(1, MAX_GROUPS), trial % 2);
        fill_rows(rows_w, 3 * gru.groups, trial % 3);
        fill_rows(rows_r, 3 * gru.groups, trial % 3);
        fill_sums(limits[trial % 4]);
        compare_int8(&gru);
    }
}

/* All 65,536 values before the function of each gate. */
static void test_all_gates(void) {
    for (int before = 0; before < 2; before++)
        for (uint32_t gate = 0; gate < EL_GRU_GATES; gate++)
            for (int32_t first = INT16_MIN; first <= INT16_MAX; first += (int32_t)MAX_UNITS) {
                el_gru gru = gru_of(MAX_GROUPS, before);
                for (uint32_t block = 0; block < 3 * MAX_GROUPS; block++)
                    for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
                        rows_w[block].multiplier_w[row] = rows_r[block].multiplier_w[row] = 1 << 30;
                        rows_w[block].shift_w[row] = rows_r[block].shift_w[row] = 1;
                    }
                fill_sums(INT16_MAX);
                for (uint32_t n = 0; n < MAX_UNITS; n++) {
                    from_h[gate * MAX_UNITS + n] = 0;
                    from_x[gate * MAX_UNITS + n] = first + (int32_t)n;
                }
                compare_int8(&gru);
            }
}

/* The vector kernels take 2^15 - z as an int16. */
static void test_gates_are_open(void) {
    for (int32_t a = INT16_MIN; a <= INT16_MAX; a++)
        CHECK(el_sigmoid16(a) >= 1);
}

static void test_float32(void) {
    for (int trial = 0; trial < 100; trial++) {
        el_gru gru = gru_of((uint32_t)between(1, MAX_GROUPS), trial % 2);
        uint32_t units = gru.groups * EL_BLOCK_ROWS;
        for (size_t n = 0; n < SUMS; n++) {
            from_x_float[n] = random_float(6.0f);
            from_h_float[n] = random_float(6.0f);
        }
        for (size_t n = 0; n < MAX_UNITS; n++)
            h_float[n] = random_float(1.0f);
        for (size_t n = 0; n < n_sets; n++) {
            el_kernels_scalar.gru_reset_float32(&gru, from_x_float, from_h_float, h_float,
                                                wanted_float);
            sets[n]->gru_reset_float32(&gru, from_x_float, from_h_float, h_float, got_float);
            for (uint32_t k = 0; k < units; k++)
                CHECK(fabsf(got_float[k] - wanted_float[k]) <= 2e-6f);
            memcpy(wanted_float, h_float, sizeof h_float);
            memcpy(got_float, h_float, sizeof h_float);
            el_kernels_scalar.gru_float32(&gru, from_x_float, from_h_float, wanted_float);
            sets[n]->gru_float32(&gru, from_x_float, from_h_float, got_float);
            for (uint32_t k = 0; k < units; k++)
                CHECK(fabsf(got_float[k] - wanted_float[k]) <= 4e-6f);
        }
    }
}

int main(void) {
    find_sets();
    test_gates_are_open();
    test_random();
    test_all_gates();
    test_float32();
    return 0;
}
