/* The int8 product of NEON on 32 bits, by hand as on 64 bits: one compiler kept the sums in memory.
 *
 *   d0, d1     columns 0 to 3 and 4 to 7 of x, repeated
 *   q1, q2     weights of columns 0 to 3: of one part of a block and of the next
 *   q3, q4     of columns 4 to 7
 *   q5, q6, q7, q2  products; the last takes the place of the weights it is made of
 *
 * %0, %1, … are the sums: two registers for each part. */
#ifndef EL_PRODUCT_ARMV7_H
#define EL_PRODUCT_ARMV7_H

#include <arm_neon.h>
#include <stdint.h>

#include "vec_types.h"

/* clang-format off */
#define LOAD_X           "vld2.32 {d0[], d1[]}, [%[x]]!\n"
#define LOAD_03(step)    "vld1.8 {d2-d5}, [%[w]]" step "\n"
#define LOAD_47(step)    "vld1.8 {d6-d9}, [%[v]]" step "\n"
#define NEXT_PARTS       "!"
#define NEXT_COLUMNS     ", %[skip]"
#define AT_END           "cmp %[x], %[end]\n"
#define MULTIPLY                                                                \
    "vmull.s8 q5, d2, d0\n" "vmull.s8 q6, d3, d0\n"                             \
    "vmull.s8 q7, d4, d0\n" "vmull.s8 q2, d5, d0\n"
#define MULTIPLY_ADD                                                            \
    "vmlal.s8 q5, d6, d1\n" "vmlal.s8 q6, d7, d1\n"                             \
    "vmlal.s8 q7, d8, d1\n" "vmlal.s8 q2, d9, d1\n"
#define SUM(a, b, c, d)                                                         \
    "vpadal.s16 %q" #a ", q5\n" "vpadal.s16 %q" #b ", q6\n"                     \
    "vpadal.s16 %q" #c ", q7\n" "vpadal.s16 %q" #d ", q2\n"
#define ZERO(a, b, c, d)                                                        \
    "vmov.i32 %q" #a ", #0\n" "vmov.i32 %q" #b ", #0\n"                         \
    "vmov.i32 %q" #c ", #0\n" "vmov.i32 %q" #d ", #0\n"

/* low[0] + low[1], low[2] + low[3], then of high */
static inline v32 add_pairs(int32x4_t low, int32x4_t high) {
    return (v32)vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                             vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
}

/* `sums` get what one block of 16 rows × `columns` > 0 makes of x. */
static inline void add_one_block(const int8_t *weights, uint32_t columns, const int8_t *x,
                                 v32 (*sums)[4]) {
    const int8_t *second = weights + 64;
    int32x4_t s[8];
    __asm__(
        ZERO(0, 1, 2, 3)
        ZERO(4, 5, 6, 7)
        "1:\n"
        LOAD_X
        LOAD_03(NEXT_PARTS)
        LOAD_47(NEXT_PARTS)
        MULTIPLY
        MULTIPLY_ADD
        SUM(0, 1, 2, 3)
        LOAD_03(NEXT_COLUMNS)
        LOAD_47(NEXT_COLUMNS)
        MULTIPLY
        MULTIPLY_ADD
        AT_END
        SUM(4, 5, 6, 7)
        "bne 1b"
        : "=&w"(s[0]), "=&w"(s[1]), "=&w"(s[2]), "=&w"(s[3]),
          "=&w"(s[4]), "=&w"(s[5]), "=&w"(s[6]), "=&w"(s[7]),
          [w] "+r"(weights), [v] "+r"(second), [x] "+r"(x)
        : [end] "r"(x + columns), [skip] "r"(96)
        : "cc", "memory", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7");
    for (int part = 0; part < 4; part++)
        sums[0][part] += add_pairs(s[2 * part], s[2 * part + 1]);
}
/* clang-format on */

#endif
