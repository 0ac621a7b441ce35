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
/* What takes the eights off that stand for no weight. */
INLINE int32_t packed_start(const int8_t *x, uint32_t columns) {
    int32_t sum = 0;
    for (uint32_t column = 0; column < columns; column += EL_COLUMN_PAD)
        for (uint32_t n = 0; n < EL_COLUMN_PAD; n++)
            sum += x[column + n];
    return -EL_INT4_ZERO * sum;
}

/* `sums` of `blocks` blocks, a constant, with x in sixteenths of weights. */
INLINE void packed_sums(const uint8_t *weights, size_t size, const int blocks, uint32_t columns,
                        int32_t start, const int8_t *x, int32_t *sums) {
    v32 from = splat32(start);
    for (int n = 0; n < blocks * PARTS; n++)
        memcpy(sums + n * LANES32, &from, sizeof from);
    add_int4_blocks(weights, size, blocks, columns, x, sums);
}

/* `blocks` blocks, a constant, from `block` on. */
INLINE void packed_int4_blocks(const el_packed *packed, uint32_t block, const int blocks,
                               const int32_t *starts, const int8_t *x, const int8_t *h,
                               int32_t *from_x, int32_t *from_h) {
    const size_t half = EL_BLOCK_ROWS / 2, size = half * (packed->columns_w + packed->columns_r);
    const uint8_t *weights = packed->weights + block * size;
    const el_rows *rows = packed->rows + block;
    from_x += block * EL_BLOCK_ROWS;
    packed_sums(weights, size, blocks, packed->columns_w, starts[0], x, from_x);
    for (int n = 0; n < blocks * PARTS; n++) {
        const el_rows *record = rows + n / PARTS;
        int first = n % PARTS * LANES32;
        v32 sum = load32(from_x + n * LANES32) * EL_INT4_STEP + load32(record->bias + first) -
                  load32(record->sum_w + first) * packed->zero_point_w;
        memcpy(from_x + n * LANES32, &sum, sizeof sum);
    }
    if (packed->columns_r == 0)
        return;
    from_h += block * EL_BLOCK_ROWS;
    packed_sums(weights + half * packed->columns_w, size, blocks, packed->columns_r, starts[1], h,
                from_h);
    for (int n = 0; n < blocks * PARTS; n++) {
        v32 of_row = load32(rows[n / PARTS].sum_r + n % PARTS * LANES32);
        v32 sum = load32(from_h + n * LANES32) * EL_INT4_STEP - of_row * packed->zero_point_r;
        memcpy(from_h + n * LANES32, &sum, sizeof sum);
    }
}

static void packed_int4(const el_packed *packed, const int8_t *x, const int8_t *h, int32_t *from_x,
                        int32_t *from_h) {
    const int32_t starts[2] = {packed_start(x, packed->columns_w),
                               packed_start(h, packed->columns_r)};
    uint32_t block = 0;
    for (; block + INT4_BLOCKS <= packed->blocks; block += INT4_BLOCKS)
        packed_int4_blocks(packed, block, INT4_BLOCKS, starts, x, h, from_x, from_h);
    for (; block < packed->blocks; block++)
        packed_int4_blocks(packed, block, 1, starts, x, h, from_x, from_h);
}
#define PACKED_INT4 packed_int4
#endif

#endif
