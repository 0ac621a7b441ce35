/* What this processor can do, asked of the processor or the kernel: never guessed from how a file
 * was compiled. */
#ifndef EL_CPU_H
#define EL_CPU_H

#include <stdbool.h>

bool el_cpu_has_avx2(void);       /* AVX2 and FMA */
bool el_cpu_has_avxvnni(void);    /* AVX2, FMA and AVX-VNNI */
bool el_cpu_has_avx512vnni(void); /* AVX-512 F, BW, VL and VNNI */
bool el_cpu_has_neon(void);
bool el_cpu_has_dotprod(void);

#endif
