/* The int8 product of the set that is compiled.
 *
 *   X_OFFSET   what the product adds to x to make it unsigned: 128 or 0
 *   add_products(weights, block_size, blocks, columns, x, sums)
 *       adds the products of `blocks` weight blocks, 16 rows × `columns` each and block_size bytes
 *       apart, with x to sums[block]
 *   add_products_batch(weights, block_size, columns, x, sums, first_block)
 *       sums[n][first_block + gate] += the products of that gate's block with x[n], of EL_BATCH
 *   product_beside, advance(beside)
 *       a product that goes on beside other work, four columns at each call; null for none */
#ifndef EL_PRODUCT_H
#define EL_PRODUCT_H

#include "vec_types.h"

#if LANES == 32
#include "product_avx512vnni.h"
#elif defined(__AVXVNNI__)
#include "product_avxvnni.h"
#elif LANES == 16
#include "product_avx2.h"
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include "product_dotprod.h"
#else
#include "product_neon.h"
#endif

#endif
