/* The int8 product of NEON on 64 bits, by hand: compilers differ by a factor of three here, and an
 * in-order core runs what it is given. docs/performance.md has the cycles.
 *
 *   v0, v1     columns 0 to 3 and 4 to 7 of x, repeated
 *   v2, v3     weights of columns 0 to 3: of one part of a block and of the next
 *   v4, v5     of columns 4 to 7
 *   v6 … v13   products; two parts are summed up while the next two are multiplied
 *
 * %0, %1, … are the sums: two registers for each part. */
#ifndef EL_PRODUCT_AARCH64_H
#define EL_PRODUCT_AARCH64_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "vec_types.h"

/* clang-format off */
#define LOAD_X            "ld2r {v0.4s, v1.4s}, [%[x]], #8\n"
#define LOAD_03(from, at) "ldp q2, q3, [%[" from "], #" #at "]\n"
#define LOAD_47(from, at) "ldp q4, q5, [%[" from "], #" #at "]\n"
#define NEXT(from)        "add %[" from "], %[" from "], #128\n"
#define AT_END            "cmp %[x], %[end]\n"
#define MULTIPLY(a, b, c, d)                                                    \
    "smull  v" #a ".8h, v2.8b,  v0.8b\n" "smull2 v" #b ".8h, v2.16b, v0.16b\n"  \
    "smull  v" #c ".8h, v3.8b,  v0.8b\n" "smull2 v" #d ".8h, v3.16b, v0.16b\n"
#define MULTIPLY_ADD(a, b, c, d)                                                \
    "smlal  v" #a ".8h, v4.8b,  v1.8b\n" "smlal2 v" #b ".8h, v4.16b, v1.16b\n"  \
    "smlal  v" #c ".8h, v5.8b,  v1.8b\n" "smlal2 v" #d ".8h, v5.16b, v1.16b\n"
#define SUM_EVEN(sum, a, b, c, d)                                               \
    sum " %" #a ".4s, v6.8h\n"  sum " %" #b ".4s, v7.8h\n"                      \
    sum " %" #c ".4s, v8.8h\n"  sum " %" #d ".4s, v9.8h\n"
#define SUM_ODD(sum, a, b, c, d)                                                \
    sum " %" #a ".4s, v10.8h\n" sum " %" #b ".4s, v11.8h\n"                     \
    sum " %" #c ".4s, v12.8h\n" sum " %" #d ".4s, v13.8h\n"
#define CLOBBERED                                                               \
    "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", \
    "v10", "v11", "v12", "v13"

/* Eight columns of a block, and of two: sums begin by `sum` saddlp and go on by sadalp. */
#define ONE_BLOCK(sum)                                                          \
    LOAD_X                                                                      \
    LOAD_03("w", 0)                                                             \
    LOAD_47("w", 64)                                                            \
    MULTIPLY(6, 7, 8, 9)                                                        \
    LOAD_03("w", 32)                                                            \
    MULTIPLY_ADD(6, 7, 8, 9)                                                    \
    LOAD_47("w", 96)                                                            \
    MULTIPLY(10, 11, 12, 13)                                                    \
    MULTIPLY_ADD(10, 11, 12, 13)                                                \
    SUM_EVEN(sum, 0, 1, 2, 3)                                                   \
    NEXT("w")                                                                   \
    AT_END                                                                      \
    SUM_ODD(sum, 4, 5, 6, 7)
#define TWO_BLOCKS(sum)                                                         \
    LOAD_X                                                                      \
    LOAD_03("w", 0)                                                             \
    LOAD_47("w", 64)                                                            \
    MULTIPLY(6, 7, 8, 9)                                                        \
    LOAD_03("w", 32)                                                            \
    MULTIPLY_ADD(6, 7, 8, 9)                                                    \
    LOAD_47("w", 96)                                                            \
    MULTIPLY(10, 11, 12, 13)                                                    \
    LOAD_03("v", 0)                                                             \
    MULTIPLY_ADD(10, 11, 12, 13)                                                \
    LOAD_47("v", 64)                                                            \
    SUM_EVEN(sum, 0, 1, 2, 3)                                                   \
    MULTIPLY(6, 7, 8, 9)                                                        \
    LOAD_03("v", 32)                                                            \
    MULTIPLY_ADD(6, 7, 8, 9)                                                    \
    LOAD_47("v", 96)                                                            \
    SUM_ODD(sum, 4, 5, 6, 7)                                                    \
    MULTIPLY(10, 11, 12, 13)                                                    \
    MULTIPLY_ADD(10, 11, 12, 13)                                                \
    SUM_EVEN(sum, 8, 9, 10, 11)                                                 \
    NEXT("w")                                                                   \
    NEXT("v")                                                                   \
    AT_END                                                                      \
    SUM_ODD(sum, 12, 13, 14, 15)
#define ALL_COLUMNS(blocks)                                                     \
    blocks("saddlp")                                                            \
    "b.eq 2f\n"                                                                 \
    "1:\n"                                                                      \
    blocks("sadalp")                                                            \
    "b.ne 1b\n"                                                                 \
    "2:\n"

/* `sums` get what one block of 16 rows × `columns` > 0 makes of x. */
static inline void add_one_block(const int8_t *weights, uint32_t columns, const int8_t *x,
                                 v32 (*sums)[4]) {
    int32x4_t s[8];
    __asm__(
        ALL_COLUMNS(ONE_BLOCK)
        : "=&w"(s[0]), "=&w"(s[1]), "=&w"(s[2]), "=&w"(s[3]),
          "=&w"(s[4]), "=&w"(s[5]), "=&w"(s[6]), "=&w"(s[7]), [w] "+r"(weights), [x] "+r"(x)
        : [end] "r"(x + columns)
        : CLOBBERED);
    for (int part = 0; part < 4; part++)
        sums[0][part] += (v32)vpaddq_s32(s[2 * part], s[2 * part + 1]);
}

/* Two blocks: as many as there are registers for sums. */
static inline void add_two_blocks(const int8_t *weights, size_t block_size, uint32_t columns,
                                  const int8_t *x, v32 (*sums)[4]) {
    const int8_t *second = weights + block_size;
    int32x4_t s[16];
    __asm__(
        ALL_COLUMNS(TWO_BLOCKS)
        : "=&w"(s[0]), "=&w"(s[1]), "=&w"(s[2]), "=&w"(s[3]),
          "=&w"(s[4]), "=&w"(s[5]), "=&w"(s[6]), "=&w"(s[7]),
          "=&w"(s[8]), "=&w"(s[9]), "=&w"(s[10]), "=&w"(s[11]),
          "=&w"(s[12]), "=&w"(s[13]), "=&w"(s[14]), "=&w"(s[15]),
          [w] "+r"(weights), [v] "+r"(second), [x] "+r"(x)
        : [end] "r"(x + columns)
        : CLOBBERED);
    for (int part = 0; part < 4; part++) {
        sums[0][part] += (v32)vpaddq_s32(s[2 * part], s[2 * part + 1]);
        sums[1][part] += (v32)vpaddq_s32(s[8 + 2 * part], s[9 + 2 * part]);
    }
}
/* clang-format on */

#endif
