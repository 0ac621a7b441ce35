/* Layers of any size and what a kernel reads and writes, for tests of sets beside the scalar one.
 */
#ifndef KERNEL_LAYERS_H
#define KERNEL_LAYERS_H

#include "kernel_sets.h"

#define MAX_UNITS 512u
#define MAX_COLUMNS 512u
#define MAX_GROUPS (MAX_UNITS / EL_BLOCK_ROWS)
#define MAX_BLOCKS (MAX_GROUPS * EL_GATES)
#define GUARD 64

/* What a kernel reads and writes, in parts of 64 bytes as a stream has them, each with a guard
 * behind. */
typedef struct buffers {
    _Alignas(64) int8_t x[MAX_COLUMNS + GUARD];
    _Alignas(64) int8_t h[MAX_UNITS + GUARD];
    _Alignas(64) int8_t h_next[MAX_UNITS + GUARD];
    _Alignas(64) int16_t c[MAX_UNITS + GUARD];
    _Alignas(64) int32_t sums[MAX_UNITS + GUARD];
    _Alignas(64) float x_float[MAX_COLUMNS + GUARD];
    _Alignas(64) float h_float[MAX_UNITS + GUARD];
    _Alignas(64) float h_next_float[MAX_UNITS + GUARD];
    _Alignas(64) float c_float[MAX_UNITS + GUARD];
} buffers;

extern buffers given, expected, got;
extern int8_t weights[MAX_BLOCKS * EL_BLOCK_ROWS * 2 * MAX_COLUMNS];
extern el_rows rows[MAX_BLOCKS];

/* A layer before padding; of a dense one, W alone counts. */
typedef struct layer {
    uint32_t inputs, outputs, blocks;
    el_lstm lstm;
} layer;

/* Its weights and rows are the arrays above. `pad`: what columns are a multiple of. */
layer layer_of(uint32_t inputs, uint32_t outputs, uint32_t gates, uint32_t pad);

/* W alone. */
el_matrix matrix_of(const layer *of);

void check_same(const void *a, const void *b, size_t size, const char *part, const el_kernels *set,
                const layer *of);

/* Nothing is written behind `used` bytes of a part, rounded up to a stream's. */
void check_guard(const void *part, size_t used, size_t size, const el_kernels *set);

#endif
