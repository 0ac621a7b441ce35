/* The kernel sets that run here, and random numbers that are the same on every machine. */
#ifndef KERNEL_SETS_H
#define KERNEL_SETS_H

#include "kernels/kernels.h"

/* All but the scalar one. */
extern const el_kernels *sets[8];
extern size_t n_sets;

/* Sets by their names, as a user forces them; one that cannot run here is no candidate. */
void find_sets(void);

/* low … high */
int32_t between(int32_t low, int32_t high);

float random_float(float limit);

#endif
