/* The vector types of a kernel set: registers of LANES int16, half as many int32 or float. */
#ifndef EL_VECTORS_H
#define EL_VECTORS_H

#include <stdint.h>

typedef int16_t v16 __attribute__((vector_size(LANES * 2)));
typedef uint16_t vu16 __attribute__((vector_size(LANES * 2)));
typedef int32_t v32 __attribute__((vector_size(LANES * 2)));
typedef uint32_t vu32 __attribute__((vector_size(LANES * 2)));
typedef float vf __attribute__((vector_size(LANES * 2)));

#endif
