/* The product of weights of four bits. A line of 64 bytes is 16 rows × 8 columns: columns 0 to 3 in
 * the lower halves of its bytes, as an int8 block has them, columns 4 to 7 in the upper halves. A
 * half is a sixteenth of the weight and 8: it is multiplied as it is, and 8·Σx taken off before. */
#ifndef EL_BODY_INT4_H
#define EL_BODY_INT4_H

#include "kernels.h"
#include "product_int4.h"

#include <string.h>

#ifdef EL_NO_INT4
#define PACKED_INT4 NULL
#else
/* `blocks` blocks, a constant, from `block` on. */
INLINE void packed_int4_blocks(const el_packed *packed, uint32_t block, const int blocks,
                               int32_t start, const int8_t *x, int32_t *sums) {
    const el_rows *rows = packed->rows + block;
    const int parts = blocks * PARTS;
    for (int n = 0; n < parts; n++) {
        v32 from = splat32(start);
        memcpy(sums + n * LANES32, &from, sizeof from);
    }
    add_int4_blocks(packed->weights + block * packed->block, packed->block, blocks, packed->columns,
                    x, sums);
    for (int n = 0; n < parts; n++) {
        const el_rows *record = rows + n / PARTS;
        int first = n % PARTS * LANES32;
        v32 of_row = load32((packed->of_r ? record->sum_r : record->sum_w) + first);
        v32 sum = load32(sums + n * LANES32) * EL_INT4_STEP - of_row * packed->zero_point;
        if (!packed->of_r)
            sum += load32(record->bias + first);
        memcpy(sums + n * LANES32, &sum, sizeof sum);
    }
}

static void packed_int4(const el_packed *packed, const int8_t *x, int32_t *sums) {
    int32_t start = 0;
    for (uint32_t n = 0; n < packed->columns; n++)
        start -= EL_INT4_ZERO * x[n];
    uint32_t block = 0;
    for (; block + INT4_BLOCKS <= packed->blocks; block += INT4_BLOCKS)
        packed_int4_blocks(packed, block, INT4_BLOCKS, start, x, sums + block * 16);
    for (; block < packed->blocks; block++)
        packed_int4_blocks(packed, block, 1, start, x, sums + block * 16);
}
#define PACKED_INT4 packed_int4
#endif

#endif
