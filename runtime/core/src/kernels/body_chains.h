/* The columns of one block in parts, so that sums need not wait for one another. */
#ifndef EL_BODY_CHAINS_H
#define EL_BODY_CHAINS_H

#include "kernels.h"
#include "vec_types.h"

/* Groups of a matrix that are multiplied side by side where there are as many: they need no parts.
 */
#define MANY_BLOCKS 4

#define CHAINS (PARTS < 4 ? 4 / PARTS : 1)

INLINE uint32_t chain_start(uint32_t columns, int chain) {
    return columns / EL_COLUMN_PAD * (uint32_t)chain / CHAINS * EL_COLUMN_PAD;
}

#endif
