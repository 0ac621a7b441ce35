/* Weights of four bits: a packed matrix gives the sums of int8 weights that are as large, in every
 * kernel set. */
#include "check.h"

#include "kernel_sets.h"
#include "layers/int4.h"

#include <string.h>

#define MAX_COLUMNS 264u
#define MAX_BLOCKS 32u
#define MAX_ROWS (MAX_BLOCKS * EL_BLOCK_ROWS)

static _Alignas(64) int8_t plain[MAX_ROWS * MAX_COLUMNS], x[MAX_COLUMNS];
static _Alignas(64) uint8_t packed[MAX_ROWS * MAX_COLUMNS / 2];
static _Alignas(64) el_rows rows[MAX_BLOCKS];

/* `extreme`: all at the ends of their range, where sums of 16 bits would leave it first. */
static void fill(uint32_t blocks, uint32_t columns, bool extreme) {
    memset(rows, 0, sizeof rows);
    for (uint32_t block = 0; block < blocks; block++)
        for (uint32_t column = 0; column < columns; column++)
            for (uint32_t row = 0; row < EL_BLOCK_ROWS; row++) {
                int32_t weight = extreme ? (row & 1 ? 7 : -7) : between(-7, 7);
                size_t first = (size_t)block * EL_BLOCK_ROWS * columns;
                size_t place = row * EL_BLOCK_COLUMNS + column % EL_BLOCK_COLUMNS;
                uint8_t *half = packed + first / 2 + column / 8 * 64 + place;
                plain[first + column / 4 * 64 + place] = (int8_t)(16 * weight);
                if (column % 8 < 4)
                    *half = (uint8_t)(weight + 8);
                else
                    *half = (uint8_t)(*half | (weight + 8) << 4);
                rows[block].sum_w[row] += 16 * weight;
                rows[block].bias[row] = between(-100000, 100000);
            }
    for (uint32_t n = 0; n < MAX_COLUMNS; n++)
        x[n] = (int8_t)(extreme ? (between(0, 1) ? 127 : -128) : between(-128, 127));
}

static void check(const el_kernels *set, uint32_t blocks, uint32_t columns, bool extreme) {
    static int32_t wanted[MAX_ROWS], found[MAX_ROWS];
    fill(blocks, columns, extreme);
    el_matrix matrix = {.weights = plain,
                        .rows = rows,
                        .columns = columns,
                        .used = columns,
                        .groups = blocks,
                        .zero_point = between(-128, 127)};
    set->dense_int8(&matrix, x, wanted);
    matrix.weights = packed;
    const el_layer layer = {.int8 = true, .packed = true};
    el_int8_sums(set, &layer, &matrix, x, found);
    CHECK(memcmp(wanted, found, blocks * EL_BLOCK_ROWS * sizeof *wanted) == 0);
    for (uint32_t block = 0; block < blocks; block++) {
        int32_t sums[EL_BLOCK_ROWS];
        CHECK(el_sum_packed_rows(packed + block * 8 * columns, columns, columns, sums));
        CHECK(memcmp(sums, rows[block].sum_w, sizeof sums) == 0);
    }
}

/* A half of 0 stands for no weight, nor does any but 8 in a column of padding. */
static void check_refused(void) {
    int32_t sums[EL_BLOCK_ROWS];
    fill(1, 16, false);
    packed[70] &= 0xF0;
    CHECK(!el_sum_packed_rows(packed, 16, 16, sums));
    memset(packed, 0x88, 128);
    CHECK(el_sum_packed_rows(packed, 9, 16, sums));
    packed[64 + 1] = 0x89;
    CHECK(!el_sum_packed_rows(packed, 9, 16, sums));
    packed[64 + 1] = 0x98;
    CHECK(!el_sum_packed_rows(packed, 9, 16, sums));
}

int main(void) {
    find_sets();
    sets[n_sets++] = &el_kernels_scalar;
    for (size_t n = 0; n < n_sets; n++)
        for (uint32_t blocks = 1; blocks <= 9; blocks++)
            for (int extreme = 0; extreme < 2; extreme++)
                check(sets[n], blocks, 8 * (uint32_t)between(1, MAX_COLUMNS / 8), extreme != 0);
    check_refused();
    return 0;
}
