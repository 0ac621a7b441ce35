#include "cpu.h"

#include <stdint.h>

#if defined(__x86_64__)

#include <cpuid.h>

/* Register `which` (0 to 3: eax, ebx, ecx, edx) of a CPUID leaf, 0 where there is no such leaf. */
static uint32_t leaf(unsigned number, unsigned subleaf, int which) {
    unsigned registers[4] = {0};
    if (!__get_cpuid_count(number, subleaf, &registers[0], &registers[1], &registers[2],
                           &registers[3]))
        return 0;
    return registers[which];
}

/* Whether the operating system saves the registers in `mask` (XCR0: 0x6 AVX, 0xE6 AVX-512 too). */
static bool system_saves(uint32_t mask) {
    const uint32_t osxsave = 1u << 27;
    if (!(leaf(1, 0, 2) & osxsave))
        return false;
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & mask) == mask;
}

bool el_cpu_has_avx2(void) {
    const uint32_t fma = 1u << 12, avx2 = 1u << 5;
    return system_saves(0x6) && (leaf(1, 0, 2) & fma) && (leaf(7, 0, 1) & avx2);
}

bool el_cpu_has_avxvnni(void) {
    const uint32_t avxvnni = 1u << 4;
    return el_cpu_has_avx2() && (leaf(7, 1, 0) & avxvnni);
}

bool el_cpu_has_avx512vnni(void) {
    const uint32_t f = 1u << 16, bw = 1u << 30, vl = 1u << 31, vnni = 1u << 11, fma = 1u << 12;
    return system_saves(0xE6) && (leaf(7, 0, 1) & (f | bw | vl)) == (f | bw | vl) &&
           (leaf(7, 0, 2) & vnni) && (leaf(1, 0, 2) & fma);
}

bool el_cpu_has_neon(void) {
    return false;
}

bool el_cpu_has_dotprod(void) {
    return false;
}

#else

bool el_cpu_has_avx2(void) {
    return false;
}

bool el_cpu_has_avxvnni(void) {
    return false;
}

bool el_cpu_has_avx512vnni(void) {
    return false;
}

#if defined(__linux__) && (defined(__aarch64__) || defined(__arm__))

#include <sys/auxv.h>

/* Bits of Linux's hwcap.h, written out: old headers lack some. */
#if defined(__aarch64__)
#define HWCAP_BIT_NEON (1ul << 1)
#define HWCAP_BIT_DOTPROD (1ul << 20)
#else
#define HWCAP_BIT_NEON (1ul << 12)
#define HWCAP_BIT_DOTPROD 0ul /* 32-bit kernels are built without it */
#endif

bool el_cpu_has_neon(void) {
    return (getauxval(AT_HWCAP) & HWCAP_BIT_NEON) != 0;
}

bool el_cpu_has_dotprod(void) {
    return (getauxval(AT_HWCAP) & HWCAP_BIT_DOTPROD) != 0;
}

#else

bool el_cpu_has_neon(void) {
    return false;
}

bool el_cpu_has_dotprod(void) {
    return false;
}

#endif
#endif
