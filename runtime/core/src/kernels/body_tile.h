/* The registers of a tile: the units whose gates are worked on together. */
#ifndef EL_BODY_TILE_H
#define EL_BODY_TILE_H

#include "kernels.h"
#include "vec.h"

#define TILE_UNITS (TILE_GROUPS * 16)
#define TILE_V16 ((TILE_UNITS + LANES - 1) / LANES)
#define TILE_V32 (TILE_V16 * 2)
#define MOST_GATES ((int)EL_GATES * TILE_V16) /* registers of gates of a tile */

/* Loops without a loop: what is indexed by n, or by count, is a register or a constant. */
#define UNROLLED _Pragma("GCC unroll 8")
#define EACH(count) UNROLLED for (int n = 0; n < (count); n++)

#endif
