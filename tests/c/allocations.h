/* Counts what a program asks of the heap, C library included: allocations.c takes the place of
 * malloc and its kin. For programs that are linked with the GNU C library and without sanitizers.
 */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

/* Calls of malloc, calloc, realloc, free, aligned_alloc, posix_memalign and mmap since the start.
 */
unsigned long allocations(void);

#endif
