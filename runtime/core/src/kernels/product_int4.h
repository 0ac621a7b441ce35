/* Four-bit weights, times x, for the set that is compiled.
 *
 *   INT4_BLOCKS   blocks that are multiplied side by side
 *   add_int4_blocks(weights, block_size, blocks, columns, x, sums)
 *       adds the products of as many blocks, block_size bytes apart, to (16·blocks,) sums */
#ifndef EL_PRODUCT_INT4_H
#define EL_PRODUCT_INT4_H

#include "vec_types.h"

#include <stddef.h>

#if LANES > 8
#include "product_int4_x86.h"
#else
#include "product_int4_neon.h"
#endif

#endif
